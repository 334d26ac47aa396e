"""The way to a service: the proxy that is meant, TLS to it and through it, whose certificates are trusted, what a message says."""

import base64
import contextlib
import gc
import json
import os
import socket
import ssl
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from kmstool.errors import InputError, KmsToolError, UnreachableError
from kmstool.kms.provider import Credential, FixedProvider
from kmstool.kms.transport import proxies, trust
from kmstool.kms.transport.cloud import CloudTransport
from kmstool.kms.transport.connection import Connection
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.kms.transport.proxies import Proxy
from kmstool.kms.transport.trust import TrustedCertificates, certificates
from kmstool.system import hosts
from tests.program import kmstool
from tests.stubs import GOOD, NAME, Answer, Authority, new_authority, stub

PASSWORD = "canaryPasswordOfTheProxy"
CREDENTIALS = {"TENCENTCLOUD_SECRET_ID": "AKIDexample", "TENCENTCLOUD_SECRET_KEY": "canarySecretKey"}
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the proxies and certificates of the machine that the tests run on."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in VARIABLES:
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def sloppy(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("sloppy"), sloppy=True)


def call(endpoint: str, **settings: Any) -> dict[str, Any]:
    transport = CloudTransport(
        FixedProvider(Credential("AKIDexample", "canarySecretKey", ""), "the tests"),
        "ap-guangzhou",
        endpoint=endpoint,
        **{"timeout": 5, **settings},
    )
    return transport.call("GenerateRandom", {"NumberOfBytes": 8})


def failure(endpoint: str, **settings: Any) -> KmsToolError:
    with pytest.raises(KmsToolError) as caught:
        call(endpoint, **settings)
    return caught.value


@contextlib.contextmanager
def eager(data: bytes) -> Iterator[int]:
    """Listen on a port, and send something to who comes as soon as he has said anything."""

    def serve() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as client:
            client.settimeout(30)
            client.recv(1)
            client.sendall(data)
            while client.recv(65536):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)


# Hosts.


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.0.0.53",
        "127.255.255.254",
        "::1",
        "0:0:0:0:0:0:0:1",
        "::ffff:127.0.0.1",
    ],
)
def test_this_machine_has_many_addresses(host: str) -> None:
    assert hosts.is_loopback(host)
    place = Endpoint.parse(f"http://{hosts.with_port(host, 8080)}")
    assert place.is_loopback
    assert place.proxy is None


@pytest.mark.parametrize(
    "host",
    ["128.0.0.1", "126.255.255.255", "::", "::2", "localhost.example", "127.0.0.1.example", "127.1", "2130706433"],
)
def test_no_other_host_is_this_machine(host: str) -> None:
    assert not hosts.is_loopback(host)
    with pytest.raises(InputError, match="in plaintext"):
        Endpoint.parse(f"http://{hosts.with_port(host, 8080)}")


@pytest.mark.parametrize("host", ["kms_local", "squid_proxy.internal", "_a", "a-b_c.d"])
def test_names_of_containers_have_underscores(host: str) -> None:
    assert Endpoint.parse(f"https://{host}:8443").host == host
    assert Proxy.parse(f"http://{host}:3128").host == host


# Which proxy, and when.


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.example.test:3128", ("proxy.example.test", 3128, None)),
        ("http://proxy.example.test:3128/", ("proxy.example.test", 3128, None)),
        ("proxy.example.test", ("proxy.example.test", 80, None)),
        ("http://[::1]:3128", ("::1", 3128, None)),
        ("http://user:p%40ss%3A@h:1", ("h", 1, "user:p@ss:")),
        ("http://user@h", ("h", 80, "user:")),
        ("http://:p@h", ("h", 80, ":p")),
        ("http://a@b:c@h:1", ("h", 1, "a@b:c")),
        ("http://\udcff:名@h", ("h", 80, "\udcff:名")),
    ],
)
def test_a_proxy_is_taken_apart(text: str, proxy: tuple[str, int, str | None]) -> None:
    found = Proxy.parse(text)
    assert (found.host, found.port) == proxy[:2]
    if proxy[2] is None:
        assert found.authorization is None
    else:
        assert found.authorization
        kind, _, value = found.authorization.partition(" ")
        assert (kind, base64.b64decode(value)) == ("Basic", proxy[2].encode("utf-8", "surrogateescape"))
        assert value not in repr(found)


