"""From the keys that a user names to recipients of an envelope, and to those who open one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kmstool.cli import key_files
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.cli.params import PublicKeyFile
    from kmstool.envelope.floe import Suite
    from kmstool.envelope.public_key_recipients import PrivateKeyIdentity, PublicKeyRecipient
    from kmstool.envelope.recipients import Identity, Recipient
    from kmstool.kms.cmk_recipients import CmkRecipient

SUITES = ("aes-256-gcm", "sm4-gcm")


def suite_of(name: str) -> Suite:
    """Return a suite by its name on the command line."""
    from kmstool.envelope.floe import SUITES as KNOWN

    return next(suite for suite in KNOWN.values() if suite.name == name)


def cmk(session: Session, address: KeyAddress | None) -> CmkRecipient:
    """Return the recipient that a key's address means: a symmetric CMK, the profile's own for None."""
    return session.connections.recipient(address or session.default_key())


def by_public_key(session: Session, word: PublicKeyFile) -> PublicKeyRecipient:
    """Return the recipient of a public key in a file, for which no KMS is asked."""
    from kmstool.envelope.public_key_recipients import PublicKeyRecipient

    return PublicKeyRecipient(key_files.public_key(session, word.file), word.region, word.key_id)


def private_key(session: Session, file: str) -> PrivateKeyIdentity:
    """Return the identity of an RSA private key in a PEM file; raise `UsageError` for a key of another kind."""
    from kmstool.crypto.keys import RsaPrivateKey
    from kmstool.envelope.public_key_recipients import PrivateKeyIdentity

    key = key_files.private_key(session, file)
    if not isinstance(key, RsaPrivateKey):
        raise UsageError(f"{file} holds a key of the kind {key.kind}; envelopes know RSA keys in files only")
    return PrivateKeyIdentity(key)


def recipients_of(
    session: Session,
    keys: Sequence[KeyAddress],
    public_keys: Sequence[PublicKeyFile] = (),
    data_key: KeyAddress | None = None,
) -> Callable[[], list[Recipient]]:
    """Return what finds the recipients, in the order in which they make the DEK, when it is called.

    They are the named keys, else the profile's own, and those of the public keys. With `data_key` the DEK is a
    data key that KMS keeps, whose CMK is the first recipient. Raises `UsageError` for too many.
    """
    from kmstool.envelope.stanzas import MAX_STANZAS

    if len(keys) + len(public_keys) + (data_key is not None) > MAX_STANZAS:
        raise UsageError(f"an envelope has at most {MAX_STANZAS} recipients")

    def find() -> list[Recipient]:
        everyone: list[Recipient] = [] if data_key is None else [session.connections.hosted_dek(data_key)]
        everyone += [cmk(session, key) for key in keys]
        if not everyone and not public_keys:
            everyone = [cmk(session, None)]
        return everyone + [by_public_key(session, word) for word in public_keys]

    return find


def identities_of(
    session: Session, keys: Sequence[KeyAddress] = (), private_keys: Sequence[str] = ()
) -> Callable[[], list[Identity]]:
    """Return what finds those who can open stanzas: the KMS of the profile in use, in the region of each stanza.

    With keys, only those are asked, each where its address says; with private keys in
    files, no KMS at all unless keys are named too.
    """

    def find() -> list[Identity]:
        everyone: list[Identity] = [private_key(session, file) for file in private_keys]
        if everyone and not keys:
            return everyone
        return everyone + session.connections.identities(keys)

    return find
