"""One envelope of a folder after the other is opened into another folder, or into nothing to verify it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmstool.envelope import manifest, sealing
from kmstool.envelope.manifest import BELONGS, Manifest
from kmstool.envelope.recipients import Identity, unlock
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.errors import InputError
from kmstool.kms.cmk_recipients import CmkIdentity
from kmstool.system.beneath import Beneath
from kmstool.workflows.envelopes import SUFFIX, Identities, ignore
from kmstool.workflows.folders import created_below, refuse_spared
from kmstool.workflows.many import Outcome, no_client
from kmstool.workflows.sources import unarmored, unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDecryptOptions:
    """What is asked of the envelopes of a folder, and of their files.

    With `ignore_path` they may have been moved or renamed; without `manifest` it is not looked for what is
    missing or extra. `replace` replaces files that are there, but none of the `spared`.
    """

    ignore_path: bool = False
    manifest: bool = True
    replace: bool = False
    spared: tuple[Path, ...] = ()


class TreeOpener:
    """The task that opens envelopes of one folder into another, or into nothing where `target` is None."""

    def __init__(self, source: Path, target: Path | None, identities: Identities, options: TreeDecryptOptions) -> None:
        self.source, self.target = Beneath(source), None if target is None else Beneath(target)
        self.options = options
        self.manifest: Manifest | None = None
        self._identities_of = identities
        self._identities: Sequence[Identity] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        target = None if self.target is None else self.target.root
        return _unpickled, (self.source.root, target, self._identities_of, self.options, self.manifest)

    @property
    def identities(self) -> Sequence[Identity]:
        """Those who open the envelopes."""
        if self._identities is None:
            self._identities = self._identities_of() if callable(self._identities_of) else self._identities_of
        return self._identities

    def prepare(self) -> None:
        """Find those who open the envelopes, before the first one."""
        _ = self.identities

    def forked(self) -> None:
        """Keep to the data keys that are known: the connection to KMS is the parent's."""
        for identity in self.identities:
            if isinstance(identity, CmkIdentity):
                identity.client_of = no_client
        self.source = Beneath(self.source.root)
        self.target = None if self.target is None else Beneath(self.target.root)

    def __call__(self, path: str) -> Outcome:
        """Open one envelope, if it is the one that belongs at this place."""
        name = path.removesuffix(SUFFIX)
        if os.path.basename(name) in ("", os.curdir, os.pardir):
            raise InputError(f"nothing is left of its name without {SUFFIX}")
        if self.target is not None:
            refuse_spared(self.target.root / name, self.options.spared)
        try:
            descriptor = self.source.open(path)
        except OSError as error:
            raise unreadable(self.source.root / path, error) from error
        try:
            return self._opened(path, name, Source.of(descriptor))
        finally:
            os.close(descriptor)

    def _opened(self, path: str, name: str, source: Source) -> Outcome:
        envelope = sealing.open_envelope(unarmored(source))
        floe = unlock(envelope.header, envelope.floe_header, self.identities)[0]
        digest = manifest.digest_of(envelope.header, envelope.floe_header)
        self._check_place(name, envelope, digest)
        kept = self.target is not None and not self.options.replace and self._is_there(name, envelope, source)
        if self.target is None:
            sealing.verify(envelope, floe, ignore)
        elif not kept:
            with created_below(self.target, name, replace=self.options.replace) as out:
                sealing.unseal(envelope, floe, out.fileno(), ignore)
        belongs = manifest.BELONGS in manifest.facts_of(envelope.header)
        return Outcome(path, digest, BELONGS if belongs else "", kept=kept)

    def _is_there(self, name: str, envelope: OpenedEnvelope, source: Source) -> bool:
        """Tell whether the file is there already: as long as the header says, and not older than its envelope.

        Files appear when their last byte was verified. What is in one now is taken on trust.
        """
        size = envelope.header.prologue.plaintext_bytes
        size = envelope.plaintext_bytes if size is None else size
        if self.target is None or size is None or source.descriptor is None:
            return False
        try:
            there = self.target.open(name)
        except OSError:
            return False
        try:
            file, sealed = os.fstat(there), os.fstat(source.descriptor)
        finally:
            os.close(there)
        return file.st_size == size and file.st_mtime_ns >= max(sealed.st_mtime_ns, sealed.st_ctime_ns)

    def _check_place(self, name: str, envelope: OpenedEnvelope, digest: str) -> None:
        if not self.options.ignore_path:
            manifest.check_path(envelope.header, name)
        if self.manifest and self.options.ignore_path:
            self.manifest.check_anywhere(digest)
        elif self.manifest:
            self.manifest.check(name, digest)


def _unpickled(
    source: Path, target: Path | None, identities: Identities, options: TreeDecryptOptions, listed: Manifest | None
) -> TreeOpener:
    opener = TreeOpener(source, target, identities, options)
    opener.manifest = listed
    return opener
