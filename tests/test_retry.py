"""What may pass is tried again, later and later and never for ever; what may have happened is looked up first."""

import contextlib
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tencentcloud.common.credential import Credential as SdkCredential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.retry import StandardRetryer
from tencentcloud.kms.v20190118 import errorcodes, kms_client, models

from kmstool import whitebox
from kmstool.api import protocol
from kmstool.cli.hints import hint_of
from kmstool.errors import (
    AccessError,
    KmsToolError,
    LimitError,
    NetworkError,
    ServiceError,
    UnknownOutcomeError,
    UnreachableError,
)
from kmstool.kms.client import KmsClient
from kmstool.kms.port import Transport
from kmstool.kms.provider import Credential, FixedProvider
from kmstool.kms.transport.cloud import CloudTransport
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.outcomes import LOOKUPS
from kmstool.kms.transport.retry import RETRIES, RetryingTransport, Verdict, backoff, classify
from kmstool.kms.transport.shield import ShieldingTransport
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import faults
from kmstool.server.tables.faults import FaultRule
from tests import import_requests
from tests.program import Ran, kmstool
from tests.served import serving

TIMEOUT_SECONDS = 30
FIRST_SECONDS, LONGEST_SECONDS = 0.1, 20.0
DAY = 86400

# The whole table of the classes, written down once more: all that is not here must not be repeated.
DELAYED = {
    "FailedOperation.RotateTaskRunning",
    "InternalError",
    "RequestLimitExceeded",
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
    "RequestLimitExceeded.IPLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded",
    "ResourceInsufficient",
    "ServiceUnavailable",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
}
COMMON = {
    "ActionOffline", "AuthFailure.InvalidAuthorization", "AuthFailure.InvalidSecretId", "AuthFailure.MFAFailure",
    "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure", "AuthFailure.UnauthorizedOperation", "DryRunOperation", "FailedOperation",
    "InvalidAction", "InvalidParameter", "InvalidParameterValue", "InvalidRequest", "IpInBlacklist", "IpNotInWhitelist",
    "LimitExceeded", "MissingParameter", "NoSuchProduct", "NoSuchVersion", "RequestSizeLimitExceeded", "ResourceInUse",
    "ResourceNotFound", "ResourceUnavailable", "ResponseSizeLimitExceeded", "UnauthorizedOperation", "UnknownParameter",
    "UnsupportedOperation", "UnsupportedProtocol", "UnsupportedRegion", "RequestLimitExceededs", "SomethingNew",
}  # fmt: skip
CODES = sorted(
    DELAYED
    | COMMON
    | {code for action in protocol.actions().values() for code in action.errors}
    | {value for name, value in vars(errorcodes).items() if name.isupper()}
)

ANSWER = {"RequestId": "1"}
Outcome = KmsToolError | dict[str, Any]


class Scripted:
    """A KMS that answers one thing after the other, and the last one for ever; keeps what it was asked."""

    def __init__(self, *script: Outcome) -> None:
        self._script = list(script)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((action, params))
        outcome = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(outcome, KmsToolError):
            raise outcome
        return outcome


class Lossy:
    """A real KMS whose first answer to one action is lost, before or after the action was performed."""

    def __init__(self, inner: EmbeddedKms, action: str, failure: KmsToolError, *, performs: bool) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self._action, self._failure, self._performs = action, failure, performs
        self.broken: set[str] = set()
        """Actions that always fail."""

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append(action)
        if action in self.broken:
            raise NetworkError("the way to KMS is gone")
        if action != self._action or self.calls.count(action) > 1:
            return self.inner.call(action, params)
        if self._performs:
            self.inner.call(action, params)
        raise self._failure


def network_error() -> NetworkError:
    return NetworkError("connection reset")


def error(code: str) -> KmsToolError:
    return protocol.error(code, "refused", "request-1")


@pytest.fixture
def slept() -> list[float]:
    """The pauses that were made, none of which takes any time."""
    return []


def test_there_are_codes_of_both_kinds() -> None:
    assert len(CODES) > 90
    assert set(CODES) > DELAYED


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_class(code: str, slept: list[float]) -> None:
    kms = Scripted(error(code), ANSWER)
    retrying = RetryingTransport(kms, sleep=slept.append)
    if code in DELAYED:
        assert retrying.call("GetRegions", {}) == ANSWER
        assert len(kms.calls) == 2
        assert 0 <= slept[0] < FIRST_SECONDS
    else:
        with pytest.raises(KmsToolError) as caught:
            retrying.call("GetRegions", {})
        assert caught.value.kms_code == code
        assert (len(kms.calls), slept) == (1, [])


def test_what_is_no_failure_of_kms_is_not_repeated(slept: list[float]) -> None:
    for failure in (AccessError("no credentials"), ServiceError("an answer without a field"), KmsToolError("a bug")):
        kms = Scripted(failure, ANSWER)
        with pytest.raises(type(failure)):
            RetryingTransport(kms, sleep=slept.append).call("GetRegions", {})
        assert (len(kms.calls), slept) == (1, [])


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (UnreachableError("refused"), Verdict.NOW),
        (network_error(), Verdict.UNKNOWN),
        (error("InternalError"), Verdict.UNKNOWN),
        (error("InternalError.Store"), Verdict.UNKNOWN),
        (error("RequestLimitExceeded"), Verdict.LATER),
        (error("RequestLimitExceeded.RotateRateLimited"), Verdict.CANCEL),
        (error("ResourceUnavailable.CmkDisabled"), Verdict.CANCEL),
        (ServiceError("an answer without a field"), Verdict.UNREADABLE),
        (AccessError("no credentials"), Verdict.CANCEL),
    ],
    ids=lambda value: value.name if isinstance(value, Verdict) else str(value.kms_code or type(value).__name__),
)
def test_a_failure_has_one_verdict(failure: KmsToolError, verdict: Verdict) -> None:
    assert classify(failure) is verdict


def test_a_pause_never_ends_after_its_bound() -> None:
    for attempt in (*range(12), 1000):
        bound = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(attempt, 20))
        pauses = [backoff(attempt) for _ in range(200)]
        assert 0 <= min(pauses) < max(pauses) < bound


