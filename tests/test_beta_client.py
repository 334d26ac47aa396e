"""The client of the KMS of 2017: what it asks for it gets, in process and over HTTP, and every failure has its class."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from kmstool.api import beta, tc3
from kmstool.errors import (
    AccessError,
    InputError,
    IntegrityError,
    KeyStateError,
    KmsToolError,
    LimitError,
    NetworkError,
    NotFoundError,
    ServiceError,
    UnknownOutcomeError,
    UnreachableError,
)
from kmstool.kms.beta.client import BetaClient
from kmstool.kms.beta.transport import BetaTransport, host_of
from kmstool.kms.port import Transport
from kmstool.kms.provider import Credential, FixedProvider, RenewedProvider
from kmstool.kms.transport.limiter import LimitedTransport, Limiter, Rate
from kmstool.kms.transport.retry import RetryingTransport
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.beta.service import EmbeddedBeta
from kmstool.server.tables.faults import FaultRule
from tests.served import Served, serving

SHANGHAI = "ap-shanghai"
CONTEXT = {"app": "billing", "text": "日本"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield found


def over_http(server: Served, region: str = SHANGHAI) -> BetaTransport:
    variables = server.variables
    credential = Credential(variables["TENCENTCLOUD_SECRET_ID"], variables["TENCENTCLOUD_SECRET_KEY"])
    return BetaTransport(FixedProvider(credential, "the test"), region, endpoint=server.endpoint)


@pytest.fixture(params=["in process", "over HTTP"])
def transport(request: pytest.FixtureRequest, server: Served) -> Iterator[Transport]:
    if request.param == "over HTTP":
        yield over_http(server)
    else:
        with closing(EmbeddedKms(server.folder / "store")) as kms:
            yield EmbeddedBeta(kms, SHANGHAI)


@pytest.fixture
def client(transport: Transport) -> BetaClient:
    return BetaClient(transport)


@pytest.fixture
def rules(server: Served) -> Iterator[Callable[..., None]]:
    """A way to add fault rules, which go again after the test."""

    def add(**fields: Any) -> None:
        with closing(EmbeddedKms(server.folder / "store")) as kms:
            admin.add_fault(kms, FaultRule(**fields))

    yield add
    with closing(EmbeddedKms(server.folder / "store")) as kms:
        admin.clear_faults(kms)


def test_a_key_lives(client: BetaClient) -> None:
    made = client.create_key("demo", "for the tests")
    assert (made.alias, made.description, made.state, made.deletion_unix) == ("demo", "for the tests", "Enabled", 0)
    assert client.key(made.key_id) == made
    sealed = client.encrypt(made.key_id, b"a secret of \xff bytes", CONTEXT)
    assert client.decrypt(sealed.ciphertext_blob, CONTEXT).plaintext == b"a secret of \xff bytes"
    data_key = client.generate_data_key(made.key_id, "AES_128", {})
    assert client.decrypt(data_key.ciphertext_blob, {}).plaintext == data_key.plaintext
    client.set_alias(made.key_id, "")
    client.disable(made.key_id)
    with pytest.raises(KeyStateError, match="Disabled"):
        client.encrypt(made.key_id, b"a", {})
    client.enable(made.key_id)
    client.schedule_deletion(made.key_id, 7)
    assert client.key(made.key_id).deletion_unix > made.created_unix
    client.cancel_deletion(made.key_id)
    assert client.key(made.key_id).state == "Disabled"
    assert made.key_id in client.key_ids()


def test_every_failure_has_its_class(client: BetaClient) -> None:
    key_id = client.create_key("classes").key_id
    blob = client.encrypt(key_id, b"a secret", CONTEXT).ciphertext_blob
    with pytest.raises(IntegrityError) as caught:
        client.decrypt(blob, {})
    assert (caught.value.kms_code, bool(caught.value.request_id)) == ("4580", True)
    with pytest.raises(NotFoundError):
        client.key("kms-00000000")
    with pytest.raises(ServiceError, match="taken"):
        client.create_key("classes")
    client.set_alias(key_id, "")
    with pytest.raises(InputError, match="1 to 4,096"):
        client.encrypt(key_id, bytes(4097), {})


def test_all_keys_are_listed(client: BetaClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kmstool.kms.beta.client.PAGE", 2)
    made = {client.create_key(f"listed {number}").key_id for number in range(5)}
    found = list(client.key_ids())
    assert made <= set(found)
    assert len(found) == len(set(found))
    for key_id in made:
        client.set_alias(key_id, "")


# Over HTTP.


def test_the_secret_and_the_region_are_those_of_the_profile(server: Served) -> None:
    key_id = BetaClient(over_http(server)).create_key("where").key_id
    with pytest.raises(NotFoundError):
        BetaClient(over_http(server, "ap-beijing")).key(key_id)
    nobody = BetaTransport(FixedProvider(Credential("AKIDnobody", "a"), "the test"), SHANGHAI, endpoint=server.endpoint)
    with pytest.raises(AccessError) as caught:
        nobody.call("ListKey", {})
    assert caught.value.kms_code == "4104"


def test_what_passes_is_tried_again(server: Served, rules: Callable[..., None]) -> None:
    slept: list[float] = []
    retrying = RetryingTransport(over_http(server), lookups={}, sleep=slept.append)
    for number, code in enumerate(("RequestLimitExceeded", "InternalError", "ServiceUnavailable"), 1):
        rules(action="ListKey", nth=number, code=code)
    assert retrying.call("ListKey", {})["code"] == 0
    assert len(slept) == 3
    rules(action="GetKeyAttributes", code="4560")
    with pytest.raises(KeyStateError):
        retrying.call("GetKeyAttributes", {"keyId": "kms-00000000"})
    assert len(slept) == 3


def test_a_key_is_not_made_twice_where_it_is_not_known_whether_it_was(
    server: Served, rules: Callable[..., None]
) -> None:
    before = len(list(BetaClient(over_http(server)).key_ids()))
    rules(action="CreateKey", nth=1, after=True, drop=True)
    retrying = RetryingTransport(over_http(server), lookups={}, sleep=lambda _: None)
    with pytest.raises(UnknownOutcomeError, match="CreateKey"):
        retrying.call("CreateKey", {"alias": "once"})
    assert len(list(BetaClient(over_http(server)).key_ids())) == before + 1


def test_a_limiter_slows_down_when_this_api_says_so(server: Served, rules: Callable[..., None]) -> None:
    now = [1000.0]
    limiter = Limiter(Rate(per_second=100), clock=lambda: now[0], sleep=lambda _: None)
    limiter.rate("ListKey")
    limited = LimitedTransport(over_http(server), limiter)
    rules(action="ListKey", code="RequestLimitExceeded")
    with pytest.raises(LimitError):
        limited.call("ListKey", {})
    now[0] += 1
    assert limiter.rate("ListKey") < 100


class Script:
    """A service that gives the same answer to every request, and keeps the forms that came."""

    def __init__(self, *bodies: bytes, status: int = 200) -> None:
        self.forms: list[dict[str, str]] = []
        script, left = self, list(bodies)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == beta.PATH
                sent = self.rfile.read(int(self.headers["Content-Length"]))
                script.forms.append(dict(parse_qsl(sent.decode(), keep_blank_values=True)))
                body = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def scripted(*bodies: bytes, status: int = 200) -> Iterator[tuple[Script, BetaTransport]]:
    with closing(Script(*bodies, status=status)) as script:
        provider = FixedProvider(Credential("AKIDtest", "secret"), "the test")
        yield script, BetaTransport(provider, SHANGHAI, endpoint=script.endpoint)


GOOD = b'{"code": 0, "message": "", "requestId": "r"}'


def test_a_request_is_signed_as_a_whole_and_never_alike() -> None:
    with scripted(GOOD) as (script, transport):
        for _ in range(2):
            transport.call(
                "Encrypt", {"keyId": "kms-00000000", "plaintext": "+/8=", "encryptionContext": '{"a":"é&b=c"}'}
            )
    first, second = script.forms
    assert (first["Action"], first["Region"], first["SignatureMethod"]) == ("Encrypt", SHANGHAI, "HmacSHA256")
    assert (first["plaintext"], first["encryptionContext"]) == ("+/8=", '{"a":"é&b=c"}')
    assert first["Nonce"] != second["Nonce"]
    host = script.endpoint.removeprefix("http://")
    assert all(tc3.is_signed_by_v1("POST", host, beta.PATH, form, "secret") for form in script.forms)


def test_the_usual_hosts_need_no_region() -> None:
    assert [host_of(region) for region in sorted(beta.REGIONS.values())] == [
        "kms-bj.api.qcloud.com", "kms-gz.api.qcloud.com", "kms-sh.api.qcloud.com",
    ]  # fmt: skip
    provider = FixedProvider(Credential("AKIDtest", "secret"), "the test")
    assert "Region" not in BetaTransport(provider, SHANGHAI)._signed("ListKey", {})
    assert BetaTransport(provider, SHANGHAI, endpoint="example.org")._signed("ListKey", {})["Region"] == SHANGHAI


def test_there_was_no_such_kms_elsewhere() -> None:
    with pytest.raises(InputError, match="ap-singapore") as caught:
        host_of("ap-singapore")
    assert "ap-guangzhou" in str(caught.value.hint)


def test_a_value_that_would_not_be_signed_is_not_sent() -> None:
    with scripted(GOOD) as (script, transport), pytest.raises(InputError, match="@"):
        transport.call("CreateKey", {"alias": "@home"})
    assert script.forms == []


def test_a_temporary_key_is_sent_with_its_token_and_renewed_once() -> None:
    refused = b'{"code": 4105, "message": "token error", "requestId": "r"}'
    tokens = iter("ab")
    with closing(Script(refused, GOOD)) as script:
        provider = RenewedProvider(lambda: Credential("AKIDtest", "secret", next(tokens), 2**40), "the test")
        assert BetaTransport(provider, SHANGHAI, endpoint=script.endpoint).call("ListKey", {})["code"] == 0
        assert [form["Token"] for form in script.forms] == ["a", "b"]
    with scripted(refused) as (script, transport), pytest.raises(AccessError):
        transport.call("ListKey", {})
    assert len(script.forms) == 1


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", NetworkError),
        (b"<html>", NetworkError),
        (b'{"code": 0', NetworkError),
        (b'{"code": 0, "code": 4580}', NetworkError),
        (b'{"code": NaN}', NetworkError),
        (b"[]", ServiceError),
        (b"{}", ServiceError),
        (b'{"code": null}', ServiceError),
        (b'{"code": false}', ServiceError),
        (b'{"code": 0.0}', ServiceError),
        (b'{"code": "none"}', ServiceError),
        (b'{"Response": {"Error": {"Code": "AuthFailure", "Message": "m"}, "RequestId": "r"}}', ServiceError),
        (b'{"code": 4580, "message": "(10680)m", "requestId": "r"}', IntegrityError),
        (b'{"code": "4580", "message": 5}', IntegrityError),
        (b'{"code": 4300, "message": "m", "requestId": 7}', AccessError),
        (b'{"code": -1, "message": "m"}', ServiceError),
    ],
)
def test_an_answer_that_is_none_is_a_failure(body: bytes, kind: type[KmsToolError]) -> None:
    with scripted(body) as (_, transport), pytest.raises(kind) as caught:
        transport.call("Decrypt", {"ciphertextBlob": "YQ=="})
    assert type(caught.value) is kind
    assert caught.value.message


def test_a_code_in_text_is_a_code_too() -> None:
    with scripted(b'{"code": "0", "message": ""}') as (_, transport):
        assert transport.call("EnableKey", {"keyId": "kms-00000000"})["code"] == "0"


def test_another_status_is_a_fault_of_the_way() -> None:
    with scripted(GOOD, status=502) as (_, transport), pytest.raises(NetworkError, match="HTTP 502"):
        transport.call("ListKey", {})


def test_who_is_not_there_was_sent_nothing() -> None:
    provider = FixedProvider(Credential("AKIDtest", "secret"), "the test")
    with pytest.raises(UnreachableError):
        BetaTransport(provider, SHANGHAI, endpoint="http://127.0.0.1:1").call("ListKey", {})


def test_a_credential_that_is_not_reached_is_not_the_kms() -> None:
    def fetch() -> Credential:
        raise NetworkError("no metadata service")

    provider = RenewedProvider(fetch, "the test")
    with pytest.raises(UnreachableError, match="metadata"):
        BetaTransport(provider, SHANGHAI, endpoint="http://127.0.0.1:1").call("ListKey", {})


class Answering:
    """A transport that answers with the same fields."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        self._answers = list(answers)

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])


