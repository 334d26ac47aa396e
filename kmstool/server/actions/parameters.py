"""Parameters that actions on keys of several kinds share: pages and filters, ids, texts, tags, names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from kmstool import words
from kmstool.api import cmk_rules
from kmstool.server.call import Call, invalid, refuse
from kmstool.server.tables import tags as tag_rows
from kmstool.server.tables.sealed_rows import KeyTable

Row = TypeVar("Row")

_TAGS_REFUSED = 2
_NO_TAGS = {
    "CreateKey": "FailedOperation.TaggingError",
    "GenerateDataKey": "FailedOperation.TaggingError",
    "ImportDataKey": "FailedOperation.TaggingError",
    "CreateWhiteBoxKey": "InvalidParameterValue.TagsNotExisted",
}


def page(call: Call, rows: list[Row], default: int = words.PAGE) -> list[Row]:
    """Cut out what Offset and Limit ask for, at most 200 of a list."""
    offset, limit = call.params.get("Offset", 0), call.params.get("Limit", default)
    if limit > words.MAX_PAGE:
        raise invalid(call, f"Limit is {limit}, at most {words.MAX_PAGE} is possible")
    return rows[offset : offset + limit]


def state_filter(call: Call, states: Sequence[str]) -> Sequence[str]:
    """Return the states that KeyState asks for by their number: all of them for 0, and where it is not given."""
    number: int = call.params.get("KeyState", 0)
    if number > len(states):
        raise invalid(call, f"KeyState {number} is not one of 0 to {len(states)}")
    return states[number - 1 : number] if number else states


def origin_filter(call: Call) -> Sequence[str]:
    """Return the origins that Origin asks for."""
    name: str = call.params.get("Origin") or words.ANY
    if name not in (words.ANY, *words.ORIGINS):
        raise invalid(call, f"Origin {name!r} is not one of {', '.join((words.ANY, *words.ORIGINS))}")
    return words.ORIGINS if name == words.ANY else (name,)


def key_ids(call: Call, most: int = words.MAX_KEY_IDS) -> list[str]:
    """Return the KeyIds of a request; see `ids`."""
    return ids(call, "KeyIds", "InvalidParameterValue.DuplicatedKeyId", most)


def ids(call: Call, field: str, duplicated: str, most: int = words.MAX_KEY_IDS) -> list[str]:
    """Return a list of ids in a request, one at least; refuse one that is given twice with the code `duplicated`."""
    listed: list[str] = call.params[field]
    if not 1 <= len(listed) <= most:
        raise invalid(call, f"{field} has {len(listed)} entries, 1 to {most} are possible")
    if len(set(listed)) != len(listed):
        raise refuse(duplicated, "an id is given twice")
    return listed


def choice(call: Call, name: str) -> int:
    """Return a parameter that is 0, as by default, or 1."""
    value: int = call.params.get(name, 0)
    if value not in (0, 1):
        raise invalid(call, f"{name} is {value}, 0 or 1 are possible")
    return value


def description(call: Call, max_bytes: int) -> str:
    """Return the description, empty where there is none."""
    text: str = call.params.get("Description", "")
    size = len(text.encode())
    if size > max_bytes:
        raise invalid(call, f"the description is {size} bytes, at most {max_bytes} are possible")
    return text


class NewTags(NamedTuple):
    """The tags that a new key gets, and what its answer tells of them: TagCode 0, or 2 where they were refused."""

    kept: Mapping[str, str]
    code: int
    message: str

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of the answer."""
        return {"TagCode": self.code, "TagMsg": self.message}


def tags(call: Call) -> NewTags:
    """Return the tags of a new key, which is made without any where they break the tag service's rules, or is not."""
    listed: list[dict[str, str]] = call.params.get("Tags", [])
    by_name = {tag["TagKey"]: tag["TagValue"] for tag in listed}
    if len(by_name) != len(listed):
        raise refuse("InvalidParameterValue.TagKeysDuplicated", "a tag key is given twice")
    if not by_name:
        return NewTags({}, 0, "no tags to save")
    fault = tag_rows.fault(by_name)
    if fault is not None and "U26" in call.assumed:
        raise refuse(_NO_TAGS[call.action], fault.message)
    return NewTags(by_name, 0, "ok") if fault is None else NewTags({}, _TAGS_REFUSED, fault.message)


def tagged(call: Call, key_id: str, digest: bytes) -> bool:
    """Return whether a key has what TagFilters ask for: each name, with one of the values where there are any."""
    filters = call.params.get("TagFilters")
    if not filters:
        return True
    values = tag_rows.load(call.db, key_id, digest)
    return all(
        wanted["TagKey"] in values and (not wanted.get("TagValue") or values[wanted["TagKey"]] in wanted["TagValue"])
        for wanted in filters
    )


def free_alias(call: Call, table: KeyTable[Any], owner: str | None = None) -> str:
    """Return the alias that a key is to have; refuse one that another key than `owner` has."""
    alias: str = call.params["Alias"]
    if not cmk_rules.is_alias(alias):
        raise refuse("InvalidParameterValue.InvalidAlias", f"the alias {alias!r} is malformed")
    holder = table.holder(call, alias, everywhere="U10" in call.assumed)
    if holder not in (None, owner):
        raise refuse("InvalidParameterValue.AliasAlreadyExists", f"the alias {alias!r} is taken by {holder}")
    return alias
