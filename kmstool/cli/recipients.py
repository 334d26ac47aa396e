"""From the keys that a user names to recipients of an envelope, and from a profile to those who open one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.envelope.floe import Suite
    from kmstool.envelope.recipients import Identity, Recipient
    from kmstool.envelope.stanzas import Stanza
    from kmstool.kms.recipient import CmkIdentity, CmkRecipient

SUITES = ("aes-256-gcm", "sm4-gcm")


def suite_of(name: str) -> Suite:
    """Return a suite by its name on the command line."""
    from kmstool.envelope.floe import SUITES as KNOWN

    return next(suite for suite in KNOWN.values() if suite.name == name)


def cmk(session: Session, text: str | None) -> CmkRecipient:
    """Return the recipient that a key's address means."""
    from kmstool.keys import KeyAddress
    from kmstool.kms.recipient import CmkRecipient

    client, key_id = session.key(text)
    address = KeyAddress.parse(text) if text is not None else KeyAddress.parse(session.default_key())
    profile = session.profile(address.profile)
    endpoint = session.endpoint(profile) or ""
    return CmkRecipient(
        client, key_id, address.region or session.region(profile), "intl" if ".intl." in endpoint else "cn"
    )


def wrapped_dek(
    session: Session, keys: tuple[str, ...], suite: Suite, context: str, others: tuple[Recipient, ...] = ()
) -> tuple[bytes, list[Stanza]]:
    """Return a fresh DEK and its stanza for every recipient: the named keys, or else the profile's own, and `others`.

    The KMS of the first key makes the DEK; with public keys alone it is made here.
    """
    from kmstool.envelope.stanzas import MAX_STANZAS

    named = [cmk(session, key) for key in keys] or ([] if others else [cmk(session, None)])
    if len(named) + len(others) > MAX_STANZAS:
        raise UsageError(f"an envelope has at most {MAX_STANZAS} recipients")
    if not named:
        import secrets

        dek = secrets.token_bytes(suite.dek_bytes)
        return dek, [other.wrap(dek, context) for other in others]
    dek, first = named[0].new_dek(suite, context)
    return dek, [first, *(other.wrap(dek, context) for other in (*named[1:], *others))]


def identities(session: Session, keys: tuple[str, ...] = ()) -> list[Identity]:
    """Return what can open stanzas: the KMS of the profile in use, in the region of each stanza.

    With keys, only those are asked, each where its address says.
    """
    from kmstool.kms.recipient import CmkIdentity

    if not keys:
        return [CmkIdentity(session.client)]
    return [_identity_of(session, key) for key in keys]


def _identity_of(session: Session, key: str) -> CmkIdentity:
    from kmstool.kms.recipient import CmkIdentity

    named = cmk(session, key)
    return CmkIdentity(lambda _: named.client, (named.key_id,))