@pytest.mark.parametrize(
    "text",
    ["socks5://{}@h:1", "http://{}@", "http://{}@[::1", "http://{}@h:port", "http://u:{}/x@h",
     "http://{}@h\x01:1", "ftp://{}@h", "http://{}@h:1:2", "://", ""],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_not_shown(text: str) -> None:
    """A password must not go in clear to a proxy that wants TLS either."""
    with pytest.raises(InputError) as caught:
        Proxy.parse(text.format(f"user:{PASSWORD}"))
    shown = [caught.value.message, str(caught.value.hint), str(caught.value.__cause__)]
    assert PASSWORD not in " ".join(shown)


@pytest.mark.parametrize(
    ("variables", "proxy"),
    [
        ({"HTTPS_PROXY": "http://a:1"}, "a:1"),
        ({"https_proxy": "http://b:1", "HTTPS_PROXY": "http://a:1"}, "b:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://a:1"}, None),
        ({"ALL_PROXY": "http://c:1"}, "c:1"),
        ({"all_proxy": "http://c:1", "https_proxy": "http://b:1"}, "b:1"),
        ({"http_proxy": "http://d:1", "HTTP_PROXY": "http://d:1"}, None),
        ({"HTTPS_PROXY": " http://a:1 "}, "a:1"),
        ({"HTTPS_PROXY": "[2001:db8::5]:3128"}, "[2001:db8::5]:3128"),
        ({"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": "http://a:1", "no_proxy": "", "NO_PROXY": "*"}, "a:1"),
    ],
    ids=str,
)
def test_the_proxy_is_the_one_that_a_variable_names(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], proxy: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = Endpoint.parse("kms.example.test").proxy
    assert (found.shown if found else None) == proxy


# As curl 8 and Go read them: https://curl.se/libcurl/c/CURLOPT_NOPROXY.html, golang.org/x/net/http/httpproxy.
EXCEPTIONS = [
    ("kms.example.test", "kms.example.test", True),
    ("KMS.Example.TEST", "kms.example.test", True),
    ("kms.example.test.", "kms.example.test", True),
    ("example.test", "kms.example.test", True),
    (".example.test", "kms.example.test", True),
    (".example.test", "example.test", True),
    ("*.example.test", "kms.example.test", True),
    ("*.example.test", "a.b.example.test", True),
    ("ample.test", "kms.example.test", False),
    ("*ample.test", "kms.example.test", False),
    ("kms.*.test", "kms.example.test", False),
    ("other.test", "kms.example.test", False),
    ("kms.example.test:443", "kms.example.test", True),
    ("kms.example.test:8443", "kms.example.test", False),
    ("*.example.test:443", "kms.example.test", True),
    ("a, b\tc  kms.example.test", "kms.example.test", True),
    (",,", "kms.example.test", False),
    (".", "kms.example.test", False),
    ("2001:db8::1", "[2001:db8::1]", True),
    ("2001:DB8:0:0::1", "[2001:db8::1]", True),
    ("[2001:db8::1]", "[2001:db8::1]", True),
    ("[2001:db8::1]:443", "[2001:db8::1]", True),
    ("[2001:db8::1]:444", "[2001:db8::1]", False),
    ("2001:db8::2", "[2001:db8::1]", False),
    ("2001:db8::/32", "[2001:db8::1]", True),
    ("[2001:db8::]/32", "[2001:db8::1]", True),
    ("2001:db9::/32", "[2001:db8::1]", False),
    ("10.0.0.0/8", "10.1.2.3", True),
    ("10.1.2.3", "10.1.2.3", True),
    ("10.1.2.3:443", "10.1.2.3", True),
    ("10.0.0.0/8", "11.1.2.3", False),
    ("0.0.0.0/0", "11.1.2.3", True),
    ("::/0", "11.1.2.3", False),
    ("11.1.2.3/32", "11.1.2.3", True),
    ("11.1.2.2/32", "11.1.2.3", False),
    ("11.1.2.3/33", "11.1.2.3", False),
    ("11.1.2.3/", "11.1.2.3", False),
    ("11.1.2.3/-1", "11.1.2.3", False),
    ("11.1.2.0/x", "11.1.2.3", False),
    ("2.3", "11.1.2.3", False),
    ("10.0.0.0/8", "kms.example.test", False),
]


