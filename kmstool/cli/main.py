"""The table of commands, and the one boundary where every failure becomes a message and an exit code."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import signal
import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any

import click

from kmstool import __version__
from kmstool.cli.console import LOCAL_NOTE
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.messages import say
from kmstool.cli.session.session import Session
from kmstool.cli.streams import prepare_streams
from kmstool.errors import ArgumentError, DryRunDone, InputError, KmsToolError, MountWarning, OutputError, UsageError
from kmstool.system import signals

COMMANDS = {
    "api": ("kmstool.cli.commands.api:api", "Call any action of the KMS API."),
    "asymmetric": (
        "kmstool.cli.commands.asymmetric.group:asymmetric",
        "Encrypt under public keys, and decrypt in KMS.",
    ),
    "auth": ("kmstool.cli.commands.auth.group:auth", "Log in to Tencent Cloud and out again."),
    "batch": ("kmstool.cli.commands.batch.group:batch", "Encrypt, decrypt or move many secrets at once."),
    "completion": ("kmstool.cli.commands.completion:completion", "Complete commands, options and names on TAB."),
    "data-key": ("kmstool.cli.commands.data_key.group:data_key", "Keep data keys in KMS, by name."),
    "decrypt": ("kmstool.cli.commands.decrypt:decrypt", "Decrypt a ciphertext blob."),
    "digest": ("kmstool.cli.commands.digest:digest", "Print the digest of a file or stdin, as KMS signs it."),
    "doctor": ("kmstool.cli.commands.doctor:doctor", "Check this machine, the credentials and the way to KMS."),
    "encrypt": ("kmstool.cli.commands.encrypt:encrypt", "Encrypt up to 4,096 bytes under a key."),
    "envelope": ("kmstool.cli.commands.envelope.group:envelope", "Encrypt files and streams of any size."),
    "exec": ("kmstool.cli.commands.exec:exec_", "Run a command with secrets in its environment."),
    "fingerprint": (
        "kmstool.cli.commands.fingerprint.group:fingerprint",
        "Show this device's fingerprint, and bind keys to devices.",
    ),
    "help": ("kmstool.cli.commands.help:help_", "Explain a topic or a command."),
    "import-material": (
        "kmstool.cli.commands.import_material:import_material",
        "Bring your own key: give a key its material.",
    ),
    "init": ("kmstool.cli.commands.init:init", "Set up kmstool on this machine."),
    "key": ("kmstool.cli.commands.key.group:key", "Create, list, name, disable and rotate keys."),
    "local": ("kmstool.cli.commands.local.group:local", "Manage the local KMS."),
    "material": ("kmstool.cli.commands.material.group:material", "Bring your own key step by step."),
    "migrate": ("kmstool.cli.commands.migrate.group:migrate", "Move ciphertexts out of the KMS of 2017."),
    "profile": ("kmstool.cli.commands.profile.group:profile", "Choose which KMS, region, key and credentials to use."),
    "public-key": ("kmstool.cli.commands.public_key:public_key", "Print the public key of an asymmetric key."),
    "random": ("kmstool.cli.commands.random:random", "Print random bytes made by KMS."),
    "reencrypt": ("kmstool.cli.commands.reencrypt:reencrypt", "Move a blob to a newer or other key."),
    "rotate": ("kmstool.cli.commands.rotate.group:rotate", "Move ciphertexts in files to another key."),
    "shell": ("kmstool.cli.commands.shell:shell", "Run commands in one session, without starting anew."),
    "sign": ("kmstool.cli.commands.sign:sign", "Sign a file or stdin with a key in KMS."),
    "verify": ("kmstool.cli.commands.verify:verify", "Check a signature over a file or stdin."),
    "version": ("kmstool.cli.commands.version:version", "Print the version."),
    "whitebox": (
        "kmstool.cli.commands.whitebox.group:whitebox",
        "Encrypt in KMS for programs that decrypt without it.",
    ),
}

# What loaders of shared libraries say; no class or number tells it from a library that is damaged.
_NO_ROOM_FOR_A_LIBRARY = ("failed to map segment", "allocate memory", "out of memory")

HANGUP, INTERRUPTED, TERMINATED, CLOSED_PIPE = 129, 130, 143, 141


class _Stopped(BaseException):
    """A signal asked the program to end; carries the exit code, lets every `finally` run."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code


