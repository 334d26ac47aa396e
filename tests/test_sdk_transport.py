"""Over Tencent's SDK the same holds as over our own transport: our errors, our proxies and certificates, one request a call.

The stubs are those of the own transport's tests. What the SDK would do by itself is shown beside it.
"""

import contextlib
import io
import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import (
    AccessError,
    InputError,
    IntegrityError,
    KmsToolError,
    NetworkError,
    ServiceError,
    UnreachableError,
)
from kmstool.kms.provider import Credential, FixedProvider, RenewedProvider
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.pool import PooledTransport
from kmstool.kms.transport.retry import RetryingTransport
from kmstool.kms.transport.sdk import SdkTransport
from kmstool.workflows.connections import ConnectOptions, connect
from tests.conftest import PROGRAM
from tests.served import serving
from tests.stubs import GOOD, JSON, NAME, Answer, Authority, new_authority, stub
from tests.test_cloud import (
    CREDENTIAL,
    CUT,
    ERROR,
    PROXY_PASSWORD,
    SECRET_KEY,
    TOKEN,
    authority,  # noqa: F401 - a fixture
    no_proxies,  # noqa: F401 - a fixture
)

TIMEOUT_SECONDS = 30
CANARY = "canaryPlaintextOfTheTests"
ENCRYPT = {"KeyId": "a", "Plaintext": CANARY}


def transport(endpoint: str, **settings: Any) -> SdkTransport:
    return SdkTransport(CREDENTIAL, "ap-guangzhou", endpoint=endpoint, **{"timeout": 5, **settings})


def ask(answer: Answer) -> dict[str, Any]:
    with stub(answer) as kms:
        return transport(f"http://127.0.0.1:{kms.port}").call("GenerateRandom", {"NumberOfBytes": 8})


# Answers.


def test_a_request_has_its_form() -> None:
    with stub() as kms:
        host = f"127.0.0.1:{kms.port}"
        assert transport(f"http://{host}").call("GenerateRandom", {"NumberOfBytes": 8}) == GOOD
    head, _, body = kms.requests[0].partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    headers = {name.lower(): value for name, value in lines.items()}
    assert json.loads(body) == {"NumberOfBytes": 8}
    assert (headers["x-tc-action"], headers["x-tc-region"], headers["x-tc-token"]) == (
        "GenerateRandom",
        "ap-guangzhou",
        TOKEN,
    )
    assert (headers["x-tc-language"], headers["host"]) == ("en-US", host)
    assert headers["x-tc-requestclient"].startswith("SDK_PYTHON_3.")


@pytest.mark.parametrize("content_type", [JSON, "text/plain", "application/json; charset=utf-8", "text/html", ""])
def test_an_error_is_seen_under_any_content_type(content_type: str) -> None:
    """By itself the SDK takes all but the first two for success."""
    with pytest.raises(AccessError) as caught:
        ask(Answer(json.dumps({"Response": ERROR}).encode(), content_type=content_type))
    assert (caught.value.kms_code, caught.value.request_id) == ("AuthFailure.SignatureFailure", "request-1")


@pytest.mark.parametrize("code", ["InvalidParameterValue.InvalidCiphertext", "FailedOperation.DecryptError"])
def test_altered_data_is_its_own_error(code: str) -> None:
    error = {"Code": code, "Message": "what happened"}
    with pytest.raises(IntegrityError, match="what happened"):
        ask(Answer(json.dumps({"Response": {"Error": error, "RequestId": "request-1"}}).encode()))


NONE = {
    "no Response": (b"{}", ServiceError),
    "a list": (b"[]", ServiceError),
    "no object": (b'{"Response": []}', ServiceError),
    "an error without a code": (b'{"Response": {"Error": {}, "RequestId": "a"}}', KmsToolError),
    "an error without an id": (b'{"Response": {"Error": {"Code": "a", "Message": "b"}}}', KmsToolError),
    "no RequestId": (b'{"Response": {}}', ServiceError),
    "no JSON": (b"<html>", NetworkError),
    "half of JSON": (b'{"Response": {', NetworkError),
    "nothing": (b"", NetworkError),
}


