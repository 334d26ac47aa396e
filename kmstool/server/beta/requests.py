"""Checks a request for the shape that the API of 2017 demands, and finds the region that it is for.

Everything comes as text in a form; numbers are written in digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kmstool import words
from kmstool.api import beta
from kmstool.api.beta import Code

_MAX_DIGITS = 10


def check(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with every value of its type; refuse what is unknown, missing or of another type."""
    model = beta.ACTIONS.get(action)
    if model is None:
        raise beta.refuse(action, Code.NO_SUCH_ACTION, f"there is no action {action!r} in the API of 2017")
    for name in params:
        if name not in model.request:
            raise beta.refuse(action, Code.PARAMETER, f"the parameter {name} is not known")
    for name, kind in model.request.items():
        # A text may be empty where the API says so; what must be there is not.
        if kind.endswith("!") and params.get(name, "") == "":
            raise beta.refuse(action, Code.PARAMETER, f"the parameter {name} is missing")
    return {name: _value(action, name, model.request[name], value) for name, value in params.items()}


def region_of(params: Mapping[str, Any]) -> str:
    """Return the region that the parameter Region names, in today's words or in those of 2017; else the default one."""
    name = str(params.get("Region") or "")
    named = beta.REGIONS.get(name, name) or words.REGION
    if named not in beta.REGIONS.values():
        raise beta.refuse("", Code.PARAMETER, f"the region {name!r} is none of the API of 2017")
    return named


def context_text(action: str, params: Mapping[str, Any]) -> str:
    """Return the text of a context, compared byte for byte later; it must be a JSON object of texts."""
    text: str = params.get("encryptionContext", "")
    if not text:
        return ""
    if len(text) > words.MAX_CONTEXT_CHARACTERS:
        raise beta.refuse(
            action, Code.CONTEXT, f"the encryptionContext is over {words.MAX_CONTEXT_CHARACTERS} characters"
        )
    try:
        text.encode()
        pairs = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise beta.refuse(action, Code.CONTEXT, "the encryptionContext is not JSON") from error
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise beta.refuse(action, Code.CONTEXT, "the encryptionContext is not an object of texts")
    return text


def _value(action: str, name: str, kind: str, value: Any) -> str | int:
    if kind.startswith("number"):
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
            raise beta.refuse(action, Code.PARAMETER, f"the parameter {name} is no whole number")
        return int(text)
    if not isinstance(value, str):
        raise beta.refuse(action, Code.PARAMETER, f"the parameter {name} is no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise beta.refuse(action, Code.PARAMETER, f"the parameter {name} is no Unicode text") from error
    return value
