"""One file of a folder after the other becomes an envelope in another folder, and the list of all of them the last one."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, ClassVar

from kmstool.cli import recipients
from kmstool.cli.envelope_files import SUFFIX
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.hints import hint_of
from kmstool.cli.io import inputs
from kmstool.cli.processes import Outcome
from kmstool.cli.session.session import Session
from kmstool.errors import AccessError, InputError, KmsToolError, OutputError, UsageError

if TYPE_CHECKING:
    from kmstool.envelope.manifest import Manifest
    from kmstool.envelope.recipients import Identity
    from kmstool.envelope.stanzas import Stanza
    from kmstool.system.beneath import Beneath


@dataclass(frozen=True, slots=True)
class Sealer:
    """How the files of a folder are sealed, and into which other one."""

    KEPT: ClassVar[str] = "kept"
    """The word of an envelope that was there already."""

    session: Session
    job: EncryptJob
    source: Beneath
    target: Beneath
    spared: Sequence[str]
    dek_per_file: bool
    force: bool

    @classmethod
    def of(
        cls,
        session: Session,
        job: EncryptJob,
        source: Beneath,
        target: Beneath,
        *,
        listed: bool,
        spared: Sequence[str],
        dek_per_file: bool,
        force: bool,
    ) -> Sealer:
        """Return a sealer; raise `UsageError` for a job that is none of many files. `listed` says a manifest follows."""
        from kmstool.envelope.manifest import BELONGS, NAME, PATH

        if job.armor or job.detached:
            raise UsageError("--recursive excludes --armor and --detached")
        for fact in (PATH, BELONGS):
            if fact in job.facts:
                raise UsageError(f"--recursive gives each file the fact {fact} itself; --aad cannot set it")
        facts = {**job.facts, BELONGS: NAME + SUFFIX} if listed else job.facts
        return cls(session, replace(job, facts=facts), source, target, spared, dek_per_file, force)

    def seal(self, path: str) -> Outcome:
        """Make the envelope of one file, unless it is there already."""
        from kmstool.envelope.manifest import NAME

        if path == NAME:
            raise InputError("its name is that of the manifest, which is made anew")
        inputs.spare(str(self.target.root / (path + SUFFIX)), *self.spared)
        try:
            descriptor = self.source.open(path)
        except OSError as error:
            raise inputs.unreadable(str(self.source.root / path), error) from error
        try:
            kept = None if self.force else self._kept(descriptor, path)
            return Outcome(path, kept, self.KEPT) if kept else Outcome(path, self._made(descriptor, path))
        finally:
            os.close(descriptor)
            self.session.deadline.renew()

    def write_manifest(self, outcomes: Sequence[Outcome]) -> None:
        """Write the list of all files, with those of a list that is there already unless it is to be replaced."""
        from kmstool.envelope import sealing
        from kmstool.envelope.manifest import NAME, PATH, Manifest

        listed: dict[str, str | None] = {outcome.path: outcome.digest or None for outcome in outcomes}
        if not self.force and (former := self._former()) is not None:
            if {**former.files, **listed} == former.files:
                return
            listed = {**former.files, **listed}
        inputs.spare(str(self.target.root / (NAME + SUFFIX)), *self.spared)
        data = Manifest(listed).encode()
        head = self.job.header(len(data), to_file=True, facts={**self.job.facts, PATH: NAME})
        with created(self.target, NAME + SUFFIX, replace=True) as out:
            sealing.seal(
                self.job.dek, head, sealing.Source(io.BytesIO(data).readinto, size=len(data)), out.fileno(), _quiet
            )

    def _former(self) -> Manifest | None:
        try:
            return manifest_of(self.target, recipients.identities(self.session))
        except AccessError as error:
            self.session.warn(f"{error.message}: the new one lists the files of this folder only")
            return None

    def _made(self, descriptor: int, path: str) -> str:
        from kmstool.envelope import sealing
        from kmstool.envelope.manifest import PATH, digest_of

        job = self.job
        if self.dek_per_file:
            dek, stanzas = job.again()
            job = replace(job, dek=dek, stanzas=stanzas)
        content = sealing.Source.of(descriptor)
        head = job.header(content.size, to_file=True, facts={**job.facts, PATH: path})
        with created(self.target, path + SUFFIX, replace=self.force) as out:
            return digest_of(head, sealing.seal(job.dek, head, content, out.fileno(), _quiet))

    def _kept(self, descriptor: int, path: str) -> str | None:
        """Return the digest of the envelope that is there already, None for none; raise `OutputError` for something else."""
        place = path + SUFFIX
        try:
            there = self.target.open(place)
        except OSError:
            # There is none, or making it tells what is wrong with its place.
            return None
        try:
            digest = _digest_if_of(there, descriptor, self.job, path)
        finally:
            os.close(there)
        if digest is None:
            raise OutputError(
                f"cannot write {self.target.root / place}: it exists already, and is not the whole envelope "
                "of this file as it is now for these recipients"
            )
        return digest


def _digest_if_of(there: int, descriptor: int, job: EncryptJob, path: str) -> str | None:
    """Return the digest of an envelope if it is a whole one of this file, made by such a job since the file changed.

    It is not opened: the caller need not be one who may decrypt, and its content is taken on trust.
    """
    from kmstool.envelope import sealing
    from kmstool.envelope.manifest import BELONGS, PATH, digest_of, facts_of

    made, changed = os.fstat(there), os.fstat(descriptor)
    try:
        found = sealing.open_envelope(sealing.Source.of(there))
    except KmsToolError:
        return None
    head = found.header
    facts = {name: value for name, value in facts_of(head).items() if name != BELONGS}
    wanted = {name: value for name, value in {**job.facts, PATH: path}.items() if name != BELONGS}
    same = (
        found.is_consistent
        and found.plaintext_bytes == changed.st_size
        and made.st_mtime_ns >= max(changed.st_mtime_ns, changed.st_ctime_ns)
        and (facts, head.prologue.context, head.suite) == (wanted, job.context, job.suite)
        and [_names(stanza) for stanza in head.stanzas] == [_names(stanza) for stanza in job.stanzas]
    )
    return digest_of(head, found.floe_header) if same else None


def _names(stanza: Stanza) -> tuple[object, ...]:
    """Return what says for whom a record is."""
    from kmstool.envelope.stanzas import FINGERPRINT, KEY_ID, REGION

    return stanza.kind, *(stanza.fields.get(number) for number in (REGION, KEY_ID, FINGERPRINT))


def manifest_of(folder: Beneath, identities: Sequence[Identity]) -> Manifest | None:
    """Open the manifest of a folder; None if there is none. Raises what opening it raises, with its name."""
    from kmstool.envelope.manifest import NAME, opened
    from kmstool.envelope.sealing import Source

    try:
        descriptor = folder.open(NAME + SUFFIX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise inputs.unreadable(str(folder.root / (NAME + SUFFIX)), error) from error
    try:
        return opened(Source.of(descriptor), identities)
    except KmsToolError as error:
        failure = error.retold(f"the manifest {NAME}{SUFFIX}: {error.message}")
        failure.hint = hint_of(error) or "--no-manifest does without it: what is missing or extra is not noticed then"
        raise failure from error
    finally:
        os.close(descriptor)


@contextmanager
def created(folder: Beneath, path: str, *, replace: bool) -> Iterator[BinaryIO]:
    """Make a file below a folder, and the folders that it is in, as `atomic.create` does; no link is followed."""
    from kmstool.system import atomic

    place = folder.root / path
    try:
        within = folder.folder_of(path, make=True)
    except OSError as error:
        raise atomic.fault(place.parent, error) from error
    with atomic.create(place, replace=replace, durable=False, within=within) as out:
        yield out


def _quiet(_: int) -> None:
    """Show no progress."""