@click.command(cls=LazyGroup, table=COMMANDS, sectioned=True, name="kmstool")
@click.version_option(__version__, "--version", "-V", message="kmstool %(version)s")
def root() -> None:
    """Keys, encryption and signatures with Tencent Cloud KMS.

    Results go to stdout, messages to stderr. With --profile local everything happens in
    a local KMS on this machine; after kmstool init --local too, unless credentials
    of Tencent Cloud are in the environment.
    """


def command_line() -> int:
    """Run kmstool on `sys.argv` and return its exit code; nothing is raised."""
    session = Session(os.environ, sys.argv[1:])
    try:
        exit_code = run(session)
        session.ended = True
        return exit_code
    except (KeyboardInterrupt, _Stopped):
        # What was not written yet is given up: its reader may be what does not go on.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return session.stopped or INTERRUPTED


def run_inside(session: Session) -> int:
    """Run a command as `command_line` does, inside an interactive session: a signal ends the command alone."""
    try:
        exit_code = run(session)
        session.ended = True
        return exit_code
    except (KeyboardInterrupt, _Stopped):
        return session.stopped or INTERRUPTED


def run(session: Session) -> int:
    """Run the command that the words of a session are, and return its exit code; only signals are raised."""
    try:
        return _run(session)
    except (KeyboardInterrupt, _Stopped):
        from kmstool.cli import stops

        stops.tell(session)
        raise


def _run(session: Session) -> int:
    try:
        prepare_streams()
        _prepare_signals(session)
        with warnings.catch_warnings(), root.make_context("kmstool", list(session.words), obj=session) as ctx:
            _prepare_warnings(session)
            root.invoke(ctx)
        sys.stdout.flush()
        session.finish(is_done=True)
    except DryRunDone:
        return _flushed(session)
    except click.exceptions.Exit as end:
        return _without_stdout(end.exit_code) if end.exit_code else _flushed(session)
    except BrokenPipeError:
        return _without_stdout(CLOSED_PIPE)
    except Exception as error:
        if session.stopped:
            # In some places Python turns what a signal raises into another exception.
            raise _Stopped(session.stopped) from error
        return _report(session, _translated(session, error))
    return session.stopped


def _flushed(session: Session) -> int:
    """End a run that stopped early and well, such as `--help`."""
    try:
        sys.stdout.flush()
        session.finish()
    except BrokenPipeError:
        return _without_stdout(CLOSED_PIPE)
    except OSError as error:
        return _report(session, _translated(session, error))
    return 0


def _translated(session: Session, error: Exception) -> KmsToolError:
    if isinstance(error, (ArgumentError, click.ClickException)):
        return _usage_error(session, error)
    if isinstance(error, KmsToolError):
        return error
    if session.settings.debug:
        import traceback

        traceback.print_exception(error)
    if _is_out_of_memory(error):
        return OutputError("out of memory")
    if isinstance(error, OSError):
        return OutputError(f"cannot read or write: {(error.strerror or str(error)).lower()}")
    if isinstance(error, RecursionError):
        # Nothing here calls itself but for what it reads.
        return InputError("the input is nested too deeply")
    return KmsToolError(f"unexpected {type(error).__name__}", hint="run it again with --debug and report what it shows")


def _is_out_of_memory(error: BaseException | None) -> bool:
    """Return whether memory was refused, to Python, to the system or to the loader of libraries, here or in a cause."""
    while error is not None:
        # The interpreter's own code at times loses a `MemoryError`, which is then a `SystemError`.
        if isinstance(error, (MemoryError, SystemError)):
            return True
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            return True
        if isinstance(error, ImportError) and any(words in str(error).lower() for words in _NO_ROOM_FOR_A_LIBRARY):
            return True
        error = error.__cause__ or error.__context__
    return False