def test_a_rotation_that_came_too_early_is_never_repeated(slept: list[float]) -> None:
    kms = Scripted(error("RequestLimitExceeded.RotateRateLimited"), ANSWER)
    with pytest.raises(LimitError):
        RetryingTransport(kms, sleep=slept.append).call("RotateKey", {"KeyId": "a"})
    assert (len(kms.calls), slept) == (1, [])


def test_after_a_network_error_at_once_and_then_later(slept: list[float]) -> None:
    kms = Scripted(network_error(), network_error(), network_error(), ANSWER)
    assert RetryingTransport(kms, sleep=slept.append).call("Encrypt", {}) == ANSWER
    assert slept[0] == 0
    assert 0 < slept[1] < 2 * FIRST_SECONDS
    assert 0 < slept[2] < 4 * FIRST_SECONDS


def test_a_refusal_is_never_repeated_at_once() -> None:
    firsts = []
    for _ in range(50):
        slept: list[float] = []
        RetryingTransport(Scripted(error("RequestLimitExceeded"), ANSWER), sleep=slept.append).call("Encrypt", {})
        firsts += slept
    assert min(firsts) > 0
    assert len(set(firsts)) > 40


def test_pauses_are_anything_up_to_a_bound_that_doubles() -> None:
    """Full jitter: were the pauses alike, all clients that were refused together would come back together."""
    rounds = []
    for _ in range(300):
        slept: list[float] = []
        kms = Scripted(error("RequestLimitExceeded"))
        with pytest.raises(LimitError):
            RetryingTransport(kms, retries=12, deadline=Deadline(10_000), sleep=slept.append).call("Encrypt", {})
        assert (len(slept), len(kms.calls)) == (12, 13)
        rounds.append(slept)
    for number, pauses in enumerate(zip(*rounds, strict=True)):
        bound = min(LONGEST_SECONDS, FIRST_SECONDS * 2**number)
        assert 0 <= min(pauses) < 0.2 * bound
        assert 0.8 * bound < max(pauses) < bound
        assert 0.4 * bound < sum(pauses) / len(pauses) < 0.6 * bound


@pytest.mark.parametrize("retries", [0, 1, 5, RETRIES])
@pytest.mark.parametrize("failure", [network_error(), error("InternalError")], ids=["network", "refusal"])
def test_retries_are_counted(retries: int, failure: KmsToolError, slept: list[float]) -> None:
    kms = Scripted(failure)
    with pytest.raises(type(failure)) as caught:
        RetryingTransport(kms, retries=retries, deadline=Deadline(10_000), sleep=slept.append).call("Encrypt", {})
    assert caught.value is failure
    assert (len(kms.calls), len(slept)) == (retries + 1, retries)


def test_the_last_failure_is_the_one_that_is_raised(slept: list[float]) -> None:
    last = error("RequestLimitExceeded")
    with pytest.raises(LimitError) as caught:
        RetryingTransport(Scripted(network_error(), error("InternalError"), last), retries=2, sleep=slept.append).call(
            "Encrypt", {}
        )
    assert caught.value is last


@pytest.mark.parametrize("max_wait", [0, 0.5])
def test_waiting_is_bounded(max_wait: float) -> None:
    kms, slept = Scripted(error("RequestLimitExceeded")), [0.0]
    deadline = Deadline(max_wait, clock=lambda: sum(slept))
    with pytest.raises(LimitError):
        RetryingTransport(kms, retries=1000, deadline=deadline, sleep=slept.append).call("Encrypt", {})
    assert sum(slept) <= max_wait
    assert len(kms.calls) >= (2 if max_wait else 1)


def test_no_pause_is_begun_that_would_end_too_late(slept: list[float]) -> None:
    kms = Scripted(error("RequestLimitExceeded"))
    with pytest.raises(LimitError):
        RetryingTransport(kms, retries=1000, deadline=Deadline(2), sleep=slept.append).call("Encrypt", {})
    assert max(slept) <= 2


# Outcomes that are not known.

REPEATABLE = ("Encrypt", "Decrypt", "ReEncrypt", "GenerateRandom", "DescribeKey", "ListKeys", "EnableKey", "DisableKeys",
              "BindCloudResource", "UpdateAlias", "GetParametersForImport", "EncryptByWhiteBox", "EnableWhiteBoxKey",
              "DisableWhiteBoxKeys", "DescribeWhiteBoxDecryptKey", "OverwriteWhiteBoxDeviceFingerprints")  # fmt: skip
NOT_REPEATABLE: list[tuple[str, dict[str, Any]]] = [
    ("SomethingNew", {}),
]
UNKNOWN = [network_error(), error("InternalError"), error("ServiceUnavailable")]


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
def test_what_may_be_repeated_is(failure: KmsToolError, slept: list[float]) -> None:
    for action in REPEATABLE:
        kms = Scripted(failure, ANSWER)
        assert RetryingTransport(kms, sleep=slept.append).call(action, {"KeyId": "a"}) == ANSWER
        assert [name for name, _ in kms.calls] == [action, action]


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
@pytest.mark.parametrize(("action", "params"), NOT_REPEATABLE, ids=[action for action, _ in NOT_REPEATABLE])
def test_what_may_not_be_repeated_is_not(
    action: str, params: dict[str, Any], failure: KmsToolError, slept: list[float]
) -> None:
    kms = Scripted(failure, ANSWER)
    with pytest.raises(UnknownOutcomeError) as caught:
        RetryingTransport(kms, sleep=slept.append).call(action, params)
    found = caught.value
    assert (found.exit_code, found.kms_code, found.request_id) == (7, failure.kms_code, failure.request_id)
    assert action in found.message
    assert "not known" in found.message
    assert hint_of(found)
    assert (len(kms.calls), slept) == (1, [])


@pytest.mark.parametrize("action", ["CreateKey", "RotateKey", "SomethingNew", "EnableKey"])
def test_what_was_not_sent_was_not_done(action: str, slept: list[float]) -> None:
    """There is nothing to look up, it is tried again, and the end says that nothing was done."""
    params = {"Alias": "a", "KeyId": "a"}
    kms = Scripted(UnreachableError("connection refused"), UnreachableError("connection refused"), ANSWER)
    assert RetryingTransport(kms, sleep=slept.append).call(action, params) == ANSWER
    assert [name for name, _ in kms.calls] == [action] * 3
    kms = Scripted(error("RequestLimitExceeded"), UnreachableError("connection refused", hint="look there"))
    with pytest.raises(UnreachableError) as caught:
        RetryingTransport(kms, retries=2, sleep=slept.append).call(action, params)
    found = caught.value
    assert (found.exit_code, found.message, hint_of(found)) == (7, "connection refused; nothing was done", "look there")


