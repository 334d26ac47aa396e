"""A white-box bundle under another key: the secret is decrypted on this device, in memory, and encrypted in KMS.

White-box keys have no rotation. The devices of the former key are bound to the new one before its key file is
fetched, so that the new bundle opens wherever the old one does.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kmstool import words
from kmstool.errors import InputError, IntegrityError, NotFoundError, OutputError, Reason
from kmstool.kms import fingerprints
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.whitebox import bundle as bundle_files
from kmstool.whitebox import key_file
from kmstool.whitebox.bundle import Bundle
from kmstool.workflows import bundles, devices
from kmstool.workflows.bundles import DecryptKey
from kmstool.workflows.changes import Changes
from kmstool.workflows.connections import KeyPlace
from kmstool.workflows.devices import DeviceChange


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a renewal does: the bundle that makes way, the key of the new one, and what its devices will be."""

    former: Bundle
    key_id: str
    algorithm: words.Cipher
    plaintext: bytes = field(repr=False)
    devices: DeviceChange

    @property
    def is_done(self) -> bool:
        """Whether the bundle is under the key already."""
        return self.former.key_id == self.key_id


def plan_renewal(
    former: Bundle,
    key: KeyPlace,
    environ: Mapping[str, str],
    *,
    library: Path | None = None,
    bind: bool = True,
) -> Renewal:
    """Open a bundle on this device, and tell which devices the new key lacks; without `bind` its devices stay.

    The plaintext stays in memory. Raises what `Bundle.decrypt` raises, and `InputError` where the bundle does not
    name its key or KMS has that key no longer, so that nobody knows the devices.
    """
    algorithm = bundle_files.algorithm_of(key.client.describe_white_box_key(key.key_id).algorithm)
    plaintext = former.decrypt(environ, library=library)
    bound = _devices(former, key) if bind and former.key_id != key.key_id else []
    change = devices.plan_change(key, lambda before: fingerprints.added(before, _lacking(before, bound)))
    return Renewal(former, key.key_id, algorithm, plaintext, change)


def renew(renewal: Renewal, environ: Mapping[str, str], changes: Changes | None = None) -> DecryptKey:
    """Bind the devices, encrypt, and replace the bundle at once; return the key file of the new one.

    What came into the folder since it was read stays: `OutputError`. Raises `IntegrityError` if the new bundle would
    not give the same secret on this device, before anything is replaced.
    """
    client, key_id, folder = renewal.devices.client, renewal.key_id, renewal.former.key_file.parent
    if renewal.devices.lines:
        renewal.devices.make()
    encrypted = client.encrypt_by_white_box(key_id, renewal.plaintext)
    key = bundles.download_key(client, key_id)
    if key_file.is_ours(key.data):
        _check(Bundle(folder, encrypted.iv, encrypted.ciphertext, key.data), renewal.plaintext, environ)
    files = bundle_files.files_of(encrypted.iv, encrypted.ciphertext, (renewal.algorithm, key.data), key_id=key_id)
    with (changes or Changes()).folder(folder, files.names, replace=True) as contents:
        # No other process writes a bundle there until the end of this block.
        if bundle_files.read(folder) != renewal.former:
            raise OutputError(f"{folder} was changed by somebody else meanwhile; it is left as it is", hint="try again")
        contents.update(files.contents)
    return key


def _devices(former: Bundle, key: KeyPlace) -> list[DeviceFingerprint]:
    if not former.key_id:
        raise InputError(
            f"{former.key_file.parent} does not tell under which white-box key it is, so that its devices are not known",
            reason=Reason.FORMER_DEVICES_UNKNOWN,
        )
    try:
        return key.client.fingerprints(former.key_id)
    except NotFoundError as error:
        raise InputError(
            f"KMS has no white-box key {former.key_id} in {key.region}, under which {former.key_file.parent} is, "
            "so that its devices are not known",
            reason=Reason.FORMER_DEVICES_UNKNOWN,
        ) from error


def _lacking(before: Sequence[DeviceFingerprint], wanted: Sequence[DeviceFingerprint]) -> list[DeviceFingerprint]:
    """Return the devices that are not bound yet; those that are keep what is said of them."""
    bound = {item.identity for item in before}
    return [item for item in wanted if item.identity not in bound]


def _check(renewed: Bundle, plaintext: bytes, environ: Mapping[str, str]) -> None:
    if not hmac.compare_digest(renewed.decrypt(environ), plaintext):
        raise IntegrityError("the new bundle holds something else than the old one; nothing was replaced")
