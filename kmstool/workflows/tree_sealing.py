"""One file of a folder after the other becomes an envelope in another folder, and the list of all of them the last one."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmstool.api import context as contexts
from kmstool.envelope import manifest
from kmstool.envelope.header import Header
from kmstool.envelope.manifest import BELONGS, NAME, PATH, Manifest
from kmstool.envelope.recipients import Identity, WrappedDek
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.envelope.stanzas import KEY_DIGEST, KEY_ID, REGION, Stanza
from kmstool.errors import AccessError, InputError, KmsToolError, OutputError, Reason
from kmstool.storage.places import Place
from kmstool.workflows.envelopes import SUFFIX, EncryptOptions, Recipients
from kmstool.workflows.folders import Report, refuse_spared
from kmstool.workflows.many import Outcome
from kmstool.workflows.shards import Shard
from kmstool.workflows.sources import unreadable
from kmstool.workflows.tree_folders import TreeFile, TreeFolder, envelope_in, folder_of, header_name


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEncryptOptions:
    """How the files of a folder become envelopes.

    `dek_per_file` asks KMS for a data key for each; `replace` replaces envelopes that are there, which else
    are kept where they are those of the files; with `manifest` a sealed list of all is written. None of the
    `spared` files is replaced. Of a `shard` only its files are done, and the list is left to a run over all.
    """

    envelope: EncryptOptions = field(default_factory=EncryptOptions)
    dek_per_file: bool = False
    replace: bool = False
    manifest: bool = True
    spared: tuple[Path, ...] = ()
    shard: Shard | None = None

    def __post_init__(self) -> None:
        if self.envelope.armor:
            raise InputError("the envelopes of a folder have no armor")
        for fact in (PATH, BELONGS):
            if fact in self.envelope.facts:
                raise InputError(f"each file of a folder gets the fact {fact} by itself")


class TreeSealer:
    """The task that makes the envelopes of a folder; each process asks KMS for a data key of its own."""

    def __init__(self, source: Place, target: Place, recipients: Recipients, options: TreeEncryptOptions) -> None:
        self.source, self.target = folder_of(source), folder_of(target)
        self._recipients, self._options = recipients, options
        self._lock = threading.Lock()
        self._made: WrappedDek | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return TreeSealer, (self.source.root, self.target.root, self._recipients, self._options)

    @property
    def _dek(self) -> WrappedDek:
        with self._lock:
            if self._made is None:
                self._made = self._options.envelope.new_dek(self._recipients)
            return self._made

    def prepare(self) -> None:
        """Get the data key of all files before the first one."""
        _ = self._dek

    def forked(self) -> None:
        """Give up the folders that are open: their descriptors' places are the parent's."""
        self.source, self.target = self.source.renewed(), self.target.renewed()

    def __call__(self, path: str) -> Outcome:
        """Make the envelope of one file, unless it is there already."""
        if path == NAME:
            raise InputError("its name is that of the manifest, which is made anew")
        refuse_spared(self.target.root / (path + SUFFIX), self._options.spared)
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self.source.file(path))
            except OSError as error:
                raise unreadable(self.source.root / path, error) from error
            kept, replace = (None, True) if self._options.replace else self._kept(file, path)
            return Outcome(path, kept, kept=True) if kept else Outcome(path, self._sealed(file, path, replace=replace))

    def write_manifest(self, outcomes: Sequence[Outcome], identities: Sequence[Identity], warn: Report) -> None:
        """Write the list of all files, with those of a list that is there already unless it is to be replaced."""
        listed: dict[str, str | None] = {outcome.path: outcome.digest or None for outcome in outcomes}
        if not self._options.replace and (former := self._former(identities, warn)) is not None:
            if {**former.files, **listed} == former.files:
                return
            listed = {**former.files, **listed}
        refuse_spared(self.target.root / (NAME + SUFFIX), self._options.spared)
        data = Manifest(listed).encode()
        head = self._header(self._dek, len(data), NAME)
        content = Source(io.BytesIO(data).readinto, size=len(data))
        self.target.seal(NAME + SUFFIX, self._dek.dek, head, content, replace=True)

    def _header(self, dek: WrappedDek, size: int | None, path: str) -> Header:
        belonging = {BELONGS: NAME + SUFFIX} if self._options.manifest else {}
        facts = {**belonging, PATH: manifest.stated(path)}
        return self._options.envelope.header(dek, size, to_file=True, detached=self.target.is_remote, facts=facts)

    def _former(self, identities: Sequence[Identity], warn: Report) -> Manifest | None:
        try:
            return manifest_of(self.target, identities)
        except AccessError as error:
            warn(f"{error.message}: the new one lists the files of this folder only")
            return None

    def _sealed(self, file: TreeFile, path: str, *, replace: bool) -> str:
        how = self._options.envelope
        dek = how.new_dek(self._recipients) if self._options.dek_per_file else self._dek
        head = self._header(dek, file.source.size, path)
        return manifest.digest_of(head, self.target.seal(path + SUFFIX, dek.dek, head, file.source, replace=replace))

    def _kept(self, file: TreeFile, path: str) -> tuple[str | None, bool]:
        """Return the digest of the envelope that is there already, None for none, and whether it is to be replaced.

        That is so in a store, whose seconds do not tell which is newer. Raises `OutputError` for something else.
        """
        try:
            with envelope_in(self.target, path + SUFFIX) as (there, envelope):
                digest = self._digest_if_whole(envelope, file, path)
                is_newer = there.is_newer(file)
        except OSError:
            # There is none, or making it tells what is wrong with its place.
            return None, False
        except KmsToolError:
            if self.target.is_remote and not self._has_header(path):
                return None, False
            digest, is_newer = None, False
        if digest and (is_newer or self.target.is_remote):
            return (digest, False) if is_newer else (None, True)
        raise OutputError(
            f"cannot write {self.target.root / (path + SUFFIX)}: it exists already, and is not the whole envelope "
            "of this file as it is now for these recipients"
        )

    def _has_header(self, path: str) -> bool:
        try:
            with self.target.file(header_name(path + SUFFIX)):
                return True
        except FileNotFoundError:
            return False

    def _digest_if_whole(self, envelope: OpenedEnvelope, file: TreeFile, path: str) -> str | None:
        """Return the digest of an envelope if it is a whole one of this file, made the same way.

        It is not opened: the caller need not be one who may decrypt, and its content is taken on trust.
        """
        head, how = envelope.header, self._options.envelope
        facts = {name: value for name, value in manifest.facts_of(head).items() if name != BELONGS}
        same = (
            envelope.is_consistent
            and envelope.plaintext_bytes == file.size
            and (facts, head.prologue.context)
            == ({**how.facts, PATH: manifest.stated(path)}, contexts.text_of(how.context))
            and head.suite == how.suite
            and [_names(stanza) for stanza in head.stanzas] == [_names(stanza) for stanza in self._dek.stanzas]
        )
        return manifest.digest_of(head, envelope.floe_header) if same else None


def _names(stanza: Stanza) -> tuple[object, ...]:
    """Return what says for whom a stanza is."""
    return stanza.kind, *(stanza.fields.get(number) for number in (REGION, KEY_ID, KEY_DIGEST))


def manifest_of(folder: TreeFolder, identities: Sequence[Identity]) -> Manifest | None:
    """Open the manifest of a folder; None if there is none. Raises what opening it raises, with its name."""
    try:
        with envelope_in(folder, NAME + SUFFIX) as (_, envelope):
            return manifest.open_manifest(envelope, identities)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(folder.root / (NAME + SUFFIX), error) from error
    except KmsToolError as error:
        failure = error.retold(f"the manifest {NAME}{SUFFIX}: {error.message}")
        if failure.hint is None and failure.reason is None:
            failure.reason = Reason.MANIFEST_UNREADABLE
        raise failure from error
