"""`/v2/index.php` of the served KMS speaks the API of 2017: signatures of both kinds, GET and POST, its codes and answers.

The requests are put together here and signed by the `openssl` program, from what Tencent's
pages and SDKs of that year say of a signature.
"""

import base64
import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from kmstool.api.beta import MAX_SKEW_SECONDS, PATH
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.beta import signing
from kmstool.server.tables.faults import FaultRule
from tests.foreign import openssl
from tests.served import Served, serving

TIMEOUT_SECONDS = 30
FORM = "application/x-www-form-urlencoded"
DIGESTS = {"HmacSHA1": "sha1", "HmacSHA256": "sha256"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


def signed_by_openssl(text: str, secret_key: str, digest: str) -> str:
    done = openssl("dgst", f"-{digest}", "-mac", "HMAC", "-macopt", f"key:{secret_key}", "-binary", data=text.encode())
    return base64.b64encode(done.stdout).decode()


@dataclass(frozen=True)
class Ask:
    """A request that is right in every way; the fields make it wrong in one. Signed values are sorted by name, and raw."""

    action: str = "ListKey"
    params: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    kind: str = "HmacSHA256"
    host: str = ""
    signed_host: str = ""
    skew: int = 0
    nonce: str = ""
    token: str = ""
    secret: tuple[str, str] | None = None
    unsigned: Mapping[str, str] = field(default_factory=dict)
    """Parameters that are added, or changed, after the signature was made."""
    left_out: tuple[str, ...] = ()

    def form(self, server: Served) -> dict[str, str]:
        variables = server.variables
        secret_id, secret_key = self.secret or (
            variables["TENCENTCLOUD_SECRET_ID"],
            variables["TENCENTCLOUD_SECRET_KEY"],
        )
        fields = {
            **self.params,
            "Action": self.action,
            "Nonce": self.nonce or str(time.monotonic_ns()),
            "RequestClient": "SDK_Python_1.0",
            "SecretId": secret_id,
            "SignatureMethod": self.kind,
            "Timestamp": str(int(time.time()) + self.skew),
            **({"Token": self.token} if self.token else {}),
        }
        host = self.signed_host or self.host or server.netloc
        text = f"{self.method}{host}{PATH}?" + "&".join(f"{name}={fields[name]}" for name in sorted(fields))
        signature = signed_by_openssl(text, secret_key, DIGESTS.get(self.kind, "sha1"))
        whole = {**fields, "Signature": signature, **self.unsigned}
        return {name: value for name, value in whole.items() if name not in self.left_out}

    def send(self, server: Served, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        encoded = urlencode(self.form(server) if form is None else form)
        with closing(http.client.HTTPConnection(server.netloc, timeout=TIMEOUT_SECONDS)) as connection:
            headers = {"Host": self.host or server.netloc, "Content-Type": FORM}
            if self.method == "GET":
                connection.request("GET", f"{PATH}?{encoded}", headers=headers)
            else:
                connection.request(self.method, PATH, encoded, headers)
            response = connection.getresponse()
            assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
            answer: dict[str, Any] = json.loads(response.read())
            return answer


def code(answer: Mapping[str, Any]) -> int:
    """Return the code of an answer, which must have what every answer has."""
    assert isinstance(answer["message"], str)
    assert isinstance(answer["codeDesc"], str)
    assert len(answer["requestId"]) == 36
    found: int = answer["code"]
    return found


@pytest.fixture
def rules(server: Served) -> Iterator[Callable[..., None]]:
    """A way to add fault rules, which go again after the test."""

    def add(**fields: Any) -> None:
        with closing(EmbeddedKms(server.folder / "store")) as kms:
            admin.add_fault(kms, FaultRule(**fields))

    yield add
    with closing(EmbeddedKms(server.folder / "store")) as kms:
        admin.clear_faults(kms)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", DIGESTS)
def test_a_key_lives(server: Served, method: str, kind: str) -> None:
    """All eleven actions, by both methods and both signatures."""

    def ask(action: str, **params: str) -> dict[str, Any]:
        answer = Ask(action, params, method, kind).send(server)
        assert code(answer) == 0, answer
        return answer

    alias = f"{method} {kind}"
    key_id = ask("CreateKey", alias=alias, description="日本 & so on", keyUsage="ENCRYPT/DECRYPT")["keyMetadata"][
        "keyId"
    ]
    assert ask("GetKeyAttributes", keyId=key_id)["keyMetadata"]["description"] == "日本 & so on"
    context = '{"a":"b=c + d"}'
    plaintext = base64.b64encode(bytes(range(256)) * 16).decode()
    blob = (
        ask("Encrypt", keyId=key_id, plaintext=plaintext, encryptionContext=context)["ciphertextBlob"]
        if method == "POST"
        else ask("Encrypt", keyId=key_id, plaintext="+/8=", encryptionContext=context)["ciphertextBlob"]
    )
    opened = ask("Decrypt", ciphertextBlob=blob, encryptionContext=context)
    assert (opened["keyId"], opened["plaintext"]) == (key_id, plaintext if method == "POST" else "+/8=")
    made = ask("GenerateDataKey", keyId=key_id, keySpec="AES_128", numberOfBytes="24")
    assert ask("Decrypt", ciphertextBlob=made["ciphertextBlob"])["plaintext"] == made["plaintext"]
    ask("SetKeyAttributes", keyId=key_id, alias=f"{alias} 2")
    ask("DisableKey", keyId=key_id)
    ask("EnableKey", keyId=key_id)
    ask("ScheduleKeyDeletion", keyId=key_id, pendingWindowInDays="7")
    assert ask("GetKeyAttributes", keyId=key_id)["keyMetadata"]["keyState"] == "PendingDelete"
    ask("CancelKeyDeletion", keyId=key_id)
    assert {"keyId": key_id} in ask("ListKey", offset="0", limit="200")["keys"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Ask(method="PUT"), 4600),
        (Ask(kind="HmacMD5"), 4100),
        (Ask(signed_host="kms-gz.api.qcloud.com"), 4100),
        (Ask(unsigned={"limit": "1"}), 4100),
        (Ask(unsigned={"Signature": "YQ=="}), 4100),
        (Ask(left_out=("Signature",)), 4100),
        (Ask(left_out=("SecretId",)), 4100),
        (Ask(left_out=("Nonce",)), 4000),
        (Ask(left_out=("Action",)), 4000),
        (Ask(left_out=("Timestamp",)), 4000),
        (Ask(secret=("AKIDnobody", "a")), 4104),
        (Ask(token="a"), 4105),
        (Ask(skew=-MAX_SKEW_SECONDS - 60), 4500),
        (Ask(skew=MAX_SKEW_SECONDS + 60), 4500),
        (Ask("Nothing"), 6100),
        (Ask(params={"limit": "many"}), 4000),
        (Ask(params={"region": "gz"}), 4000),
        (Ask(params={"Region": "ap-singapore"}), 4000),
        (Ask("GetKeyAttributes", {"keyId": "kms-00000000"}), 5000),
    ],
)
def test_what_is_wrong_with_a_request_has_its_code(server: Served, asked: Ask, expected: int) -> None:
    assert code(asked.send(server)) == expected


