"""Whole folders of envelopes: one data key for many small files, and one process a core."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from kmstool.cli import files, recipients
from kmstool.cli.envelope_files import SUFFIX
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.session import Session
from kmstool.errors import KmsToolError, PartialError, UsageError

_OF_ONE_FILE = {"context": "context", "detached": "detached", "span": "range", "verify_first": "verify-first"}
"""What `envelope decrypt` takes for a single file only: parameters, with the options that they are."""

_Failures = list[tuple[str, str | None]]
"""Paths, each with what went wrong; None for what only the parent can do."""


class _NeedsKms(BaseException):
    """A forked process would have to ask KMS, over a connection that is its parent's."""


def encrypt(
    session: Session,
    make: Callable[[], EncryptJob],
    name: str | None,
    out: str | None,
    spared: Sequence[str],
    *,
    dek_per_file: bool,
    force: bool,
) -> None:
    """Encrypt every regular file below a folder into another folder, under the same names with .kte.

    None of the `spared` files is replaced.
    """
    source, target = _folders(name, out)
    paths, unread = _walk(session, source)
    job = make()
    if job.armor or job.detached:
        raise UsageError("--recursive excludes --armor and --detached")
    if "path" in job.facts:
        raise UsageError("--recursive gives each file the fact path, its own path; --aad cannot set it")

    def one(path: str) -> None:
        own = job
        files.spare(str(target / (path + SUFFIX)), *spared)
        if dek_per_file:
            dek, stanzas = job.again()
            own = replace(job, dek=dek, stanzas=stanzas)
        _encrypt_one(own, source, target, path, force=force)
        session.deadline.renew()

    def work() -> _Failures:
        return _in_order(paths, one) if dek_per_file else _in_processes(paths, one)

    _do(session, "encrypted", (source, target), paths, unread, work)


def decrypt(
    session: Session,
    name: str | None,
    out: str | None,
    *,
    keys: tuple[str, ...],
    private_keys: tuple[str, ...],
    force: bool,
    **choices: Any,
) -> None:
    """Open every .kte below a folder into another folder, under the same names without .kte."""
    from kmstool.cli.envelope_files import opened
    from kmstool.envelope.recipients import unlock
    from kmstool.kms.recipient import CmkIdentity

    source, target = _folders(name, out)
    for choice, option in _OF_ONE_FILE.items():
        if choices[choice] not in (None, False, ()):
            raise UsageError(f"--recursive and --{option} exclude each other")
    paths, unread = _walk(session, source, SUFFIX)
    identities = recipients.identities(session, keys, private_keys)

    def one(path: str) -> None:
        from kmstool import atomic
        from kmstool.envelope import file as whole

        with opened(session, str(source / path), None) as found:
            envelope = found.envelope
            floe = unlock(envelope.header, envelope.floe_header, identities)[0]
            place = target / path.removesuffix(SUFFIX)
            files.spare(str(place), *private_keys)
            _make_folder(place.parent)
            with atomic.create(place, replace=force, durable=False) as file:
                whole.unseal(envelope, floe, file.fileno(), lambda _: None)
        session.deadline.renew()

    def keep_to_known_deks() -> None:
        for identity in identities:
            if isinstance(identity, CmkIdentity):
                identity.client_of = _no_client

    def work() -> _Failures:
        # The first one alone: most often its DEK is that of all.
        return _in_order(paths[:1], one) + _in_processes(paths[1:], one, keep_to_known_deks)

    _do(session, "decrypted", (source, target), paths, unread, work)


