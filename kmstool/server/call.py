"""A transaction on the unlocked store, one request on its way through it, and how an action says no."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.server.assumptions import Assumptions
from kmstool.server.regions import Region
from kmstool.server.vault import Vault

refuse = protocol.error

_INVALID = ("InvalidParameter", "InvalidParameterValue")


@dataclass(frozen=True, slots=True)
class Transaction:
    """The rows, the keys that open them, and the time, as they are in one transaction.

    `now` is the embedded KMS's time in Unix seconds; `assumed` are the unknowns whose other answer is.
    """

    region: Region
    db: sqlite3.Connection
    vault: Vault
    now: int
    assumed: Assumptions


@dataclass(frozen=True, slots=True)
class Call(Transaction):
    """A checked request inside its transaction."""

    action: str
    params: Mapping[str, Any]

    @classmethod
    def inside(cls, opened: Transaction, action: str, params: Mapping[str, Any]) -> Call:
        """Return a request in a transaction."""
        return cls(opened.region, opened.db, opened.vault, opened.now, opened.assumed, action, params)


Action: TypeAlias = Callable[[Call], dict[str, Any]]
"""What serves an action: it returns the answer's fields."""


def invalid(call: Call, message: str) -> KmsToolError:
    """Make the refusal of a value that has no code of its own, by the general code that the action lists."""
    listed = protocol.actions()[call.action].errors
    return refuse(next((code for code in _INVALID if code in listed), _INVALID[0]), message)


def binary(call: Call, name: str, code: str | None = None) -> bytes:
    """Return a parameter of base64 as bytes; refuse other text with that code, or the general one."""
    try:
        return protocol.decode(call.params[name])
    except ValueError as error:
        message = f"{name} is not base64"
        raise (refuse(code, message) if code else invalid(call, message)) from error
