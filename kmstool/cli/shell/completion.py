"""What can come next on a line of an interactive session, each with a word on it: commands, options, names, files."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING

import click

from kmstool.cli import main
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.parameter_kinds import Kind, kind_of
from kmstool.cli.shell import lines
from kmstool.errors import KmsToolError

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session
    from kmstool.cli.shell.loop import Shell

Offers = Iterable[tuple[str, str]]
_KNOWN_SECONDS = 30
_PATIENCE_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where the cursor is: which command, whose option waits for a value or which argument comes next."""

    path: str
    command: click.Command
    param: click.Parameter | None
    is_option: bool


class Candidates:
    """What can come next, for the session of a shell. Names are asked of its KMS in the background, for half a minute."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._asked: dict[tuple[Kind, str | None, str | None], _Names] = {}

    def of(self, before: str) -> tuple[int, Offers]:
        """Return where the word at the cursor begins in the text before it, and what it can become."""
        line = lines.read(before)
        open_word = line.last < len(before)
        words = list(line.words[:-1] if open_word else line.words)
        partial = line.words[-1] if open_word else ""
        if line.for_shell or before.lstrip().startswith("!"):
            return line.last, _quoted(_files(partial))
        if words[:1] == ["kmstool"]:
            del words[0]
        start, prefix = line.last, ""
        if partial.startswith("--") and "=" in partial:
            option, _, partial = partial.partition("=")
            words, prefix = [*words, option], f"{option}="
        offers = self._offers(words, partial)
        return start, ((f"{prefix}{word}", text) for word, text in _quoted(offers))

    def _offers(self, words: list[str], partial: str) -> Offers:
        if words and words[0] in ("use", "cd"):
            return self._named(Kind.PROFILE if words[0] == "use" else Kind.FOLDER, partial)
        cursor = _walk(words)
        if cursor is None:
            return []
        if cursor.param is not None and (cursor.is_option or not partial.startswith("-")):
            return self._values(cursor, cursor.param, partial)
        if partial.startswith("-"):
            return _options(cursor.command, partial)
        own = self._built_in(partial) if cursor.command is main.root else []
        return [*_commands(cursor.command, partial), *own]

    def _built_in(self, partial: str) -> Offers:
        from kmstool.cli.shell.loop import BUILT_IN

        return [(name, text) for name, text in BUILT_IN.items() if name.startswith(partial)]

    def _values(self, cursor: _Cursor, param: click.Parameter, partial: str) -> Offers:
        if isinstance(param.type, click.Choice):
            return [(str(word), "") for word in param.type.choices if str(word).startswith(partial)]
        return self._named(kind_of(cursor.path, param), partial)

    def _named(self, kind: Kind, partial: str) -> Offers:
        if kind is Kind.FOLDER:
            return _files(partial, folders=True)
        if kind is Kind.FILE or partial.startswith("@"):
            return _files(partial)
        if kind is Kind.ACTION:
            from kmstool.api import protocol

            return [(name, "") for name in sorted(protocol.actions()) if name.lower().startswith(partial.lower())]
        return [(name, text) for name, text in self._names(kind) if name.startswith(partial)]

    def _names(self, kind: Kind) -> list[tuple[str, str]]:
        settings = self._shell.settings
        key = (kind, settings.profile, settings.region)
        names = self._asked.get(key)
        if names is None or names.is_old:
            former = names.known if names else []
            names = self._asked[key] = _Names(self._shell.session(), kind, former)
        return names.wait()


class _Names:
    """The names of a kind, which a thread asks for; nobody waits long for it."""

    def __init__(self, session: Session, kind: Kind, former: list[tuple[str, str]]) -> None:
        self.known = former
        self._since = time.monotonic()
        self._thread = Thread(target=self._ask, args=(session, kind), daemon=True)
        self._thread.start()

    @property
    def is_old(self) -> bool:
        return not self._thread.is_alive() and time.monotonic() - self._since > _KNOWN_SECONDS

    def wait(self) -> list[tuple[str, str]]:
        self._thread.join(_PATIENCE_SECONDS)
        return self.known

    def _ask(self, session: Session, kind: Kind) -> None:
        # Not for a passphrase, in the middle of a line.
        session.settings.no_input = True
        try:
            self.known = list(_LISTS[kind](session)) if kind in _LISTS else []
        except KmsToolError:
            # Nothing is offered then; the command itself will tell.
            return
        finally:
            session.give_back()


def _cmks(session: Session) -> Offers:
    return ((key.alias or key.key_id, f"{key.state} {key.usage}") for key in session.client().list_keys())


def _data_keys(session: Session) -> Offers:
    return ((key.name, key.state) for key in session.client().list_data_keys())


def _white_box_keys(session: Session) -> Offers:
    return ((key.alias, f"{key.status} {key.algorithm}") for key in session.client().list_white_box_keys())


def _profiles(session: Session) -> Offers:
    profiles = map(session.profiles.get, session.profiles.names())
    return ((profile.name, f"{profile.region} {profile.credentials}") for profile in profiles)


_LISTS: dict[Kind, Callable[[Session], Offers]] = {
    Kind.CMK: _cmks,
    Kind.DATA_KEY: _data_keys,
    Kind.WHITE_BOX_KEY: _white_box_keys,
    Kind.PROFILE: _profiles,
}


def _walk(words: Iterable[str]) -> _Cursor | None:
    """Follow the words through the tree; None where they lead nowhere."""
    command: click.Command = main.root
    path: list[str] = []
    count, waiting, only_arguments = 0, None, False
    for word in words:
        if waiting is not None:
            waiting = None
        elif word == "--":
            only_arguments = True
        elif word.startswith("-") and word != "-" and not only_arguments:
            waiting = None if "=" in word else _option(command, word)
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return None
            command = command.commands[word]
            path.append(word)
        else:
            count += 1
    param = waiting if waiting is not None else _argument(command, count)
    return _Cursor(" ".join(path), command, param, waiting is not None)


def _option(command: click.Command, word: str) -> click.Option | None:
    """Return the option if it takes a value."""
    for param in _params(command):
        if isinstance(param, click.Option) and word in param.opts and not param.is_flag and not param.count:
            return param
    return None


def _argument(command: click.Command, count: int) -> click.Argument | None:
    # The word that stands for --key is not what usually comes here.
    arguments = [
        param for param in _params(command) if isinstance(param, click.Argument) and not getattr(param, "hidden", False)
    ]
    if not arguments or (count >= len(arguments) and arguments[-1].nargs != -1):
        return None
    return arguments[min(count, len(arguments) - 1)]


def _params(command: click.Command) -> list[click.Parameter]:
    return command.get_params(click.Context(command, resilient_parsing=True))


def _options(command: click.Command, partial: str) -> Offers:
    for param in _params(command):
        if isinstance(param, click.Option) and not param.hidden:
            yield from ((name, param.help or "") for name in param.opts if name.startswith(partial))


def _commands(command: click.Command, partial: str) -> Offers:
    if isinstance(command, LazyGroup):
        return [(name, text) for name, text in sorted(command.summaries.items()) if name.startswith(partial)]
    return []


def _files(partial: str, *, folders: bool = False) -> Offers:
    before = "@" if partial.startswith("@") else ""
    folder, start = os.path.split(partial.removeprefix("@"))
    try:
        entries = sorted(os.scandir(os.path.expanduser(folder) or "."), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
            if entry.is_dir():
                yield f"{before}{os.path.join(folder, entry.name)}/", "folder"
            elif not folders:
                yield f"{before}{os.path.join(folder, entry.name)}", ""


def _quoted(offers: Offers) -> Offers:
    """Write each word as it has to stand on a line."""
    return ((shlex.quote(word), " ".join(text.split())) for word, text in offers)
