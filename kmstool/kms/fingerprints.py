"""The device fingerprints of a white-box key: sets, changed one by one, and lists in the CSV form of Tencent's console.

KMS replaces the whole set and knows no condition for it, so that whoever changes it may
undo what somebody else does in the meantime. That cannot be prevented, but it is found out.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kmstool import words
from kmstool.errors import InputError, NotFoundError, Reason, ServiceError
from kmstool.forms import texts
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.whitebox.binding import check_fingerprint

HEADER = ("Device Fingerprint", "Description")

_NO_TEXT = ("Cc", "Cs")
"""Control characters and lone surrogates, as Unicode's categories."""


def added(before: Sequence[DeviceFingerprint], new: Iterable[DeviceFingerprint]) -> list[DeviceFingerprint]:
    """Return the set with others added; one that is there stays in its place, and an empty description changes none.

    Raises `InputError` for malformed fingerprints, long descriptions, and more than 200 devices.
    """
    devices = {item.identity: item for item in before}
    for item in new:
        check(item)
        if item.description or item.identity not in devices:
            devices[item.identity] = item
    if len(devices) > words.MAX_DEVICES:
        raise InputError(f"a white-box key can be bound to {words.MAX_DEVICES} devices, not to {len(devices)}")
    return list(devices.values())


def removed(before: Sequence[DeviceFingerprint], identities: Iterable[str]) -> list[DeviceFingerprint]:
    """Return the set without some devices; raise `NotFoundError` for one that is not in it."""
    devices = {item.identity: item for item in before}
    for identity in dict.fromkeys(identities):
        if devices.pop(identity, None) is None:
            raise NotFoundError(
                f"the device {identity!r} is not bound to the white-box key",
                reason=Reason.FINGERPRINT_NOT_BOUND,
            )
    return list(devices.values())


def differences(before: Sequence[DeviceFingerprint], after: Sequence[DeviceFingerprint]) -> list[str]:
    """Return a line for each device that is taken away (`- `) or added (`+ `), both for a new description."""
    gone = [f"- {_shown(item)}" for item in before if item not in after]
    return gone + [f"+ {_shown(item)}" for item in after if item not in before]


def overwrite(
    client: KmsClient, key_id: str, before: Sequence[DeviceFingerprint], after: Sequence[DeviceFingerprint]
) -> Mapping[str, Any]:
    """Replace the set, if it still is what `before` says, and make sure of the result; return the API's answer.

    Raises `ServiceError` if somebody else changed the set before or in the same moment.
    """
    if not _same(client.fingerprints(key_id), before):
        raise ServiceError(
            f"the devices of the white-box key {key_id} were changed by somebody else meanwhile; nothing was done",
            hint="run the command again",
        )
    answer = client.overwrite_fingerprints(key_id, list(after))
    if not _same(client.fingerprints(key_id), after):
        raise ServiceError(
            f"the devices of the white-box key {key_id} were changed by somebody else in the same moment",
            reason=Reason.DEVICES_CHANGED,
            facts={"key": key_id},
        )
    return answer


def read_csv(data: bytes) -> list[DeviceFingerprint]:
    """Read a list in the form of the console: UTF-8 or UTF-16, a line of headings, then a device a line, its description optional.

    Raises `InputError`, with the number of the line, for anything else and for a device that comes twice.
    """
    try:
        rows = csv.reader(
            io.StringIO(texts.whole(data, "the list of fingerprints"), newline=""), strict=True, skipinitialspace=True
        )
        numbered = [(rows.line_num, tuple(cell.strip() for cell in row)) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise InputError(f"the list of fingerprints is not CSV: {error}") from error
    if not numbered or numbered[0][1] != HEADER:
        raise InputError(
            f"the list of fingerprints does not begin with the line {', '.join(HEADER)}",
            reason=Reason.FINGERPRINT_LIST_MALFORMED,
        )
    devices: dict[str, DeviceFingerprint] = {}
    for line, row in numbered[1:]:
        try:
            item = _item(row)
        except InputError as error:
            raise _in_line(line, error) from error
        if item.identity in devices:
            raise _in_line(line, InputError(f"the device {item.identity} comes twice"))
        devices[item.identity] = item
    return list(devices.values())


def write_csv(devices: Iterable[DeviceFingerprint]) -> str:
    """Return a list in the form that `read_csv` and the console read."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows((item.identity, item.description) for item in devices)
    return ", ".join(HEADER) + "\n" + out.getvalue()


def check(item: DeviceFingerprint) -> None:
    """Raise `InputError` for a malformed fingerprint, and for a description that is no line of at most 1,024 bytes."""
    check_fingerprint(item.identity)
    size = len(item.description.encode("utf-8", "surrogatepass"))
    if size > words.MAX_DESCRIPTION_BYTES:
        raise InputError(
            f"the description of {item.identity} has {size:,} bytes; KMS takes at most {words.MAX_DESCRIPTION_BYTES:,}"
        )
    if any(unicodedata.category(char) in _NO_TEXT for char in item.description):
        raise InputError(f"the description of {item.identity} is no line of text: {item.description!r}")


def _item(row: tuple[str, ...]) -> DeviceFingerprint:
    if len(row) > len(HEADER):
        raise InputError(f"there are {len(row)} columns, not {len(HEADER)}", hint="put a text with commas into quotes")
    item = DeviceFingerprint(row[0], row[1] if len(row) > 1 else "")
    check(item)
    return item


def _in_line(line: int, error: InputError) -> InputError:
    return error.retold(f"line {line} of the list of fingerprints: {error.message}")


def _same(actual: Iterable[DeviceFingerprint], expected: Iterable[DeviceFingerprint]) -> bool:
    """Return whether two sets are equal, in whatever order KMS gives them."""
    return {item.identity: item.description for item in actual} == {
        item.identity: item.description for item in expected
    }


def _shown(item: DeviceFingerprint) -> str:
    return f"{item.identity}  {item.description}".rstrip()