@pytest.mark.parametrize("skew", [-MAX_SKEW_SECONDS + 60, MAX_SKEW_SECONDS - 60])
def test_two_hours_are_allowed(server: Served, skew: int) -> None:
    assert code(Ask(skew=skew).send(server)) == 0


def test_a_request_is_answered_once(server: Served) -> None:
    asked = Ask()
    form = asked.form(server)
    assert [code(asked.send(server, form)) for _ in range(2)] == [0, 4500]
    assert code(Ask(nonce=form["Nonce"], skew=-2).send(server)) == 0


def test_what_nobody_signed_uses_up_no_nonce(server: Served) -> None:
    asked = Ask()
    form = asked.form(server)
    assert code(asked.send(server, {**form, "limit": "1"})) == 4100
    assert code(asked.send(server, form)) == 0


@pytest.mark.parametrize("value", ['{"a":"b&keyId=kms-00000000"}', '{"a":"&Action=Decrypt"}'])
def test_a_value_that_could_be_read_as_a_parameter_is_refused(server: Served, value: str) -> None:
    params = {"keyId": "kms-00000000", "plaintext": "YQ==", "encryptionContext": value}
    answer = Ask("Encrypt", params).send(server)
    assert code(answer) == 4000
    assert "cannot tell" in answer["message"]


