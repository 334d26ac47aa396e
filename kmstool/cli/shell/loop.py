"""The interactive session: reads a line, has it run as the command that it would be outside, and reads the next one.

Commands run in this process, one `Session` each, so that nothing of one is in the next but what `Kept` holds.
Descriptors, handlers of signals and the umask are as they were after each.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from kmstool.cli import main
from kmstool.cli.messages import say
from kmstool.cli.options import NeedsProcess
from kmstool.cli.session.session import Session
from kmstool.cli.shell import lines, processes
from kmstool.errors import KmsToolError, UsageError
from kmstool.workflows.kept import Kept

if TYPE_CHECKING:
    from kmstool.cli.shell.lines import Line

ENDS = ("exit", "quit")
BUILT_IN = {
    "cd": "Change the working folder.",
    "exit": "End the session.",
    "quit": "End the session.",
    "use": "Go on with another profile, and region: use PROFILE [REGION].",
}
"""What a session understands beside the commands of kmstool."""

_REOPENING = frozenset({"auth", "init", "local", "profile"})
"""Commands that change what is kept open: credentials, profiles, the store."""
_ENDING_SIGNALS = (main.HANGUP, main.TERMINATED)
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


class Shell:
    """An interactive session. `outer` is the run of `kmstool shell`, whose options hold for every command in it."""

    def __init__(self, outer: Session) -> None:
        self.kept = Kept(outer.passphrase_of)
        self.settings = outer.settings
        self.exit_code = 0
        """That of the last command."""
        self._outer = outer

    def session(self, *words: str) -> Session:
        """Return a new session for a command."""
        session = Session(self._outer.environ, words, self.kept)
        session.settings = replace(self.settings)
        return session

    def run(self, next_line: Callable[[], str | None]) -> int:
        """Run lines until there is none, or one that ends the session; return the exit code of the last."""
        while (text := next_line()) is not None:
            try:
                line = lines.read(text)
                if line.words and line.words[0] in ENDS and not line.for_shell:
                    break
                if line.words:
                    self.exit_code = self._perform(text.strip(), line)
            except KmsToolError as error:
                self.exit_code = error.exit_code
                say(f"error: {error.message}")
                if error.hint:
                    say(f"hint: {error.hint}")
            if self.exit_code == main.CLOSED_PIPE and not sys.stdin.isatty():
                break
            if self._outer.stopped in _ENDING_SIGNALS:
                return self._outer.stopped
        return self.exit_code

    def _perform(self, text: str, line: Line) -> int:
        if text.startswith("!"):
            return processes.run_shell(self.session(), text[1:])
        if line.quote:
            raise UsageError("a quotation mark or a backslash is left open")
        if line.for_shell:
            return processes.run_shell(self.session(), self._for_shell(text, line))
        words = line.words[1:] if line.words[0] == "kmstool" else line.words
        if words and words[0] in ("cd", "use"):
            return self._go_on(*words)
        return self._command(self.session(*words))

    def _for_shell(self, text: str, line: Line) -> str:
        first, rest = line.words[0], text.removeprefix("kmstool")
        if first == "kmstool" and rest != text:
            return processes.as_command(self.session(), rest)
        # Anything else is a program of the user's, with kmstool somewhere behind it or not at all.
        return processes.as_command(self.session(), text) if first in main.COMMANDS else text

    def _command(self, session: Session) -> int:
        reopening = _REOPENING.intersection(session.words[:1])
        if reopening:
            self.kept.forget()
        try:
            with _surroundings():
                exit_code = main.run_inside(session)
        except NeedsProcess:
            exit_code = processes.run_again(self.session(), session.words)
        finally:
            session.give_back()
        if reopening:
            self.kept.forget()
        if session.stopped in _ENDING_SIGNALS:
            self._outer.stopped = session.stopped
        return exit_code

    def _go_on(self, name: str, *words: str) -> int:
        if name == "cd":
            try:
                os.chdir(os.path.expanduser(words[0] if words else "~"))
            except OSError as error:
                raise UsageError(f"cannot change to {words[0]}: {(error.strerror or '').lower()}") from error
            return 0
        if len(words) not in (1, 2):
            raise UsageError("use takes a profile, and a region where it is another one", hint="kmstool profile list")
        region = words[1] if len(words) > 1 else None
        profile = self.session().profiles.get(words[0])
        self.settings = replace(self.settings, profile=profile.name, region=region, endpoint=None)
        return 0


@contextmanager
def _surroundings() -> Iterator[None]:
    """Put the standard descriptors, the handlers of signals and the umask back after a command."""
    descriptors = [os.dup(number) for number in range(3)]
    handlers = {number: signal.getsignal(number) for number in _HANDLED}
    umask = os.umask(0o077)
    os.umask(umask)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            # What an interrupted command had not written goes where that was to go.
            with suppress(OSError):
                stream.flush()
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        for handled, handler in handlers.items():
            signal.signal(handled, handler)
        os.umask(umask)
