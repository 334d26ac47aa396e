"""One of several, a file or a line, chosen at the terminal: a list to filter and move in, or numbers where it is dumb.

Drawn by prompt_toolkit, which is loaded for it, on the terminal itself, so that data can come by stdin and go to stdout.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kmstool.cli.messages import printable
from kmstool.system import terminal

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.output import Output

_ROWS = 10


@dataclass(frozen=True, slots=True)
class Choice:
    """Something to choose: what stands for it on a command line, and what is shown of it."""

    word: str
    columns: tuple[str, ...] = ()

    def contains(self, text: str) -> bool:
        """Return whether all that was typed is somewhere in it."""
        shown = " ".join((self.word, *self.columns)).lower()
        return all(part in shown for part in text.lower().split())


def is_dumb() -> bool:
    """Return whether the terminal can do nothing but show lines."""
    return os.environ.get("TERM", "dumb") in ("", "dumb", "unknown")


def pick(label: str, choices: Sequence[Choice], ask: Callable[[str], str]) -> str:
    """Let one be picked and return its word; what is typed and fits none is returned as it is.

    `ask` asks for a line, which is all that a dumb terminal can. Raises `KeyboardInterrupt`.
    """
    word = _numbered(label, choices, ask) if is_dumb() else _List(label, choices).run()
    if not is_dumb():
        terminal.tell(f"{label}: {printable(word)}")
    return word


def file(label: str, ask: Callable[[str], str], *, only_folders: bool = False) -> str:
    """Ask for a file with completion."""
    if is_dumb():
        return ask(label)
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import PathCompleter

    with _terminal() as (screen_in, screen_out):
        session: PromptSession[str] = PromptSession(
            f"{label}: ",
            completer=PathCompleter(only_directories=only_folders, expanduser=True),
            input=screen_in,
            output=screen_out,
        )
        answer = ""
        while not answer:
            answer = os.path.expanduser(session.prompt().strip())
        return answer


def _numbered(label: str, choices: Sequence[Choice], ask: Callable[[str], str]) -> str:
    rows = _aligned(choices)
    for number, row in enumerate(rows, 1):
        terminal.tell(f"{number:>4}  {row}")
    answer = ask(f"{label}, or its number")
    words = [choice.word for choice in choices]
    if answer not in words and answer.isascii() and answer.isdecimal() and 0 < int(answer[:9]) <= len(words):
        return words[int(answer) - 1]
    return answer


def _aligned(choices: Sequence[Choice]) -> list[str]:
    table = [(choice.word, *choice.columns) for choice in choices]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        for row in table
    ]


@contextmanager
def _terminal() -> Iterator[tuple[Input, Output]]:
    """Give the terminal as prompt_toolkit has it."""
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.input import create_input
    from prompt_toolkit.output import ColorDepth
    from prompt_toolkit.output.vt100 import Vt100_Output

    with terminal.opened_as_text() as (reading, writing):
        depth = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None

        def size() -> Size:
            columns, rows = os.get_terminal_size(writing.fileno())
            return Size(rows=rows or 24, columns=columns or 80)

        term = os.environ.get("TERM")
        # Not every terminal tells where its cursor is, and nothing here needs it.
        output = Vt100_Output(writing, size, term=term, default_color_depth=depth, enable_cpr=False)
        yield create_input(reading), output


class _List:
    """A list that is filtered by what is typed."""

    def __init__(self, label: str, choices: Sequence[Choice]) -> None:
        self._label = label
        self._rows = list(zip(choices, _aligned(choices), strict=True))
        self._typed, self._index, self._top = "", 0, 0

    def run(self) -> str:
        """Show it until one is taken."""
        from prompt_toolkit.application import Application
        from prompt_toolkit.layout import Layout, Window
        from prompt_toolkit.layout.controls import FormattedTextControl

        with _terminal() as (screen_in, screen_out):
            window = Window(FormattedTextControl(self._shown, focusable=True, show_cursor=False), wrap_lines=False)
            application: Application[str] = Application(
                layout=Layout(window),
                key_bindings=self._keys(),
                input=screen_in,
                output=screen_out,
                erase_when_done=True,
            )
            return application.run()

    @property
    def _fitting(self) -> list[tuple[Choice, str]]:
        return [row for row in self._rows if row[0].contains(self._typed)]

    def _shown(self) -> StyleAndTextTuples:
        fitting = self._fitting
        self._top = min(max(self._top, self._index - _ROWS + 1), self._index)
        lines: StyleAndTextTuples = [
            ("bold", f"{self._label}: "),
            ("", printable(self._typed)),
            ("reverse", " "),
            ("", "\n"),
        ]
        for index, (_, row) in enumerate(fitting[self._top : self._top + _ROWS], self._top):
            chosen = index == self._index
            lines += [("reverse" if chosen else "", f"{'>' if chosen else ' '} {row}\n")]
        count = f"{len(fitting)} of {len(self._rows)}"
        lines.append(("ansibrightblack", f"  {count}; type to filter, arrows to move, Enter to take, Ctrl-C to stop"))
        return lines

    def _keys(self) -> KeyBindings:
        from prompt_toolkit.key_binding import KeyBindings
        from prompt_toolkit.keys import Keys

        keys = KeyBindings()
        moves = {"up": -1, "down": 1, "pageup": -_ROWS, "pagedown": _ROWS}
        for name, step in moves.items():
            keys.add(name)(lambda event, step=step: self._move(step))
        keys.add("enter")(self._take)
        keys.add("c-j")(self._take)
        keys.add("backspace")(lambda event: self._type(self._typed[:-1]))
        keys.add("c-u")(lambda event: self._type(""))
        for name in ("c-c", "c-d"):
            keys.add(name)(lambda event: event.app.exit(exception=KeyboardInterrupt()))
        keys.add(Keys.BracketedPaste)(lambda event: self._type(self._typed + event.data))
        keys.add(Keys.Any)(lambda event: self._type(self._typed + event.data) if event.data.isprintable() else None)
        return keys

    def _move(self, step: int) -> None:
        self._index = max(0, min(self._index + step, len(self._fitting) - 1))

    def _type(self, text: str) -> None:
        self._typed, self._index, self._top = text, 0, 0

    def _take(self, event: KeyPressEvent) -> None:
        fitting = self._fitting
        word = fitting[self._index][0].word if fitting else self._typed
        if word:
            event.app.exit(result=word)