def test_a_form_that_names_two_values_is_refused(server: Served) -> None:
    encoded = urlencode({**Ask().form(server), "limit": "1"}) + "&limit=2"
    with closing(http.client.HTTPConnection(server.netloc, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("POST", PATH, encoded, {"Content-Type": FORM})
        assert json.loads(connection.getresponse().read())["code"] == 4000


def test_values_that_begin_with_an_at_sign_may_be_signed_or_not(server: Served) -> None:
    """Tencent's clients leave them out of the signature of a POST, where they would read a file."""
    plain = Ask("CreateKey", {"alias": "@first"})
    assert code(plain.send(server)) == 0
    left = Ask("CreateKey", unsigned={"alias": "@second"})
    assert code(left.send(server)) == 0
    assert code(Ask("CreateKey", unsigned={"alias": "@third"}, method="GET").send(server)) == 4100
    assert code(Ask("CreateKey", unsigned={"alias": "fourth"}).send(server)) == 4100


@pytest.mark.parametrize(
    ("host", "params", "alias"),
    [
        ("kms-sh.api.qcloud.com", {}, "by host"),
        ("kms-sh.api.tencentyun.com:443", {"Region": "gz"}, "by host before the parameter"),
        ("", {"Region": "sh"}, "by the short name"),
        ("", {"Region": "ap-shanghai"}, "by the name of today"),
    ],
)
def test_the_host_or_else_a_parameter_says_the_region(
    server: Served, host: str, params: Mapping[str, str], alias: str
) -> None:
    answer = Ask("CreateKey", {**params, "alias": alias}, host=host).send(server)
    key_id = answer["keyMetadata"]["keyId"]
    assert code(Ask("GetKeyAttributes", {"keyId": key_id, "Region": "sh"}).send(server)) == 0
    assert code(Ask("GetKeyAttributes", {"keyId": key_id}).send(server)) == 5000


def test_a_temporary_key_needs_its_token(server: Served) -> None:
    made = json.loads(server.run("local", "credentials", "create", "--lifetime", "1h", "--format", "json").stdout)
    secret = (made["SecretId"], made["SecretKey"])
    assert code(Ask(secret=secret, token=made["Token"]).send(server)) == 0
    assert code(Ask(secret=secret).send(server)) == 4105


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("RequestLimitExceeded", 4400),
        ("InternalError", 6000),
        ("ServiceUnavailable", 6200),
        ("4580", 4580),
        ("FailedOperation", 5100),
        ("AuthFailure.SignatureExpire", 4100),
    ],
)
def test_fault_rules_hold_here_too(server: Served, rules: Callable[..., None], rule: str, expected: int) -> None:
    rules(action="ListKey", code=rule)
    assert code(Ask().send(server)) == expected
    assert code(Ask("GetKeyAttributes", {"keyId": "kms-00000000"}).send(server)) == 5000


def test_a_large_form_is_refused_in_the_words_of_this_api(server: Served) -> None:
    answer = Ask("Encrypt", {"keyId": "kms-00000000", "plaintext": "a" * 40_000}).send(server)
    assert code(answer) == 4000
    assert "32 KiB" in answer["message"]


def test_a_body_that_is_no_form_is_refused(server: Served) -> None:
    with closing(http.client.HTTPConnection(server.netloc, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("POST", PATH, b"{}", {"Content-Type": "application/json"})
        assert json.loads(connection.getresponse().read())["code"] == 4100


# What is remembered of requests.


def test_a_nonce_is_taken_once_by_each_key_and_second() -> None:
    nonces, now = signing.Nonces(), int(time.time())
    asked = [("a", "1", now), ("a", "1", now), ("a", "2", now), ("b", "1", now), ("a", "1", now + 1)]
    assert [nonces.take(*request) for request in asked] == [True, False, True, True, True]


def test_what_is_forgotten_is_refused_and_never_taken_again() -> None:
    nonces, now = signing.Nonces(most=10), int(time.time())
    for second in range(20):
        assert nonces.take("a", "1", now + second)
    assert not any(nonces.take("a", nonce, now + second) for second in range(10) for nonce in ("1", "2"))
    assert not nonces.take("a", "1", now + 19)
    assert nonces.take("a", "2", now + 19)
    assert nonces._count <= 11


def test_a_burst_of_one_second_is_remembered_whole() -> None:
    nonces, now = signing.Nonces(most=10), int(time.time())
    assert all(nonces.take("a", str(number), now) for number in range(100))
    assert not any(nonces.take("a", str(number), now) for number in range(100))


def test_the_signature_that_openssl_makes_is_ours(server: Served) -> None:
    """The vector that was computed from the string that Tencent's pages show."""
    text = (
        "POSTkms-gz.api.qcloud.com/v2/index.php?Action=Decrypt&Nonce=11886&RequestClient=SDK_Python_1.0"
        "&SecretId=AKIDexample&SignatureMethod=HmacSHA1&Timestamp=1490000000&ciphertextBlob=abc=="
    )
    assert signed_by_openssl(text, "secretkey", "sha1") == "EdwTW4JMaRrzPATo9JWGJ+ftBTE="
