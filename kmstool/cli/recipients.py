"""From the keys that a user names to recipients of an envelope, and from a profile to those who open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli import key_files
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.envelope.floe import Suite
    from kmstool.envelope.public_key_recipients import PrivateKeyIdentity, PublicKeyRecipient
    from kmstool.envelope.recipients import Identity, Recipient
    from kmstool.envelope.stanzas import Stanza
    from kmstool.kms.cmk_recipients import CmkIdentity, CmkRecipient, HostedDek

SUITES = ("aes-256-gcm", "sm4-gcm")


def suite_of(name: str) -> Suite:
    """Return a suite by its name on the command line."""
    from kmstool.envelope.floe import SUITES as KNOWN

    return next(suite for suite in KNOWN.values() if suite.name == name)


def cmk(session: Session, text: str | None) -> CmkRecipient:
    """Return the recipient that a key's address means: a symmetric CMK."""
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.cmk_recipients import CmkRecipient

    address = session.default_key() if text is None else KeyAddress.parse(text)
    client, key_id = session.key(address)
    return CmkRecipient(client, key_id, *_place(session, address))


def hosted(session: Session, text: str) -> HostedDek:
    """Return the DEK that a data key's address means: a data key that KMS keeps."""
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.cmk_recipients import HostedDek

    address = KeyAddress.parse(text)
    client, data_key_id = session.data_key(address)
    return HostedDek(client, data_key_id, *_place(session, address))


def _place(session: Session, address: KeyAddress) -> tuple[str, str]:
    """Return region and site of what is addressed."""
    profile = session.profile(address.profile)
    endpoint = session.endpoint(profile) or ""
    return address.region or session.region(profile), "intl" if ".intl." in endpoint else "cn"


def by_public_key(session: Session, word: str) -> PublicKeyRecipient:
    """Return the recipient of `FILE` or `REGION:KEYID=FILE`, for which no KMS is asked."""
    from kmstool.envelope.public_key_recipients import PublicKeyRecipient

    region, key_id, file = _public_key_word(word)
    return PublicKeyRecipient(key_files.public_key(file), region, key_id)


def public_key_file(word: str) -> str:
    """Return the file that `FILE` or `REGION:KEYID=FILE` names."""
    return _public_key_word(word)[2]


def _public_key_word(word: str) -> tuple[str, str, str]:
    """Return region and key id, which are empty for a file alone, and the file."""
    from kmstool.api.cmk_rules import is_key_id

    region, _, name = (before := word.partition("=")[0]).partition(":")
    in_kms = before != word and "/" not in before and (":" in before or is_key_id(before))
    if in_kms and not (region and is_key_id(name)):
        raise UsageError(f"{before!r} is no REGION:KEYID", hint="see both: kmstool key list")
    return (region, name, word.removeprefix(f"{before}=")) if in_kms else ("", "", word)


def private_key(session: Session, file: str) -> PrivateKeyIdentity:
    """Return the identity of an RSA private key in a PEM file; raise `UsageError` for a key of another kind."""
    from kmstool.crypto.keys import RsaPrivateKey
    from kmstool.envelope.public_key_recipients import PrivateKeyIdentity

    key = key_files.private_key(session, file)
    if not isinstance(key, RsaPrivateKey):
        raise UsageError(f"{file} holds a key of the kind {key.kind}; envelopes know RSA keys in files only")
    return PrivateKeyIdentity(key)


def wrapped_dek(
    session: Session,
    keys: tuple[str, ...],
    suite: Suite,
    context: str,
    others: tuple[Recipient, ...] = (),
    data_key: str | None = None,
) -> tuple[bytes, list[Stanza]]:
    """Return a DEK and its stanza for every recipient: the named keys, or else the profile's own, and `others`.

    The KMS of the first key makes the DEK; with public keys alone it is made here. With
    `data_key` it is a data key that KMS keeps, whose CMK is the first recipient.
    """
    from kmstool.envelope.stanzas import MAX_STANZAS

    named = [cmk(session, key) for key in keys]
    if not named and not others and data_key is None:
        named = [cmk(session, None)]
    if len(named) + len(others) + (data_key is not None) > MAX_STANZAS:
        raise UsageError(f"an envelope has at most {MAX_STANZAS} recipients")
    if data_key is not None:
        dek, first = hosted(session, data_key).fetch(suite, context)
        return dek, [first, *(other.wrap(dek, context) for other in (*named, *others))]
    if not named:
        import secrets

        dek = secrets.token_bytes(suite.dek_bytes)
        return dek, [other.wrap(dek, context) for other in others]
    dek, first = named[0].new_dek(suite, context)
    return dek, [first, *(other.wrap(dek, context) for other in (*named[1:], *others))]


def identities(session: Session, keys: tuple[str, ...] = (), private_keys: tuple[str, ...] = ()) -> list[Identity]:
    """Return what can open stanzas: the KMS of the profile in use, in the region of each stanza.

    With keys, only those are asked, each where its address says; with private keys in
    files, no KMS at all unless keys are named too.
    """
    from kmstool.kms.cmk_recipients import CmkIdentity

    found: list[Identity] = [private_key(session, file) for file in private_keys]
    if not keys and not found:
        return [CmkIdentity(session.client)]
    return found + [_identity_of(session, key) for key in keys]


def _identity_of(session: Session, key: str) -> CmkIdentity:
    from kmstool.kms.cmk_recipients import CmkIdentity

    named = cmk(session, key)
    return CmkIdentity(lambda _: named.client, (named.key_id,))