@pytest.mark.parametrize(("body", "kind"), NONE.values(), ids=NONE)
@pytest.mark.parametrize("content_type", [JSON, "text/html"])
def test_what_is_no_answer(body: bytes, kind: type[KmsToolError], content_type: str) -> None:
    with pytest.raises(kind):
        ask(Answer(body, content_type=content_type))


@pytest.mark.parametrize("status", [201, 301, 400, 403, 404, 429, 500, 502, 503])
def test_another_status_is_a_fault_of_the_way(status: int) -> None:
    with pytest.raises(NetworkError) as caught:
        ask(Answer(b"<html>", status, "text/html"))
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_a_cut_answer_may_have_been_an_act(answer: Answer) -> None:
    with pytest.raises(NetworkError) as caught:
        ask(answer)
    assert not isinstance(caught.value, UnreachableError)


def test_a_service_that_says_nothing_may_have_acted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = transport(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)
        with pytest.raises(NetworkError, match="not in time") as caught:
            client.call("GetRegions", {})
    assert not isinstance(caught.value, UnreachableError)


def test_nobody_there_is_nothing_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for endpoint in (f"http://127.0.0.1:{port}", "nowhere.invalid"):
        with pytest.raises(UnreachableError, match="cannot reach"):
            transport(endpoint).call("GetRegions", {})


def test_no_time_is_left() -> None:
    with stub() as kms:
        late = transport(f"http://127.0.0.1:{kms.port}", deadline=Deadline(0, 0))
        with pytest.raises(UnreachableError, match="used up"):
            late.call("GetRegions", {})
    assert kms.requests == []


# What it must not do by itself.


def test_a_request_is_sent_once() -> None:
    with stub(
        Answer(
            json.dumps({"Response": {"Error": {"Code": "InternalError", "Message": "a"}, "RequestId": "b"}}).encode()
        )
    ) as kms:
        with pytest.raises(ServiceError):
            transport(f"http://127.0.0.1:{kms.port}").call("CreateKey", {})
        assert len(kms.requests) == 1


