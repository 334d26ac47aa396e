"""The devices of a white-box key: a change of the set is planned, shown by whoever asked for it, and made as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kmstool.kms import fingerprints
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.workflows.connections import KeyPlace

Devices = Sequence[DeviceFingerprint]


@dataclass(frozen=True, slots=True)
class DeviceChange:
    """The devices that a key is bound to, and those that it is to be bound to."""

    client: KmsClient
    key_id: str
    before: Devices
    after: Devices

    @property
    def lines(self) -> list[str]:
        """What goes and what comes, a line for each; none where nothing changes."""
        return fingerprints.differences(self.before, self.after)

    def make(self) -> Mapping[str, Any]:
        """Replace the set; raise `ServiceError` if somebody else changed it before or in the same moment."""
        return fingerprints.overwrite(self.client, self.key_id, self.before, self.after)


def plan_change(key: KeyPlace, change: Callable[[Devices], Devices]) -> DeviceChange:
    """Ask KMS for the devices of a key, and plan what `change` makes of them."""
    before = key.client.fingerprints(key.key_id)
    return DeviceChange(key.client, key.key_id, before, change(before))


def bind(key: KeyPlace, devices: Sequence[DeviceFingerprint]) -> DeviceChange:
    """Plan to bind a key to more devices; raise `InputError` for malformed or too many ones."""
    return plan_change(key, lambda before: fingerprints.added(before, devices))


def unbind(key: KeyPlace, identities: Sequence[str]) -> DeviceChange:
    """Plan to unbind devices from a key; raise `NotFoundError` for one that it is not bound to."""
    return plan_change(key, lambda before: fingerprints.removed(before, identities))


def replace_all(key: KeyPlace, devices: Sequence[DeviceFingerprint]) -> DeviceChange:
    """Plan to bind a key to these devices and to no others; raise as `bind` does."""
    return plan_change(key, lambda _: fingerprints.added([], devices))
