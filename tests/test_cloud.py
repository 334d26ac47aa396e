"""What comes back from the cloud is an answer or one of our errors, whatever stands in between; nothing is told to others.

The stubs speak HTTP on loopback and answer what a gateway, a proxy or a liar might.
"""

import base64
import contextlib
import gc
import io
import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential as SdkCredential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.kms.v20190118 import errorcodes

from kmstool.api import protocol
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
    UnreachableError,
)
from kmstool.kms.client import KmsClient
from kmstool.kms.provider import Credential, FixedProvider
from kmstool.kms.transport import probe
from kmstool.kms.transport.cloud import CloudTransport
from tests.conftest import PROGRAM, need
from tests.stubs import GOOD, JSON, NAME, TIMEOUT_SECONDS, Answer, Authority, Stub, new_authority, stub

SECRET_ID, SECRET_KEY, TOKEN = "AKIDcanary0123456789", "canarySecretKeyOfTheTests", "canaryTokenOfTheTests"
CREDENTIAL = FixedProvider(Credential(SECRET_ID, SECRET_KEY, TOKEN), "the tests")
PROXY_PASSWORD = "canaryPasswordOfTheProxy"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the proxies of the machine that the tests run on."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def transport(endpoint: str, **settings: Any) -> CloudTransport:
    return CloudTransport(CREDENTIAL, "ap-guangzhou", endpoint=endpoint, **{"timeout": 5, **settings})


def ask(answer: Answer) -> dict[str, Any]:
    with stub(answer) as kms:
        return transport(f"http://127.0.0.1:{kms.port}").call("GenerateRandom", {"NumberOfBytes": 8})


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY, **more}


def run(*arguments: str, exit_code: int = 0, **environ: str) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == exit_code, done.stderr
    return done


