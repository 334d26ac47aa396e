"""What click says of a command line, in the words of this one."""

from __future__ import annotations

_NUMBERS = ("integer range", "float range", "integer", "float")


def plain(message: str) -> str:
    """Return a message of click without its own terms."""
    message = message.removesuffix(".")
    for kind in _NUMBERS:
        if message.endswith(f" is not a valid {kind}"):
            message = f"{message.removesuffix(f'a valid {kind}')}a number"
    begin, between, bounds = message.partition(" is not in the range ")
    if between:
        message = f"{begin} is not {_range(bounds)}"
    for begin in ("Got unexpected extra arguments (", "Got unexpected extra argument ("):
        if message.startswith(begin):
            message = f"there is no place for {message.removeprefix(begin).removesuffix(')')}"
    return message.replace("Missing parameter: ", "Missing value: ")


def _range(bounds: str) -> str:
    """Return `7<=x<=30`, `x>=1` or `x<=9` in words."""
    low, between, high = bounds.partition("<=x<=")
    if between:
        return f"from {low} to {high}"
    return bounds.replace("x>=", "at least ").replace("x<=", "at most ").replace("x>", "over ").replace("x<", "under ")
