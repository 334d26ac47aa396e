"""The one joint between the client and a KMS, whichever it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kmstool.errors import InputError, KmsToolError


class Transport(Protocol):
    """A KMS in one region: the embedded one in process, or the cloud."""

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform one action and return the inner `Response` object, RequestId included.

        Raises `AccessError`, `IntegrityError` or `ServiceError` for what KMS refuses (with
        `kms_code` and `request_id`), `UnreachableError` if nothing was sent and `NetworkError`
        if the answer was lost.
        """
        ...


def check_texts(params: Mapping[str, Any]) -> None:
    """Raise `InputError` for a text with bytes that are not UTF-8: JSON would carry something else to KMS instead."""
    for name, value in params.items():
        try:
            _encode(value)
        except UnicodeEncodeError:
            # Not chained: the other error holds the text, which may be a secret.
            raise InputError(f"the value of {name} holds bytes that are not UTF-8") from None


def _encode(value: object) -> None:
    if isinstance(value, str):
        value.encode()
    elif isinstance(value, Mapping):
        for inner in (*value.keys(), *value.values()):
            _encode(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            _encode(inner)


# What a request is about, in the facts of an error.
_FACTS = {"key": "KeyId", "data_key": "DataKeyId", "name": "DataKeyName"}


@dataclass(frozen=True, slots=True)
class TracedTransport:
    """A transport that reports each action, its duration in milliseconds and its end; never parameters."""

    inner: Transport
    report: Callable[[str], None]

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform the action and report it."""
        start, outcome = time.monotonic(), "failed"
        try:
            answer = self.inner.call(action, params)
            outcome = f"ok, request id {answer.get('RequestId')}"
        except KmsToolError as error:
            outcome = f"{error.kms_code or type(error).__name__}, request id {error.request_id}"
            raise
        finally:
            self.report(f"{action}: {(time.monotonic() - start) * 1000:.0f} ms, {outcome}")
        return answer


@dataclass(frozen=True, slots=True)
class ExplainedTransport:
    """A transport that adds to each failure what was asked for, so that a hint can name it."""

    inner: Transport
    region: str

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform the action."""
        try:
            return self.inner.call(action, params)
        except KmsToolError as error:
            asked = {fact: params.get(name) for fact, name in _FACTS.items()}
            texts = {fact: value for fact, value in asked.items() if isinstance(value, str)}
            error.facts = {"action": action, "asked_region": self.region, **texts, **error.facts}
            raise
