"""`kmstool shell`: run commands in one session."""

from __future__ import annotations

import sys

import click

from kmstool.cli import options
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import InputError, UsageError
from kmstool.system import descriptors

_MAX_LINE_BYTES = 1024 * 1024


@click.command(cls=options.Command, example="kmstool shell")
@pass_session
def shell(session: Session) -> None:
    """Run commands in one session, without starting anew.

    The credential is unlocked once and the connection is kept, so that a command answers
    at once. Every command of kmstool works as it does outside, without the word kmstool.
    A line with a pipe, a redirection, a variable or a pattern goes to your own shell,
    where kmstool runs as a program; so does a line after an exclamation mark.

    use PROFILE [REGION] goes on with another profile, cd DIR in another folder; exit,
    quit and Ctrl-D end the session. Ctrl-C ends a command. The history, in a file that only you can
    read, has commands of kmstool alone, none with exec and none that begins with a space.

    Without a terminal the lines come from stdin, and the exit code is that of the last.
    """
    from kmstool.cli.shell.loop import Shell

    if session.kept is not None:
        raise UsageError("this is the shell of kmstool already", hint="exit ends it")
    started = Shell(session)
    if sys.stdin.isatty():
        from kmstool.cli.shell.terminal import Terminal

        exit_code = started.run(Terminal(started).next_line)
    else:
        exit_code = started.run(_line_of_stdin)
    click.get_current_context().exit(exit_code)


def _line_of_stdin() -> str | None:
    """Return the next line; what follows is there for the command that it is."""
    line = descriptors.read_line(0, _MAX_LINE_BYTES)
    try:
        return line.decode() if line else None
    except UnicodeDecodeError as error:
        raise InputError("a line of stdin is not UTF-8 text") from error