def endpoint_of_the_doctor(*arguments: str) -> str:
    """Return the doctor's verdict on the endpoint, whatever the exit."""
    done = subprocess.run(
        [*PROGRAM, "doctor", "--format", "json", "--retries", "0", *arguments],
        env=environment(),
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    [verdict] = [item["Verdict"] for item in json.loads(done.stdout)["Checks"] if item["Name"] == "endpoint"]
    return str(verdict)


# Codes.

COMMON = {
    "ActionOffline", "AuthFailure.InvalidAuthorization", "AuthFailure.InvalidSecretId", "AuthFailure.MFAFailure",
    "AuthFailure.SecretIdNotFound", "AuthFailure.SignatureExpire", "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure", "InvalidAction", "NoSuchVersion", "RequestLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded", "ResourceInsufficient", "ServiceUnavailable", "UnknownParameter",
    "UnsupportedRegion",
}  # fmt: skip
OF_THE_SDK = {value for name, value in vars(errorcodes).items() if name.isupper()}
OF_THE_MODEL = {code for action in protocol.actions().values() for code in action.errors}
CODES = sorted(COMMON | OF_THE_SDK | OF_THE_MODEL)

# Each code and its exit is a promise to scripts, so it is written down once more: by the longest matching beginning.
KINDS: dict[str, type[KmsToolError]] = {
    "": ServiceError,
    "AuthFailure": AccessError,
    "UnauthorizedOperation": AccessError,
    "InvalidParameterValue.InvalidCiphertext": IntegrityError,
    "FailedOperation.DecryptError": IntegrityError,
    "ResourceNotFound": NotFoundError,
    "ResourceUnavailable": KeyStateError,
    "ResourceUnavailable.CmkNotFound": NotFoundError,
    "ResourceUnavailable.DataKeyNotFound": NotFoundError,
    "ResourceUnavailable.CloudResourceBindingNotFound": NotFoundError,
    "InvalidParameterValue.InvalidKeyUsage": KeyStateError,
    "FailedOperation.CmkUsedByCloudProduct": KeyStateError,
    "UnsupportedOperation.ExternalCmkCanNotRotate": KeyStateError,
    "UnsupportedOperation.NotExternalCmk": KeyStateError,
    "UnsupportedOperation.RotateNotSupported": KeyStateError,
    "LimitExceeded": LimitError,
    "RequestLimitExceeded": LimitError,
}
EXITS = {AccessError: 4, IntegrityError: 5, ServiceError: 6, NotFoundError: 6, KeyStateError: 6, LimitError: 6}


def test_the_lists_of_codes_are_whole() -> None:
    assert len(OF_THE_SDK) == 65
    assert len(OF_THE_MODEL) >= 60
    assert set() == OF_THE_MODEL - OF_THE_SDK


@pytest.fixture(scope="module")
def echo() -> Iterator[Stub]:
    with stub() as found:
        yield found


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_one_of_our_errors(echo: Stub, code: str) -> None:
    error = {"Code": code, "Message": "what happened"}
    echo.answer = Answer(json.dumps({"Response": {"Error": error, "RequestId": "request-1"}}).encode())
    with pytest.raises(KmsToolError) as caught:
        transport(f"http://127.0.0.1:{echo.port}").call("GetRegions", {})
    found = caught.value
    longest = max((start for start in KINDS if code == start or code.startswith(start + ".") or not start), key=len)
    assert type(found) is KINDS[longest]
    assert found.exit_code == EXITS[KINDS[longest]]
    assert (found.kms_code, found.request_id, found.message) == (code, "request-1", "what happened")


# Answers that are none.

ERROR = {"Error": {"Code": "AuthFailure.SignatureFailure", "Message": "no"}, "RequestId": "request-1"}


@pytest.mark.parametrize(
    "content_type",
    [JSON, "text/plain", "application/json; charset=utf-8", "text/html", "text/event-stream", "APPLICATION/JSON", ""],
)
def test_an_error_is_seen_under_any_content_type(content_type: str) -> None:
    """Tencent's SDK looks for errors under two types only, and takes all else for success."""
    with pytest.raises(AccessError) as caught:
        ask(Answer(json.dumps({"Response": ERROR}).encode(), content_type=content_type))
    assert (caught.value.kms_code, caught.value.request_id) == ("AuthFailure.SignatureFailure", "request-1")


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8", "text/html", ""])
def test_a_good_answer_is_one_under_any_content_type(content_type: str) -> None:
    assert ask(Answer(content_type=content_type)) == GOOD


LIES = {
    "nothing": b"",
    "HTML": b"<html><body>Sign in</body></html>",
    "text": b"OK",
    "null": b"null",
    "a number": b"7",
    "a list": b"[]",
    "an empty object": b"{}",
    "no Response": b'{"RequestId": "1"}',
    "a Response of nothing": b'{"Response": null}',
    "a Response of text": b'{"Response": "ok"}',
    "a Response of a list": b'{"Response": []}',
    "half an object": json.dumps({"Response": GOOD}).encode()[:-5],
    "two objects": b"{}{}",
    "no text": b"\xff\xfe\x00",
    "an error of text": b'{"Response": {"Error": "AuthFailure", "RequestId": "1"}}',
    "an error of nothing": b'{"Response": {"Error": null, "RequestId": "1"}}',
    "an empty error": b'{"Response": {"Error": {}, "RequestId": "1"}}',
    "an error without code": b'{"Response": {"Error": {"Message": "no"}, "RequestId": "1"}}',
    "an error without id": b'{"Response": {"Error": {"Code": "FailedOperation", "Message": "no"}}}',
    "an empty Response": b'{"Response": {}}',
    "an id alone": b'{"Response": {"RequestId": "1"}}',
    "no id": b'{"Response": {"Plaintext": "AAECAwQFBgc="}}',
    "a field of nothing": b'{"Response": {"Plaintext": null, "RequestId": "1"}}',
    "a field of another type": b'{"Response": {"Plaintext": 7, "RequestId": "1"}}',
    "a field of no base64": b'{"Response": {"Plaintext": "!", "RequestId": "1"}}',
    "too little": b'{"Response": {"Plaintext": "AAEC", "RequestId": "1"}}',
}


@pytest.mark.parametrize("content_type", [JSON, "text/html; charset=utf-8"])
@pytest.mark.parametrize("body", LIES.values(), ids=LIES)
def test_nothing_but_an_answer_is_taken_for_one(body: bytes, content_type: str) -> None:
    with stub(Answer(body, content_type=content_type)) as kms, pytest.raises((ServiceError, NetworkError)) as caught:
        KmsClient(transport(f"http://127.0.0.1:{kms.port}")).random(8)
    assert caught.value.message
    assert len(kms.requests) == 1


@pytest.mark.parametrize(
    "error", ["boom", [], ["a"], 0, False, {}, {"Code": ["x"], "Message": "m"}, {"Code": "x"}], ids=repr
)
def test_a_refusal_that_is_malformed_is_no_success(error: Any) -> None:
    """Many actions answer with an id and nothing else."""
    body = json.dumps({"Response": {"RequestId": "1", "Error": error}}).encode()
    with stub(Answer(body)) as kms, pytest.raises(ServiceError):
        KmsClient(transport(f"http://127.0.0.1:{kms.port}")).enable_keys(["e1a4c5a0-e7ca-11f1-8000-525400000001"])


def test_a_public_key_that_is_none_is_a_fault_of_the_service() -> None:
    key_id = "e1a4c5a0-e7ca-11f1-8000-525400000001"
    body = json.dumps({"Response": {"RequestId": "1", "KeyId": key_id, "PublicKey": "AAAA"}}).encode()
    with stub(Answer(body)) as kms, pytest.raises(ServiceError):
        KmsClient(transport(f"http://127.0.0.1:{kms.port}")).public_key(key_id)


@pytest.mark.parametrize("blob", ["\ud800", "é"], ids=ascii)
def test_a_blob_that_is_no_text_is_a_fault_of_the_service(blob: str) -> None:
    key_id = "e1a4c5a0-e7ca-11f1-8000-525400000001"
    body = json.dumps({"Response": {"RequestId": "1", "KeyId": key_id, "CiphertextBlob": blob}}).encode()
    with stub(Answer(body)) as kms, pytest.raises(ServiceError):
        KmsClient(transport(f"http://127.0.0.1:{kms.port}")).encrypt(key_id, b"x", {})


@pytest.mark.parametrize("status", [201, 204, 301, 400, 401, 403, 404, 407, 429, 500, 502, 503, 504])
def test_another_status_is_a_fault_of_the_way(status: int) -> None:
    body = b"" if status == 204 else b"<html>"
    with pytest.raises(NetworkError) as caught:
        ask(Answer(body, status, "text/html"))
    assert caught.value.exit_code == 7
    assert "gateway" in (caught.value.hint or "")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(authority: "Authority", tmp_path: Path, status: int) -> None:
    """It would take plaintexts and tokens along to any other address, in clear too."""
    with stub() as elsewhere:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{elsewhere.port}/\r\n"
        moved = Answer(raw=(head + "Content-Length: 0\r\nConnection: close\r\n\r\n").encode())
        with stub(moved, tls=authority.server(tmp_path)) as kms:
            client = transport(f"https://127.0.0.1:{kms.port}", ca_bundle=str(authority.file))
            with contextlib.suppress(KmsToolError):
                client.call("Encrypt", {"Plaintext": "canaryPlaintextOfTheTests"})
        assert len(kms.requests) == 1
        assert elsewhere.requests == []
    with pytest.raises(NetworkError):
        ask(moved)


CUT = {
    "no answer": Answer(raw=b""),
    "half a head": Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "no HTTP": Answer(raw=b"220 mail ready\r\n\r\n"),
    "half a body": Answer(length=500),
    "half a chunk": Answer(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"),
    "no compression": Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"),
}


@pytest.mark.parametrize("answer", CUT.values(), ids=CUT)
def test_a_cut_answer_is_a_fault_of_the_way(answer: Answer) -> None:
    with pytest.raises(NetworkError) as caught:
        ask(answer)
    assert caught.value.exit_code == 7


def test_a_service_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NetworkError, match="no answer in time"):
        transport(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5).call("GetRegions", {})


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(NetworkError, match="connection refused") as caught:
        transport(f"http://127.0.0.1:{port}").call("GetRegions", {})
    assert f"127.0.0.1:{port}" in caught.value.message
    assert isinstance(caught.value, UnreachableError)
    with pytest.raises(UnreachableError, match="the name"):
        transport("nowhere.invalid").call("GetRegions", {})


def test_the_connection_is_closed_with_the_transport() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(TIMEOUT_SECONDS)
        client = transport(f"http://127.0.0.1:{listener.getsockname()[1]}")
        asked = pool.submit(client.call, "GetRegions", {})
        with listener.accept()[0] as kept:
            kept.settimeout(TIMEOUT_SECONDS)
            kept.recv(65536)
            kept.sendall(Answer().data().replace(b"Connection: close\r\n", b""))
            assert asked.result(TIMEOUT_SECONDS) == GOOD
            del client, asked
            gc.collect()
            while kept.recv(65536):
                pass


def test_who_gets_no_credential_sends_nothing() -> None:
    """That STS may have acted is no doubt of what KMS did."""

    class Lost:
        source = "STS"

        def get(self) -> Credential:
            raise NetworkError("cannot reach STS", hint="check it")

        def renew(self) -> bool:
            return False

    with stub() as kms:
        with pytest.raises(UnreachableError) as caught:
            CloudTransport(Lost(), "ap-guangzhou", endpoint=f"http://127.0.0.1:{kms.port}").call("CreateKey", {})
        assert (caught.value.message, caught.value.hint) == ("cannot reach STS", "check it")
        assert kms.requests == []


# What is sent.


def test_a_request_has_its_form() -> None:
    with stub() as kms:
        host = f"127.0.0.1:{kms.port}"
        transport(f"http://{host}").call("generateRandom", {"NumberOfBytes": 8})
    head, _, body = kms.requests[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert first == "POST / HTTP/1.1"
    assert json.loads(body) == {"NumberOfBytes": 8}
    assert headers["host"] == host
    assert (headers["x-tc-action"], headers["x-tc-version"]) == ("GenerateRandom", "2019-01-18")
    assert (headers["x-tc-region"], headers["x-tc-language"]) == ("ap-guangzhou", "en-US")
    assert headers["x-tc-token"] == TOKEN
    assert f"Credential={SECRET_ID}/" in headers["authorization"]
    assert SECRET_KEY not in kms.requests[0].decode()


# What the SDK sends beside: who sends it, and how answers may be coded and connections kept.
OF_THE_SDK_ALONE = {"user-agent", "accept", "accept-encoding", "connection", "x-tc-requestclient", "x-tc-traceid"}


def sent(kms: Stub) -> tuple[dict[str, str], bytes]:
    """Return the request line and headers of the last request, but for those that the SDK alone needs, and its body."""
    head, _, body = kms.requests[-1].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return {"": first} | {name: value for name, value in headers.items() if name not in OF_THE_SDK_ALONE}, body


@pytest.mark.parametrize("is_signed", [True, False])
@pytest.mark.parametrize("token", [TOKEN, ""])
@pytest.mark.parametrize("region", ["ap-guangzhou", ""])
@pytest.mark.parametrize("service", [("kms", "2019-01-18"), ("sts", "2018-08-13")])
@pytest.mark.parametrize(
    "params",
    [{}, {"NumberOfBytes": 8, "Tags": [{"TagKey": "a&b", "TagValue": "日本"}], "Text": 'a"\\\n/', "None": None}],
    ids=["empty", "full"],
)
def test_a_request_is_that_of_the_sdk(
    monkeypatch: pytest.MonkeyPatch,
    is_signed: bool,
    token: str,
    region: str,
    service: tuple[str, str],
    params: dict[str, Any],
) -> None:
    """In the same second the two send the same, the signature included."""
    monkeypatch.setattr(time, "time", lambda: 1551113065.5)
    with stub() as kms:
        host = f"127.0.0.1:{kms.port}"
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=host), language="en-US")
        sdk = CommonClient(*service, SdkCredential(SECRET_ID, SECRET_KEY, token), region, profile)
        sdk.call_json("encrypt", params, options={"SkipSign": not is_signed})
        expected = sent(kms)
        provider = FixedProvider(Credential(SECRET_ID, SECRET_KEY, token), "the tests") if is_signed else None
        name, version = service
        CloudTransport(provider, region, endpoint=f"http://{host}", service=name, version=version).call(
            "encrypt", params
        )
        assert sent(kms) == expected
        sdk.request.conn._session.close()
    assert ("x-tc-token" in expected[0]) == bool(token and is_signed)


