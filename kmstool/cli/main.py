"""The table of commands, and the one boundary where every failure becomes a message and an exit code."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from kmstool import __version__
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session import LOCAL_NOTE, Session
from kmstool.errors import DryRunDone, KmsToolError, OutputError, UsageError

COMMANDS = {
    "api": ("kmstool.cli.api:api", "Call any action of the KMS API."),
    "decrypt": ("kmstool.cli.ciphers:decrypt", "Decrypt a ciphertext blob."),
    "encrypt": ("kmstool.cli.ciphers:encrypt", "Encrypt up to 4,096 bytes under a key."),
    "init": ("kmstool.cli.init:init", "Set up kmstool on this machine."),
    "key": ("kmstool.cli.keys:key", "Create, list and name keys."),
    "local": ("kmstool.cli.local:local", "Look after the embedded KMS."),
    "profile": ("kmstool.cli.profiles:profile", "Choose which KMS, region and key to use."),
    "random": ("kmstool.cli.ciphers:random", "Print random bytes made by KMS."),
    "reencrypt": ("kmstool.cli.ciphers:reencrypt", "Move a blob to a newer or other key."),
}

HANGUP, INTERRUPTED, TERMINATED, CLOSED_PIPE = 129, 130, 143, 141


class _Stopped(BaseException):
    """A signal asked the program to end; carries the exit code, lets every `finally` run."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


@click.command(cls=LazyGroup, table=COMMANDS, name="kmstool")
@click.version_option(__version__, "--version", "-V", message="kmstool %(version)s")
def root() -> None:
    """Keys, encryption and signatures with Tencent Cloud KMS.

    Data goes to stdout and notes to stderr. With --profile local, or after kmstool
    init --local, everything happens in an embedded KMS on this machine.
    """


def command_line() -> int:
    """Run kmstool on `sys.argv` and return its exit code; nothing is raised."""
    session = Session(os.environ)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with root.make_context("kmstool", sys.argv[1:], obj=session) as ctx:
            root.invoke(ctx)
        sys.stdout.flush()
    except (DryRunDone, click.exceptions.Exit, _Stopped) as end:
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except Exception as error:  # noqa: BLE001 - this is the one boundary
        return _report(session, _translated(session, error))
    return 0


def _translated(session: Session, error: Exception) -> KmsToolError:
    if isinstance(error, KmsToolError):
        return error
    if isinstance(error, click.ClickException):
        return _usage_error(error)
    if session.settings.debug:
        import traceback

        traceback.print_exception(error)
    if isinstance(error, OSError):
        return OutputError(f"cannot read or write: {(error.strerror or str(error)).lower()}")
    return KmsToolError(f"unexpected {type(error).__name__}", hint="run it again with --debug and report what it shows")


def _usage_error(error: click.ClickException) -> UsageError:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print(error.format_message(), file=sys.stderr)
        return UsageError("a command is missing")
    message = error.format_message().rstrip(".")
    ctx = getattr(error, "ctx", None)
    hint = f"see {ctx.command_path} --help" if ctx else None
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _report(session: Session, error: KmsToolError) -> int:
    message = error.message
    if session.used_local:
        message += f" ({LOCAL_NOTE})"
    if _wants_json(sys.argv[1:]):
        import json

        fields = {
            "code": type(error).__name__,
            "exit": error.exit_code,
            "message": message,
            "hint": error.hint,
            "kms_code": error.kms_code,
            "request_id": error.request_id,
        }
        lines = [json.dumps({"error": fields}, ensure_ascii=False)]
    else:
        code = f" [{error.kms_code}]" if error.kms_code else ""
        lines = [f"kmstool: error: {message}{code}"]
        lines += [f"kmstool: hint: {error.hint}"] if error.hint else []
        lines += [f"kmstool: request id: {error.request_id}"] if error.request_id and session.settings.verbose else []
    with contextlib.suppress(OSError):
        # What was printed before the failure comes first, and a full disk must not hide the message.
        sys.stdout.flush()
    print("\n".join(lines), file=sys.stderr)
    return error.exit_code


def _wants_json(arguments: list[str]) -> bool:
    """Read `--format json` from the words themselves: the error may be that they do not parse."""
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--format=json" in words or ("--format", "json") in itertools.pairwise(words)


def _closed_pipe() -> int:
    # The interpreter flushes stdout once more at exit and would print a traceback.
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return CLOSED_PIPE


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise _Stopped(128 + number)
