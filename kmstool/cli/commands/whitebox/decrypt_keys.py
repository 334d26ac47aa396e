"""The file of tables that decrypts, and where it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.kms.client import KmsClient


def fetch(session: Session, client: KmsClient, key_id: str) -> bytes:
    """Fetch the decrypt key, and say where it opens: as it says itself, or as KMS says before and after."""
    from kmstool.whitebox import key_file

    before = client.fingerprints(key_id)
    data = client.white_box_decrypt_key(key_id).data
    if key_file.is_ours(data):
        devices = key_file.read(data).devices
    elif {item.identity for item in client.fingerprints(key_id)} == {item.identity for item in before}:
        devices = len(before)
    else:
        session.warn(
            "the devices of the white-box key were changed during the download: "
            "where the key file opens is not known; download it anew"
        )
        return data
    if devices:
        session.note(f"the key file opens on {devices} device{'s' if devices > 1 else ''}, and nowhere else")
    else:
        session.warn(
            "the key file is bound to no device: whoever has it can decrypt and recover the key; "
            "bind devices first (kmstool fingerprint bind)"
        )
    return data