@pytest.mark.parametrize(("exception", "host", "is_one"), EXCEPTIONS, ids=str)
def test_exceptions_are_read_as_curl_and_go_read_them(
    monkeypatch: pytest.MonkeyPatch, exception: str, host: str, is_one: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", exception)
    assert (Endpoint.parse(f"https://{host}").proxy is None) == is_one


@given(st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=40))
def test_any_text_is_a_list_of_exceptions(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        patch.setenv("NO_PROXY", text)
        for host in ("kms.example.test", "[2001:db8::1]", "10.1.2.3"):
            _ = Endpoint.parse(f"https://{host}").proxy


def test_where_the_system_has_settings_they_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://system:1"})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "inside.test")
    assert proxies.of_environment("https", "outside.test", 443) == Proxy.parse(
        "http://system:1", "the system's settings"
    )
    assert proxies.of_environment("https", "inside.test", 443) is None
    monkeypatch.setenv("HTTPS_PROXY", "http://a:1")
    assert proxies.of_environment("https", "inside.test", 443) == Proxy.parse("http://a:1")


# Through a proxy.


def test_an_address_has_brackets_where_a_proxy_is_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9110, section 9.3.6, with RFC 3986, section 3.2.2."""
    with stub(Answer(status=403)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        failure("https://[2001:db8::1]")
    assert proxy.requests[0].startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")


@pytest.mark.parametrize("inner_tls", ["TLSv1_2", "TLSv1_3"])
def test_a_proxy_may_speak_tls_itself(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path, inner_tls: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    service = authority.server(tmp_path)
    service.maximum_version = getattr(ssl.TLSVersion, inner_tls)
    big = {**GOOD, "More": "x" * 300_000}
    answer = Answer(json.dumps({"Response": big}).encode())
    with stub(answer, tls=service) as kms, stub(tls=authority.server(tmp_path), tunnels_to=kms) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        assert call(NAME) == big
        gc.collect()
    assert proxy.requests[0].startswith(f"CONNECT {NAME}:443".encode())
    assert base64.b64encode(f"user:{PASSWORD}".encode()) in proxy.requests[0]
    assert b"X-TC-Action: GenerateRandom" in kms.requests[0]
    assert b"Proxy-Authorization" not in kms.requests[0]


def test_within_a_proxys_tls_the_service_is_checked_too(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    other = authority.server(tmp_path, "other.example.test")
    with stub(tls=other) as kms, stub(tls=authority.server(tmp_path), tunnels_to=kms) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        assert "its certificate is for another name" in failure(NAME).message
        gc.collect()
    assert kms.requests == []
    with stub(tls=other) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        assert "the proxy" in failure(NAME).message
    assert proxy.requests == []


def test_a_service_in_a_proxys_tls_that_says_nothing_is_given_up(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    silent = Answer(raw=b"HTTP/1.1 200 OK\r\n\r\n")
    with stub(silent, tls=authority.server(tmp_path)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        found = failure(NAME, timeout=1)
    assert isinstance(found, UnreachableError)


def test_a_password_goes_to_no_proxy_that_speaks_in_clear_where_tls_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """tccli's manual writes https_proxy=https://..., where most proxies speak no TLS."""
    with stub(Answer(b"<html>", 400)) as proxy:
        monkeypatch.setenv("https_proxy", f"https://user:{PASSWORD}@127.0.0.1:{proxy.port}")
        found = failure(NAME, timeout=2)
    assert isinstance(found, UnreachableError)
    assert PASSWORD.encode() not in b"".join(proxy.requests)
    assert base64.b64encode(f"user:{PASSWORD}".encode()) not in b"".join(proxy.requests)


def test_a_proxy_that_answers_in_clear_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    # Long before the greeting ends; real ones answer a request line that is none at once.
    with eager(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{port}")
        found = failure(NAME)
    assert found.message.endswith("does not speak TLS")
    assert found.hint == "write http:// into https_proxy, not https://"


@pytest.mark.parametrize("user", ["", f"user:{PASSWORD}@"])
def test_a_proxy_that_wants_a_password_is_told_apart_and_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    refusal = Answer(status=407, headers="Server: squid/5.7\r\n")
    with stub(refusal) as proxy:
        environ = {**CREDENTIALS, "HTTPS_PROXY": f"http://{user}127.0.0.1:{proxy.port}"}
        ran = kmstool("random", "8", "--endpoint", NAME, exit_code=4, **environ)
        port = proxy.port
    says = "refuses the user and password" if user else "wants a user and password"
    assert f"the proxy 127.0.0.1:{port} {says} (HTTP 407, server squid/5.7)" in ran.err
    assert "HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT" in ran.err
    assert PASSWORD not in ran.err
    assert len(proxy.requests) == 1


def test_a_proxy_that_refuses_is_named_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(Answer(status=503, headers="Via: 1.1 gate\x1b[31m (squid)\r\n")) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        found, port = failure(NAME), proxy.port
    assert found.message == (
        f"cannot reach {NAME}: the proxy 127.0.0.1:{port} refuses: HTTP 503, server 1.1 gate?[31m (squid)"
    )
    assert "ALL_PROXY names the proxy" in (found.hint or "")


# What a gateway says.


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(b"<html>", 403, "text/html", headers="Server: WAF\r\n"),
            "answered with HTTP 403, text/html, server WAF",
        ),
        (Answer(b"", 502, ""), "answered with HTTP 502"),
        (Answer(b"<html>", 200, "text/html"), "cut short or is not JSON (HTTP 200, text/html)"),
        (
            Answer(b'{"a":1}', 200, headers="Server: \xe9\x07\r\n"),
            "without a Response (HTTP 200, application/json, server ???)",
        ),
        (Answer(b'{"Response":{},"Response":{}}', 200), "two readings (HTTP 200, application/json)"),
        (Answer(b'{"Response":{"RequestId":"1"},"Error":1}', 200), "beside its Response (HTTP 200, application/json)"),
        (Answer(b"", 403, "", headers=f"Server: {'x' * 500}\r\n"), f"HTTP 403, server {'x' * 60}"),
    ],
    ids=str,
)
def test_a_message_about_a_gateway_has_its_status_and_server(answer: Answer, said: str) -> None:
    with stub(answer) as kms:
        found = failure(f"http://127.0.0.1:{kms.port}")
    assert found.message.endswith(said)
    assert "gateway" in (found.hint or "")


