"""What a change is about, looked up and put into words before anybody is asked whether it is to be made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kmstool import words

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.cli.session.session import Session
    from kmstool.kms.client import KmsClient


LOCAL = "local KMS, on this machine"


@dataclass(frozen=True, slots=True)
class Subject:
    """A key or another thing: its name, which may have to be typed, and what there is to say of it."""

    name: str
    facts: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """Return the facts as they are shown."""
        width = max(len(name) for name, _ in self.facts) + 1
        return [f"  {name + ':':<{width}} {value}" for name, value in self.facts]


About = Callable[[], list[Subject]]
"""Looks things up, which is done only where somebody will see them."""


def keys(session: Session, names: Iterable[KeyAddress]) -> About:
    """Look up CMKs."""

    def subject(name: KeyAddress) -> Subject:
        client, key_id = session.key(name)
        key = client.describe_key(key_id)
        usage = next((short for short, spelling in words.USAGES.items() if spelling == key.usage), key.usage)
        facts = (("alias", key.alias or "-"), ("key id", key_id), ("state", key.state), ("usage", usage))
        return Subject(key.alias or key_id, (*facts, *_where(session, name)))

    return lambda: [subject(name) for name in names]


def data_keys(session: Session, names: Iterable[KeyAddress]) -> About:
    """Look up data keys that KMS keeps."""

    def subject(name: KeyAddress) -> Subject:
        client, data_key_id = session.data_key(name)
        key = client.describe_data_key(data_key_id)
        facts = (("data key", key.name), ("id", data_key_id), ("state", key.state), ("under key", key.key_alias))
        return Subject(key.name, (*facts, *_where(session, name)))

    return lambda: [subject(name) for name in names]


def white_box_keys(session: Session, names: Iterable[KeyAddress]) -> About:
    """Look up white-box keys."""
    return lambda: [_white_box_key(session, name, *session.white_box_key(name)) for name in names]


def resolved_white_box_key(session: Session, key_id: str) -> About:
    """Look up a white-box key that was resolved before."""
    from kmstool.api.cmk_rules import KeyAddress

    name, client = session.connections.named[key_id]
    return lambda: [_white_box_key(session, KeyAddress.parse(name), client, key_id)]


def _white_box_key(session: Session, name: KeyAddress, client: KmsClient, key_id: str) -> Subject:
    key = client.describe_white_box_key(key_id)
    facts = (("white-box key", key.alias), ("id", key_id), ("state", key.status), ("algorithm", key.algorithm))
    return Subject(key.alias, (*facts, *_where(session, name)))


def store(session: Session) -> About:
    """Return the store of the embedded KMS, which may be one that cannot be opened."""
    return lambda: [Subject("local", (("store", str(session.local_folder)), ("KMS", LOCAL)))]


def profile(session: Session, name: str) -> About:
    """Look up a profile."""

    def subject() -> list[Subject]:
        named = session.profiles.get(name)
        facts = (("profile", name), ("region", named.region), ("credential", named.credentials or "-"))
        return [Subject(name, facts)]

    return subject


def one(name: str, facts: Mapping[str, str]) -> About:
    """Return something that needs no looking up."""
    return lambda: [Subject(name, tuple(facts.items()))]


def _where(session: Session, name: KeyAddress) -> tuple[tuple[str, str], ...]:
    """Return the region, the profile and the kind of KMS."""
    chosen = session.profile(name.profile)
    endpoint = session.endpoint(chosen)
    kms = endpoint or (LOCAL if chosen.is_local else "Tencent Cloud")
    return ("region", name.region or session.region(chosen)), ("profile", chosen.name), ("KMS", kms)
