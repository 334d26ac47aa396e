"""The example requests that Tencent publishes for every action, sent to the served KMS by Tencent's SDK for Python.

tccli has them. First each goes as it is, then with what it names (ids, and what only the
key itself can have made) replaced by things that are there.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from kmstool.api import protocol
from kmstool.server.handlers import ACTIONS
from kmstool.whitebox import binding
from tests import scenarios
from tests.foreign import tccli_data

TIMEOUT_SECONDS = 30

# Each pass has a region of its own, so that an alias is free in both.
AS_IT_IS, REPLACED = "ap-guangzhou", "ap-shanghai"

# What is replaced: ids, and values that only one key can have made or take. `****` hides a part of the public keys.
NAMES = {
    *("KeyId", "KeyIds", "DestinationKeyId", "DataKeyId", "DataKeyIds"),
    *("CiphertextBlob", "Ciphertext", "SignatureValue", "EncryptionPublicKey", "ImportToken", "EncryptedKeyMaterial"),
}
# A search for what is not here is not refused, and finds nothing.
SEARCHES = {"SearchKeyAlias"}
NOT_HERE = {"ResourceUnavailable.CmkNotFound", "ResourceUnavailable.DataKeyNotFound", "ResourceNotFound"}

# Served actions whose example is not refused, as it is, because what it names is not here; and why.
REFUSED = {
    "Decrypt": ("InvalidParameterValue.InvalidCiphertext", "the blob is one of the cloud"),
    "ReEncrypt": ("InvalidParameterValue.InvalidCiphertext", "the blob is one of the cloud"),
    "ScheduleKeyDeletion": ("InvalidParameterValue.InvalidKeyId", "its KeyId is in quotation marks"),
}

# Refused whatever is there, and why.
MALFORMED = {
    "OverwriteWhiteBoxDeviceFingerprints": (
        "InvalidParameterValue", "its Identity is a UUID, and the field's own description has 70 characters of four parts"
    ),
}  # fmt: skip

# The pages tell nothing of their ciphertexts, signatures and public keys (docs/local-kms.md).
NOT_SERVED = "a post-quantum action, of whose form nothing is published"

Send = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Example:
    """A published request: how it is sent, and what was answered."""

    action: str
    method: str
    params: dict[str, Any]
    answer: dict[str, Any]

    @classmethod
    def parse(cls, action: str, text: str, answer: str) -> "Example":
        """Read a request as the pages show it: of HTTP with a body in JSON, or a URL with a parameter a line."""
        method, _, rest = text.partition(" ")
        if method == "POST":
            params = json.loads(rest.partition("\n\n")[2])
        else:
            method = "GET"
            fields = [line.partition("=") for line in text.partition("?")[2].replace("\n", "").split("&")]
            params = {name: value for name, mark, value in fields if mark and name != "Action"}
        return cls(action, method, params, json.loads(answer)["Response"])

    @property
    def names(self) -> bool:
        """Whether it names what can only be in the KMS that it was made for."""
        return any(name.partition(".")[0] in NAMES for name in self.params)

    def replaced(self, made: dict[str, Any]) -> dict[str, Any]:
        """Return the request with each thing that it names, in a URL also `KeyIds.0`, replaced by one that was made."""
        params = dict(self.params)
        for name in params:
            field, _, index = name.partition(".")
            if field in NAMES | SEARCHES:
                assert field in made, f"the scenario of {self.action} in tests/scenarios.py makes no {field}"
                params[name] = made[field][int(index)] if index else made[field]
        return params


@pytest.fixture
def examples() -> list[Example]:
    found = tccli_data("examples")["actions"]
    assert found.keys() == protocol.actions().keys()
    return [Example.parse(action, one["input"], one["output"]) for action in sorted(found) for one in found[action]]


@pytest.fixture
def send(server: Any, monkeypatch: pytest.MonkeyPatch) -> Send:
    """A way to send a request: in JSON with TC3's signature, or in the URL with the older one."""
    for name, value in server.variables.items():
        monkeypatch.setenv(name, value)
    given = server.variables
    credential = Credential(given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"])

    def perform(action: str, params: dict[str, Any], *, region: str, method: str = "POST") -> dict[str, Any]:
        http = HttpProfile(protocol="http", endpoint=server.netloc, reqMethod=method, reqTimeout=TIMEOUT_SECONDS)
        profile = ClientProfile(signMethod="TC3-HMAC-SHA256" if method == "POST" else "HmacSHA256", httpProfile=http)
        client = CommonClient("kms", protocol.VERSION, credential, region, profile)
        try:
            answer: dict[str, Any] = json.loads(client.call(action, params))["Response"]
        except TencentCloudSDKException as error:
            return {"Error": {"Code": error.code, "Message": error.message}, "RequestId": error.requestId}
        return answer

    return perform


@dataclass(frozen=True)
class Outcome:
    """What became of an example: it works, or its code and why it is refused."""

    code: str | None = None
    reason: str = ""

    @property
    def kind(self) -> str:
        """`works`, `refused` as it has to be, or `not served`."""
        if self.code is None:
            return "works"
        return "not served" if self.reason == NOT_SERVED else "refused"


def test_as_they_are(examples: list[Example], send: Send) -> None:
    """What names nothing works, all else is refused for what is not here: the form of no example is at fault."""
    assert len(examples) >= len(protocol.actions())
    assert REFUSED.keys() <= ACTIONS.keys()
    found = [code(send(it.action, it.params, region=AS_IT_IS, method=it.method)) for it in examples]
    expected = [outcomes(it) for it in examples]
    unlike = {
        (it.action, code, str(codes))
        for it, code, codes in zip(examples, found, expected, strict=True)
        if code not in codes
    }
    assert unlike == set()
    # Told apart, every one of them: an answer is not a refusal and a refusal not an answer.
    told = Counter(codes[code].kind for code, codes in zip(found, expected, strict=True))
    assert told == {
        "works": sum(it.action in ACTIONS and not it.names for it in examples),
        "refused": sum(it.action in ACTIONS and it.names for it in examples),
        "not served": sum(it.action not in ACTIONS for it in examples),
    }
    assert told.total() == len(examples)


def outcomes(it: Example) -> Mapping[str | None, Outcome]:
    """Return what may become of an example as it is, by its code."""
    if it.action not in ACTIONS:
        return {"UnsupportedOperation": Outcome("UnsupportedOperation", NOT_SERVED)}
    if it.action in REFUSED:
        return {REFUSED[it.action][0]: Outcome(*REFUSED[it.action])}
    if it.names:
        return {code: Outcome(code, "what it names is in another KMS") for code in NOT_HERE}
    return {None: Outcome()}


def test_with_what_they_name_replaced(examples: list[Example], send: Send) -> None:
    """Every example of a served action works but one, and its answer shows all that the published one shows.

    27 publish nothing but a RequestId, which a refusal has too.
    """

    def call(action: str, params: dict[str, Any]) -> dict[str, Any]:
        answer = send(action, params, region=REPLACED)
        assert code(answer) is None, (action, answer)
        return answer

    served = [it for it in examples if it.action in ACTIONS]
    answers = [
        send(it.action, it.replaced(scenarios.request(it.action, call)), region=REPLACED, method=it.method)
        for it in served
    ]
    found = {it.action: code(answer) for it, answer in zip(served, answers, strict=True) if code(answer)}
    assert found == {action: code for action, (code, _) in MALFORMED.items()}
    lacking = {it.action: list(lacks(answer, it.answer)) for it, answer in zip(served, answers, strict=True)}
    assert lacking == {it.action: [f" is refused: {found[it.action]}"] if it.action in found else [] for it in served}


def test_a_malformed_example_works_when_it_is_mended(examples: list[Example], send: Send) -> None:
    [it] = [it for it in examples if it.action in MALFORMED]
    made = scenarios.request(it.action, lambda action, params: send(action, params, region=REPLACED))
    params = {**it.replaced(made), "DeviceFingerprints.0.Identity": binding.fingerprint(b"a device")}
    answer = send(it.action, params, region=REPLACED, method=it.method)
    assert (code(answer), list(lacks(answer, it.answer))) == (None, [])


def test_a_refusal_is_not_taken_for_an_answer() -> None:
    refusal = {"Error": {"Code": "InternalError", "Message": "a"}, "RequestId": "b"}
    assert list(lacks(refusal, {"RequestId": "c"})) == [" is refused: InternalError"]


def code(answer: dict[str, Any]) -> str | None:
    error: dict[str, str] = answer.get("Error", {})
    return error.get("Code")


def lacks(answer: Any, published: Any, where: str = "") -> Iterator[str]:
    """Yield what a published answer shows and ours does not, or in another type; a refusal shows nothing."""
    if not where and code(answer):
        yield f" is refused: {code(answer)}"
    elif type(answer) is not type(published):
        yield f"{where} is {answer!r}, and not like {published!r}"
    elif isinstance(published, dict):
        for name, value in published.items():
            yield from lacks(answer.get(name), value, f"{where}.{name}")
    elif isinstance(published, list) and published:
        yield from lacks(answer[0] if answer else None, published[0], f"{where}.0")
