"""Whole folders of envelopes: one data key for many small files, and a sealed list of what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kmstool.cli import recipients, whole_folders
from kmstool.cli.envelope_files import SUFFIX, is_name, unarmored
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.folder_sealing import Sealer, created, manifest_of
from kmstool.cli.io import inputs
from kmstool.cli.processes import Outcome, in_order, in_processes, no_client
from kmstool.cli.session.session import Session
from kmstool.cli.whole_folders import Found, Report
from kmstool.errors import InputError, KmsToolError, UsageError

if TYPE_CHECKING:
    from kmstool.envelope.manifest import Manifest
    from kmstool.envelope.recipients import Identity
    from kmstool.system.beneath import Beneath

_OF_ONE_FILE = {"context": "context", "detached": "detached", "span": "range", "verify_first": "verify-first"}
"""What `envelope decrypt` and `verify` take for a single file only: parameters, with the options that they are."""


def encrypt(
    session: Session,
    make: Callable[[], EncryptJob],
    name: str | None,
    out: str | None,
    spared: Sequence[str],
    *,
    dek_per_file: bool,
    force: bool,
    manifest: bool,
) -> None:
    """Encrypt every regular file below a folder into another folder, under the same names with .kte.

    None of the `spared` files is replaced. An envelope that is there already is kept if it is
    that of the file as it is now. With `manifest`, a sealed list of all of them is written.
    """
    from kmstool.system.beneath import Beneath

    source, target = whole_folders.pair(name, out)
    found = whole_folders.walk(session, source)
    sealer = Sealer.of(
        session, make(), Beneath(source), Beneath(target), listed=manifest, spared=spared, dek_per_file=dek_per_file,
        force=force,
    )  # fmt: skip
    report = Report(session, source, "encrypted")
    if session.settings.dry_run:
        report.of_files(len(found.paths), found.unread, ())
        report.check()
        session.note(f"dry run: {len(found.paths)} files would be encrypted into {target}")
        return
    # Only this process can ask KMS.
    outcomes = (in_order if dek_per_file else in_processes)(found.paths, sealer.seal)
    report.of_files(len(found.paths), found.unread, outcomes)
    if manifest:
        try:
            sealer.write_manifest([*found.unread, *outcomes])
        except KmsToolError as error:
            session.warn(f"the manifest: {error.message}")
            report.wrong.append("the manifest was not written")
    report.check()
    kept = sum(outcome.word == Sealer.KEPT for outcome in outcomes)
    were_there = f", and {kept} were there already" if kept else ""
    session.note(f"{len(outcomes) - kept} files were encrypted{were_there}")


def decrypt(
    session: Session, name: str | None, out: str | None, *, private_keys: tuple[str, ...], force: bool, **choices: Any
) -> None:
    """Open every .kte below a folder into another folder, under the same names without .kte."""
    from kmstool.system.beneath import Beneath

    source, target = whole_folders.pair(name, out)
    opener = _opener(session, source, Beneath(target), private_keys, force=force, **choices)
    found = _envelopes(session, source)
    if session.settings.dry_run:
        report = Report(session, source, "decrypted")
        report.of_files(len(found.paths), found.unread, ())
        report.check()
        session.note(f"dry run: {len(found.paths)} files would be decrypted into {target}")
        return
    count = _open_all(opener, found, Report(session, source, "decrypted"), manifest=choices["manifest"])
    session.note(f"{count} files were decrypted")


def verify(session: Session, name: str | None, *, private_keys: tuple[str, ...], **choices: Any) -> int:
    """Authenticate every .kte below a folder, and what the manifest says of all; return how many there are."""
    source = whole_folders.named(name, hint="kmstool envelope verify -r DIR")
    opener = _opener(session, source, None, private_keys, force=False, **choices)
    return _open_all(
        opener, _envelopes(session, source), Report(session, source, "verified"), manifest=choices["manifest"]
    )


@dataclass(slots=True)
class _Opener:
    """Opens envelopes of one folder into another, or into nothing to verify them."""

    session: Session
    source: Beneath
    target: Beneath | None
    identities: list[Identity]
    spared: tuple[str, ...]
    force: bool
    ignore_path: bool
    manifest: Manifest | None = None

    def open(self, path: str) -> Outcome:
        """Open one envelope, if it is the one that belongs at this place."""
        import os

        from kmstool.envelope.sealing import Source

        if not is_name(os.path.basename(path).removesuffix(SUFFIX)):
            raise InputError(f"nothing is left of its name without {SUFFIX}")
        if self.target is not None:
            inputs.spare(str(self.target.root / path.removesuffix(SUFFIX)), *self.spared)
        try:
            descriptor = self.source.open(path)
        except OSError as error:
            raise inputs.unreadable(str(self.source.root / path), error) from error
        try:
            return self._opened(path, Source.of(descriptor))
        finally:
            os.close(descriptor)
            self.session.deadline.renew()

    def _opened(self, path: str, source: Any) -> Outcome:
        from kmstool.envelope import manifest, sealing
        from kmstool.envelope.recipients import unlock

        name = path.removesuffix(SUFFIX)
        envelope = sealing.open_envelope(unarmored(source))
        floe = unlock(envelope.header, envelope.floe_header, self.identities)[0]
        digest = manifest.digest_of(envelope.header, envelope.floe_header)
        if not self.ignore_path:
            manifest.check_path(envelope.header, name)
        if self.manifest and self.ignore_path:
            self.manifest.check_anywhere(digest)
        elif self.manifest:
            self.manifest.check(name, digest)
        if self.target is None:
            sealing.verify(envelope, floe, lambda _: None)
        else:
            with created(self.target, name, replace=self.force) as out:
                sealing.unseal(envelope, floe, out.fileno(), lambda _: None)
        belongs = manifest.BELONGS in manifest.facts_of(envelope.header)
        return Outcome(path, digest, manifest.BELONGS if belongs else "")


def _opener(
    session: Session,
    source: Path,
    target: Beneath | None,
    private_keys: tuple[str, ...],
    *,
    keys: tuple[str, ...],
    force: bool,
    ignore_path: bool,
    **choices: Any,
) -> _Opener:
    from kmstool.system.beneath import Beneath

    for choice, option in _OF_ONE_FILE.items():
        if choices.get(choice) not in (None, False, ()):
            raise UsageError(f"--recursive and --{option} exclude each other")
    identities = recipients.identities(session, keys, private_keys)
    return _Opener(session, Beneath(source), target, identities, private_keys, force, ignore_path)


def _envelopes(session: Session, source: Path) -> Found:
    from kmstool.envelope.manifest import NAME

    found = whole_folders.walk(session, source, SUFFIX)
    return replace(found, paths=[path for path in found.paths if path != NAME + SUFFIX])


def _open_all(opener: _Opener, found: Found, report: Report, *, manifest: bool) -> int:
    """Open all that belongs to the folder and return how many; raise `PartialError` if one fails, lacks or is extra."""
    if manifest:
        opener.manifest = manifest_of(opener.source, opener.identities)
    extra = set()
    if opener.manifest and not opener.ignore_path:
        extra = {path for path in found.paths if path.removesuffix(SUFFIX) not in opener.manifest.files}
    paths = [path for path in found.paths if path not in extra]
    # The first one alone: most often its DEK is that of all.
    outcomes = in_order(paths[:1], opener.open)
    outcomes += in_processes(paths[1:], opener.open, lambda: _keep_to_known_deks(opener.identities))
    report.of_files(len(found.paths), found.unread, outcomes)
    report.of_names(extra, "it is extra: the manifest does not list it", "extra")
    if manifest:
        _tell_missing(opener, found, outcomes, report)
    report.check()
    return len(paths)


def _tell_missing(opener: _Opener, found: Found, outcomes: Sequence[Outcome], report: Report) -> None:
    """Tell what the manifest lists and is not there, or that there is no manifest."""
    from kmstool.envelope.manifest import BELONGS, NAME

    listed = opener.manifest
    if listed is None and any(outcome.word == BELONGS for outcome in outcomes):
        report.wrong.append(
            f"{NAME}{SUFFIX} is missing, which the files say there is: what else is missing is not known"
        )
    elif listed is None and not found.paths:
        # Who takes all away takes the manifest too; of a folder without files there would be one.
        report.wrong.append(f"{opener.source.root} has neither an envelope nor a manifest")
    elif listed is None:
        report.session.warn("the folder has no manifest: files that are missing or extra are not noticed")
    elif opener.ignore_path:
        missing = listed.missing_anywhere([outcome.digest for outcome in outcomes])
        report.of_names(missing, "it is missing, or was not opened", "missing")
    else:
        missing = listed.missing([path.removesuffix(SUFFIX) for path in found.paths])
        report.of_names(missing, "it is missing: the manifest lists it", "missing")


def _keep_to_known_deks(identities: list[Identity]) -> None:
    from kmstool.kms.cmk_recipients import CmkIdentity

    for identity in identities:
        if isinstance(identity, CmkIdentity):
            identity.client_of = no_client
