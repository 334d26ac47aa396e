"""Keys in files that a user names, for every command that takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.crypto.keys import PrivateKey, PublicKey


def public_key(name: str) -> PublicKey:
    """Read a public key from a file or, for `-`, stdin: PEM, DER, base64 or an SM2 point; raise `InputError`."""
    from kmstool.crypto import pem

    return pem.read_public_key(inputs.read(name, pem.MAX_BYTES, "a public key of {size} bytes is none", "").data)


def private_key(session: Session, name: str) -> PrivateKey:
    """Read a private key from a PEM file that is nobody else's; its passphrase is asked for if it has one."""
    from kmstool.crypto import pem

    data = inputs.read(name, pem.MAX_BYTES, "a private key of {size} bytes is none", "", secret=True).data
    locked = b"ENCRYPTED" in data
    return pem.read_private_key(data, session.passphrase_of(f"the private key {name}") if locked else None)