def _encrypt_one(job: EncryptJob, source: Path, target: Path, path: str, *, force: bool) -> None:
    from kmstool import atomic
    from kmstool.envelope import file as whole

    place = target / (path + SUFFIX)
    try:
        descriptor = os.open(source / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise files.unreadable(str(source / path), error) from error
    try:
        _make_folder(place.parent)
        content = whole.Source.of(descriptor)
        head = job.header(content.size, to_file=True, facts={**job.facts, "path": path})
        with atomic.create(place, replace=force, durable=False) as file:
            whole.seal(job.dek, head, content, file.fileno(), lambda _: None)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    from kmstool import atomic

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.fault(folder, error) from error


def _folders(name: str | None, out: str | None) -> tuple[Path, Path]:
    if "" in (name, out):
        raise UsageError("an empty name is no folder", hint="is a variable not set? . means the working folder")
    if files.STDIN in (name, out):
        raise UsageError("no folder goes to stdout or comes from stdin", hint="a folder of that name is ./-")
    if name is None or out is None or not Path(name).is_dir():
        raise UsageError(
            "--recursive needs a folder and -o with another", hint="kmstool envelope encrypt -r DIR -o OUT"
        )
    source, target = Path(name).resolve(), Path(out).resolve()
    if target == source or target.is_relative_to(source) or source.is_relative_to(target):
        raise UsageError(f"{name} and {out} lie within each other", hint="choose a folder elsewhere")
    return source, target


def _walk(session: Session, folder: Path, suffix: str = "") -> tuple[list[str], _Failures]:
    """Return the regular files below a folder, relative to it, in order, and what cannot be seen.

    Links, pipes and the like are left out, and the user is told how many. Raises `InputError` if the folder itself cannot be read.
    """
    found: list[str] = []
    others = 0
    unread: _Failures = []

    def unreadable(error: OSError) -> None:
        fault, path = files.unreadable(error.filename, error), os.path.relpath(error.filename, folder)
        if path == os.curdir:
            raise fault from error
        unread.append((path, fault.message))

    for base, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        others += sum(os.path.islink(os.path.join(base, name)) for name in folders)
        for path in (os.path.join(base, name) for name in sorted(names) if name.endswith(suffix)):
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    found.append(os.path.relpath(path, folder))
                else:
                    others += 1
            except OSError as error:
                unreadable(error)
    if others:
        session.note(f"{others} links and special files in {folder} are left out")
    return found, unread


def _do(
    session: Session,
    what: str,
    folders: tuple[Path, Path],
    paths: list[str],
    unread: _Failures,
    work: Callable[[], _Failures],
) -> None:
    """Do the work, unless it is a dry run, and say what of the first folder was, or would be, done into the second.

    Raises `PartialError` if anything failed or could not be read.
    """
    source, target = folders
    dry_run = session.settings.dry_run
    failures = unread + ([] if dry_run else work())
    for path, message in failures:
        session.warn(f"{path}: {message}")
    if failures:
        things = "files and folders" if unread else "files"
        count = len(paths) + len(unread)
        raise PartialError(f"{len(failures)} of {count} {things} in {source} were not {what}")
    happened = f"would be {what} into {target}" if dry_run else f"were {what}"
    session.note(f"{'dry run: ' if dry_run else ''}{len(paths)} files {happened}")


def _no_client(region: str) -> NoReturn:
    raise _NeedsKms


def _in_order(paths: list[str], one: Callable[[str], None]) -> _Failures:
    failures: _Failures = []
    for path in paths:
        try:
            one(path)
        except KmsToolError as error:
            failures.append((path, error.message))
        except _NeedsKms:
            failures.append((path, None))
    return failures


def _in_processes(
    paths: list[str], one: Callable[[str], None], prepare: Callable[[], None] = lambda: None
) -> _Failures:
    """Share the paths among a process a core; the parent takes part, and does what its children cannot.

    Forked, so that the DEK is in no message; `prepare` is called in each child.
    """
    from kmstool.envelope.workers import threads_for

    workers = min(threads_for(None), 1 + len(paths) // 64)
    children: list[tuple[int, int]] = []
    try:
        children += [_fork(paths[number::workers], one, prepare) for number in range(1, workers)]
        failures = _in_order(paths[0::workers], one)
        for number, (pid, pipe) in enumerate(children, 1):
            failures += _result(pid, pipe, paths[number::workers])
    except BaseException:
        for pid, _ in children:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)
        raise
    left = [path for path, message in failures if message is None]
    return [(path, message) for path, message in failures if message is not None] + _in_order(left, one)


def _fork(paths: list[str], one: Callable[[str], None], prepare: Callable[[], None]) -> tuple[int, int]:
    import json

    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        prepare()
        with os.fdopen(writing, "w") as report:
            json.dump(_in_order(paths, one), report)
        os._exit(0)
    finally:
        # Whatever happens, the child must not go on as a second parent.
        os._exit(1)


def _result(pid: int, pipe: int, paths: list[str]) -> _Failures:
    import json

    with os.fdopen(pipe) as report:
        text = report.read()
    _, status = os.waitpid(pid, 0)
    try:
        found = [(path, message) for path, message in json.loads(text)]
    except ValueError:
        found = []
        status = status or 1
    return found if status == 0 else [(path, "the process that had it ended early") for path in paths]