def test_nothing_was_done_is_not_said_of_what_may_have_been(slept: list[float]) -> None:
    """The first request may have taken effect, though the last one was not sent; and to read does nothing anyway."""
    for action, first in (("EnableKey", network_error()), ("Encrypt", UnreachableError("refused"))):
        last = UnreachableError("refused")
        with pytest.raises(UnreachableError) as caught:
            RetryingTransport(Scripted(first, last), retries=1, sleep=slept.append).call(action, {"KeyId": "a"})
        assert caught.value is last


@pytest.mark.parametrize("code", sorted(DELAYED - {"InternalError", "ServiceUnavailable"}))
def test_a_refusal_before_the_action_needs_no_look_up(code: str, slept: list[float]) -> None:
    for action, params in [*NOT_REPEATABLE, ("CreateKey", {"Alias": "a"})]:
        kms = Scripted(error(code), ANSWER)
        assert RetryingTransport(kms, sleep=slept.append).call(action, params) == ANSWER
        assert [name for name, _ in kms.calls] == [action, action]


HOSTED = {"NumberOfBytes": 32, "IsHostedByKms": 1, "DataKeyName": "user-17"}


@dataclass(frozen=True)
class Case:
    """An action, the actions that make it possible, and those that undo what shows in a look-up."""

    action: str
    before: Sequence[str] = ()
    state: str = "Enabled"
    external: bool = False

    def params(self, key_id: str) -> dict[str, Any]:
        window = {"PendingWindowInDays": 7}
        more = {
            "ScheduleKeyDeletion": window,
            "ScheduleDataKeyDeletion": window,
            "EnableKeyRotation": {"RotateDays": 30},
        }
        return {f"{self.kind}Id": key_id, **more.get(self.action, {})}

    @property
    def kind(self) -> str:
        return "DataKey" if "DataKey" in self.action else "Key"

    def made(self, kms: EmbeddedKms) -> str:
        """Make a key, with its material and a data key if the action wants them, and return the id that it wants."""
        key_id = kms.call("CreateKey", {"Alias": "demo", "Type": 2 if self.external else 1})["KeyId"]
        if self.external:
            kms.call("ImportKeyMaterial", import_requests.import_request(kms, key_id, bytes(16)))
        if self.kind == "DataKey":
            return str(kms.call("GenerateDataKey", {"KeyId": key_id, **HOSTED})["DataKeyId"])
        return str(key_id)


CASES = {
    case.action: case
    for case in (
        Case("ScheduleKeyDeletion", ["DisableKey"], "PendingDelete"),
        Case("ScheduleDataKeyDeletion", ["DisableDataKey"], "PendingDelete"),
        Case("CancelKeyDeletion", ["DisableKey", "ScheduleKeyDeletion"], "Disabled"),
        Case("CancelDataKeyDeletion", ["DisableDataKey", "ScheduleDataKeyDeletion"], "Disabled"),
        Case("ArchiveKey", [], "Archived"),
        Case("CancelKeyArchive", ["ArchiveKey"]),
        Case("DeleteImportedKeyMaterial", [], "PendingImport", external=True),
    )
}


def test_every_look_up_is_tried_here() -> None:
    named = {"CreateKey", "CreateWhiteBoxKey", "DeleteWhiteBoxKey", "GenerateDataKey", "ImportDataKey", "RotateKey"}
    named |= {"UpdateAlias", "UpdateDataKeyName"}
    assert {*CASES, *named} == set(LOOKUPS)


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    found: str = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    return found


