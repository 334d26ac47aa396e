"""`kmstool doctor`: what works on this machine, what does not, and what to do about it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool import __version__
from kmstool.cli.failures import hint_for
from kmstool.cli.io import outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.options import Command
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import AccessError, KmsToolError, OutputError

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile

MAX_SKEW_SECONDS = 240

GOOD, BAD, NOTE = "ok", "FAIL", "note"
UNTRIED = "not tried in a dry run"
Finding = tuple[str, str]

_COLUMNS = (Column("CHECK"), Column("", is_state=True), tables.prose("FINDING"))


@click.command(cls=Command, example="kmstool doctor --profile local")
@pass_session
def doctor(session: Session) -> None:
    """Check this machine, the credentials and the way to KMS.

    Exits with the code of the first fault. Nothing is changed; a test entry goes into
    the keyring and an empty file into the folders of kmstool, and both are taken out
    again.
    """
    checks: dict[str, Callable[[Session], Finding]] = {
        "versions": _versions,
        "keyring": _keyring,
        "folders": _folders,
        "profile": _profile,
        "endpoint": _endpoint,
        "certificates": _certificates,
        "clock": _clock,
        "permissions": _permissions,
        "files": _files,
        "file system": _file_system,
        "leftovers": _leftovers,
    }
    results, failures = [], []
    for name, check in checks.items():
        try:
            verdict, text = check(session)
        except KmsToolError as error:
            failures.append(error)
            verdict, text = BAD, error.message + (f"; {hint}" if (hint := hint_for(session, error)) else "")
        results.append((name, verdict, text))
    answer = {"Checks": [{"Name": name, "Verdict": verdict, "Text": text} for name, verdict, text in results]}
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, results))
    if failures:
        failed = ", ".join(name for name, verdict, _ in results if verdict == BAD)
        raise type(failures[0])(f"{len(failures)} of {len(results)} checks failed: {failed}")


def _versions(session: Session) -> Finding:
    from importlib.metadata import version

    names = ("certifi", "click", "cryptography", "keyring")
    installed = ", ".join(f"{name} {version(name)}" for name in names)
    return GOOD, f"kmstool {__version__}, Python {sys.version.split()[0]}, {installed}"


def _keyring(session: Session) -> Finding:
    from kmstool.system import keychain

    try:
        name = session.changes.trial(keychain.probe)
    except AccessError as error:
        return NOTE, f"{error.message}; kmstool auth login --store file does without"
    return (GOOD, f"{name} keeps and gives back a secret") if name else (NOTE, UNTRIED)


def _folders(session: Session) -> Finding:
    try:
        return GOOD, f"profiles in {session.config_folder}, the local KMS in {session.local_folder}"
    except OutputError as error:
        # Credentials in the environment need no files.
        return NOTE, f"{error.message}; {error.hint}"


def _profile(session: Session) -> Finding:
    profile = session.profile()
    if _in_process(session, profile):
        return GOOD, f"{profile.name}: the local KMS, in process, store {session.local_folder}"
    provider = session.connections.provider(profile)
    return GOOD, f"{profile.name}: {provider.get().masked_id} from {provider.source}"


def _endpoint(session: Session) -> Finding:
    profile = session.profile()
    if _in_process(session, profile):
        return GOOD, "none needed"
    from kmstool.kms.transport import probe

    reached = probe.probe(session.endpoint(profile), session.settings.timeout)
    return GOOD, f"{reached.host} answers in {reached.milliseconds:.0f} ms"


def _certificates(session: Session) -> Finding:
    profile = session.profile()
    if _in_process(session, profile):
        return GOOD, "none needed"
    from kmstool.kms.transport import probe, trust

    trusted = trust.certificates().shown
    fault = probe.strict_fault(session.endpoint(profile), session.settings.timeout)
    if fault:
        return NOTE, (
            f"trusted by {trusted}, but not made as RFC 5280 wants it ({fault}): kmstool takes it, "
            "programs that read certificates strictly, as Python does since 3.13, refuse it; its CA can make a better one"
        )
    return GOOD, f"trusted by {trusted}"


def _clock(session: Session) -> Finding:
    profile = session.profile()
    if _in_process(session, profile):
        return GOOD, "none needed"
    from kmstool.kms.transport import probe

    skew = probe.probe(session.endpoint(profile), session.settings.timeout).skew_seconds
    if skew is None:
        return NOTE, "the service does not tell its time"
    if abs(skew) > MAX_SKEW_SECONDS:
        raise AccessError(
            f"the clock of this machine is {skew:+.0f} s off; signatures are accepted within 300 s",
            hint="set the clock",
        )
    return GOOD, f"{skew:+.0f} s off"


def _permissions(session: Session) -> Finding:
    session.transport().call("ListKeyDetail", {"Limit": 1})
    if _in_process(session, session.profile()):
        session.local_kms().unlock()
        return GOOD, "keys may be listed, and the root key opens the store"
    return GOOD, "keys may be listed"


def _files(session: Session) -> Finding:
    from kmstool.cli import file_checks

    return GOOD, file_checks.owners(session)


def _file_system(session: Session) -> Finding:
    from kmstool.cli import file_checks

    lacks = session.changes.trial(lambda: file_checks.lacks(session))
    if lacks is None:
        return NOTE, UNTRIED
    if lacks:
        return NOTE, "; ".join(lacks)
    folders = ", ".join(map(str, file_checks.made_folders(session)))
    return GOOD, f"files appear whole or not at all in {folders}" if folders else "nothing was made yet"


def _leftovers(session: Session) -> Finding:
    from kmstool.cli import file_checks

    secrets = _of_tccli(session.environment.home / ".tccli") if session.environment.home else []
    notes = ["secrets in plaintext: " + ", ".join(secrets)] if secrets else []
    if left := file_checks.left(session):
        notes.append("of commands that were killed, removed by the next that writes there: " + ", ".join(left))
    if not notes:
        return GOOD, "no secrets of tccli lie in plaintext in this home, and no command left temporary files"
    return NOTE, "; ".join(notes)


def _of_tccli(folder: Path) -> list[str]:
    secrets = []
    # In the home of another user there may be some that cannot be seen.
    with suppress(OSError):
        secrets = [str(path) for path in sorted(folder.glob("*.credential"))]
    log = folder / "log" / "tccli.log"
    if os.path.exists(log):
        secrets.append(f"{log} (every command line of tccli, secrets included)")
    return secrets


def _in_process(session: Session, profile: Profile) -> bool:
    return profile.is_local and not session.endpoint(profile)
