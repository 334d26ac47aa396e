"""From the name that a user gives to the key that it means. KMS itself knows key ids only."""

from __future__ import annotations

import difflib

from kmstool import keys
from kmstool.errors import NotFoundError, UsageError
from kmstool.kms.answers import Key
from kmstool.kms.client import KmsClient

_SHORTEST_PREFIX = 8


def key_id(client: KmsClient, address: keys.KeyAddress) -> str:
    """Return the id of the key that `address` names; a whole id needs no call.

    Raises `NotFoundError` with the near matches, and `UsageError` if the name is the
    alias of one key and the beginning of the id of another.
    """
    if keys.is_key_id(address.name) and not address.alias_only:
        return address.name
    found = [key for key in client.list_keys(SearchKeyAlias=address.name) if _matches(key, address)]
    if not found:
        raise _unknown(client, address)
    if len(found) > 1:
        raise UsageError(
            f"the key {str(address)!r} is ambiguous: " + ", ".join(f"{key.key_id} ({key.alias})" for key in found),
            hint="give the whole key id, or alias/NAME",
        )
    return found[0].key_id


def _matches(key: Key, address: keys.KeyAddress) -> bool:
    prefix = not address.alias_only and len(address.name) >= _SHORTEST_PREFIX and key.key_id.startswith(address.name)
    return key.alias == address.name or prefix


def _unknown(client: KmsClient, address: keys.KeyAddress) -> NotFoundError:
    near = difflib.get_close_matches(address.name, [key.alias for key in client.list_keys()], n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "see what there is: kmstool key list"
    return NotFoundError(f"there is no key {str(address)!r}", hint=hint)