@pytest.mark.parametrize(
    ("answer", "ask"),
    [
        ({}, lambda c: c.decrypt("YQ==", {})),
        ({"keyId": "kms-00000000", "plaintext": "a"}, lambda c: c.decrypt("YQ==", {})),
        ({"keyId": "kms-00000001", "ciphertextBlob": "YQ=="}, lambda c: c.encrypt("kms-00000000", b"a", {})),
        ({"keyId": "kms-00000000", "ciphertextBlob": "YQ=="}, lambda c: c.encrypt("kms-00000000", b"a", {})),
        ({"keyId": "kms-00000000", "ciphertextBlob": "Y Q"}, lambda c: c.encrypt("kms-00000000", b"b", {})),
        (
            {"keyId": "kms-00000000", "ciphertextBlob": "YQ==", "plaintext": "YQ=="},
            lambda c: c.generate_data_key("kms-00000000", "AES_256", {}),
        ),
        ({"keyMetadata": []}, lambda c: c.key("kms-00000000")),
        ({"keyMetadata": {"keyId": "kms-00000001", "keyState": "Enabled"}}, lambda c: c.key("kms-00000000")),
        ({"keyMetadata": {"keyId": "kms-00000000"}}, lambda c: c.key("kms-00000000")),
        ({"totalCount": 1, "keys": []}, lambda c: list(c.key_ids())),
        ({"totalCount": 9, "keys": [{"keyId": "kms-00000000"}]}, lambda c: list(c.key_ids())),
        ({"keys": []}, lambda c: list(c.key_ids())),
    ],
)  # fmt: skip
def test_an_answer_without_its_fields_is_refused(answer: dict[str, Any], ask: Callable[[BetaClient], object]) -> None:
    with pytest.raises(ServiceError):
        ask(BetaClient(Answering(answer)))


def test_no_secret_is_shown() -> None:
    client = BetaClient(Answering({"keyId": "kms-00000000", "plaintext": "Y2FuYXJ5"}))
    assert "canary" not in repr(client.decrypt("YQ==", {}))
    assert "Y2FuYXJ5" not in repr(client.decrypt("YQ==", {}))
    assert json.dumps(client.decrypt("YQ==", {}).answer)