def test_without_a_provider_nothing_is_signed() -> None:
    with stub() as sts:
        CloudTransport(
            None, "ap-guangzhou", endpoint=f"http://127.0.0.1:{sts.port}", service="sts", version="2018-08-13"
        ).call("AssumeRoleWithWebIdentity", {})
    assert b"\r\nAuthorization: SKIP\r\n" in sts.requests[0]


def test_a_text_that_would_be_more_than_its_header_is_refused() -> None:
    """Nothing is sent, and the value, which may be a secret, is not shown."""
    with stub() as kms:
        endpoint = f"http://127.0.0.1:{kms.port}"
        credential = FixedProvider(Credential(SECRET_ID, SECRET_KEY, TOKEN + "\r\nHost: a"), "the tests")
        for provider, region in ((credential, "ap-guangzhou"), (CREDENTIAL, TOKEN + "\n")):
            with pytest.raises(InputError, match="X-TC-") as caught:
                CloudTransport(provider, region, endpoint=endpoint).call("GetRegions", {})
            assert TOKEN not in f"{caught.value.message} {caught.value.hint}"
        with pytest.raises(InputError, match="X-TC-Action"):
            transport(endpoint).call("GetRegions\r\n\r\n", {})
        assert kms.requests == []


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://kms.tencentcloudapi.com",
        "http://192.0.2.1",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://127.0.0.1@example.com",
        "HTTP://EXAMPLE.COM",
        "http://[2001:db8::1]:80",
        "http://0.0.0.0",
    ],
)
def test_nothing_is_sent_in_clear_beyond_loopback(endpoint: str) -> None:
    with pytest.raises(InputError, match="in plaintext"):
        transport(endpoint)


