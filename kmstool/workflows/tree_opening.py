"""One envelope of a folder after the other is opened into another folder, or into nothing to verify it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmstool.envelope import manifest, sealing
from kmstool.envelope.manifest import BELONGS, Manifest
from kmstool.envelope.recipients import Identity, unlock
from kmstool.envelope.sealing import OpenedEnvelope
from kmstool.errors import InputError
from kmstool.kms.cmk_recipients import CmkIdentity
from kmstool.storage.places import Place
from kmstool.workflows.envelopes import SUFFIX, Identities, ignore
from kmstool.workflows.folders import refuse_spared
from kmstool.workflows.many import Outcome, no_client
from kmstool.workflows.sources import unreadable
from kmstool.workflows.tree_folders import TreeFile, envelope_in, folder_of


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

    def __init__(
        self, source: Place, target: Place | None, identities: Identities, options: TreeDecryptOptions
    ) -> None:
        self.source, self.target = folder_of(source), None if target is None else folder_of(target)
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
        self.source = self.source.renewed()
        self.target = None if self.target is None else self.target.renewed()

    def __call__(self, path: str) -> Outcome:
        """Open one envelope, if it is the one that belongs at this place."""
        name = path.removesuffix(SUFFIX)
        if os.path.basename(name) in ("", os.curdir, os.pardir):
            raise InputError(f"nothing is left of its name without {SUFFIX}")
        if self.target is not None:
            refuse_spared(self.target.root / name, self.options.spared)
        with ExitStack() as stack:
            try:
                file, envelope = stack.enter_context(envelope_in(self.source, path))
            except OSError as error:
                raise unreadable(self.source.root / path, error) from error
            return self._opened(path, name, file, envelope)

    def _opened(self, path: str, name: str, file: TreeFile, envelope: OpenedEnvelope) -> Outcome:
        floe = unlock(envelope.header, envelope.floe_header, self.identities)[0]
        digest = manifest.digest_of(envelope.header, envelope.floe_header)
        self._check_place(name, envelope, digest)
        kept = self.target is not None and not self.options.replace and self._is_there(name, envelope, file)
        if self.target is None:
            sealing.verify(envelope, floe, ignore)
        elif not kept:
            with self.target.created(name, replace=self.options.replace) as (descriptor, write):
                if descriptor is None:
                    sealing.unseal_stream(envelope, floe, write, ignore)
                else:
                    sealing.unseal(envelope, floe, descriptor, ignore)
        belongs = manifest.BELONGS in manifest.facts_of(envelope.header)
        return Outcome(path, digest, BELONGS if belongs else "", kept=kept)

    def _is_there(self, name: str, envelope: OpenedEnvelope, sealed: TreeFile) -> bool:
        """Tell whether the file is there already: as long as the header says, and not older than its envelope.

        Files appear when their last byte was verified. What is in one now is taken on trust.
        """
        size = envelope.header.prologue.plaintext_bytes
        size = envelope.plaintext_bytes if size is None else size
        if self.target is None or size is None:
            return False
        try:
            with self.target.file(name) as there:
                return there.size == size and there.is_newer(sealed)
        except OSError:
            return False

    def _check_place(self, name: str, envelope: OpenedEnvelope, digest: str) -> None:
        if not self.options.ignore_path:
            manifest.check_path(envelope.header, name)
        if self.manifest and self.options.ignore_path:
            self.manifest.check_anywhere(digest)
        elif self.manifest:
            self.manifest.check(name, digest)


def _unpickled(
    source: Place, target: Place | None, identities: Identities, options: TreeDecryptOptions, listed: Manifest | None
) -> TreeOpener:
    opener = TreeOpener(source, target, identities, options)
    opener.manifest = listed
    return opener
