"""Whatever is done to keys in whatever order, they are what the table in keys.py says, and every blob opens or not as it says.

Likewise data keys that KMS keeps, by the table in data_keys.py.

A model without cryptography runs beside the embedded KMS; each answer, each refusal and
all that DescribeKeys tells must agree. The clock starts at noon in Beijing and is moved
by whole days, so that the seconds of the test itself never decide.
"""

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from kmstool.api import cmk_rules, data_key_rules, protocol
from kmstool.errors import KmsToolError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from tests import import_requests

MIN_STEPS = 2000
EXAMPLES = 65
STEPS_AN_EXAMPLE = 50

DAY = 86400
NOON_IN_BEIJING = 4 * 3600
GONE = "ResourceUnavailable.CmkNotFound"
DATA_KEY_GONE = "ResourceUnavailable.DataKeyNotFound"
ROTATION_IS_OFF = "UnsupportedOperation.RotateNotSupported"
ROTATED_TODAY = "RequestLimitExceeded.RotateRateLimited"
NOT_BOUND = "ResourceUnavailable.CloudResourceBindingNotFound"
WRONG_BLOB = "InvalidParameterValue.InvalidCiphertext"
OTHER_MATERIAL = "InvalidParameterValue.MaterialNotMatch"
DUPLICATE = "InvalidParameterValue.DuplicatedKeyId"

FOLLOWS = {
    "EnableKey": "Enabled",
    "DisableKey": "Disabled",
    "ArchiveKey": "Archived",
    "CancelKeyArchive": "Enabled",
}
MATERIALS = (bytes(16), bytes(range(16)))
DATA_KEY_FOLLOWS = {
    "EnableDataKey": "Enabled",
    "DisableDataKey": "Disabled",
    "CancelDataKeyDeletion": "Disabled",
}
FOLLOWS_ALL = {"EnableKeys": "Enabled", "DisableKeys": "Disabled"}
CONTEXTS = ("", '{"a":"1"}', '{"a": "1"}', '{"a":"2","b":""}')


@dataclass(slots=True)
class Key:
    """What a key should be; days are those of the test, None where nothing is set."""

    alias: str
    origin: str
    state: str
    version: int
    rotate_days: int = 0
    next_day: int | None = None
    last_day: int | None = None
    deletion_day: int | None = None
    has_material: bool = True
    first_material: bytes | None = None
    valid_day: int | None = None
    bindings: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Blob:
    """A ciphertext blob and what must come out of it."""

    text: str = field(repr=False)
    key_id: str
    version: int
    plaintext: bytes
    context: str


@dataclass(slots=True)
class DataKey:
    """What a data key that KMS keeps should be, and what must come out of it."""

    key_id: str
    plaintext: str = field(repr=False)
    blob: str = field(repr=False)
    state: str = "Enabled"
    deletion_day: int | None = None


