"""Where the file of tables opens that decrypts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.workflows.bundles import DecryptKey


def tell_devices(session: Session, key: DecryptKey) -> None:
    """Say where a key file opens, and warn where that is not known or anywhere."""
    if key.devices is None:
        session.warn(
            "the devices of the white-box key were changed during the download: "
            "where the key file opens is not known; download it anew"
        )
    elif key.devices:
        session.note(f"the key file opens on {key.devices} device{'s' if key.devices > 1 else ''}, and nowhere else")
    else:
        session.warn(
            "the key file is bound to no device: anyone holding it can decrypt and extract the key; "
            "bind devices first (kmstool fingerprint bind)"
        )
