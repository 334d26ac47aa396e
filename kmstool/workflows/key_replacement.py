"""Another key for an alias: asymmetric keys have no rotation, so a new key of the same kind takes the place of the old.

Three steps: the new key comes with the alias NAME-next, the former one gets NAME-YYYYMMDD (the day on which the new
key was made, UTC), and the new one NAME. Each shows in the aliases alone, so that a run that was stopped after any
of them is told from a new one, and goes on. The former key goes on verifying and decrypting.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from kmstool import words
from kmstool.api import cmk_rules
from kmstool.api.cmk_rules import KeyAddress
from kmstool.errors import InputError, NotFoundError, Reason
from kmstool.kms.answers import Key
from kmstool.kms.client import KmsClient
from kmstool.workflows.connections import Connections
from kmstool.workflows.tag_connections import tags_of

DAY_SECONDS = 86_400
"""A key that a replacement made is not replaced again so soon: whoever asks has missed that it is done."""

_NEXT = "-next"
_DATE_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Replacement:
    """How far the replacement of a key is."""

    alias: str
    former: Key
    successor: Key | None = None
    is_done: bool = False
    tag_message: str = ""
    """Why the new key did not get its tags; empty where it did."""

    @property
    def former_alias(self) -> str:
        """The alias that the former key has in the end."""
        made_unix = self.successor.created_unix if self.successor else int(time.time())
        return dated(self.alias, made_unix)


def replace_key(
    kms: Connections, address: KeyAddress | str, tags: Mapping[str, str] | None = None, *, now_unix: int | None = None
) -> Replacement:
    """Replace an asymmetric key, or go on with it; one that is done, in the last 24 hours, stays so.

    The new key has the usage and the description of the former one, and its tags unless others are given. `now_unix`
    is there for tests. Raises `InputError` for a key that is symmetric or that must not change, and for aliases that
    are too long or taken, before anything is done.
    """
    named = KeyAddress.parse(address) if isinstance(address, str) else address
    client = kms.client(named.region, named.profile)
    standing = _standing(kms, client, named, int(time.time()) if now_unix is None else now_unix)
    if standing.is_done:
        return standing
    if standing.successor is None:
        if tags is None:
            region = named.region or kms.region(kms.profile(named.profile))
            tags = tags_of(kms, standing.former, region, named.profile)
        standing, successor = _with_successor(client, standing, tags)
    else:
        successor = standing.successor
    former = standing.former
    if former.alias == standing.alias:
        client.update_alias(former.key_id, standing.former_alias)
    client.update_alias(successor.key_id, standing.alias)
    return replace(
        standing,
        former=replace(former, alias=standing.former_alias),
        successor=replace(successor, alias=standing.alias),
    )


def dated(alias: str, unix: int) -> str:
    """Return the alias of a key that was replaced at a time."""
    return f"{alias}-{time.strftime('%Y%m%d', time.gmtime(unix))}"


def _with_successor(client: KmsClient, standing: Replacement, tags: Mapping[str, str]) -> tuple[Replacement, Key]:
    former = standing.former
    created = client.create_key(standing.alias + _NEXT, usage=former.usage, description=former.description, tags=tags)
    successor = client.describe_key(created.key_id)
    message = created.tag_message if created.tag_code else ""
    return replace(standing, successor=successor, tag_message=message), successor


def _standing(kms: Connections, client: KmsClient, named: KeyAddress, now_unix: int) -> Replacement:
    """Tell by the aliases how far the replacement is; raise `NotFoundError` if nothing has the name."""
    missing = None
    alias = named.name
    try:
        alias = client.describe_key(kms.key(named).key_id).alias
    except NotFoundError as error:
        # Between the second step and the third nobody has the alias.
        missing = error
    base, _, date = alias.rpartition("-")
    if base and len(date) == _DATE_DIGITS and date.isdecimal():
        standing = _of_alias(client, base, None)
        if standing is not None and standing.former.alias == alias:
            return _checked(client, standing)
    standing = _of_alias(client, alias, now_unix - DAY_SECONDS)
    if standing is None:
        raise missing or NotFoundError(f"there is no key {str(named)!r}", reason=Reason.KEY_UNKNOWN)
    return _checked(client, standing)


def _of_alias(client: KmsClient, alias: str, since_unix: int | None) -> Replacement | None:
    """Return how far an alias is; what was done before `since_unix` is over, and the next replacement may begin."""
    aliases = _aliases(client, alias)
    current, successor = aliases.get(alias), aliases.get(alias + _NEXT)
    if successor is not None:
        former = current or aliases.get(dated(alias, successor.created_unix))
        return Replacement(alias, former, successor) if former else None
    if current is None:
        return None
    former = aliases.get(dated(alias, current.created_unix))
    if former and _alike(former, current) and (since_unix is None or current.created_unix > since_unix):
        return Replacement(alias, former, current, is_done=True)
    return Replacement(alias, current)


def _aliases(client: KmsClient, alias: str) -> dict[str, Key]:
    return {key.alias: key for key in client.list_keys(SearchKeyAlias=alias)}


def _alike(former: Key, successor: Key) -> bool:
    return (former.usage, former.description) == (successor.usage, successor.description)


def _checked(client: KmsClient, standing: Replacement) -> Replacement:
    """Raise `InputError` for what would fail halfway."""
    if standing.is_done:
        return standing
    alias, former, successor = standing.alias, standing.former, standing.successor
    if former.usage == words.SYMMETRIC:
        raise InputError(
            f"the key {alias} is symmetric: rotation gives it new material, and it keeps its id",
            reason=Reason.KEY_ROTATES,
            facts={"key": alias},
        )
    if cmk_rules.refusal("UpdateAlias", former.state):
        raise InputError(f"the key {alias} is {former.state}, and keeps its alias", hint="cancel its deletion first")
    if not cmk_rules.is_alias(standing.former_alias):
        raise InputError(
            f"the alias {alias} has {len(alias)} characters: with a date behind it there are more than 60",
            hint="give the key a shorter one first",
        )
    if successor and not _alike(former, successor):
        raise _taken(successor, "its usage or its description is another than that of the key to be replaced")
    holder = _aliases(client, standing.former_alias).get(standing.former_alias)
    if holder and holder.key_id != former.key_id:
        raise _taken(holder, "the key that is replaced is to have this alias")
    return standing


def _taken(holder: Key, why: str) -> InputError:
    return InputError(
        f"the alias {holder.alias} is that of the key {holder.key_id}: {why}", hint="give that key another alias first"
    )
