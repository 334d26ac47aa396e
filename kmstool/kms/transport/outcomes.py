"""Did it take effect? For actions that must not be repeated blindly, how to look up what became of them.

Each look-up returns the answer that was lost, or None if the action has not happened and may be
asked for again. It raises `UnknownOutcomeError` where what is there may be somebody else's work:
a success is told only of what the request itself brought about, or of a state that is there.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kmstool import words
from kmstool.errors import IntegrityError, NotFoundError, UnknownOutcomeError
from kmstool.kms import answers
from kmstool.kms.port import Transport

Lookup = Callable[[Transport, Mapping[str, Any], int], dict[str, Any] | None]

# Clocks of client and service may differ by as much as a signature allows.
_SKEW_SECONDS = 300
# Those that are kept right differ by less than this, of which rounding is a part.
_SAME_SECONDS = 2
_DAY_SECONDS = 86400
_RAW_BYTES = "2"
_EXTERNAL = "2"


def find_created_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the key that CreateKey made: it has the alias, which is unique, and is as the request says, and new."""
    alias = _text(params, "Alias")
    wanted = {
        "Alias": alias,
        "KeyUsage": params.get("KeyUsage") or words.SYMMETRIC,
        "Origin": words.EXTERNAL if str(params.get("Type")) == _EXTERNAL else words.GENERATED,
        "Description": params.get("Description") or "",
    }
    request = {"KeyUsage": words.ANY, "SearchKeyAlias": alias, "Offset": 0, "Limit": words.MAX_PAGE}
    key = _new(transport, _Listing("ListKeyDetail", request, "KeyMetadatas"), wanted, params, since_unix)
    if key is None:
        return None
    fields = ("KeyId", "Alias", "KeyState", "KeyUsage", "RequestId")
    numbers = {"CreateTime": answers.integer(key, "CreateTime"), "TagCode": 0, "TagMsg": ""}
    description = {"Description": answers.optional_text(key, "Description")}
    return {name: answers.text(key, name) for name in fields} | description | numbers


def find_imported_data_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the data key that ImportDataKey made: it has the bytes that were sent, or those in the blob.

    Who believes another's key of that name to be a copy of his own may throw away the only one.
    """
    answer = _new_data_key(transport, params, since_unix)
    if answer is None:
        return None
    kept = answers.text(transport.call("GetDataKeyPlaintext", {"DataKeyId": answer["DataKeyId"]}), "Plaintext")
    sent = _text(params, "ImportKeyMaterial")
    if str(params.get("ImportType")) != _RAW_BYTES:
        sent = answers.text(transport.call("Decrypt", {"CiphertextBlob": sent}), "Plaintext")
    return answer if hmac.compare_digest(kept.encode(), sent.encode()) else None


def find_hosted_data_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the data key that GenerateDataKey made and KMS keeps, and let it be handed out again.

    Only a request that hosts the data key comes here. One that was made under another
    context is another's. The plaintext is wrapped if the request wanted that.
    """
    answer = _new_data_key(transport, params, since_unix)
    if answer is None:
        return None
    named = {"DataKeyId": answer["DataKeyId"]}
    wish = {name: params[name] for name in ("EncryptionPublicKey", "EncryptionAlgorithm") if name in params}
    blob = answers.blob(transport.call("GetDataKeyCiphertextBlob", named))
    context = {name: params[name] for name in ("EncryptionContext",) if name in params}
    try:
        transport.call("Decrypt", {"CiphertextBlob": blob} | context | wish)
    except IntegrityError:
        return None
    plaintext = answers.text(transport.call("GetDataKeyPlaintext", named | wish), "Plaintext")
    return answer | {"Plaintext": plaintext, "CiphertextBlob": blob}


def find_created_white_box_key(
    transport: Transport, params: Mapping[str, Any], since_unix: int
) -> dict[str, Any] | None:
    """Find the key that CreateWhiteBoxKey made, as `find_created_key` does."""
    wanted = {name: params.get(name) or "" for name in ("Alias", "Algorithm", "Description")}
    key = _new(transport, _Listing("DescribeWhiteBoxKeyDetails", {}, "KeyInfos"), wanted, params, since_unix)
    if key is None:
        return None
    fields = ("KeyId", "EncryptKey", "DecryptKey", "RequestId")
    return {**{name: answers.text(key, name) for name in fields}, "TagCode": 0, "TagMsg": ""}


def find_deleted_white_box_key(
    transport: Transport, params: Mapping[str, Any], since_unix: int
) -> dict[str, Any] | None:
    """See whether the white-box key is gone."""
    try:
        transport.call("DescribeWhiteBoxKey", {"KeyId": _text(params, "KeyId")})
    except NotFoundError as error:
        return {"RequestId": error.request_id}
    return None


