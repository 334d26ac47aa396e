"""`kmstool completion`: complete commands, options and names on TAB."""

from __future__ import annotations

import os
from pathlib import Path

import click

from kmstool.cli import completion_files, options
from kmstool.cli.io import outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

_NEXT = {
    "bash": "a new shell has it, with the package bash-completion; without that, put this into ~/.bashrc: source {file}",
    "zsh": "a new shell has it",
    "fish": "every fish has it at once",
}


@click.command(cls=options.Command, example="kmstool completion bash --install")
@click.argument("shell", type=Choice(list(completion_files.SHELLS)), required=False)
@click.option("--install", is_flag=True, help="Put it where the shell looks for it.")
@click.option("--refresh", is_flag=True, hidden=True, help="Look again which names there are.")
@pass_session
def completion(session: Session, shell: str | None, install: bool, refresh: bool) -> None:
    """Complete commands, options and names on TAB.

    Prints the completion file of a shell, or installs it for this user. TAB then starts no
    Python: names of keys, data keys, white-box keys and profiles come from a cache, which
    is renewed in the background. There are no secrets in it.
    """
    if refresh:
        from kmstool.cli import known_names

        known_names.refresh(session)
        return
    if shell is None:
        raise UsageError("which shell is it for?", hint="kmstool completion bash --install, or zsh, or fish")
    text = completion_files.text_of(shell)
    if install:
        _install(session, shell, text)
        return
    outputs.print_answer(session, {"Shell": shell, "Script": text}, lambda: print(text, end=""))


def _install(session: Session, shell: str, text: str) -> None:
    file = completion_files.place_of(shell, session.environ, session.home)
    _put(session, file, text.encode())
    if shell == "zsh":
        _extend_zshrc(session, file)
    session.note(_NEXT[shell].format(file=file))
    outputs.print_answer(session, {"Shell": shell, "File": str(file)}, lambda: None)


def _put(session: Session, file: Path, data: bytes) -> None:
    if file.is_file() and file.read_bytes() == data:
        session.note(f"{file} is up to date")
        return
    session.changes.run(lambda: completion_files.put(file, data), f"write {file}")
    session.note(f"wrote {file}")


def _extend_zshrc(session: Session, file: Path) -> None:
    zshrc = completion_files.zshrc_of(session.environ, session.home)
    # As bytes: whatever its encoding and its line ends are, they stay.
    former = zshrc.read_bytes() if zshrc.is_file() else b""
    if completion_files.ZSHRC_MARK.encode() in former:
        session.note(f"{zshrc} loads it already")
        return
    data = former + b"\n" * (former[-1:] not in (b"", b"\n")) + os.fsencode(completion_files.zshrc_lines(file))
    session.changes.run(lambda: completion_files.put(zshrc, data), f"write {zshrc}")
    session.note(f"added the lines to {zshrc} that load it")