class Life(RuleBasedStateMachine):
    """The embedded KMS and its model, side by side."""

    steps = 0

    key_ids = Bundle("key_ids")
    blobs = Bundle("blobs")
    data_key_ids = Bundle("data_key_ids")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.kms = EmbeddedKms(self.folder / "store")
        self.start = int(time.time()) // DAY * DAY + DAY + NOON_IN_BEIJING
        admin.move_clock(self.kms, self.start - int(time.time()))
        self.day = 0
        self.number = 0
        self.keys: dict[str, Key] = {}
        self.data_keys: dict[str, DataKey] = {}

    def teardown(self) -> None:
        self.kms.close()
        shutil.rmtree(self.folder)

    def call(self, action: str, parameters: dict[str, Any], expected: str | None) -> dict[str, Any] | None:
        """Call an action that must succeed, or be refused with that code."""
        code, answer = None, None
        try:
            answer = self.kms.call(action, parameters)
        except KmsToolError as error:
            code = error.kms_code or repr(error)
        assert code == expected, action
        return answer

    def refusal(self, action: str, key_id: str) -> str | None:
        key = self.keys.get(key_id)
        if key is None:
            return GONE
        return cmk_rules.refusal(action, key.state, origin=key.origin, bound=bool(key.bindings))

    def data_key_refusal(self, action: str, data_key_id: str) -> str | None:
        data_key = self.data_keys.get(data_key_id)
        if data_key is None:
            return DATA_KEY_GONE
        return data_key_rules.refusal(action, data_key.state, self.keys[data_key.key_id].state)

    def date(self, day: int | None) -> int:
        return 0 if day is None else self.start + day * DAY

    @initialize(target=key_ids)
    def first_key(self) -> str:
        return self.new_key("TENCENT_KMS")

    @rule(target=key_ids, origin=st.sampled_from(["TENCENT_KMS", "TENCENT_KMS", "EXTERNAL"]))
    def create(self, origin: str) -> str:
        return self.new_key(origin)

    def new_key(self, origin: str) -> str:
        self.number += 1
        alias = f"key-{self.number}"
        answer = self.call("CreateKey", {"Alias": alias, "Type": 2 if origin == "EXTERNAL" else 1}, None)
        assert answer
        key_id = str(answer["KeyId"])
        assert key_id not in self.keys
        state, version = ("PendingImport", 0) if origin == "EXTERNAL" else ("Enabled", 1)
        self.keys[key_id] = Key(alias, origin, state, version, has_material=version > 0)
        return key_id

    @rule(key_id=key_ids, action=st.sampled_from(sorted(FOLLOWS)))
    def change_state(self, key_id: str, action: str) -> None:
        if self.call(action, {"KeyId": key_id}, self.refusal(action, key_id)):
            self.keys[key_id].state = FOLLOWS[action]

    @rule(chosen=st.lists(key_ids, min_size=1, max_size=4), action=st.sampled_from(sorted(FOLLOWS_ALL)))
    def change_states(self, chosen: list[str], action: str) -> None:
        codes = [DUPLICATE] if len(set(chosen)) < len(chosen) else [self.refusal(action, key_id) for key_id in chosen]
        if self.call(action, {"KeyIds": chosen}, next((code for code in codes if code), None)):
            for key_id in chosen:
                self.keys[key_id].state = FOLLOWS_ALL[action]

    @rule(key_id=key_ids)
    def rename(self, key_id: str) -> None:
        self.number += 1
        alias = f"key-{self.number}"
        if self.call("UpdateAlias", {"KeyId": key_id, "Alias": alias}, self.refusal("UpdateAlias", key_id)):
            self.keys[key_id].alias = alias

    @rule(key_id=key_ids, window=st.integers(7, 30))
    def schedule_deletion(self, key_id: str, window: int) -> None:
        expected = self.refusal("ScheduleKeyDeletion", key_id)
        answer = self.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": window}, expected)
        if answer:
            key = self.keys[key_id]
            key.state, key.deletion_day = "PendingDelete", self.day + window
            assert answer["DeletionDate"] == self.date(key.deletion_day) + DAY // 2 - 1

    @rule(key_id=key_ids)
    def cancel_deletion(self, key_id: str) -> None:
        if self.call("CancelKeyDeletion", {"KeyId": key_id}, self.refusal("CancelKeyDeletion", key_id)):
            key = self.keys[key_id]
            key.state, key.deletion_day = "Disabled" if key.has_material else "PendingImport", None

    @rule(key_id=key_ids, resource=st.sampled_from(["secret-1", "secret-2"]))
    def bind(self, key_id: str, resource: str) -> None:
        request = {"KeyId": key_id, "ProductId": "ssm", "ResourceId": resource}
        if self.call("BindCloudResource", request, self.refusal("BindCloudResource", key_id)):
            self.keys[key_id].bindings.add(("ssm", resource))
            self.keys[key_id].valid_day = None

    @rule(key_id=key_ids, resource=st.sampled_from(["secret-1", "secret-2"]))
    def unbind(self, key_id: str, resource: str) -> None:
        expected = self.refusal("UnbindCloudResource", key_id)
        if expected is None and ("ssm", resource) not in self.keys[key_id].bindings:
            expected = NOT_BOUND
        if self.call("UnbindCloudResource", {"KeyId": key_id, "ProductId": "ssm", "ResourceId": resource}, expected):
            self.keys[key_id].bindings.remove(("ssm", resource))
            self.expire(self.keys[key_id])

    @rule(key_id=key_ids, material=st.sampled_from(MATERIALS), days=st.none() | st.integers(1, 45))
    def import_material(self, key_id: str, material: bytes, days: int | None) -> None:
        asked = {"KeyId": key_id, "WrappingAlgorithm": import_requests.ALGORITHM, "WrappingKeySpec": "RSA_2048"}
        issued = self.call("GetParametersForImport", asked, self.refusal("GetParametersForImport", key_id))
        if issued is None:
            return
        key = self.keys[key_id]
        valid_day = None if days is None else self.day + days
        expected = self.refusal("ImportKeyMaterial", key_id)
        if expected is None and key.first_material not in (None, material):
            expected = OTHER_MATERIAL
        request = {**import_requests.wrapped(issued, material), "ValidTo": self.date(valid_day)}
        if self.call("ImportKeyMaterial", request, expected):
            key.state, key.version, key.has_material = "Enabled", 1, True
            key.first_material, key.valid_day = material, valid_day

    @rule(key_id=key_ids)
    def delete_material(self, key_id: str) -> None:
        expected = self.refusal("DeleteImportedKeyMaterial", key_id)
        if self.call("DeleteImportedKeyMaterial", {"KeyId": key_id}, expected):
            key = self.keys[key_id]
            key.state, key.has_material, key.valid_day = "PendingImport", False, None

    def expire(self, key: Key) -> None:
        """Take from a key the material whose time is over."""
        if key.valid_day is not None and key.valid_day <= self.day and not key.bindings:
            key.state = "PendingDelete" if key.state == "PendingDelete" else "PendingImport"
            key.has_material, key.valid_day = False, None

    @rule(key_id=key_ids, days=st.integers(7, 40))
    def turn_rotation_on(self, key_id: str, days: int) -> None:
        expected = self.refusal("EnableKeyRotation", key_id)
        if self.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": days}, expected):
            self.keys[key_id].rotate_days, self.keys[key_id].next_day = days, self.day + days

    @rule(key_id=key_ids)
    def turn_rotation_off(self, key_id: str) -> None:
        if self.call("DisableKeyRotation", {"KeyId": key_id}, self.refusal("DisableKeyRotation", key_id)):
            self.keys[key_id].rotate_days, self.keys[key_id].next_day = 0, None

    @rule(key_id=key_ids)
    def rotate(self, key_id: str) -> None:
        expected = self.refusal("RotateKey", key_id)
        if expected is None and not self.keys[key_id].rotate_days:
            expected = ROTATION_IS_OFF
        elif expected is None and self.keys[key_id].last_day == self.day:
            expected = ROTATED_TODAY
        if self.call("RotateKey", {"KeyId": key_id}, expected):
            key = self.keys[key_id]
            key.version += 1
            key.last_day, key.next_day = self.day, self.day + key.rotate_days

    @rule(target=blobs, key_id=key_ids, plaintext=st.binary(min_size=1, max_size=40), context=st.sampled_from(CONTEXTS))
    def encrypt(self, key_id: str, plaintext: bytes, context: str) -> Any:
        request = {"KeyId": key_id, "Plaintext": protocol.encode(plaintext), "EncryptionContext": context}
        answer = self.call("Encrypt", request, self.refusal("Encrypt", key_id))
        return self.blob(answer, plaintext, context)

    @rule(target=blobs, key_id=key_ids, context=st.sampled_from(CONTEXTS))
    def generate_data_key(self, key_id: str, context: str) -> Any:
        request = {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": context}
        answer = self.call("GenerateDataKey", request, self.refusal("GenerateDataKey", key_id))
        return self.blob(answer, protocol.decode(answer["Plaintext"]) if answer else b"", context)

    @rule(target=data_key_ids, key_id=key_ids, context=st.sampled_from(CONTEXTS))
    def host_data_key(self, key_id: str, context: str) -> Any:
        self.number += 1
        hosting = {"NumberOfBytes": 16, "IsHostedByKms": 1, "DataKeyName": f"data-key-{self.number}"}
        request = {"KeyId": key_id, "EncryptionContext": context, **hosting}
        answer = self.call("GenerateDataKey", request, self.refusal("GenerateDataKey", key_id))
        if answer is None:
            return multiple()
        self.data_keys[answer["DataKeyId"]] = DataKey(key_id, answer["Plaintext"], answer["CiphertextBlob"])
        return answer["DataKeyId"]

    @rule(data_key_id=data_key_ids, action=st.sampled_from(sorted(DATA_KEY_FOLLOWS)))
    def change_state_of_data_key(self, data_key_id: str, action: str) -> None:
        expected = self.data_key_refusal(action, data_key_id)
        if self.call(action, {"DataKeyId": data_key_id}, expected):
            self.data_keys[data_key_id].state = DATA_KEY_FOLLOWS[action]
            self.data_keys[data_key_id].deletion_day = None

    @rule(data_key_id=data_key_ids, window=st.integers(7, 30))
    def schedule_data_key_deletion(self, data_key_id: str, window: int) -> None:
        expected = self.data_key_refusal("ScheduleDataKeyDeletion", data_key_id)
        request = {"DataKeyId": data_key_id, "PendingWindowInDays": window}
        if self.call("ScheduleDataKeyDeletion", request, expected):
            data_key = self.data_keys[data_key_id]
            data_key.state, data_key.deletion_day = "PendingDelete", self.day + window

    @rule(data_key_id=data_key_ids)
    def hand_out_data_key(self, data_key_id: str) -> None:
        request = {"DataKeyId": data_key_id}
        for action, name in (("GetDataKeyPlaintext", "Plaintext"), ("GetDataKeyCiphertextBlob", "CiphertextBlob")):
            answer = self.call(action, request, self.data_key_refusal(action, data_key_id))
            if answer:
                data_key = self.data_keys[data_key_id]
                assert answer[name] == (data_key.plaintext if name == "Plaintext" else data_key.blob)

    def blob(self, answer: dict[str, Any] | None, plaintext: bytes, context: str) -> Any:
        if answer is None:
            return multiple()
        key_id = answer["KeyId"]
        return Blob(answer["CiphertextBlob"], key_id, self.keys[key_id].version, plaintext, context)

    @rule(blob=blobs, context=st.sampled_from([None, *CONTEXTS]))
    def decrypt(self, blob: Blob, context: str | None) -> None:
        given = blob.context if context is None else context
        expected = self.refusal("Decrypt", blob.key_id)
        if expected is None and given != blob.context:
            expected = WRONG_BLOB
        answer = self.call("Decrypt", {"CiphertextBlob": blob.text, "EncryptionContext": given}, expected)
        if answer:
            assert (answer["KeyId"], protocol.decode(answer["Plaintext"])) == (blob.key_id, blob.plaintext)

    @rule(
        target=blobs, blob=blobs, key_id=st.none() | key_ids, before=st.none() | st.sampled_from(CONTEXTS),
        after=st.sampled_from(CONTEXTS),
    )  # fmt: skip
    def re_encrypt(self, blob: Blob, key_id: str | None, before: str | None, after: str) -> Any:
        destination = key_id or blob.key_id
        given = blob.context if before is None else before
        expected = self.refusal("Decrypt", blob.key_id) or self.refusal("Encrypt", destination)
        if expected is None and given != blob.context:
            expected = WRONG_BLOB
        request = {
            "CiphertextBlob": blob.text,
            "SourceEncryptionContext": given,
            "DestinationEncryptionContext": after,
        }
        answer = self.call("ReEncrypt", request | ({"DestinationKeyId": key_id} if key_id else {}), expected)
        if answer is None:
            return multiple()
        assert (answer["SourceKeyId"], answer["KeyId"]) == (blob.key_id, destination)
        there = destination == blob.key_id and self.keys[destination].version == blob.version
        assert answer["ReEncrypted"] == (not there or after != blob.context)
        assert (answer["CiphertextBlob"] == blob.text) == (not answer["ReEncrypted"])
        return self.blob(answer, blob.plaintext, after)

    @rule(days=st.integers(1, 3) | st.integers(1, 45))
    def let_time_pass(self, days: int) -> None:
        self.day += days
        admin.move_clock(self.kms, int(admin.describe(self.kms)["ClockOffset"]) + days * DAY)
        self.keys = {
            key_id: key for key_id, key in self.keys.items() if key.deletion_day is None or key.deletion_day >= self.day
        }
        # The date is exact to the second, and no step takes less than none: the day is enough.
        self.data_keys = {
            data_key_id: data_key
            for data_key_id, data_key in self.data_keys.items()
            if data_key.key_id in self.keys and (data_key.deletion_day is None or data_key.deletion_day > self.day)
        }
        for key in self.keys.values():
            self.expire(key)
            while key.next_day is not None and key.next_day <= self.day:
                if key.state == "Enabled":
                    key.version += 1
                    key.last_day = key.next_day
                key.next_day += key.rotate_days

    @invariant()
    def all_that_is_told_of_data_keys_agrees(self) -> None:
        listed = self.kms.call("ListDataKeyDetail", {"Limit": 200})["DataKeyMetadatas"]
        told = {found["DataKeyId"]: (found["KeyId"], found["KeyState"]) for found in listed}
        assert told == {known: (data_key.key_id, data_key.state) for known, data_key in self.data_keys.items()}

    @rule()
    def reopen(self) -> None:
        self.kms.close()
        self.kms = EmbeddedKms(self.folder / "store")

    @invariant()
    def all_that_is_told_agrees(self) -> None:
        type(self).steps += 1
        listed = self.kms.call("ListKeyDetail", {"KeyUsage": "ALL", "Limit": 200})["KeyMetadatas"]
        told = {found["KeyId"]: found for found in listed}
        assert told.keys() == self.keys.keys()
        for key_id, key in self.keys.items():
            found = told[key_id]
            assert (found["Alias"], found["Origin"], found["KeyState"]) == (key.alias, key.origin, key.state)
            assert (found["KeyRotationEnabled"], found["RotateDays"]) == (key.rotate_days > 0, key.rotate_days or 365)
            # Rotations and their dates are counted from the second of a request, minutes after noon at most.
            assert 0 <= found["LastRotateTime"] - self.date(key.last_day) < DAY // 4
            if key.next_day is not None:
                assert 0 <= found["NextRotateTime"] - self.date(key.next_day) < DAY // 4
            ends = 0 if key.deletion_day is None else self.date(key.deletion_day) + DAY // 2 - 1
            assert found["DeletionDate"] == ends
            assert found["ValidTo"] == self.date(key.valid_day)
        short = {found["KeyId"] for found in self.kms.call("ListKeys", {"Limit": 200})["Keys"]}
        usable = {"Enabled", "Disabled", "PendingImport"}
        assert short == {key_id for key_id, key in self.keys.items() if key.state in usable}


def test_the_life_of_keys_is_the_one_of_the_table(record_property: Callable[[str, object], None]) -> None:
    before = Life.steps
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS_AN_EXAMPLE,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
    steps = Life.steps - before
    record_property("steps", steps)
    print(f"{steps} steps of the state machine")
    assert steps >= MIN_STEPS
