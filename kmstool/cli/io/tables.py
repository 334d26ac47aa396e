"""Lists of things: a table on a terminal, lines of cells with tabs between them elsewhere.

A line of the table is never longer than the terminal; what a pipe gets depends on no terminal.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kmstool import words
from kmstool.cli.console import LOCAL_NOTE, Console
from kmstool.cli.io import columns, pager
from kmstool.cli.io.columns import CUT, WRAPPED, Column
from kmstool.cli.messages import printable

Rows = Sequence[Sequence[str]]

BOLD, RED, GREEN, YELLOW, CYAN, DIM = "1", "31", "32", "33", "36", "2"
_MARKS = {
    words.ENABLED: ("✓", "+", GREEN),
    words.DISABLED: ("-", "-", YELLOW),
    words.PENDING_DELETE: ("✗", "x", RED),
    words.PENDING_IMPORT: ("?", "?", CYAN),
    words.ARCHIVED: ("=", "=", DIM),
    "ok": ("✓", "+", GREEN),
    "note": ("!", "!", YELLOW),
    "FAIL": ("✗", "x", RED),
}
"""What stands before a word that is looked for: a sign, the same in ASCII, and a colour that says nothing more."""
STATE = Column("STATE", 1, is_state=True)


def name(heading: str, rank: int = 0, *, extra: bool = False) -> Column:
    """Return a column of names, which are cut where there is no room."""
    return Column(heading, rank, CUT, extra=extra)


def prose(heading: str, rank: int = 0) -> Column:
    """Return a column of sentences, which go on in the next line."""
    return Column(heading, rank, WRAPPED)


def wide(heading: str, rank: int) -> Column:
    """Return a column for wide terminals."""
    return Column(heading, rank, extra=True)


class Counted(NamedTuple):
    """What the rows of a list are, for the line that counts them and the note that there are none."""

    noun: str
    region: str = ""
    """Of things that each region has its own of."""
    make: str = ""
    """The command that makes the first one."""
    see_all: str = ""
    """The command that lists all of them, where only some were asked for."""


def show(console: Console, headings: Sequence[Column], rows: Rows, counted: Counted | None = None) -> None:
    """Print rows, on a terminal with headings and a count; an empty list says so to who sits there."""
    if not rows and counted and sys.stderr.isatty():
        console.note(_none(counted))
    if not sys.stdout.isatty():
        for line in plain(headings, rows):
            print(line)
    elif rows:
        lines, missing = drawn(console, headings, rows, counted)
        pager.show(console, lines)
        if missing:
            console.note(f"no room for {', '.join(missing)}: use a wider terminal, or --format json")


def plain(headings: Sequence[Column], rows: Rows) -> list[str]:
    """Return rows as a pipe gets them."""
    kept = [index for index, column in enumerate(headings) if not column.extra]
    return ["\t".join(printable(row[index]) for index in kept) for row in rows]


def drawn(
    console: Console, headings: Sequence[Column], rows: Rows, counted: Counted | None
) -> tuple[list[str], list[str]]:
    """Return the lines of a table and its count, and the headings of the columns that are missed in it."""
    shown = [[printable(cell) for cell in row] for row in rows]
    marked = [_marked(headings, row) for row in shown]
    table, missing = _table(headings, marked, colours=_has_colours(console))
    return [*table, *_count(console, headings, shown, counted)], missing


def _table(headings: Sequence[Column], rows: Rows, *, colours: bool) -> tuple[list[str], list[str]]:
    room = shutil.get_terminal_size().columns
    chosen = columns.layout(headings, rows, room)
    if chosen is None:
        return list(_blocks(headings, rows)), []
    titles = columns.lines_of(headings, [column.heading for column in headings], chosen)
    lines = [_painted(columns.GAP.join(line).rstrip(), BOLD, colours=colours) for line in titles]
    for row in rows:
        for cells in columns.lines_of(headings, row, chosen):
            painted = [
                _coloured(cell, row[index], colours=colours and headings[index].is_state)
                for index, cell in zip(chosen.indices, cells, strict=True)
            ]
            lines.append(columns.GAP.join(painted).rstrip())
    missing = [
        column.heading for index, column in enumerate(headings) if index not in chosen.indices and not column.extra
    ]
    return lines, missing


def _blocks(headings: Sequence[Column], rows: Rows) -> Iterator[str]:
    """Yield lines `name: value` for a terminal on which not even the narrowest table fits."""
    for number, row in enumerate(rows):
        if number:
            yield ""
        for column, cell in zip(headings, row, strict=True):
            if not column.extra:
                yield f"{column.heading.lower()}: {cell}"


def _count(console: Console, headings: Sequence[Column], rows: Rows, counted: Counted | None) -> Iterator[str]:
    """Yield the lines at the end: how many there are, and in which states."""
    if counted is None:
        return
    text = f"{len(rows):,} {counted.noun}{'s' * (len(rows) != 1)}"
    text += f" in {counted.region}" if counted.region else ""
    for index, column in enumerate(headings):
        if column.is_state:
            states = Counter(row[index] for row in rows)
            text += ": " + ", ".join(f"{number:,} {state}" for state, number in states.most_common())
    text += f" ({LOCAL_NOTE})" if console.used_local else ""
    yield ""
    yield from columns.wrapped(text, shutil.get_terminal_size().columns)


def _none(counted: Counted) -> str:
    there = f" in {counted.region}" if counted.region else ""
    if counted.see_all:
        return f"no {counted.noun}{there} is like that; see all: {counted.see_all}"
    return f"there are no {counted.noun}s{there}" + (f"; for a first one: {counted.make}" if counted.make else "")


def _marked(headings: Sequence[Column], row: Sequence[str]) -> list[str]:
    return [
        f"{_sign(cell)} {cell}" if column.is_state and cell in _MARKS else cell
        for column, cell in zip(headings, row, strict=True)
    ]


def _sign(word: str) -> str:
    sign, plain, _ = _MARKS[word]
    try:
        sign.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return plain
    return sign


def _coloured(cell: str, marked: str, *, colours: bool) -> str:
    _, _, word = marked.partition(" ")
    text = cell.rstrip()
    return _painted(text, _MARKS[word][2], colours=colours) + cell[len(text) :] if word in _MARKS else cell


def _painted(text: str, colour: str, *, colours: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colours else text


def _has_colours(console: Console) -> bool:
    # An empty NO_COLOR is one that is not set (no-color.org).
    return not (console.settings.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb")
