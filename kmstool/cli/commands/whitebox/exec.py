"""`kmstool whitebox exec`: run a command with a decrypted secret in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.bundles import read_bundle, require_mac_option, sdk_lib_option
from kmstool.cli.io import replace_process
from kmstool.cli.plaintexts import trim_newline_option, variables
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class ExecWords:
    """The options of `kmstool whitebox exec`."""

    folder: str
    name: str
    require_mac: bool
    sdk_lib: str | None
    trim_newline: bool
    keep: tuple[str, ...]
    command: tuple[str, ...]


@click.command(
    "exec",
    cls=options.Command,
    context_settings=options.OWN_ARGUMENTS,
    alone=True,
    example="kmstool whitebox exec --bundle app-secret --env API_KEY -- printenv API_KEY",
)
@options.folder_option("--bundle", "folder", required=True, help="Folder made by kmstool whitebox bundle.")
@click.option("--env", "name", required=True, metavar="NAME", help="Variable to put the secret into.")
@require_mac_option
@sdk_lib_option
@trim_newline_option
@replace_process.keep_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@takes(ExecWords)
def exec_(session: Session, wanted: ExecWords) -> None:
    """Run a command with a decrypted secret in its environment.

    The secret is decrypted in memory, and the command takes the place of kmstool: its
    signals and its exit code are its own. Credentials and passphrases that are in the
    environment for kmstool itself are not handed on.
    """
    replace_process.check_variable(wanted.name)
    bundle = read_bundle(session, wanted.folder, require_mac=wanted.require_mac)
    secret = bundle.decrypt(session.environ, library=Path(wanted.sdk_lib) if wanted.sdk_lib else None)
    replace_process.become(
        session,
        session.environ,
        wanted.command,
        variables(session, {wanted.name: secret}, wanted.trim_newline),
        "kmstool whitebox decrypt writes it to a pipe",
        wanted.keep,
    )
