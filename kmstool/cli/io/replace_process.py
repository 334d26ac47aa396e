"""Programs that take kmstool's place with secrets in their environment, which is the only place they get them in."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress

import click

from kmstool.cli.console import Console
from kmstool.cli.io import inputs
from kmstool.errors import InputError, UsageError
from kmstool.system import memory

# What opens something, and is there for kmstool: a credential, a passphrase, a device's origin, the way to a role.
_WITHHELD = re.compile(
    "TENCENTCLOUD_(SECRET_.*|TOKEN|SECURITY_TOKEN)|KMSTOOL_(PASSPHRASE.*|DEVICE_SECRET|METADATA_ENDPOINT)"
    "|.*_WEB_IDENTITY_TOKEN(_FILE)?"
)
_LAST_STANDARD = 2


def _checked_keep(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not is_withheld(name):
            raise click.BadParameter(f"{name!r} is no variable that kmstool keeps to itself", ctx, param)
    return value


keep_option = click.option(
    "--keep",
    multiple=True,
    metavar="NAME",
    callback=_checked_keep,
    help="Hand this variable on, which is for kmstool itself; repeatable.",
)


def is_withheld(name: str) -> bool:
    """Return whether a variable is a secret of kmstool's own, which no command gets unless it is to."""
    return _WITHHELD.fullmatch(name) is not None


def check_variable(name: str) -> None:
    """Raise `UsageError` for what shells cannot have as the name of a variable."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"{name!r} cannot name a variable", hint="letters, digits and _, the first no digit")


def become(
    console: Console,
    environ: Mapping[str, str],
    command: tuple[str, ...],
    secrets: Mapping[str, bytes],
    other_way: str,
    keep: Collection[str] = (),
) -> None:
    """Replace this process by a command with `secrets` in its environment, by their variables' names.

    Of the secrets that the environment has for kmstool itself it gets those that `keep` names. Raises `InputError` for a secret with a byte 0, which no variable can hold (`other_way`
    is the hint then), and `UsageError` for a program that cannot be run.
    """
    for name, secret in secrets.items():
        if b"\0" in secret:
            raise InputError(f"the secret for {name} holds a byte 0, which no variable can", hint=other_way)
    # Looked up here: the new environment may have a secret for its PATH.
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(f"cannot run {command[0]}: no such program", hint="is it in PATH, and may it be run?")
    console.changes.run(
        lambda: _execute(program, command, _handed_on(environ, keep) | _as_text(secrets)),
        f"run {program} with {', '.join(secrets)} in its environment",
    )


def _as_text(secrets: Mapping[str, bytes]) -> dict[str, str]:
    return {name: os.fsdecode(secret) for name, secret in secrets.items()}


def _execute(program: str, command: tuple[str, ...], environ: Mapping[str, str]) -> None:
    # Python ignores these two, and a program that is started would go on ignoring them.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    memory.reopen_for_child()
    try:
        os.execve(program, command, environ)  # noqa: S606 - without a shell, and what the user asked for
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise UsageError(f"cannot run {command[0]}: {(reason or 'no such name').lower()}") from error


def _handed_on(environ: Mapping[str, str], keep: Collection[str]) -> dict[str, str]:
    withheld = {name: value for name, value in environ.items() if is_withheld(name) and name not in keep}
    for value in withheld.values():
        # The descriptor of a passphrase would be as good as the name of its file.
        if (match := inputs.DESCRIPTOR.fullmatch(value)) and int(match[1]) > _LAST_STANDARD:
            with suppress(OSError, OverflowError):
                os.set_inheritable(int(match[1]), False)
    return {name: value for name, value in environ.items() if name not in withheld}