def find_scheduled_deletion(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key awaits its deletion at the time that was asked for, which may be put off to the day's end."""
    key, request_id = _describe(transport, params)
    if answers.text(key, "KeyState") != words.PENDING_DELETE:
        return None
    deletion_unix = answers.deletion(key)
    days = (deletion_unix - since_unix) / _DAY_SECONDS - _number(params, "PendingWindowInDays")
    if not 0 <= days + _SKEW_SECONDS / _DAY_SECONDS <= 1 + 2 * _SKEW_SECONDS / _DAY_SECONDS:
        raise UnknownOutcomeError("it awaits its deletion, at another time than was asked for")
    return {"DeletionDate": deletion_unix, **_named(params), "RequestId": request_id}


def find_cancelled_deletion(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key no longer awaits its deletion."""
    key, request_id = _describe(transport, params)
    return (
        None if answers.text(key, "KeyState") == words.PENDING_DELETE else {**_named(params), "RequestId": request_id}
    )


def find_rotated_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See that the key was not rotated since; whose a rotation is, KMS does not tell."""
    key, _ = _describe(transport, params)
    if answers.optional_integer(key, "LastRotateTime") >= since_unix - _SKEW_SECONDS:
        raise UnknownOutcomeError("it was rotated just now, by this request or by another one")
    return None


def find_name(name: str) -> Lookup:
    """Return a look-up that sees whether the key has its new name, under the parameter and field `name`."""

    def lookup(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
        key, request_id = _describe(transport, params)
        return {"RequestId": request_id} if answers.text(key, name) == _text(params, name) else None

    return lookup


def find_state(state: str) -> Lookup:
    """Return a look-up that sees whether the key is in a state."""

    def lookup(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
        key, request_id = _describe(transport, params)
        return {"RequestId": request_id} if answers.text(key, "KeyState") == state else None

    return lookup


LOOKUPS: Mapping[str, Lookup] = {
    "CreateKey": find_created_key,
    "GenerateDataKey": find_hosted_data_key,
    "ImportDataKey": find_imported_data_key,
    "CreateWhiteBoxKey": find_created_white_box_key,
    "DeleteWhiteBoxKey": find_deleted_white_box_key,
    "ScheduleKeyDeletion": find_scheduled_deletion,
    "ScheduleDataKeyDeletion": find_scheduled_deletion,
    "CancelKeyDeletion": find_cancelled_deletion,
    "CancelDataKeyDeletion": find_cancelled_deletion,
    "RotateKey": find_rotated_key,
    "UpdateAlias": find_name("Alias"),
    "UpdateDataKeyName": find_name("DataKeyName"),
    "ArchiveKey": find_state(words.ARCHIVED),
    "CancelKeyArchive": find_state(words.ENABLED),
    "DeleteImportedKeyMaterial": find_state(words.PENDING_IMPORT),
}


def _text(params: Mapping[str, Any], name: str) -> str:
    """Return a parameter of a request, which a caller may have made of anything."""
    value = params.get(name)
    if not isinstance(value, str):
        raise UnknownOutcomeError(f"the request has no text {name} to look for")
    return value


def _number(params: Mapping[str, Any], name: str) -> int:
    """Return a parameter with a whole number, which may be written as text too."""
    try:
        return int(str(params.get(name)))
    except ValueError as error:
        raise UnknownOutcomeError(f"the request has no number {name} to look for") from error


def _named(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the id of the key or data key that a request is about."""
    return {name: _text(params, name) for name in ("DataKeyId", "KeyId") if name in params}


def _new_data_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find a data key with the name, which is unique, that is as the request says, and new."""
    name = _text(params, "DataKeyName")
    wanted: dict[str, Any] = {"DataKeyName": name, "Description": params.get("Description") or ""}
    if params.get("KeyId"):
        wanted["KeyId"] = params["KeyId"]
    if params.get("NumberOfBytes"):
        wanted["NumberOfBytes"] = _number(params, "NumberOfBytes")
    elif size := words.KEY_SPECS.get(str(params.get("KeySpec"))):
        wanted["NumberOfBytes"] = size
    request = {"SearchKeyAlias": name, "Offset": 0, "Limit": words.MAX_PAGE}
    data_key = _new(transport, _Listing("ListDataKeyDetail", request, "DataKeyMetadatas"), wanted, params, since_unix)
    if data_key is None:
        return None
    ids = {name: answers.text(data_key, name) for name in ("KeyId", "DataKeyId", "RequestId")}
    return {**ids, "TagCode": 0, "TagMsg": ""}


@dataclass(frozen=True, slots=True)
class _Listing:
    """An action that lists, and the field of its answer with the list."""

    action: str
    request: Mapping[str, Any]
    field: str

    def first(self, transport: Transport, wanted: Mapping[str, Any], **filters: Any) -> dict[str, Any] | None:
        """Return the first item with the wanted fields, and the answer's RequestId beside them."""
        answer = transport.call(self.action, {**self.request, **filters})
        for item in answers.objects(answer, self.field):
            if all((item.get(name) or "") == value for name, value in wanted.items()):
                return {**item, "RequestId": answers.text(answer, "RequestId")}
        return None


def _new(
    transport: Transport, listing: _Listing, wanted: Mapping[str, Any], params: Mapping[str, Any], since_unix: int
) -> dict[str, Any] | None:
    """Find what a listing has with the wanted fields and the tags of a request, if it is new.

    Who made it shows nowhere: raises `UnknownOutcomeError` for what may be older than the request,
    and for what is as it should be but for the tags.
    """
    item = listing.first(transport, wanted)
    if item is None:
        return None
    created_unix = answers.integer(item, "CreateTime")
    if created_unix < since_unix - _SKEW_SECONDS:
        return None
    if created_unix < since_unix - _SAME_SECONDS:
        raise UnknownOutcomeError("there is one like it, made a little earlier")
    if params.get("Tags"):
        tags = [{"TagKey": tag.get("TagKey"), "TagValue": [tag.get("TagValue")]} for tag in _objects(params, "Tags")]
        if listing.first(transport, wanted, TagFilters=tags) is None:
            raise UnknownOutcomeError("there is one like it, without its tags")
    return item


def _objects(params: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = params.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise UnknownOutcomeError(f"the request has no list {name} to look for")
    return value


def _describe(transport: Transport, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    kind = "DataKey" if "DataKeyId" in params else "Key"
    answer = transport.call(f"Describe{kind}", _named(params))
    metadata = answer.get(f"{kind}Metadata")
    if not isinstance(metadata, dict):
        raise answers.missing(f"{kind}Metadata")
    answers.same(metadata, f"{kind}Id", _text(params, f"{kind}Id"))
    return metadata, answers.text(answer, "RequestId")