def test_our_retries_are_around_it() -> None:
    busy = {"Error": {"Code": "RequestLimitExceeded", "Message": "a"}, "RequestId": "b"}
    with stub(Answer(json.dumps({"Response": busy}).encode())) as kms:
        inner = transport(f"http://127.0.0.1:{kms.port}")
        with pytest.raises(ServiceError):
            RetryingTransport(inner, retries=3, sleep=lambda _: None).call("GetRegions", {})
        assert len(kms.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(status: int) -> None:
    with stub() as elsewhere:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\n"
        with pytest.raises(NetworkError):
            ask(Answer(raw=(head + "Content-Length: 0\r\nConnection: close\r\n\r\n").encode()))
        assert elsewhere.requests == []


def test_netrc_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests puts what it finds there in the place of the signature."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with stub() as kms:
        transport(f"http://127.0.0.1:{kms.port}").call("GetRegions", {})
    assert b"Authorization: TC3-HMAC-SHA256 " in kms.requests[0]


@contextlib.contextmanager
def listening_to_all() -> Iterator[io.StringIO]:
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def test_nothing_is_logged() -> None:
    """It writes whole requests and answers to whoever listens at the level of debugging."""
    with listening_to_all() as log, stub() as kms:
        transport(f"http://127.0.0.1:{kms.port}").call("Encrypt", ENCRYPT)
    for secret in (CANARY, SECRET_KEY, TOKEN, GOOD["Plaintext"], "TC3-HMAC"):
        assert secret not in log.getvalue()


def test_no_secret_is_in_an_error() -> None:
    for answer in (Answer(b"<html>", 502), Answer(raw=b""), Answer(json.dumps({"Response": ERROR}).encode())):
        with stub(answer) as kms, pytest.raises(KmsToolError) as caught:
            transport(f"http://127.0.0.1:{kms.port}").call("Encrypt", ENCRYPT)
        error: BaseException | None = caught.value
        while error is not None:
            assert not {CANARY, SECRET_KEY, TOKEN} & set(
                f"{error!r} {error}".replace('"', " ").replace("'", " ").split()
            )
            error = error.__cause__ or error.__context__


# Proxies and certificates.


def test_loopback_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub() as kms, stub(Answer(status=502)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for host in ("127.0.0.1", "localhost"):
            assert transport(f"http://{host}:{kms.port}").call("GenerateRandom", {}) == GOOD
        assert proxy.requests == []


def test_a_proxy_is_the_way_where_one_is_named(
    authority: Authority,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with stub(tls=authority.server(tmp_path)) as kms, stub(tunnels_to=kms) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://us%40er:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
        assert transport(NAME).call("GenerateRandom", {"NumberOfBytes": 8}) == GOOD
    [request] = proxy.requests
    assert request.startswith(f"CONNECT {NAME}:443 HTTP/1.".encode())
    assert b"Proxy-Authorization: Basic dXNAZXI6" in request
    assert b"X-TC-" not in request
    assert b"Proxy-Authorization" not in kms.requests[0]


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_is_nothing_sent(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(Answer(status=status)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
        with pytest.raises(AccessError if status == 407 else UnreachableError) as caught:
            transport(NAME).call("GetRegions", {})
    assert f"(HTTP {status})" in caught.value.message or f"refuses: HTTP {status}" in caught.value.message
    assert PROXY_PASSWORD not in f"{caught.value.message} {caught.value.hint}"


def test_a_private_ca_that_strict_readers_refuse_is_taken(tmp_path: Path) -> None:
    """By itself the SDK reads certificates strictly since Python 3.13."""
    sloppy = new_authority(tmp_path, sloppy=True)
    with stub(tls=sloppy.server(tmp_path)) as kms:
        endpoint = f"https://127.0.0.1:{kms.port}"
        assert transport(endpoint, ca_bundle=str(sloppy.file)).call("GetRegions", {}) == GOOD


def test_a_gateway_is_told_with_its_status() -> None:
    with (
        stub(Answer(b"<html>", 403, "text/html", headers="Server: WAF\r\n")) as kms,
        pytest.raises(NetworkError, match="answered with HTTP 403, text/html, server WAF"),
    ):
        transport(f"http://127.0.0.1:{kms.port}").call("GetRegions", {})


@pytest.mark.parametrize("exception", [".example.test", "localhost, .test", "*"])
def test_an_exception_of_a_proxy_is_read_as_everybody_else_does(
    monkeypatch: pytest.MonkeyPatch, exception: str
) -> None:
    """By itself the SDK wants the whole host to occur in the text of NO_PROXY."""
    with stub(Answer(status=502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", exception)
        with pytest.raises(UnreachableError):
            transport(NAME).call("GetRegions", {})
        assert proxy.requests == []


def test_certificates_are_ours_to_choose(
    authority: Authority,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By itself the SDK trusts certifi's list, and no variable."""
    with stub(tls=authority.server(tmp_path)) as kms:
        endpoint = f"https://127.0.0.1:{kms.port}"
        with pytest.raises(UnreachableError, match="its certificate is not trusted"):
            transport(endpoint).call("GetRegions", {})
        assert kms.requests == []
        assert transport(endpoint, ca_bundle=str(authority.file)).call("GenerateRandom", {}) == GOOD
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert transport(endpoint).call("GenerateRandom", {}) == GOOD
    for context in (authority.server(tmp_path, "other.example.test"), authority.server(tmp_path, days=-1)):
        with stub(tls=context) as kms:
            with pytest.raises(UnreachableError, match="its certificate is not trusted"):
                transport(f"https://127.0.0.1:{kms.port}").call("GetRegions", {})
            assert kms.requests == []


# Credentials.


def test_a_temporary_credential_is_renewed_once() -> None:
    refused = Answer(
        json.dumps(
            {"Response": {"Error": {"Code": "AuthFailure.TokenFailure", "Message": "a"}, "RequestId": "b"}}
        ).encode()
    )
    fetched = []

    def fetch() -> Credential:
        fetched.append(1)
        return Credential("AKIDa", "key", f"token-{len(fetched)}")

    with stub(refused) as kms, pytest.raises(AccessError):
        SdkTransport(RenewedProvider(fetch, "the tests"), "ap-guangzhou", endpoint=f"http://127.0.0.1:{kms.port}").call(
            "GetRegions", {}
        )
    assert [b"X-TC-Token: token-%d" % number in kms.requests[number - 1] for number in (1, 2)] == [True, True]
    assert len(kms.requests) == 2


def test_who_gets_no_credential_sends_nothing() -> None:
    def fetch() -> Credential:
        raise NetworkError("cannot reach STS")

    with stub() as kms, pytest.raises(UnreachableError, match="cannot reach STS"):
        SdkTransport(RenewedProvider(fetch, "the tests"), "ap-guangzhou", endpoint=f"http://127.0.0.1:{kms.port}").call(
            "GetRegions", {}
        )
    assert kms.requests == []


# Choosing it.


def test_a_unix_socket_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Unix sockets"):
        transport(f"unix://{tmp_path}/kms")


def test_without_the_sdk_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tencentcloud.common.common_client", None)
    with pytest.raises(InputError, match="is not installed") as caught:
        transport("127.0.0.1:1")
    assert caught.value.hint == "pip install 'kmstool[sdk]'"


def test_connections_are_over_it_where_it_is_asked_for(tmp_path: Path) -> None:
    with stub() as kms:
        environ = {
            "KMSTOOL_HOME": str(tmp_path), "HOME": str(tmp_path), "KMSTOOL_ENDPOINT": f"http://127.0.0.1:{kms.port}",
            "TENCENTCLOUD_SECRET_ID": "AKIDa", "TENCENTCLOUD_SECRET_KEY": "b",
        }  # fmt: skip
        for name, client in (("sdk", b"SDK_PYTHON"), ("own", b"kmstool/"), (None, b"kmstool/")):
            connect(options=ConnectOptions(transport=name), environ=environ).transport().call("GetRegions", {})
            assert client in kms.requests[-1], name
        with pytest.raises(InputError, match="no transport 'other'"):
            connect(options=ConnectOptions(transport="other"), environ=environ).transport()


def test_the_program_and_a_profile_choose_it(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        environ = {**server.environ, **server.variables}

        def run(*words: str) -> str:
            done = subprocess.run(
                [*PROGRAM, *words], env=environ, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert len(run("random", "8", "--transport", "sdk")) == 17
        run(
            "profile",
            "set",
            "work",
            "--transport",
            "sdk",
            "--endpoint",
            server.endpoint,
            "--credentials",
            "environment",
        )
        assert json.loads(run("profile", "show", "work", "--format", "json"))["Transport"] == "sdk"
        trace = run("random", "8", "--profile", "work")
        assert len(trace) == 17


def test_threads_have_clients_of_their_own(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        credential = Credential(*(server.variables[f"TENCENTCLOUD_SECRET_{part}"] for part in ("ID", "KEY")))
        place = server.endpoint
        pool = PooledTransport(
            lambda: SdkTransport(FixedProvider(credential, "the tests"), "ap-guangzhou", endpoint=place)
        )
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: pool.call("GenerateRandom", {"NumberOfBytes": 16}), range(40)))
    assert len({answer["Plaintext"] for answer in found}) == 40
