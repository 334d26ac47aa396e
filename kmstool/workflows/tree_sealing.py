"""One file of a folder after the other becomes an envelope in another folder, and the list of all of them the last one."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kmstool.api import context as contexts
from kmstool.envelope import manifest, sealing
from kmstool.envelope.manifest import BELONGS, NAME, PATH, Manifest
from kmstool.envelope.recipients import Identity, WrappedDek
from kmstool.envelope.sealing import Source
from kmstool.envelope.stanzas import KEY_DIGEST, KEY_ID, REGION, Stanza
from kmstool.errors import AccessError, InputError, KmsToolError, OutputError, Reason
from kmstool.system.beneath import Beneath
from kmstool.system.ownership import public_mode
from kmstool.workflows.envelopes import SUFFIX, EncryptOptions, Recipients, ignore
from kmstool.workflows.folders import Report, created_below, refuse_spared
from kmstool.workflows.many import Outcome
from kmstool.workflows.sources import unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEncryptOptions:
    """How the files of a folder become envelopes.

    `dek_per_file` asks KMS for a data key for each; `replace` replaces envelopes that are there, which else
    are kept where they are those of the files; with `manifest` a sealed list of all is written. None of the
    `spared` files is replaced.
    """

    envelope: EncryptOptions = field(default_factory=EncryptOptions)
    dek_per_file: bool = False
    replace: bool = False
    manifest: bool = True
    spared: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if self.envelope.armor:
            raise InputError("the envelopes of a folder have no armor")
        for fact in (PATH, BELONGS):
            if fact in self.envelope.facts:
                raise InputError(f"each file of a folder gets the fact {fact} by itself")


class TreeSealer:
    """The task that makes the envelopes of a folder; where it is unpickled it asks KMS for a data key of its own."""

    def __init__(self, source: Path, target: Path, recipients: Recipients, options: TreeEncryptOptions) -> None:
        self.source, self.target = source, target
        self._recipients, self._options = recipients, options
        self._folders = _Folders(source, target)

    def __reduce__(self) -> tuple[Any, ...]:
        return TreeSealer, (self.source, self.target, self._recipients, self._options)

    @cached_property
    def _dek(self) -> WrappedDek:
        return self._options.envelope.new_dek(self._recipients)

    def prepare(self) -> None:
        """Get the data key of all files before the first one."""
        _ = self._dek

    def forked(self) -> None:
        """Give up the folders that are open: their descriptors' places are the parent's."""
        self._folders = _Folders(self.source, self.target)

    def __call__(self, path: str) -> Outcome:
        """Make the envelope of one file, unless it is there already."""
        if path == NAME:
            raise InputError("its name is that of the manifest, which is made anew")
        refuse_spared(self.target / (path + SUFFIX), self._options.spared)
        try:
            descriptor = self._folders.source.open(path)
        except OSError as error:
            raise unreadable(self.source / path, error) from error
        try:
            kept = None if self._options.replace else self._kept(descriptor, path)
            return Outcome(path, kept, kept=True) if kept else Outcome(path, self._sealed(descriptor, path))
        finally:
            os.close(descriptor)

    def write_manifest(self, outcomes: Sequence[Outcome], identities: Sequence[Identity], warn: Report) -> None:
        """Write the list of all files, with those of a list that is there already unless it is to be replaced."""
        listed: dict[str, str | None] = {outcome.path: outcome.digest or None for outcome in outcomes}
        if not self._options.replace and (former := self._former(identities, warn)) is not None:
            if {**former.files, **listed} == former.files:
                return
            listed = {**former.files, **listed}
        refuse_spared(self.target / (NAME + SUFFIX), self._options.spared)
        data = Manifest(listed).encode()
        head = self._options.envelope.header(self._dek, len(data), to_file=True, facts={**self._belonging, PATH: NAME})
        content = Source(io.BytesIO(data).readinto, size=len(data))
        with created_below(self._folders.target, NAME + SUFFIX, replace=True, mode=public_mode()) as out:
            sealing.seal(self._dek.dek, head, content, out.fileno(), ignore)

    @property
    def _belonging(self) -> dict[str, str]:
        return {BELONGS: NAME + SUFFIX} if self._options.manifest else {}

    def _former(self, identities: Sequence[Identity], warn: Report) -> Manifest | None:
        try:
            return manifest_of(self._folders.target, identities)
        except AccessError as error:
            warn(f"{error.message}: the new one lists the files of this folder only")
            return None

    def _sealed(self, descriptor: int, path: str) -> str:
        how = self._options.envelope
        dek = how.new_dek(self._recipients) if self._options.dek_per_file else self._dek
        content = Source.of(descriptor)
        head = how.header(dek, content.size, to_file=True, facts={**self._belonging, PATH: path})
        with created_below(
            self._folders.target, path + SUFFIX, replace=self._options.replace, mode=public_mode()
        ) as out:
            return manifest.digest_of(head, sealing.seal(dek.dek, head, content, out.fileno(), ignore))

    def _kept(self, descriptor: int, path: str) -> str | None:
        """Return the digest of the envelope that is there already, None for none; raise `OutputError` for something else."""
        try:
            there = self._folders.target.open(path + SUFFIX)
        except OSError:
            # There is none, or making it tells what is wrong with its place.
            return None
        try:
            digest = self._digest_if_whole(there, descriptor, path)
        finally:
            os.close(there)
        if digest is None:
            raise OutputError(
                f"cannot write {self.target / (path + SUFFIX)}: it exists already, and is not the whole envelope "
                "of this file as it is now for these recipients"
            )
        return digest

    def _digest_if_whole(self, there: int, descriptor: int, path: str) -> str | None:
        """Return the digest of an envelope if it is a whole one of this file, made the same way since the file changed.

        It is not opened: the caller need not be one who may decrypt, and its content is taken on trust.
        """
        envelope_stat, file_stat = os.fstat(there), os.fstat(descriptor)
        try:
            envelope = sealing.open_envelope(Source.of(there))
        except KmsToolError:
            return None
        head, how = envelope.header, self._options.envelope
        facts = {name: value for name, value in manifest.facts_of(head).items() if name != BELONGS}
        same = (
            envelope.is_consistent
            and envelope.plaintext_bytes == file_stat.st_size
            and envelope_stat.st_mtime_ns >= max(file_stat.st_mtime_ns, file_stat.st_ctime_ns)
            and (facts, head.prologue.context) == ({**how.facts, PATH: path}, contexts.text_of(how.context))
            and head.suite == how.suite
            and [_names(stanza) for stanza in head.stanzas] == [_names(stanza) for stanza in self._dek.stanzas]
        )
        return manifest.digest_of(head, envelope.floe_header) if same else None


class _Folders(threading.local):
    """The two folders; each thread goes through them at its own pace."""

    def __init__(self, source: Path, target: Path) -> None:
        self.source, self.target = Beneath(source), Beneath(target)


def _names(stanza: Stanza) -> tuple[object, ...]:
    """Return what says for whom a stanza is."""
    return stanza.kind, *(stanza.fields.get(number) for number in (REGION, KEY_ID, KEY_DIGEST))


def manifest_of(folder: Beneath, identities: Sequence[Identity]) -> Manifest | None:
    """Open the manifest of a folder; None if there is none. Raises what opening it raises, with its name."""
    try:
        descriptor = folder.open(NAME + SUFFIX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(folder.root / (NAME + SUFFIX), error) from error
    try:
        return manifest.open_manifest(Source.of(descriptor), identities)
    except KmsToolError as error:
        failure = error.retold(f"the manifest {NAME}{SUFFIX}: {error.message}")
        if failure.hint is None and failure.reason is None:
            failure.reason = Reason.MANIFEST_UNREADABLE
        raise failure from error
    finally:
        os.close(descriptor)
