"""Answers on stdout: text for people, or the API's own field names as JSON.

Text from outside is never sent to a terminal with its control characters.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kmstool.cli.io import files
from kmstool.cli.io.messages import printable, quoted

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session


def answer(session: Session, fields: Mapping[str, Any], text: Callable[[], None]) -> None:
    """Print an answer as the user asked for it: JSON, a selection, or by calling `text`."""
    if session.settings.query:
        _selection(session, fields)
    elif session.settings.format == "json":
        print_json(fields)
    else:
        text()


def result(
    session: Session,
    fields: Mapping[str, Any],
    data: bytes,
    out: str | None,
    *,
    force: bool,
    source: files.Input | files.Stream | None = None,
) -> None:
    """Write what a command is asked for to the file `out`; without one, print it as `answer` does."""
    if out is not None:
        files.write(data, out, force=force, source=source)
    else:
        answer(session, fields, lambda: files.write(data, None))


def print_json(value: Any) -> None:
    """Print one JSON value."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # JSON itself escapes only part of what can move a terminal's cursor or turn its text round.
    print("".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text))


def table(session: Session, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows: aligned and with headings on a terminal, tab-separated without them elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            print("\t".join(printable(cell) for cell in row))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in headings:
        # Ids are there to be copied; the other columns give way.
        drawn.add_column(heading, overflow="fold", no_wrap=heading.endswith(" ID"))
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    Console(no_color=session.settings.no_color or None).print(drawn)


def fields(rows: Mapping[str, str]) -> None:
    """Print one thing as lines `name: value`, aligned."""
    width = max(len(name) for name in rows) + 1
    for name, value in rows.items():
        print(f"{name + ':':<{width}} {printable(value)}".rstrip())


def _selection(session: Session, fields: Mapping[str, Any]) -> None:
    import jmespath
    from jmespath.exceptions import JMESPathError

    from kmstool.errors import UsageError

    try:
        selected = jmespath.search(session.settings.query, fields)
    except (JMESPathError, RecursionError, TypeError, ValueError) as error:
        # Its parser calls itself for every bracket, and it compares texts with numbers. What jmespath
        # says of a wrong type holds the whole answer.
        raise UsageError(
            f"--query {quoted(session.settings.query or '')} is no JMESPath expression for this answer",
            hint="see https://jmespath.org",
        ) from error
    if isinstance(selected, str) and session.settings.format != "json":
        print(printable(selected))
    else:
        print_json(selected)
