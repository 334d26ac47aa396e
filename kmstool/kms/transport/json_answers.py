"""JSON from a service, in one reading only: what two readers would take for two things is no answer."""

from __future__ import annotations

import json
from typing import Any

from kmstool.errors import NetworkError
from kmstool.kms.transport.connection import Answer
from kmstool.kms.transport.failures import GATEWAY


def read(answer: Answer) -> Any:
    """Return what an answer holds; raise `NetworkError` for what is no JSON, and for an object with a member twice."""
    try:
        return json.loads(answer.body, object_pairs_hook=_members, parse_constant=_no_number)
    except _TwofoldError as fault:
        raise NetworkError(
            f"the answer of KMS has a member twice, and two readings ({answer.origin})", hint=GATEWAY
        ) from fault
    except (ValueError, RecursionError) as fault:
        raise NetworkError(f"the answer of KMS was cut short or is not JSON ({answer.origin})", hint=GATEWAY) from fault


class _TwofoldError(ValueError):
    """Of two members of one name every reader takes the one that he likes."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _TwofoldError
    return members


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
