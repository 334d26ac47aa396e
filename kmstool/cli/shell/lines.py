"""A line as it is typed: its words, or the finding that only the user's own shell can tell what it means."""

from __future__ import annotations

from dataclasses import dataclass

# Unquoted, these are pipes, redirections, variables, patterns, further commands.
_FOR_A_SHELL = frozenset("|&;<>()$`*?[]{}")
_IN_DOUBLE_QUOTES = frozenset("$`")
_AT_THE_START = frozenset("~#")
_ESCAPED_IN_DOUBLE_QUOTES = frozenset('"\\$`')


@dataclass(frozen=True, slots=True)
class Line:
    """What was typed up to some place.

    `last` is where the last word begins, which is the length of the text between words; `quote` is the
    quotation mark that is open there, and `for_shell` whether anything is there that these words do not say.
    """

    words: tuple[str, ...]
    last: int
    quote: str
    for_shell: bool


class _Reader:
    def __init__(self) -> None:
        self.words: list[str] = []
        self.word: list[str] | None = None
        self.start = 0
        self.quote = ""
        self.for_shell = False

    def take(self, index: int, char: str) -> None:
        if self.quote:
            self._quoted(char)
        elif char.isspace():
            self.end()
        else:
            self.for_shell |= char in _FOR_A_SHELL or (self.word is None and char in _AT_THE_START)
            self._begin(index)
            if char in "'\"\\":
                self.quote = char
            else:
                self._add(char)

    def end(self) -> None:
        if self.word is not None:
            self.words.append("".join(self.word))
        self.word = None

    def _begin(self, index: int) -> None:
        if self.word is None:
            self.word, self.start = [], index

    def _add(self, char: str) -> None:
        if self.word is not None:
            self.word.append(char)

    def _quoted(self, char: str) -> None:
        if self.quote in ("\\", "'"):
            if self.quote == "\\" or char != "'":
                self._add(char)
            if self.quote == "\\" or char == "'":
                self.quote = ""
        elif self.quote == '"\\':
            self._add(char if char in _ESCAPED_IN_DOUBLE_QUOTES else f"\\{char}")
            self.quote = '"'
        elif char == "\\":
            self.quote = '"\\'
        elif char == '"':
            self.quote = ""
        else:
            self.for_shell |= char in _IN_DOUBLE_QUOTES
            self._add(char)


def read(text: str) -> Line:
    """Read a line, or the part of it before a cursor, as a shell would; what is left open ends with the text."""
    reader = _Reader()
    for index, char in enumerate(text):
        reader.take(index, char)
    last = len(text) if reader.word is None else reader.start
    reader.end()
    return Line(tuple(reader.words), last, reader.quote, reader.for_shell)