def _usage_error(session: Session, error: ArgumentError | click.ClickException) -> UsageError:
    if isinstance(error, ArgumentError):
        return UsageError(error.message, hint=error.hint, reason=error.reason, facts=error.facts)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        if not _wants_json(session.words):
            with contextlib.suppress(OSError):
                print(error.format_message(), file=sys.stderr)
        return UsageError("a command is missing")
    from kmstool.cli import plain_words, suggestions

    # Not what click makes of it: what is near is the hint.
    message = plain_words.plain(error.message if suggestions.is_unknown(error) else error.format_message()).rstrip(".")
    ctx = getattr(error, "ctx", None)
    hint = suggestions.hint_of(error) or (f"see {ctx.command_path} --help" if ctx else None)
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _report(session: Session, error: KmsToolError) -> int:
    from kmstool.cli.failures import hint_for
    from kmstool.cli.hints import error_fields

    message, hint = error.message, hint_for(session, error)
    if session.used_local:
        message += f" ({LOCAL_NOTE})"
    with contextlib.suppress(OSError, KmsToolError):
        # What was printed before the failure comes first, and a full disk must not hide the message.
        sys.stdout.flush()
        session.tell_answers()
    if session.settings.format == "json" or (isinstance(error, UsageError) and _wants_json(session.words)):
        import json

        with contextlib.suppress(OSError):
            print(
                json.dumps({"error": {**error_fields(error), "message": message, "hint": hint}}),
                file=sys.stderr,
                flush=True,
            )
    else:
        say(f"error: {message}" + (f" [{error.kms_code}]" if error.kms_code else ""))
        if hint:
            say(f"hint: {hint}")
        # What the local KMS calls a request nobody can be asked about.
        if error.request_id and (session.settings.verbose or not session.used_local):
            say(f"request id: {error.request_id}")
    return _without_stdout(error.exit_code)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Read the last `--format` from the words themselves: the error may be that they do not parse."""
    words = list(itertools.takewhile(lambda word: word != "--", arguments))
    values = [after for word, after in itertools.pairwise([*words, ""]) if word == "--format"]
    asked = [(words.index("--format"), value) for value in values[-1:]]
    asked += [(index, word.partition("=")[2]) for index, word in enumerate(words) if word.startswith("--format=")]
    return max(asked, default=(0, ""))[1] == "json"


def _without_stdout(exit_code: int) -> int:
    """Return the code after giving up stdout: the interpreter flushes it at exit and would complain once more."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return exit_code


def _prepare_warnings(session: Session) -> None:
    """Let the user hear what the library warns of, whatever Python was told to do with warnings."""
    show = warnings.showwarning

    def tell(message: Warning | str, category: type[Warning], *origin: Any, **settings: Any) -> None:
        if issubclass(category, MountWarning):
            session.warn(str(message))
        else:
            show(message, category, *origin, **settings)

    warnings.showwarning = tell
    warnings.simplefilter("always", MountWarning)


def _prepare_signals(session: Session) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        if session.kept is not None and number == signal.SIGINT and (session.ended or session.stopped):
            # An interactive session goes on, however often.
            if session.ended:
                return
            raise KeyboardInterrupt
        if session.stopped or session.ended:
            # The second one ends at once, whatever still waits: a lock, a pipe that nobody reads.
            # So does one that comes when the command is through, where nobody would catch what is raised.
            signals.end_by(number)
        session.stopped = 128 + number
        # Click's prompts know what Python itself makes of Ctrl-C.
        raise KeyboardInterrupt if number == signal.SIGINT else _Stopped(session.stopped)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup asks that a hang-up be ignored, and a shell that background jobs do not hear Ctrl-C.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