def prepared(kms: EmbeddedKms, case: Case) -> str:
    """Bring a key, or a data key, to where a case begins; return its id."""
    target = case.made(kms)
    for action in case.before:
        kms.call(action, Case(action).params(target))
    return target


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
@pytest.mark.parametrize("performs", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_lost_answer_is_found_or_the_action_repeated(
    kms: EmbeddedKms, slept: list[float], case: Case, performs: bool, failure: KmsToolError
) -> None:
    key_id = prepared(kms, case)
    lossy = Lossy(kms, case.action, failure, performs=performs)
    answer = RetryingTransport(lossy, sleep=slept.append).call(case.action, case.params(key_id))
    assert lossy.calls == [case.action, f"Describe{case.kind}", *([] if performs else [case.action])]
    key = kms.call(f"Describe{case.kind}", {f"{case.kind}Id": key_id})[f"{case.kind}Metadata"]
    assert key["KeyState"] == case.state
    model = protocol.actions()[case.action].response
    assert {name for name, kind in model.items() if kind.endswith("!")} <= answer.keys()
    assert uuid.UUID(answer["RequestId"])
    assert answer.get(f"{case.kind}Id", key_id) == key_id
    assert answer.get("DeletionDate", key["DeletionDate"]) == key["DeletionDate"]


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
@pytest.mark.parametrize("performs", [True, False], ids=["after", "before"])
def test_a_key_whose_creation_was_lost_is_made_once(
    kms: EmbeddedKms, slept: list[float], performs: bool, failure: KmsToolError
) -> None:
    kms.call("CreateKey", {"Alias": "demo-2"})
    lossy = Lossy(kms, "CreateKey", failure, performs=performs)
    created = KmsClient(RetryingTransport(lossy, sleep=slept.append)).create_key(
        "demo", usage="ENCRYPT_DECRYPT", description="d"
    )
    assert lossy.calls == ["CreateKey", "ListKeyDetail", *([] if performs else ["CreateKey"])]
    listed = kms.call("ListKeyDetail", {"KeyUsage": "ALL"})
    assert listed["TotalCount"] == 2
    [key_id] = [key["KeyId"] for key in listed["KeyMetadatas"] if key["Alias"] == "demo"]
    assert created.key_id == key_id
    plain = kms.call("CreateKey", {"Alias": "plain"})
    wanted = {name for name in plain if name != "HsmClusterId"}
    assert wanted <= created.answer.keys()
    assert (created.answer["Description"], created.answer["KeyUsage"]) == ("d", "ENCRYPT_DECRYPT")


def test_an_older_key_of_that_name_is_not_the_one_that_was_lost(kms: EmbeddedKms, slept: list[float]) -> None:
    admin.move_clock(kms, -DAY)
    kms.call("CreateKey", {"Alias": "demo"})
    admin.move_clock(kms, 0)
    lossy = Lossy(kms, "CreateKey", network_error(), performs=False)
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call("CreateKey", {"Alias": "demo"})
    assert caught.value.kms_code == "InvalidParameterValue.AliasAlreadyExists"


def rotatable(kms: EmbeddedKms, key_id: str) -> dict[str, str]:
    kms.call("EnableKeyRotation", {"KeyId": key_id})
    return {"KeyId": key_id}


def test_a_rotation_whose_answer_was_lost_is_repeated_if_there_was_none(
    kms: EmbeddedKms, key_id: str, slept: list[float]
) -> None:
    lossy = Lossy(kms, "RotateKey", network_error(), performs=False)
    assert RetryingTransport(lossy, sleep=slept.append).call("RotateKey", rotatable(kms, key_id))["TaskId"]
    assert lossy.calls == ["RotateKey", "DescribeKey", "RotateKey"]


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
@pytest.mark.parametrize("performs", [True, False], ids=["own", "another's"])
def test_whose_a_rotation_is_cannot_be_known(
    kms: EmbeddedKms, key_id: str, slept: list[float], performs: bool, failure: KmsToolError
) -> None:
    params = rotatable(kms, key_id)
    if not performs:
        kms.call("RotateKey", params)
    with pytest.raises(UnknownOutcomeError, match="rotated just now, by this request or by another one"):
        RetryingTransport(Lossy(kms, "RotateKey", failure, performs=performs), sleep=slept.append).call(
            "RotateKey", params
        )


TAGS = [{"TagKey": "team", "TagValue": "a"}]
MADE = {
    "CreateKey": {"Alias": "demo", "Description": "mine"},
    "CreateWhiteBoxKey": {"Alias": "demo", "Algorithm": "SM4", "Description": "mine"},
    "GenerateDataKey": {**HOSTED, "Description": "mine"},
    "ImportDataKey": {"ImportType": 2, "ImportKeyMaterial": "QUJD", "DataKeyName": "user-17", "Description": "mine"},
}


def request(action: str, key_id: str) -> dict[str, Any]:
    """Return a request that makes something, with tags."""
    named = {"KeyId": key_id} if "DataKey" in action else {}
    return {**named, **MADE[action], "Tags": TAGS}


@pytest.mark.parametrize("action", MADE)
def test_what_was_made_with_tags_is_found(kms: EmbeddedKms, slept: list[float], action: str) -> None:
    params = request(action, kms.call("CreateKey", {"Alias": "a"})["KeyId"])
    lossy = Lossy(kms, action, network_error(), performs=True)
    RetryingTransport(lossy, sleep=slept.append).call(action, params)
    assert lossy.calls.count(action) == 1


@pytest.mark.parametrize("action", MADE)
@pytest.mark.parametrize("other", [{"Description": "his"}, {"Description": ""}], ids=["another", "none"])
def test_what_is_described_otherwise_is_not_what_was_lost(
    kms: EmbeddedKms, slept: list[float], action: str, other: dict[str, Any]
) -> None:
    params = request(action, kms.call("CreateKey", {"Alias": "a"})["KeyId"])
    kms.call(action, {**params, **other})
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(Lossy(kms, action, network_error(), performs=False), sleep=slept.append).call(action, params)
    assert "AlreadyExists" in str(caught.value.kms_code)


@pytest.mark.parametrize("action", MADE)
@pytest.mark.parametrize("tags", [[], [{"TagKey": "team", "TagValue": "b"}]], ids=["none", "others"])
def test_what_has_not_the_tags_is_not_taken_for_what_was_lost(
    kms: EmbeddedKms, slept: list[float], action: str, tags: list[dict[str, str]]
) -> None:
    """It may be: tags are set after the key is made, and can fail."""
    params = request(action, kms.call("CreateKey", {"Alias": "a"})["KeyId"])
    kms.call(action, {**params, "Tags": tags})
    with pytest.raises(UnknownOutcomeError, match="without its tags"):
        RetryingTransport(Lossy(kms, action, network_error(), performs=False), sleep=slept.append).call(action, params)


@pytest.mark.parametrize("action", MADE)
def test_what_was_made_a_minute_before_is_not_taken_for_what_was_lost(
    kms: EmbeddedKms, slept: list[float], action: str
) -> None:
    """The clocks of client and service may differ by more."""
    params = request(action, kms.call("CreateKey", {"Alias": "a"})["KeyId"])
    admin.move_clock(kms, -60)
    kms.call(action, params)
    admin.move_clock(kms, 0)
    with pytest.raises(UnknownOutcomeError, match="made a little earlier"):
        RetryingTransport(Lossy(kms, action, network_error(), performs=False), sleep=slept.append).call(action, params)


def test_another_size_is_not_the_data_key_that_was_lost(kms: EmbeddedKms, key_id: str, slept: list[float]) -> None:
    params = {"KeyId": key_id, **HOSTED}
    kms.call("GenerateDataKey", {**params, "NumberOfBytes": 16})
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(Lossy(kms, "GenerateDataKey", network_error(), performs=False), sleep=slept.append).call(
            "GenerateDataKey", params
        )
    assert caught.value.kms_code == "InvalidParameterValue.DataKeyNameAlreadyExists"


@pytest.mark.parametrize("case", ["ScheduleKeyDeletion", "ScheduleDataKeyDeletion"])
def test_a_deletion_at_another_time_is_not_the_one_that_was_lost(
    kms: EmbeddedKms, slept: list[float], case: str
) -> None:
    params = CASES[case].params(prepared(kms, CASES[case]))
    kms.call(case, {**params, "PendingWindowInDays": 30})
    with pytest.raises(UnknownOutcomeError, match="at another time"):
        RetryingTransport(Lossy(kms, case, network_error(), performs=False), sleep=slept.append).call(case, params)


class Late(Lossy):
    """A real KMS that performs an action whose answer was lost only after it was looked for in vain."""

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if action == self._action and self.calls.count(action) == 1:
            self.inner.call(action, params)
        return super().call(action, params)


@pytest.mark.parametrize("action", MADE)
def test_a_refusal_of_what_came_late_after_all_is_looked_up(kms: EmbeddedKms, slept: list[float], action: str) -> None:
    """The repeated request is told that there is such a key already: its own."""
    params = request(action, kms.call("CreateKey", {"Alias": "a"})["KeyId"])
    late = Late(kms, action, network_error(), performs=False)
    answer = RetryingTransport(late, sleep=slept.append).call(action, params)
    assert answer["RequestId"]
    assert late.calls.count(action) == 2


@pytest.mark.parametrize(
    ("action", "name"), [("UpdateAlias", "Alias"), ("UpdateDataKeyName", "DataKeyName")], ids=["key", "data key"]
)
def test_a_new_name_that_came_through_is_a_success(
    kms: EmbeddedKms, key_id: str, slept: list[float], action: str, name: str
) -> None:
    """A service may say of the name that it has just given that it is taken."""
    made = kms.call("GenerateDataKey", {"KeyId": key_id, **HOSTED})
    kind = "DataKeyId" if name == "DataKeyName" else "KeyId"
    params = {kind: made[kind], name: "new"}

    class Strict(Lossy):
        def call(self, called: str, params: Mapping[str, Any]) -> dict[str, Any]:
            if called == action and self.calls:
                self.calls.append(called)
                raise error("InvalidParameterValue.AliasAlreadyExists")
            return super().call(called, params)

    assert RetryingTransport(Strict(kms, action, network_error(), performs=True), sleep=slept.append).call(
        action, params
    )
    with pytest.raises(ServiceError):
        RetryingTransport(Strict(kms, action, network_error(), performs=False), sleep=slept.append).call(
            action, {**params, name: "newer"}
        )


def test_an_answer_that_is_none_leaves_the_outcome_to_be_looked_up(kms: EmbeddedKms, slept: list[float]) -> None:
    unreadable = ServiceError("KMS answered without a Response")
    lossy = Lossy(kms, "CreateKey", unreadable, performs=True)
    assert RetryingTransport(lossy, sleep=slept.append).call("CreateKey", {"Alias": "demo"})["KeyId"]
    with pytest.raises(UnknownOutcomeError):
        RetryingTransport(Scripted(unreadable), sleep=slept.append).call("UnbindCloudResource", {"KeyId": "a"})


@pytest.mark.parametrize("wanted", [{"KeyUsage": "ASYMMETRIC_SIGN_VERIFY_SM2"}, {"Type": 2}], ids=["usage", "origin"])
def test_a_new_key_of_another_kind_is_not_the_one_that_was_lost(
    kms: EmbeddedKms, slept: list[float], wanted: dict[str, Any]
) -> None:
    kms.call("CreateKey", {"Alias": "demo"})
    lossy = Lossy(kms, "CreateKey", network_error(), performs=False)
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call("CreateKey", {"Alias": "demo", **wanted})
    assert caught.value.kms_code == "InvalidParameterValue.AliasAlreadyExists"


HOSTING = [
    ("GenerateDataKey", HOSTED),
    ("ImportDataKey", {"ImportType": 2, "ImportKeyMaterial": "QUJD", "DataKeyName": "user-17"}),
]


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
@pytest.mark.parametrize("performs", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("shielded", [True, False], ids=["shielded", "in clear"])
@pytest.mark.parametrize(("action", "params"), HOSTING, ids=["generated", "imported"])
def test_a_data_key_that_was_lost_is_kept_once(
    kms: EmbeddedKms,
    key_id: str,
    slept: list[float],
    action: str,
    params: dict[str, Any],
    shielded: bool,
    performs: bool,
    failure: KmsToolError,
) -> None:
    kms.call("GenerateDataKey", {"KeyId": key_id, **HOSTED, "DataKeyName": "user-170"})
    lossy = Lossy(kms, action, failure, performs=performs)
    retrying = RetryingTransport(lossy, sleep=slept.append)
    answer = (ShieldingTransport(retrying) if shielded else retrying).call(action, {"KeyId": key_id, **params})
    assert lossy.calls.count(action) == (1 if performs else 2)
    listed = kms.call("ListDataKeyDetail", {})["DataKeyMetadatas"]
    assert [found["DataKeyId"] for found in listed if found["DataKeyName"] == "user-17"] == [answer["DataKeyId"]]
    assert answer["KeyId"] == key_id
    if action == "GenerateDataKey":
        kept = kms.call("GetDataKeyPlaintext", {"DataKeyId": answer["DataKeyId"]})["Plaintext"]
        assert answer["Plaintext"] == kept
        assert kms.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"]})["Plaintext"] == kept


@pytest.mark.parametrize(("action", "params"), HOSTING, ids=["generated", "imported"])
@pytest.mark.parametrize("of", ["an older day", "another key"])
def test_another_data_key_of_that_name_is_not_the_one_that_was_lost(
    kms: EmbeddedKms, key_id: str, slept: list[float], action: str, params: dict[str, Any], of: str
) -> None:
    other = kms.call("CreateKey", {"Alias": "other"})["KeyId"] if of == "another key" else key_id
    admin.move_clock(kms, -DAY if of == "an older day" else 0)
    kms.call("GenerateDataKey", {"KeyId": other, **HOSTED})
    admin.move_clock(kms, 0)
    lossy = Lossy(kms, action, network_error(), performs=False)
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call(action, {"KeyId": key_id, **params})
    assert caught.value.kms_code == "InvalidParameterValue.DataKeyNameAlreadyExists"


def test_a_new_data_key_of_other_bytes_is_not_the_import_that_was_lost(
    kms: EmbeddedKms, key_id: str, slept: list[float]
) -> None:
    params = {"KeyId": key_id, **dict(HOSTING)["ImportDataKey"]}
    kms.call("ImportDataKey", {**params, "ImportKeyMaterial": "REVG"})
    lossy = Lossy(kms, "ImportDataKey", network_error(), performs=False)
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call("ImportDataKey", params)
    assert caught.value.kms_code == "InvalidParameterValue.DataKeyNameAlreadyExists"


@pytest.mark.parametrize("differs", ["context", "description", "blob"])
def test_a_new_data_key_that_is_not_what_was_asked_for_is_not_the_one_that_was_lost(
    kms: EmbeddedKms, key_id: str, slept: list[float], differs: str
) -> None:
    made = kms.call("GenerateDataKey", {"KeyId": key_id, **HOSTED, "EncryptionContext": '{"a":"b"}'})
    action, params = "GenerateDataKey", {"KeyId": key_id, **HOSTED, "EncryptionContext": '{"a":"b"}'}
    if differs == "blob":
        blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": "QUJD"})["CiphertextBlob"]
        action, params = (
            "ImportDataKey",
            {"ImportType": 1, "ImportKeyMaterial": blob, "DataKeyName": HOSTED["DataKeyName"]},
        )
    else:
        params |= {"context": {"EncryptionContext": '{"c":"d"}'}, "description": {"Description": "mine"}}[differs]
    lossy = Lossy(kms, action, network_error(), performs=False)
    with pytest.raises(ServiceError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call(action, params)
    assert caught.value.kms_code == "InvalidParameterValue.DataKeyNameAlreadyExists"
    assert kms.call("DescribeDataKey", {"DataKeyId": made["DataKeyId"]})["DataKeyMetadata"]["KeyState"] == "Enabled"


def test_a_blob_whose_import_was_lost_is_found(kms: EmbeddedKms, key_id: str, slept: list[float]) -> None:
    blob = kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"})["CiphertextBlob"]
    params = {"ImportType": 1, "ImportKeyMaterial": blob, "DataKeyName": "user-17"}
    lossy = Lossy(kms, "ImportDataKey", network_error(), performs=True)
    answer = RetryingTransport(lossy, sleep=slept.append).call("ImportDataKey", params)
    assert lossy.calls == ["ImportDataKey", "ListDataKeyDetail", "GetDataKeyPlaintext", "Decrypt"]
    assert kms.call("GetDataKeyCiphertextBlob", {"DataKeyId": answer["DataKeyId"]})["CiphertextBlob"] == blob


@pytest.mark.parametrize(("action", "params"), HOSTING, ids=["generated", "imported"])
def test_a_data_key_that_cannot_be_looked_up_leaves_the_outcome_unknown(
    kms: EmbeddedKms, key_id: str, slept: list[float], action: str, params: dict[str, Any]
) -> None:
    lossy = Lossy(kms, action, error("InternalError"), performs=True)
    lossy.broken = {"ListDataKeyDetail"}
    with pytest.raises(UnknownOutcomeError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call(action, {"KeyId": key_id, **params})
    assert lossy.calls.count(action) == 1
    assert "kmstool data-key list" in (hint_of(caught.value) or "")


@pytest.mark.parametrize("answer", [{}, {"KeyMetadata": None}, {"KeyMetadata": {}}], ids=["no field", "null", "empty"])
def test_a_look_up_whose_answer_lacks_a_field_leaves_the_outcome_unknown(
    kms: EmbeddedKms, key_id: str, slept: list[float], answer: dict[str, Any]
) -> None:
    class Mangled(Lossy):
        def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
            return answer | {"RequestId": "1"} if action == "DescribeKey" else super().call(action, params)

    kms.call("EnableKeyRotation", {"KeyId": key_id})
    with pytest.raises(UnknownOutcomeError):
        RetryingTransport(Mangled(kms, "RotateKey", network_error(), performs=True), sleep=slept.append).call(
            "RotateKey", {"KeyId": key_id}
        )


@pytest.mark.parametrize("case", ["CreateKey", *CASES])
def test_a_look_up_that_fails_leaves_the_outcome_unknown(kms: EmbeddedKms, slept: list[float], case: str) -> None:
    params = {"Alias": "new"} if case == "CreateKey" else CASES[case].params(prepared(kms, CASES[case]))
    lossy = Lossy(kms, case, error("InternalError"), performs=True)
    lossy.broken = {"DescribeKey", "DescribeDataKey", "ListKeyDetail"}
    with pytest.raises(UnknownOutcomeError) as caught:
        RetryingTransport(lossy, sleep=slept.append).call(case, params)
    assert (caught.value.exit_code, caught.value.kms_code) == (7, "InternalError")
    assert lossy.calls.count(case) == 1


@pytest.mark.parametrize("mistake", [KeyError("Alias"), TypeError("no text"), AttributeError("get"), ValueError("x")])
def test_a_mistake_of_ours_in_a_look_up_is_not_hidden(slept: list[float], mistake: Exception) -> None:
    """It is a bug to be seen and mended, not an outcome that is not known."""

    def lookup(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
        raise mistake

    retrying = RetryingTransport(Scripted(network_error()), lookups={"CreateKey": lookup}, sleep=slept.append)
    with pytest.raises(type(mistake)) as caught:
        retrying.call("CreateKey", {"Alias": "a"})
    assert caught.value is mistake


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted(
    {
        *("Alias", "KeyId", "DataKeyId", "DataKeyName", "KeyUsage", "Origin", "Description", "CreateTime", "KeyState"),
        *("DeletionDate", "LastRotateTime", "RequestId", "Plaintext", "CiphertextBlob", "EncryptKey", "DecryptKey"),
        *("KeyMetadata", "DataKeyMetadata", "KeyMetadatas", "DataKeyMetadatas", "KeyInfos", "Tags", "NumberOfBytes"),
        *(
            "PendingWindowInDays",
            "ImportType",
            "ImportKeyMaterial",
            "KeySpec",
            "Type",
            "TagKey",
            "TagValue",
            "Algorithm",
        ),
    }
)
LIKELY = st.sampled_from(["demo", "PendingDelete", "Enabled", "ENCRYPT_DECRYPT", "TENCENT_KMS", "QUJD", "", 0, 7, None])
OBJECTS: st.SearchStrategy[Any] = st.recursive(
    st.dictionaries(st.sampled_from(FIELDS), LIKELY | st.just(2_000_000_000) | JSON, max_size=12),
    lambda inner: st.dictionaries(
        st.sampled_from(FIELDS), inner | st.lists(inner, max_size=2) | LIKELY, min_size=3, max_size=12
    ),
    max_leaves=4,
)


@given(action=st.sampled_from(sorted(LOOKUPS)), params=OBJECTS, answer=OBJECTS)
@settings(deadline=None, max_examples=1500)
def test_a_look_up_of_any_request_in_any_answer_is_an_answer_or_an_error_of_ours(
    action: str, params: dict[str, Any], answer: dict[str, Any]
) -> None:
    """`kmstool api` sends whatever its user writes, and what answers may be anything."""
    with contextlib.suppress(KmsToolError):
        outcome = LOOKUPS[action](Scripted(answer), params, 2_000_000_000)
        assert outcome is None or isinstance(outcome, dict)


def test_a_look_up_that_is_refused_for_a_moment_goes_on(kms: EmbeddedKms, slept: list[float]) -> None:
    found = {"KeyMetadatas": [], "TotalCount": 0, "RequestId": "1"}
    scripted = Scripted(
        network_error(), error("RequestLimitExceeded"), network_error(), found, {**ANSWER, "KeyId": "a"}
    )
    assert RetryingTransport(scripted, sleep=slept.append).call("CreateKey", {"Alias": "a"})["KeyId"] == "a"
    assert [action for action, _ in scripted.calls] == ["CreateKey", *["ListKeyDetail"] * 3, "CreateKey"]


def test_a_look_up_is_retried_no_more_than_was_asked_for(slept: list[float]) -> None:
    kms = Scripted(network_error())
    with pytest.raises(UnknownOutcomeError):
        RetryingTransport(kms, retries=2, sleep=slept.append).call("CreateKey", {"Alias": "a"})
    assert len(kms.calls) <= 1 + 3


def test_a_look_up_does_not_outlast_the_longest_wait() -> None:
    total = 0.0

    def sleep(seconds: float) -> None:
        nonlocal total
        total += seconds
        assert total < 2, "the look-up goes on"
        time.sleep(seconds)

    with pytest.raises(UnknownOutcomeError):
        RetryingTransport(Scripted(network_error()), deadline=Deadline(0.5), sleep=sleep).call(
            "CreateKey", {"Alias": "a"}
        )


@pytest.mark.parametrize("failure", UNKNOWN, ids=["network", "internal error", "unavailable"])
@pytest.mark.parametrize("performs", [True, False], ids=["after", "before"])
def test_a_white_box_key_whose_creation_was_lost_is_made_once(
    kms: EmbeddedKms, slept: list[float], performs: bool, failure: KmsToolError
) -> None:
    kms.call("CreateWhiteBoxKey", {"Alias": "demo-2", "Algorithm": "SM4"})
    lossy = Lossy(kms, "CreateWhiteBoxKey", failure, performs=performs)
    client = KmsClient(RetryingTransport(lossy, sleep=slept.append))
    created = client.create_white_box_key("demo", "AES_256")
    assert lossy.calls == [
        "CreateWhiteBoxKey",
        "DescribeWhiteBoxKeyDetails",
        *([] if performs else ["CreateWhiteBoxKey"]),
    ]
    assert [key.alias for key in client.list_white_box_keys()] == ["demo", "demo-2"]
    encrypted = client.encrypt_by_white_box(created.key_id, b"secret")
    assert whitebox.decrypt(created.decrypt_key, encrypted.iv, encrypted.ciphertext) == b"secret"
    assert protocol.actions()["CreateWhiteBoxKey"].response.keys() <= created.answer.keys()


def test_an_older_white_box_key_of_that_name_is_not_the_one_that_was_lost(kms: EmbeddedKms, slept: list[float]) -> None:
    admin.move_clock(kms, -DAY)
    kms.call("CreateWhiteBoxKey", {"Alias": "demo", "Algorithm": "SM4"})
    admin.move_clock(kms, 0)
    lossy = Lossy(kms, "CreateWhiteBoxKey", network_error(), performs=False)
    with pytest.raises(ServiceError) as caught:
        KmsClient(RetryingTransport(lossy, sleep=slept.append)).create_white_box_key("demo", "SM4")
    assert caught.value.kms_code == "InvalidParameterValue.AliasAlreadyExists"


@pytest.mark.parametrize("performs", [True, False], ids=["after", "before"])
def test_a_white_box_key_whose_deletion_was_lost_is_gone(kms: EmbeddedKms, slept: list[float], performs: bool) -> None:
    created = kms.call("CreateWhiteBoxKey", {"Alias": "demo", "Algorithm": "SM4"})
    kms.call("DisableWhiteBoxKey", {"KeyId": created["KeyId"]})
    lossy = Lossy(kms, "DeleteWhiteBoxKey", network_error(), performs=performs)
    client = KmsClient(RetryingTransport(lossy, sleep=slept.append))
    assert uuid.UUID(client.delete_white_box_key(created["KeyId"])["RequestId"])
    assert lossy.calls == ["DeleteWhiteBoxKey", "DescribeWhiteBoxKey", *([] if performs else ["DeleteWhiteBoxKey"])]
    assert list(client.list_white_box_keys()) == []


def test_a_white_box_key_that_cannot_be_looked_up_leaves_the_outcome_unknown(
    kms: EmbeddedKms, slept: list[float]
) -> None:
    lossy = Lossy(kms, "CreateWhiteBoxKey", network_error(), performs=True)
    lossy.broken = {"DescribeWhiteBoxKeyDetails"}
    with pytest.raises(UnknownOutcomeError) as caught:
        KmsClient(RetryingTransport(lossy, sleep=slept.append)).create_white_box_key("demo", "SM4")
    assert "kmstool whitebox list" in (hint_of(caught.value) or "")
    assert lossy.calls.count("CreateWhiteBoxKey") == 1


# Against the served KMS.


@dataclass(frozen=True)
class Server:
    """A running server, on whose store rules of faults can be put."""

    folder: Path
    environ: Mapping[str, str]

    def transport(self) -> CloudTransport:
        given = self.environ
        credential = Credential(given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"])
        return CloudTransport(
            FixedProvider(credential, "the tests"), "ap-guangzhou", endpoint=given["KMSTOOL_ENDPOINT"]
        )

    def sdk(self, retryer: StandardRetryer) -> kms_client.KmsClient:
        given = self.environ
        http = HttpProfile(protocol="http", endpoint=given["KMSTOOL_ENDPOINT"].removeprefix("http://"))
        credential = SdkCredential(given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"])
        client = kms_client.KmsClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http, retryer=retryer))
        client.request.conn.proxy = None
        client.request.conn._session.trust_env = False
        return client

    def run(self, *arguments: str, exit_code: int = 0) -> Ran:
        return kmstool(*arguments, env=self.environ, exit_code=exit_code)

    def count(self, line: str) -> int:
        """Return how often a line stands in what the server reported."""
        return (self.folder / "server.log").read_text().splitlines().count(f"kmstool: {line}")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served"), "--verbose") as found:
        yield Server(found.folder, {**found.environ, **found.variables})


@pytest.fixture
def rules(server: Server) -> Iterator[Callable[..., None]]:
    """A way to add fault rules, which go again after the test."""
    kms = EmbeddedKms(server.folder / "store")

    def add(**fields: Any) -> None:
        with kms.store.transaction(write=True) as db:
            faults.add(db, FaultRule(**fields))

    yield add
    with kms.store.transaction(write=True) as db:
        faults.clear(db)
    kms.close()


def new_alias() -> str:
    return "k" + uuid.uuid4().hex


def keys(server: Server, alias: str) -> list[str]:
    answer = server.transport().call("ListKeyDetail", {"KeyUsage": "ALL", "SearchKeyAlias": alias})
    return [key["KeyId"] for key in answer["KeyMetadatas"]]


def test_half_of_all_requests_refused_and_none_lost(server: Server, rules: Callable[..., None]) -> None:
    slept: list[float] = []
    client = KmsClient(RetryingTransport(server.transport(), retries=60, deadline=Deadline(10_000), sleep=slept.append))
    key_id = client.create_key(new_alias(), usage="ENCRYPT_DECRYPT").key_id
    rules(action="*", probability=0.5, code="RequestLimitExceeded")
    blobs = [client.encrypt(key_id, f"text {number}".encode(), {}).ciphertext_blob for number in range(200)]
    assert len(slept) > 100
    for number in range(0, 200, 20):
        assert client.decrypt(blobs[number], {}).plaintext == f"text {number}".encode()


FAULTS: dict[str, dict[str, Any]] = {
    "internal error": {"code": "InternalError"},
    "no answer": {"drop": True},
    "half an answer": {"truncate": True},
    "bad gateway": {"http_status": 502},
}


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_one_key_is_made_whatever_happens_to_the_answer(
    server: Server, rules: Callable[..., None], fault: dict[str, Any], after: bool
) -> None:
    alias = new_alias()
    rules(action="CreateKey", nth=1, after=after, **fault)
    created = KmsClient(RetryingTransport(server.transport())).create_key(alias, usage="ENCRYPT_DECRYPT")
    assert keys(server, alias) == [created.key_id]


def test_a_late_answer_is_not_waited_for_and_the_key_is_found(server: Server, rules: Callable[..., None]) -> None:
    alias = new_alias()
    rules(action="CreateKey", nth=1, delay_seconds=2.0)
    given = server.environ
    credential = Credential(given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"])
    transport = CloudTransport(
        FixedProvider(credential, "the tests"), "ap-guangzhou", endpoint=given["KMSTOOL_ENDPOINT"], timeout=0.5
    )
    created = KmsClient(RetryingTransport(transport)).create_key(alias, usage="ENCRYPT_DECRYPT")
    assert keys(server, alias) == [created.key_id]


def test_the_retryer_of_the_sdk_repeats_what_succeeded(server: Server, rules: Callable[..., None]) -> None:
    """Why it is not used: after one refusal it takes every success for a failure, repeats it, and then raises."""
    sdk = server.sdk(StandardRetryer(max_attempts=3, backoff_fn=lambda _: 0))
    rules(action="GenerateRandom", nth=1, code="RequestLimitExceeded")
    rules(action="CreateKey", nth=1, code="RequestLimitExceeded")
    before = server.count("GenerateRandom: ok")
    request = models.GenerateRandomRequest()
    request.NumberOfBytes = 8
    with pytest.raises(TencentCloudSDKException) as caught:
        sdk.GenerateRandom(request)
    assert caught.value.code == "RequestLimitExceeded"
    assert server.count("GenerateRandom: ok") - before == 2

    alias = new_alias()
    creation = models.CreateKeyRequest()
    creation.Alias = alias
    with pytest.raises(TencentCloudSDKException) as caught:
        sdk.CreateKey(creation)
    assert caught.value.code == "InvalidParameterValue.AliasAlreadyExists"
    assert len(keys(server, alias)) == 1

    rules(action="CreateKey", nth=1, code="RequestLimitExceeded")
    alias = new_alias()
    created = KmsClient(RetryingTransport(server.transport())).create_key(alias, usage="ENCRYPT_DECRYPT")
    assert keys(server, alias) == [created.key_id]


def test_the_program_retries_as_long_as_it_is_told_to(server: Server, rules: Callable[..., None]) -> None:
    rules(action="GenerateRandom", code="RequestLimitExceeded")
    before = server.count("GenerateRandom: RequestLimitExceeded")
    done = server.run("random", "8", "--max-wait", "1", exit_code=6)
    assert "RequestLimitExceeded" in done.err
    assert server.count("GenerateRandom: RequestLimitExceeded") - before > 1
    before = server.count("GenerateRandom: RequestLimitExceeded")
    server.run("random", "8", "--retries", "0", exit_code=6)
    assert server.count("GenerateRandom: RequestLimitExceeded") - before == 1


def test_the_program_says_that_an_outcome_is_not_known(server: Server, rules: Callable[..., None]) -> None:
    alias = new_alias()
    rules(action="CreateKey", drop=True, after=True)
    rules(action="ListKeyDetail", http_status=502)
    done = server.run("key", "create", "--alias", alias, "--retries", "1", "--max-wait", "2", exit_code=7)
    assert done.out == ""
    assert "whether CreateKey took effect is not known" in done.err
    assert "kmstool key list" in done.err


def test_the_program_says_that_nothing_was_done(server: Server) -> None:
    """Where nobody listens nothing can have happened."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
    for arguments in (["key", "create", "--alias", new_alias()], ["key", "create", "--alias", "a", "--retries", "0"]):
        done = server.run(*arguments, "--max-wait", "0.5", "--endpoint", endpoint, exit_code=7)
        assert done.out == ""
        assert "connection refused; nothing was done" in done.err
        assert "not known" not in done.err


def test_the_program_makes_one_key(server: Server, rules: Callable[..., None]) -> None:
    alias = new_alias()
    rules(action="CreateKey", nth=1, drop=True, after=True)
    done = server.run("key", "create", "--alias", alias)
    assert keys(server, alias) == [done.out.strip()]
