"""The one object that a command answers with, in JSON or as the part of it that `--query` selects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmstool.cli.messages import print_json, printable, quoted
from kmstool.errors import UsageError


def check_query(query: str) -> None:
    """Raise `UsageError` for what is no expression."""
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(query)
    except (JMESPathError, RecursionError, ValueError) as error:
        # The parser calls itself for every bracket, and has JSON read what stands between backticks.
        raise UsageError(
            f"--query {quoted(query)} is no JMESPath expression", hint="see https://jmespath.org"
        ) from error


def print_one(fields: Mapping[str, Any], query: str | None, *, as_json: bool) -> None:
    """Print an object, or what a query selects of it: as JSON, or a text as it is. Raise `UsageError` for an expression that does not fit it."""
    if not query:
        print_json(fields)
        return
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        selected = jmespath.search(query, fields)
    except (JMESPathError, RecursionError, TypeError, ValueError) as error:
        # Its parser calls itself for every bracket, and it compares texts with numbers. What jmespath
        # says of a wrong type holds the whole answer.
        raise UsageError(
            f"--query {quoted(query)} is no JMESPath expression for this answer",
            hint="see https://jmespath.org",
        ) from error
    if isinstance(selected, str) and not as_json:
        print(printable(selected))
    else:
        print_json(selected)
