"""`kmstool exec`: run a command with secrets in its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import replace_process
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError


@dataclass(frozen=True)
class ExecWords:
    """The options of `kmstool exec`."""

    words: tuple[str, ...]
    context: Mapping[str, str]
    keep: tuple[str, ...]
    command: tuple[str, ...]


@click.command(
    "exec",
    cls=options.Command,
    context_settings=options.OWN_ARGUMENTS,
    example="kmstool exec --env PASSWORD=@secret.blob -- printenv PASSWORD",
)
@click.option(
    "--env",
    "words",
    multiple=True,
    required=True,
    metavar="NAME=@FILE",
    help="Variable to put the secret of a ciphertext blob into; repeatable.",
)
@options.encryption_context_option
@options.shield_option
@replace_process.keep_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@takes(ExecWords)
def exec_(session: Session, wanted: ExecWords) -> None:
    """Run a command with secrets in its environment.

    The secrets are decrypted in memory, all before the command starts, and it takes the
    place of kmstool: its signals and its exit code are its own. The context must be that
    of every blob. Credentials and passphrases that are in the environment for kmstool
    itself are not handed on.
    """
    encryption_context = wanted.context
    found = {name: blobs.read(file)[1] for name, file in _files(wanted.words).items()}
    client = session.client()
    secrets = {name: client.decrypt(blob, encryption_context).plaintext for name, blob in found.items()}
    replace_process.become(
        session, session.environ, wanted.command, secrets, "kmstool decrypt writes it to a pipe", wanted.keep
    )


def _files(words: tuple[str, ...]) -> dict[str, str]:
    """Return the files by the names of the variables."""
    found: dict[str, str] = {}
    for word in words:
        name, _, value = word.partition("=")
        replace_process.check_variable(name)
        if not value.startswith("@"):
            # What stands there may be a secret, so that it is not repeated.
            raise UsageError(
                f"--env {name}=... names no file",
                hint=f"give the file of a ciphertext blob: --env {name}=@FILE; plain values need no kmstool",
            )
        if name in found:
            raise UsageError(f"two secrets for {name}", hint="a variable holds one; give them two names")
        found[name] = value[1:]
    return found
