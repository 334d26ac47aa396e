"""Keys in files that a user names, for every command that takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.crypto.keys import PrivateKey, PublicKey


def public_key(session: Session, name: str) -> PublicKey:
    """Read a public key from a file or, for `-`, stdin; raise `InputError`.

    What it was taken out of, if it did not stand by itself, is said.
    """
    from kmstool.forms import public_keys, texts

    data = inputs.read(name, texts.MAX_BYTES, "a public key cannot be {size} bytes long", "").data
    key = public_keys.read(data, inputs.shown(name))
    if key.holder:
        session.note(f"the public key is taken out of {key.holder}: {inputs.shown(name)}")
    return key.key


def private_key(session: Session, name: str) -> PrivateKey:
    """Read a private key from a file that is nobody else's; its passphrase is asked for if it has one."""
    from kmstool.forms import private_keys, texts

    data = inputs.read(name, texts.MAX_BYTES, "a private key cannot be {size} bytes long", "", secret=True).data
    return private_keys.read(data, inputs.shown(name), lambda: session.passphrase_of(f"the private key {name}"))
