"""Which columns of a table fit on a terminal, how wide each is, and the lines that come of it.

Ids, dates and fingerprints are there to be copied: they are never cut or wrapped. Names give way first, then whole
columns, the least important ones first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

GAP = "  "
_LEAST = 16
"""A name of which less is shown is hard to tell from others."""
_SQUEEZED = 6
"""How far it is cut where no other column is left to give way."""


WHOLE: Final = "whole"
CUT: Final = "cut"
WRAPPED: Final = "wrapped"
"""What becomes of a cell that is wider than its column: there is none; its end is an ellipsis; it has more lines."""


class Column(NamedTuple):
    """A column: of those with a rank the highest gives way first; those of rank 0 always stay.

    An `extra` one is for wide terminals only: it is not missed where there is no room, and is not part of what pipes get.
    """

    heading: str
    rank: int = 0
    fit: str = WHOLE
    extra: bool = False
    is_state: bool = False
    """Its words have a sign and a colour, and are counted."""


class Layout(NamedTuple):
    """The columns that are shown, by their indices in a row, and how wide each of them is."""

    indices: tuple[int, ...]
    widths: tuple[int, ...]


def layout(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> Layout | None:
    """Choose columns that fit into `room` characters; None where not even those of rank 0 do.

    Extra columns without a value in any row are left out.
    """
    indices = [
        index
        for index, column in enumerate(columns)
        if not column.extra or any(row[index] not in ("", "-") for row in rows)
    ]
    natural = {
        index: max((width(text) for text in (columns[index].heading, *(row[index] for row in rows))), default=0)
        for index in indices
    }
    while (widths := _widths(columns, indices, natural, room, _LEAST)) is None:
        droppable = [index for index in indices if columns[index].rank]
        if not droppable:
            widths = _widths(columns, indices, natural, room, _SQUEEZED)
            break
        indices.remove(max(droppable, key=lambda index: columns[index].rank))
    return None if widths is None else Layout(tuple(indices), tuple(widths))


def _widths(
    columns: Sequence[Column], indices: Sequence[int], natural: dict[int, int], room: int, least: int
) -> list[int] | None:
    """Share the room out: what is whole has what it needs, the others have the rest in the order of their ranks."""
    left = room - len(GAP) * (len(indices) - 1)
    room_of = {
        index: natural[index] if columns[index].fit == WHOLE else min(natural[index], least) for index in indices
    }
    left -= sum(room_of.values())
    if left < 0:
        return None
    for index in sorted(indices, key=lambda index: columns[index].rank):
        more = min(left, natural[index] - room_of[index])
        room_of[index] += more
        left -= more
    return [room_of[index] for index in indices]


def lines_of(columns: Sequence[Column], cells: Sequence[str], chosen: Layout) -> Iterator[list[str]]:
    """Yield the lines of a row, each as its padded cells; more than one where words wrap."""
    shown = [
        _fitted(columns[index], cells[index], size) for index, size in zip(chosen.indices, chosen.widths, strict=True)
    ]
    for number in range(max(map(len, shown), default=0)):
        yield [
            _padded(part[number] if number < len(part) else "", size)
            for part, size in zip(shown, chosen.widths, strict=True)
        ]


def _fitted(column: Column, text: str, size: int) -> list[str]:
    if column.fit == WRAPPED:
        return wrapped(text, size)
    return [cut(text, size)]


def _padded(text: str, size: int) -> str:
    return text + " " * (size - width(text))


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes: characters of East Asia take two, combining ones none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def cut(text: str, size: int) -> str:
    """Return a text of at most `size` columns, which ends in an ellipsis where some of it is left out."""
    if width(text) <= size:
        return text
    while text and width(text) > size - 1:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, size: int) -> list[str]:
    """Return the lines of a text, of at most `size` columns each; only a word that is longer is divided."""
    lines = [""]
    for word in text.split(" "):
        rest = word
        joined = f"{lines[-1]} {rest}" if lines[-1] else rest
        if width(joined) <= size:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        while width(rest) > size:
            head = rest
            while width(head) > size:
                head = head[:-1]
            lines[-1], rest = head, rest[len(head) :]
            lines.append("")
        lines[-1] = rest
    return lines
