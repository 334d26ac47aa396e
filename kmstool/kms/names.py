"""From the name that a user gives to the key or data key that it means. KMS itself knows ids only."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kmstool import near
from kmstool.api import cmk_rules
from kmstool.errors import ArgumentError, NotFoundError, Reason
from kmstool.kms.client import KmsClient

_SHORTEST_PREFIX = 8

# Lists (id, name) of what there is; with SearchKeyAlias, of what has that in its id or name.
_Listing = Callable[..., Iterable[tuple[str, str]]]


def find_key_id(client: KmsClient, address: cmk_rules.KeyAddress) -> str:
    """Return the id of the CMK that `address` names; a whole id needs no call.

    Raises `NotFoundError` with the near matches, and `ArgumentError` if the name is the
    alias of one key and the beginning of the id of another.
    """

    def listing(**filters: str) -> Iterable[tuple[str, str]]:
        return ((key.key_id, key.alias) for key in client.list_keys(**filters))

    return _resolved(address, listing, "key", Reason.KEY_UNKNOWN)


def find_data_key_id(client: KmsClient, address: cmk_rules.KeyAddress) -> str:
    """Return the id of the data key that `address` names, as `find_key_id` does for keys."""

    def listing(**filters: str) -> Iterable[tuple[str, str]]:
        return ((data_key.data_key_id, data_key.name) for data_key in client.list_data_keys(**filters))

    return _resolved(address, listing, "data key", Reason.DATA_KEY_UNKNOWN)


def find_white_box_key_id(client: KmsClient, address: cmk_rules.KeyAddress) -> str:
    """Return the id of the white-box key that `address` names, as `find_key_id` does for CMKs; their aliases are apart."""

    def listing(**_: str) -> Iterable[tuple[str, str]]:
        return ((key.key_id, key.alias) for key in client.list_white_box_keys())

    return _resolved(address, listing, "white-box key", Reason.WHITE_BOX_KEY_UNKNOWN)


def _resolved(address: cmk_rules.KeyAddress, listing: _Listing, noun: str, unknown: Reason) -> str:
    if cmk_rules.is_key_id(address.name) and not address.alias_only:
        return address.name
    matches = [pair for pair in listing(SearchKeyAlias=address.name) if _matches(*pair, address)]
    if not matches:
        raise _unknown(address, listing, noun, unknown)
    if len(matches) > 1:
        raise ArgumentError(
            f"the {noun} {str(address)!r} is ambiguous: " + ", ".join(f"{known} ({name})" for known, name in matches),
            hint=f"give the whole {noun} id, or alias/NAME",
        )
    return matches[0][0]


def _matches(known: str, name: str, address: cmk_rules.KeyAddress) -> bool:
    prefix = not address.alias_only and len(address.name) >= _SHORTEST_PREFIX and known.startswith(address.name)
    return name == address.name or prefix


def _unknown(address: cmk_rules.KeyAddress, listing: _Listing, noun: str, unknown: Reason) -> NotFoundError:
    facts = {name: value for name in ("region", "profile") if (value := getattr(address, name))}
    hint = near.question(address.name, (name for _, name in listing()))
    return NotFoundError(f"there is no {noun} {str(address)!r}", hint=hint, reason=unknown, facts=facts)