def test_a_proxy_is_no_way_round_that() -> None:
    with stub() as proxy:
        done = run(
            "random", "8", "--endpoint", f"http://{NAME}", exit_code=3, http_proxy=f"http://127.0.0.1:{proxy.port}"
        )
        assert "in plaintext" in done.stderr
        assert proxy.requests == []


@pytest.mark.parametrize("endpoint", ["ftp://a", "https://", "https://a/b", "://", "a b", "https://a:port", "http://["])
def test_what_is_no_endpoint_is_refused(endpoint: str) -> None:
    with pytest.raises(InputError):
        transport(endpoint)


# TLS and proxies.


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


def test_a_certificate_of_nobody_is_refused(authority: Authority, tmp_path: Path) -> None:
    with stub(tls=authority.server(tmp_path)) as kms:
        with pytest.raises(NetworkError, match="its certificate is not trusted"):
            transport(f"https://127.0.0.1:{kms.port}").call("GetRegions", {})
        assert kms.requests == []
        done = run("random", "8", "--retries", "0", "--endpoint", f"https://127.0.0.1:{kms.port}", exit_code=7)
        assert "its certificate is not trusted" in done.stderr
        done = run("doctor", "--endpoint", f"https://127.0.0.1:{kms.port}", "--retries", "0", exit_code=7)
        assert "certificate" in done.stdout
        assert kms.requests == []


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_certificate_is_trusted_by_choice(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with stub(tls=authority.server(tmp_path)) as kms:
        endpoint = f"https://127.0.0.1:{kms.port}"
        assert transport(endpoint, ca_bundle=str(authority.file)).call("GenerateRandom", {}) == GOOD
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(variable, str(authority.file))
        assert transport(endpoint).call("GenerateRandom", {}) == GOOD
        assert len(run("random", "8", "--endpoint", endpoint).stdout) == 17
        assert endpoint_of_the_doctor("--endpoint", endpoint) == "ok"


def test_a_folder_of_certificates_is_trusted(authority: Authority, tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "ca.pem").write_bytes(authority.file.read_bytes())
    with stub(tls=authority.server(tmp_path)) as kms:
        endpoint = f"https://127.0.0.1:{kms.port}"
        # As it is, where OpenSSL finds nothing, and as OpenSSL wants it.
        assert transport(endpoint, ca_bundle=str(folder)).call("GenerateRandom", {}) == GOOD
        subprocess.run([need("openssl"), "rehash", folder], check=True, timeout=TIMEOUT_SECONDS)
        assert transport(endpoint, ca_bundle=str(folder)).call("GenerateRandom", {}) == GOOD


def test_a_certificate_for_another_name_or_time_is_refused(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    for context, reason in (
        (authority.server(tmp_path, "other.example.test"), "its certificate is for another name"),
        (authority.server(tmp_path, days=-1), "its certificate is not trusted"),
    ):
        with stub(tls=context) as kms:
            with pytest.raises(UnreachableError, match=reason):
                transport(f"https://127.0.0.1:{kms.port}").call("GetRegions", {})
            assert kms.requests == []


def test_a_connection_is_kept_under_tls(authority: Authority, tmp_path: Path) -> None:
    """What a server of TLS 1.3 sends of its own accord, such as session tickets, is not taken for its end."""
    answer = Answer().data().replace(b"Connection: close\r\n", b"")
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(TIMEOUT_SECONDS)

        def serve() -> str | None:
            with authority.server(tmp_path).wrap_socket(listener.accept()[0], server_side=True) as client:
                for _ in range(3):
                    Stub._read_head(client)
                    client.sendall(answer)
                return client.version()

        served = pool.submit(serve)
        client = transport(f"https://127.0.0.1:{listener.getsockname()[1]}", ca_bundle=str(authority.file))
        assert [client.call("GetRegions", {}) for _ in range(3)] == [GOOD] * 3
        assert served.result(TIMEOUT_SECONDS) == "TLSv1.3"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_an_old_tls_is_refused(authority: Authority, tmp_path: Path) -> None:
    context = authority.server(tmp_path)
    for sign in (context, peer := ssl.create_default_context(cafile=str(authority.file))):
        sign.set_ciphers("DEFAULT:@SECLEVEL=0")
        sign.minimum_version, sign.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with stub(tls=context) as kms:
        with pytest.raises(UnreachableError, match="the connection failed"):
            transport(f"https://127.0.0.1:{kms.port}", ca_bundle=str(authority.file)).call("GetRegions", {})
        assert kms.requests == []
        # Who allows it is served.
        with (
            socket.create_connection(("127.0.0.1", kms.port), TIMEOUT_SECONDS) as plain,
            peer.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            assert client.version() == "TLSv1.1"


def test_clear_text_behind_https_is_refused() -> None:
    with stub() as kms, pytest.raises(NetworkError):
        transport(f"https://127.0.0.1:{kms.port}", timeout=0.5).call("GetRegions", {})


def test_a_proxy_is_the_way_where_one_is_named(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sees the name of the service and nothing of the request."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with stub(tls=authority.server(tmp_path)) as kms, stub(tunnels_to=kms) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}")
        assert transport(NAME).call("GenerateRandom", {"NumberOfBytes": 8}) == GOOD
        assert len(run("random", "8", "--endpoint", NAME).stdout) == 17
        assert endpoint_of_the_doctor("--endpoint", NAME) == "ok"
    assert len(proxy.requests) >= 3
    for request in proxy.requests:
        assert request.startswith(f"CONNECT {NAME}:443 HTTP/1.".encode())
        assert b"\r\nProxy-Authorization: Basic " in request
        assert b"X-TC-" not in request
        assert base64.b64encode(f"user:{PROXY_PASSWORD}".encode()) in request
    for request in kms.requests:
        assert b"Proxy-Authorization" not in request


def test_loopback_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub() as kms, stub(Answer(status=502)) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        for host in ("127.0.0.1", "localhost"):
            assert transport(f"http://{host}:{kms.port}").call("GenerateRandom", {}) == GOOD
            assert probe.probe(f"http://{host}:{kms.port}", 5).host == f"{host}:{kms.port}"
        assert proxy.requests == []


@pytest.mark.parametrize("exception", [NAME, ".example.test", "example.test", "localhost, .test", "*"])
def test_a_proxy_is_not_the_way_where_an_exception_is_named(monkeypatch: pytest.MonkeyPatch, exception: str) -> None:
    """Tencent's SDK takes NO_PROXY for a text in which the whole host must occur; everybody else for a list of endings."""
    with stub(Answer(status=502)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", exception)
        assert "the name" in told(lambda: transport(NAME).call("GetRegions", {}))
        assert NAME in told(lambda: probe.probe(NAME, 5))
        assert proxy.requests == []


REFUSING = {
    "authentication": Answer(status=407),
    "forbidden": Answer(status=403),
    "no answer": Answer(raw=b""),
    "no HTTP": Answer(raw=b"hello\r\n\r\n"),
}


def told(action: Callable[[], object]) -> str:
    """Do something that fails because of the way, and return all that is said about it."""
    with pytest.raises((AccessError, InputError, NetworkError)) as caught:
        action()
    return f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("answer", REFUSING.values(), ids=REFUSING)
@pytest.mark.parametrize("user", ["user:{}", "{}:", "{}:{}"])
def test_the_password_of_a_proxy_is_not_shown(answer: Answer, user: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(answer) as proxy:
        address = f"http://{user.format(PROXY_PASSWORD, PROXY_PASSWORD)}@127.0.0.1:{proxy.port}"
        monkeypatch.setenv("HTTPS_PROXY", address)
        for action in (lambda: transport(NAME).call("GetRegions", {}), lambda: probe.probe(NAME, 5)):
            text = told(action)
            assert f"cannot reach {NAME}: the proxy 127.0.0.1:{proxy.port} refuses" in text
            assert PROXY_PASSWORD not in text
    assert len(proxy.requests) == 2


def test_the_password_of_a_proxy_is_not_shown_by_the_program() -> None:
    with stub(Answer(status=407)) as proxy:
        address = f"http://user:{PROXY_PASSWORD}@127.0.0.1:{proxy.port}"
        for command in (("random", "8"), ("doctor",)):
            done = run(*command, "--retries", "0", "--debug", "--endpoint", NAME, exit_code=4, HTTPS_PROXY=address)
            assert PROXY_PASSWORD not in done.stdout + done.stderr
            assert NAME in done.stdout + done.stderr


@pytest.mark.parametrize(
    "address",
    [
        f"http://user:{PROXY_PASSWORD}@nowhere.invalid:3128",
        f"http://user:{PROXY_PASSWORD}@127.0.0.1:99999",
        f"user:{PROXY_PASSWORD}@127.0.0.1:1",
        f"socks5://user:{PROXY_PASSWORD}@127.0.0.1:1",
        f"http://user:{PROXY_PASSWORD}/x@127.0.0.1:1",
        f"http://user:{PROXY_PASSWORD}@[::1",
    ],
    ids=["unknown", "no port", "no scheme", "socks", "slash", "malformed"],
)
def test_the_password_of_a_proxy_that_is_none_is_not_shown(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    assert PROXY_PASSWORD not in told(lambda: transport(NAME).call("GetRegions", {}))
    assert PROXY_PASSWORD not in told(lambda: probe.probe(NAME, 5))


def test_the_password_in_an_endpoint_is_not_shown(closed_port: int) -> None:
    endpoint = f"https://user:{PROXY_PASSWORD}@127.0.0.1:{closed_port}"
    with pytest.raises(KmsToolError) as caught:
        transport(endpoint).call("GetRegions", {})
    assert PROXY_PASSWORD not in f"{caught.value.message} {caught.value.hint}"
    assert PROXY_PASSWORD not in told(lambda: probe.probe(endpoint, 5))


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_other_passwords_of_this_user_stay_here(
    home: Path, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a library takes an entry of ~/.netrc for the host and puts it in place of the signature."""
    netrc = home / ".netrc"
    netrc.write_text(
        f"machine {NAME} login user password {PROXY_PASSWORD}\ndefault login user password {PROXY_PASSWORD}\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with stub(tls=authority.server(tmp_path)) as kms, stub(tunnels_to=kms) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert transport(NAME).call("GenerateRandom", {"NumberOfBytes": 8}) == GOOD
    [request] = kms.requests
    assert b"\r\nAuthorization: TC3-HMAC-SHA256 Credential=" in request
    assert b"\r\nAuthorization: Basic" not in request


# What is told to others.


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Tencent's SDK writes plaintexts and signatures at DEBUG, as soon as any handler listens."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    try:
        with stub() as kms:
            client = transport(f"http://127.0.0.1:{kms.port}")
            client.call("Encrypt", {"KeyId": "a", "Plaintext": "canaryPlaintextOfTheTests"})
        with pytest.raises(AccessError):
            ask(Answer(json.dumps({"Response": ERROR}).encode()))
        logging.getLogger("of the tests").debug("this is heard")
    finally:
        root.setLevel(before)
        root.removeHandler(handler)
    told = written.getvalue() + caplog.text + "".join(capfd.readouterr()) + repr(vars(client))
    assert "this is heard" in told
    for secret in ("canaryPlaintextOfTheTests", SECRET_KEY, TOKEN, "Signature=", "Plaintext"):
        assert secret not in told


def test_an_outdated_action_has_an_answer() -> None:
    """Tencent's SDK turns a field DeprecatedWarning into a Python warning; a warning is a failure here."""
    body = {"Response": {**GOOD, "DeprecatedWarning": "use another one"}}
    assert ask(Answer(json.dumps(body).encode())) == body["Response"]


def test_a_stopped_program_ends_at_once() -> None:
    """While it waits for an answer that does not come."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        subprocess.Popen(
            [*PROGRAM, "random", "8", "--endpoint", f"http://127.0.0.1:{silent.getsockname()[1]}"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
        silent.accept()[0],
    ):
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == -signal.SIGTERM
        assert process.communicate() == (b"", b"kmstool: stopped; no file was changed\n")


# Reaching the service.


def reached(answer: Answer) -> probe.Reached:
    with stub(answer) as kms:
        return probe.probe(f"http://127.0.0.1:{kms.port}", 5)


@pytest.mark.parametrize("status", [200, 400, 403, 404, 500])
def test_any_answer_tells_the_time(status: int) -> None:
    found = reached(Answer(status=status))
    assert found.skew_seconds is not None
    assert abs(found.skew_seconds) < 5
    assert found.milliseconds < 5000
    # A connection that was left open is warned of when its object goes, and a warning is a failure here.
    gc.collect()


def test_no_answer_tells_nothing(closed_port: int) -> None:
    for answer in (Answer(raw=b""), Answer(raw=b"hello\r\n\r\n")):
        with pytest.raises(NetworkError):
            reached(answer)
    for endpoint in (f"http://127.0.0.1:{closed_port}", "nowhere.invalid", "http://127.0.0.1:99999"):
        with pytest.raises(NetworkError):
            probe.probe(endpoint, 1)


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 2026 99:99:99 GMT"])
def test_an_answer_without_a_time(date: str) -> None:
    raw = f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    assert reached(Answer(raw=raw)).skew_seconds is None
