"""`kmstool exec`: run a command with secrets in its environment."""

from __future__ import annotations

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import replace_process
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError


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
@options.context_option
@options.shield_option
@replace_process.keep_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@pass_session
def exec_(
    session: Session, words: tuple[str, ...], context: tuple[str, ...], keep: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Run a command with secrets in its environment.

    The secrets are decrypted in memory, all before the command starts, and it takes the
    place of kmstool: its signals and its exit code are its own. The context must be that
    of every blob. Credentials and passphrases that are in the environment for kmstool
    itself are not handed on.
    """
    from kmstool.api.context import from_options

    encryption_context = from_options(context)
    found = {name: blobs.read(file)[1] for name, file in _files(words).items()}
    client = session.client()
    secrets = {name: client.decrypt(blob, encryption_context).plaintext for name, blob in found.items()}
    replace_process.become(session, session.environ, command, secrets, "kmstool decrypt writes it to a pipe", keep)


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
