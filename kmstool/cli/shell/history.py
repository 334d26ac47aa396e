"""The history of interactive sessions: commands of kmstool, one a line, in a file that its owner alone can read.

No option of kmstool holds a secret, and `api` refuses one, but by then it is on the line. What other programs are given
there, those of `exec` too, or a command by `<<<`, can be one as well. Such lines are not kept.
"""

from __future__ import annotations

from pathlib import Path

from kmstool.cli import main
from kmstool.cli.messages import say
from kmstool.cli.shell import lines
from kmstool.errors import KmsToolError
from kmstool.system import atomic, ownership

_MAX_LINES = 2_000
_MAX_BYTES = 1024 * 1024
_OTHER_PROGRAMS = ("|", "&", ";", "(", "`", "$", "<<")


class HistoryFile:
    """The history in a file, or of this session alone where there is no home for one."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def lines(self) -> list[str]:
        """Return what was typed before, the oldest first."""
        if self._path is None:
            return []
        try:
            text = ownership.read(self._path, _MAX_BYTES, secret=True).decode("utf-8", "replace")
        except FileNotFoundError:
            return []
        except (OSError, KmsToolError) as error:
            say(f"there is no history: {error}")
            self._path = None
            return []
        return text.splitlines()[-_MAX_LINES:]

    def add(self, line: str) -> None:
        """Keep a line, if it is one to keep."""
        if self._path is None or not is_kept(line):
            return
        try:
            self._write(line)
        except (OSError, KmsToolError) as error:
            say(f"the history is not kept: {error}")
            self._path = None

    def _write(self, line: str) -> None:
        if self._path is None:
            return
        ownership.make_folder(self._path.parent)
        with atomic.locked(self._path.parent):
            kept = [*self.lines(), line][-_MAX_LINES:]
            atomic.write(self._path, "".join(f"{item}\n" for item in kept).encode(), replace=True)


def is_kept(text: str) -> bool:
    """Return whether a line may be kept on disk: a command of kmstool, no secret in it, and not after a space."""
    line = lines.read(text)
    words = line.words[1:] if line.words[:1] == ("kmstool",) else line.words
    if text[:1].isspace() or not text.isprintable() or not words or any(sign in text for sign in _OTHER_PROGRAMS):
        return False
    if "exec" in words:
        # What follows is the line of another program, and variables for it.
        return False
    if words[0] == "api":
        return not any("{" in word for word in words)
    return words[0] in main.COMMANDS or words[0] in ("cd", "use")