# Whose certificates.


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system of its own: the folder of its certificates, which is empty."""
    folder = tmp_path / "certs"
    folder.mkdir()
    monkeypatch.setattr(trust, "_SYSTEM_FOLDER", str(folder))
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths._replace(cafile=None))
    return folder


def test_certificates_are_those_of_the_user_the_system_or_mozilla(
    system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this order; the last is for machines that have none of their own, such as small containers."""
    assert certificates().paths == (certifi.where(),)
    system.rmdir()
    assert certificates().paths == (certifi.where(),)
    paths = ssl.get_default_verify_paths()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths._replace(cafile="/bundle.pem"))
    assert certificates() == TrustedCertificates(("/bundle.pem",))
    system.mkdir()
    (system / "12345678.0").touch()
    assert certificates() == TrustedCertificates((str(system),))
    monkeypatch.setenv("CURL_CA_BUNDLE", "/third.pem")
    assert certificates() == TrustedCertificates(("/third.pem",), "CURL_CA_BUNDLE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/second.pem")
    assert certificates() == TrustedCertificates(("/second.pem",), "REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere{os.pathsep}{system}")
    assert certificates() == TrustedCertificates((str(system),), "SSL_CERT_DIR")
    monkeypatch.setenv("SSL_CERT_FILE", "/first.pem")
    assert certificates() == TrustedCertificates(("/first.pem", str(system)), "SSL_CERT_FILE")
    assert certificates("/named.pem") == TrustedCertificates(("/named.pem",))
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    assert certificates() == TrustedCertificates((str(system),))


