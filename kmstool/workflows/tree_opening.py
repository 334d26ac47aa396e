"""One envelope of a folder after the other is opened into another folder, or into nothing to verify it."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kmstool.envelope import manifest, sealing
from kmstool.envelope.manifest import BELONGS, Manifest
from kmstool.envelope.recipients import Identity, unlock
from kmstool.envelope.sealing import OpenedEnvelope
from kmstool.errors import ArgumentError, InputError, IntegrityError
from kmstool.kms.cmk_recipients import CmkIdentity
from kmstool.storage.places import Place
from kmstool.workflows.envelopes import SUFFIX, Identities, ignore
from kmstool.workflows.folders import refuse_spared
from kmstool.workflows.many import Outcome, no_client
from kmstool.workflows.shards import Shard
from kmstool.workflows.sources import unreadable
from kmstool.workflows.tree_folders import TreeFile, envelope_in, folder_of
from kmstool.workflows.tree_sealing import manifest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeDecryptOptions:
    """What is asked of the envelopes of a folder, and of their files.

    With `ignore_path` they may have been moved or renamed; without `manifest` it is not looked for what is
    missing or extra. `replace` replaces files that are there, but none of the `spared`. Of a `shard` only its files
    are opened and looked for.
    """

    ignore_path: bool = False
    manifest: bool = True
    replace: bool = False
    spared: tuple[Path, ...] = ()
    shard: Shard | None = None

    def __post_init__(self) -> None:
        if self.shard and self.ignore_path:
            raise ArgumentError("files that may have any name fall on no shard")


class TreeOpener:
    """The task that opens envelopes of one folder into another, or into nothing where `target` is None.

    With `listed` there is a manifest, which this process has yet to read: it is too long to be sent with every task.
    """

    def __init__(
        self,
        source: Place,
        target: Place | None,
        identities: Identities,
        options: TreeDecryptOptions,
        *,
        listed: bool = False,
    ) -> None:
        self.source, self.target = folder_of(source), None if target is None else folder_of(target)
        self.options = options
        self._listed, self._lock = listed, threading.Lock()
        self._manifest: Manifest | None = None
        self._identities_of = identities
        self._identities: Sequence[Identity] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        target = None if self.target is None else self.target.root
        again = partial(TreeOpener, listed=self.manifest is not None)
        return again, (self.source.root, target, self._identities_of, self.options)

    @property
    def manifest(self) -> Manifest | None:
        """The list of all files, None where there is none or it does not count."""
        with self._lock:
            if self._listed and self._manifest is None:
                self._manifest = manifest_of(self.source, self.identities)
                if self._manifest is None:
                    raise IntegrityError("the manifest is gone")
            return self._manifest

    @manifest.setter
    def manifest(self, listed: Manifest | None) -> None:
        self._manifest = listed

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
        """Return whether the file is there already: as long as the header says, and not older than its envelope.

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
        listed = self.manifest
        if listed and self.options.ignore_path:
            listed.check_anywhere(digest)
        elif listed:
            listed.check(name, digest)
