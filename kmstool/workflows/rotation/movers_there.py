"""The movers of a rotation as workers on other machines get them: names of keys, and no client."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from kmstool.words import EncryptionAlgorithm
from kmstool.workflows.keeping import kept
from kmstool.workflows.reconnecting import WorkerKms
from kmstool.workflows.rotation.moving import AsymmetricMover, KeyMover, Mover, Standing
from kmstool.workflows.rotation.plan import Item


@dataclass(frozen=True, slots=True)
class MoverThere(ABC):
    """A mover that connects where it is; it is pickled with each item, and holds nothing else."""

    kms: WorkerKms
    region: str
    from_key: str
    to_key: str

    @abstractmethod
    def mover(self) -> Mover:
        """Return the mover of this process."""

    def stands(self, blob: str, item: Item) -> Standing:
        """Ask KMS where a blob stands."""
        return self.mover().stands(blob, item)

    def move(self, blob: str, item: Item) -> str:
        """Return the blob under the new key."""
        return self.mover().move(blob, item)

    def check(self, old: str, new: str, item: Item) -> None:
        """Compare both blobs."""
        self.mover().check(old, new, item)


@dataclass(frozen=True, slots=True)
class KeyMoverThere(MoverThere):
    """`KeyMover` in a worker."""

    def mover(self) -> Mover:
        """Return the mover of this process."""
        return KeyMover(self.kms.client(self.region), self.from_key, self.to_key)


@dataclass(frozen=True, slots=True)
class AsymmetricMoverThere(MoverThere):
    """`AsymmetricMover` in a worker, which asks KMS for the public key once."""

    algorithm: EncryptionAlgorithm

    def mover(self) -> Mover:
        """Return the mover of this process."""
        client = self.kms.client(self.region)
        public_key = kept(self.kms.job, self, lambda: client.public_key(self.to_key).public_key)
        return AsymmetricMover(client, self.from_key, self.to_key, public_key, self.algorithm)