def test_a_variable_that_names_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, str(tmp_path / "missing"))
        with pytest.raises(InputError, match=f"{tmp_path / 'missing'}, which {name} names, cannot be loaded"):
            trust.context(certificates())
        monkeypatch.delenv(name)


def test_certificates_may_be_in_der(tmp_path: Path, authority: Authority) -> None:
    file = tmp_path / "ca.cer"
    file.write_bytes(authority.certificate.public_bytes(serialization.Encoding.DER))
    for path in (file, tmp_path):
        with stub(tls=authority.server(tmp_path)) as kms:
            assert call(f"https://127.0.0.1:{kms.port}", ca_bundle=str(path)) == GOOD


def test_session_keys_are_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    with stub(tls=authority.server(tmp_path)) as kms:
        assert call(f"https://127.0.0.1:{kms.port}", ca_bundle=str(authority.file)) == GOOD
    assert not (tmp_path / "keys").exists()


def test_a_private_ca_that_strict_readers_refuse_is_taken_and_told_by_the_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sloppy: Authority
) -> None:
    """It has no key identifiers and its constraints are not critical: Python reads so strictly since 3.13."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(sloppy.file))
    with stub(tls=sloppy.server(tmp_path)) as kms:
        endpoint = f"https://127.0.0.1:{kms.port}"
        assert call(endpoint) == GOOD
        with pytest.raises(UnreachableError, match=r"its certificate is not trusted: .*(critical|Key Identifier)"):
            Connection(Endpoint.parse(endpoint), 5, strict=True).exchange("GET", {})
        ran = kmstool("doctor", "--format", "json", "--endpoint", endpoint, exit_code=None, **CREDENTIALS)
    checks = {check["Name"]: (check["Verdict"], check["Text"]) for check in ran.json["Checks"]}
    assert checks["endpoint"][0] == "ok"
    verdict, text = checks["certificates"]
    assert verdict == "note"
    assert f"trusted by {sloppy.file} (REQUESTS_CA_BUNDLE), but not made as RFC 5280 wants it (" in text
    assert "since 3.13" in text


def test_what_is_not_trusted_is_told_with_those_that_are(
    tmp_path: Path, authority: Authority, sloppy: Authority
) -> None:
    with stub(tls=authority.server(tmp_path)) as kms:
        found = failure(f"https://127.0.0.1:{kms.port}", ca_bundle=str(sloppy.file))
    assert "its certificate is not trusted: unable to get local issuer certificate" in found.message
    assert str(sloppy.file) in (found.hint or "")
    assert "SSL_CERT_FILE" in (found.hint or "")


def test_a_certificate_that_is_named_itself_is_trusted(tmp_path: Path, authority: Authority) -> None:
    """As curl and Go have it, and Python since 3.13: who signed it is of no interest then."""
    context = authority.server(tmp_path)
    pem = (tmp_path / f"{NAME}-1.pem").read_bytes()
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(pem[pem.index(b"-----BEGIN CERTIFICATE") :])
    with stub(tls=context) as kms:
        assert call(f"https://127.0.0.1:{kms.port}", ca_bundle=str(leaf)) == GOOD
