"""TLS of the served KMS: clients that know nothing else can come, what is no TLS is told so, and nobody trusts too much."""

import json
import os
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from kmstool.api import protocol
from kmstool.crypto import certificates
from kmstool.errors import AccessError, InputError, IntegrityError
from kmstool.server import tls_files
from kmstool.server.web import connection, incoming
from kmstool.server.web.http import HttpAnswer
from kmstool.server.web.tls import TlsSide
from tests.conftest import PROGRAM, need
from tests.foreign import openssl
from tests.running import TIMEOUT_SECONDS, Running, answers, last, read_all, running
from tests.served import Served, serving

DAY = 86400
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("tls"), "--tls") as found:
        yield found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("plain")) as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authority")


@pytest.fixture(scope="module")
def context(folder: Path) -> ssl.SSLContext:
    return tls_files.own(folder)[0]


@pytest.fixture(scope="module")
def secure(context: ssl.SSLContext) -> Iterator[Running]:
    with running(lambda request: HttpAnswer(str(len(request.body)).encode()), tls=context) as found:
        yield found


def trusting(folder: Path) -> ssl.SSLContext:
    found = ssl.create_default_context(cafile=folder / tls_files.AUTHORITY_FILE)
    found.verify_flags |= ssl.VERIFY_X509_STRICT
    return found


def connected(port: int, folder: Path) -> "closing[ssl.SSLSocket]":
    raw = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
    return closing(trusting(folder).wrap_socket(raw, server_hostname="127.0.0.1"))


def port_of(server: Served) -> int:
    return int(server.netloc.rpartition(":")[2])


# Clients.


def test_local_env_tells_whom_to_trust(server: Served) -> None:
    variables, store = server.variables, server.folder / "store"
    assert server.endpoint.startswith("https://127.0.0.1:")
    bundle = str(store / tls_files.BUNDLE_FILE)
    assert {variables[name] for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")} == {bundle}
    assert variables["NODE_EXTRA_CA_CERTS"] == str(store / tls_files.AUTHORITY_FILE)
    assert server.endpoint in variables["NO_PROXY"].split(",")
    # What was trusted before is so in that shell too.
    held = ssl.create_default_context(cafile=bundle)
    assert held.cert_store_stats()["x509_ca"] > 100
    served = json.loads(server.run("local", "status", "--format", "json").stdout)["Served"]
    assert served == {"Address": server.netloc, "Socket": "", "Tls": True, "Metadata": False, "WebIdentity": False}


def test_kmstool_comes_by_tls(server: Served) -> None:
    environ = {**server.environ, **server.variables}
    done = subprocess.run([*PROGRAM, "random", "8"], env=environ, capture_output=True, timeout=60, check=True)
    assert len(done.stdout) == 17
    del environ["SSL_CERT_FILE"], environ["REQUESTS_CA_BUNDLE"]
    done = subprocess.run(
        [*PROGRAM, "random", "8", "--retries", "0"], env=environ, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (7, b"")
    assert b"its certificate is not trusted" in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_curl_comes_by_tls(server: Served, host: str) -> None:
    url = f"https://{host}:{port_of(server)}/"
    environ = {**server.environ, **server.variables}
    done = subprocess.run([need("curl"), "-sS", url], env=environ, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["Response"]["Error"]["Code"] == "AuthFailure.InvalidAuthorization"


def test_openssl_finds_nothing_wrong(server: Served) -> None:
    authority = server.folder / "store" / tls_files.AUTHORITY_FILE
    words = (
        "-connect",
        server.netloc,
        "-CAfile",
        authority,
        "-verify_return_error",
        "-x509_strict",
        "-alpn",
        "h2,http/1.1",
    )
    done = openssl("s_client", *words, "-verify_ip", "127.0.0.1", data=last(b"GET / HTTP/1.1"))
    assert b"Verify return code: 0 (ok)" in done.stdout
    assert b"ALPN protocol: http/1.1" in done.stdout
    for version in ("-tls1_2", "-tls1_3"):
        assert (
            b"HTTP/1.1 "
            in openssl("s_client", *words, version, "-quiet", "-ign_eof", data=last(b"GET / HTTP/1.1")).stdout
        )
    # Shorter versions of it are broken (RFC 8996).
    assert openssl("s_client", *words, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0", accept=(1,)).returncode == 1


@pytest.mark.parametrize(
    ("sign", "method"), [("TC3-HMAC-SHA256", "POST"), ("TC3-HMAC-SHA256", "GET"), ("HmacSHA256", "POST")]
)
def test_the_python_sdk_comes_by_tls(server: Served, sign: str, method: str) -> None:
    """It trusts certifi's list alone, unless it is told of a file."""
    variables = server.variables
    http = HttpProfile(
        protocol="https", endpoint=server.netloc, reqMethod=method, certification=variables["SSL_CERT_FILE"]
    )
    credential = Credential(variables["TENCENTCLOUD_SECRET_ID"], variables["TENCENTCLOUD_SECRET_KEY"])
    client = CommonClient(
        "kms", protocol.VERSION, credential, "ap-guangzhou", ClientProfile(signMethod=sign, httpProfile=http)
    )
    assert client.call_json("GenerateRandom", {"NumberOfBytes": 8})["Response"]["Plaintext"]


# What is no TLS, and TLS where there is none.


def client_hello() -> bytes:
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(arriving, leaving, server_hostname="localhost")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return leaving.read()


def test_tls_on_the_plain_port_is_told_so_at_once(plain: Served) -> None:
    """It hung for half a minute, until the server had waited for the end of a head for long enough."""
    for hello in (client_hello(), client_hello()[:1]):
        with closing(socket.create_connection(("127.0.0.1", port_of(plain)), timeout=TIMEOUT_SECONDS)) as client:
            client.sendall(hello)
            [(status, connection, body)] = answers(read_all(client))
        assert (status, connection) == (400, "close")
        assert body == b"this port speaks plain HTTP: use http://, or serve with TLS\n"
    done = openssl("s_client", "-connect", plain.netloc, accept=(1,))
    assert b"wrong version number" in done.stderr or b"packet length too long" in done.stderr
    assert "this port speaks plain HTTP" in (plain.folder / "server.log").read_text()


def test_plain_http_on_the_port_for_tls_is_told_so(server: Served) -> None:
    with closing(socket.create_connection(("127.0.0.1", port_of(server)), timeout=TIMEOUT_SECONDS)) as client:
        client.sendall(GET)
        [(status, connection, body)] = answers(read_all(client))
    assert (status, connection, body) == (400, "close", b"this port speaks TLS: use https://\n")


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=1, max_size=300))
def test_garbage_is_no_handshake(secure: Running, folder: Path, data: bytes) -> None:
    with closing(socket.create_connection(("127.0.0.1", secure.port), timeout=TIMEOUT_SECONDS)) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        read_all(client)
    with connected(secure.port, folder) as client:
        client.sendall(last(b"GET / HTTP/1.1"))
        assert [status for status, _, _ in answers(read_all(client))] == [200]


def test_garbage_after_the_handshake_ends_the_connection(secure: Running, folder: Path) -> None:
    with connected(secure.port, folder) as client:
        client.sendall(GET)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
        raw = client.detach()
        with socket.socket(fileno=raw) as bare:
            bare.settimeout(TIMEOUT_SECONDS)
            bare.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
            with suppress(ConnectionResetError):
                while bare.recv(65536):
                    pass


# The same server as without.


def test_requests_go_through_as_they_do_without(secure: Running, folder: Path) -> None:
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with connected(secure.port, folder) as client:
        for length in (0, 1, 20_000, 200_000):
            client.sendall(post % length + bytes(length))
        chunks = b"".join(b"3\r\nabc\r\n" for _ in range(9)) + b"0\r\n\r\n"
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        client.sendall(last(b"HEAD / HTTP/1.1"))
        data = read_all(client)
    head = data.rindex(b"HTTP/1.1 ")
    assert [body for _, _, body in answers(data[:head])] == [b"0", b"1", b"20000", b"200000", b"27"]
    assert data[head:].endswith(b"\r\n\r\n")


def test_a_refusal_can_be_read(secure: Running, folder: Path) -> None:
    with connected(secure.port, folder) as client:
        client.sendall(b"nonsense\r\n\r\n" + bytes(100_000))
        [(status, connection, _)] = answers(read_all(client))
    assert (status, connection) == (400, "close")


def test_how_the_bytes_are_cut_does_not_matter(secure: Running, folder: Path) -> None:
    """Each byte in a packet of its own, those of the handshake too."""
    arriving, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(folder).wrap_bio(arriving, leaving, server_hostname="localhost")
    with closing(socket.create_connection(("127.0.0.1", secure.port), timeout=TIMEOUT_SECONDS)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send() -> None:
            for byte in leaving.read():
                client.sendall(bytes([byte]))

        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                send()
                arriving.write(client.recv(65536))
        tls.write(last(b"GET / HTTP/1.1"))
        send()
        data = b""
        while not data.endswith(b"\r\n\r\n0"):
            try:
                data += tls.read(65536)
            except ssl.SSLWantReadError:
                arriving.write(client.recv(65536))
    assert [status for status, _, _ in answers(data)] == [200]


def test_a_handshake_has_a_deadline(context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.5)
    with running(lambda _: HttpAnswer(b""), tls=context) as server:
        for start in (b"", client_hello()[:50]):
            with closing(socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS)) as client:
                client.sendall(start)
                assert read_all(client) == b""


def test_who_opens_all_places_and_shakes_no_hand_locks_nobody_out(secure: Running, folder: Path) -> None:
    crowd = [socket.create_connection(("127.0.0.1", secure.port), timeout=TIMEOUT_SECONDS) for _ in range(300)]
    try:
        for client in crowd:
            with suppress(ConnectionError):
                client.sendall(client_hello()[:50])
        for _ in range(3):
            with connected(secure.port, folder) as client:
                client.sendall(last(b"GET / HTTP/1.1"))
                assert [status for status, _, _ in answers(read_all(client))] == [200]
    finally:
        for client in crowd:
            client.close()


def test_a_large_body_of_a_stranger_is_bounded_too(context: ssl.SSLContext, folder: Path) -> None:
    seen: list[int] = []
    with running(lambda request: HttpAnswer(b""), lambda _, length: seen.append(length), tls=context) as server:
        with connected(server.port, folder) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
            deadline = time.monotonic() + TIMEOUT_SECONDS
            while not server.server.shared.budget.taken:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert seen == [100_000]
        assert incoming.SMALL_BODY_BYTES < 100_000


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_any_first_bytes_are_a_handshake_or_none(context: ssl.SSLContext, data: bytes) -> None:
    side = TlsSide(context)
    side.add(memoryview(data))
    plain, _ = side.take()
    assert (plain, side.is_ready) == (b"", False)


# The files.


def test_the_authority_stays_and_the_certificate_is_new_with_each_start(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        tls_files.own(tmp_path)
        found.append([(tmp_path / name).read_bytes() for name in (tls_files.AUTHORITY_FILE, tls_files.SERVER_FILE)])
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]
    for path in tmp_path.glob("tls-*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_authority_that_is_about_to_end_is_replaced(tmp_path: Path) -> None:
    old = certificates.new_authority(int(time.time()) - (certificates.AUTHORITY_DAYS - 300) * DAY)
    (tmp_path / tls_files.AUTHORITY_FILE).write_bytes(old.certificate)
    (tmp_path / tls_files.AUTHORITY_KEY_FILE).write_bytes(old.key)
    (tmp_path / tls_files.AUTHORITY_KEY_FILE).chmod(0o600)
    tls_files.own(tmp_path)
    new = x509.load_pem_x509_certificate((tmp_path / tls_files.AUTHORITY_FILE).read_bytes())
    left = new.not_valid_after_utc.timestamp() - time.time()
    assert left > (certificates.AUTHORITY_DAYS - 2) * DAY
    server = x509.load_pem_x509_certificate((tmp_path / tls_files.SERVER_FILE).read_bytes())
    assert server.not_valid_after_utc <= new.not_valid_after_utc


@pytest.mark.parametrize(
    "damage",
    [lambda data: b"", lambda data: data[:-60], lambda _: certificates.new_authority(int(time.time())).key],
    ids=["empty", "cut", "another's"],
)
def test_a_damaged_authority_is_not_replaced_in_silence(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    tls_files.own(tmp_path)
    path = tmp_path / tls_files.AUTHORITY_KEY_FILE
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(IntegrityError, match="certificate authority"):
        tls_files.own(tmp_path)


def test_an_authority_that_others_may_read_is_refused(tmp_path: Path) -> None:
    tls_files.own(tmp_path)
    (tmp_path / tls_files.AUTHORITY_KEY_FILE).chmod(0o644)
    with pytest.raises(AccessError, match="others may read"):
        tls_files.own(tmp_path)


def test_whoever_trusts_it_trusts_it_for_this_machine_alone(tmp_path: Path) -> None:
    """Its key lies in the store: who steals that can be no other server."""
    tls_files.own(tmp_path)
    words = ("-CAfile", tmp_path / tls_files.AUTHORITY_FILE, "-x509_strict")
    openssl("verify", *words, tmp_path / tls_files.SERVER_FILE)
    config = tmp_path / "names"
    key = tmp_path / "forged.key"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    request = tmp_path / "request"
    openssl("req", "-new", "-key", key, "-subj", "/CN=a", "-out", request)
    for name, good in (("DNS:localhost", True), ("DNS:kms.tencentcloudapi.com", False), ("IP:10.0.0.1", False)):
        config.write_text(f"subjectAltName={name}\nauthorityKeyIdentifier=keyid\n")
        forged = tmp_path / "forged.pem"
        openssl(
            "x509", "-req", "-in", request, "-CA", tmp_path / tls_files.AUTHORITY_FILE, "-CAkey",
            tmp_path / tls_files.AUTHORITY_KEY_FILE, "-days", "30", "-extfile", config, "-out", forged,
        )  # fmt: skip
        done = openssl("verify", "-CAfile", tmp_path / tls_files.AUTHORITY_FILE, forged, accept=(0, 2))
        assert (done.returncode == 0) == good, name
        assert good or b"permitted subtree violation" in done.stderr


def test_a_reset_removes_them(tmp_path: Path) -> None:
    with serving(tmp_path, "--tls") as server:
        server.stop()
        server.run("local", "reset", "--yes")
    assert [path.name for path in (tmp_path / "store").glob("tls-*")] == []


# Certificates of the user's own.


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate and its key, in files."""
    made = certificates.new_authority(int(time.time())).certify(int(time.time()))
    key, mark, certificate = made.partition(b"-----BEGIN CERTIFICATE-----")
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "cert.pem").write_bytes(mark + certificate)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_a_certificate_may_be_brought(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = pair
    with serving(tmp_path, "--tls-cert", str(certificate), "--tls-key", str(key)) as server:
        assert server.endpoint.startswith("https://")
        # Whom to trust is for who brought it to know.
        assert "SSL_CERT_FILE" not in server.variables
        found = ssl.get_server_certificate(("127.0.0.1", port_of(server)))
        assert found == certificate.read_text()
        assert not list((tmp_path / "store").glob("tls-*"))


def refused(tmp_path: Path, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [*PROGRAM, "local", "serve", *words],
        env={**os.environ, "KMSTOOL_LOCAL_HOME": str(tmp_path / "store")},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_what_is_no_certificate_and_its_key(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    certificate, key = map(str, pair)
    for words in (["--tls-cert", certificate], ["--tls-key", key], ["--tls", "--metadata"]):
        code, said = refused(tmp_path, *words)
        assert (code, "hint: " in said) == (2, True), said
    for other, expected, told in (
        ("/nowhere", 3, "no such file"),
        (certificate, 3, "are not a certificate and its key"),
    ):
        code, said = refused(tmp_path, "--tls-cert", certificate, "--tls-key", other)
        assert code in (expected, 4), said
        assert told in said or "others may read" in said
    pair[1].chmod(0o644)
    code, said = refused(tmp_path, "--tls-cert", certificate, "--tls-key", key)
    assert (code, "others may read" in said) == (4, True), said


def test_an_encrypted_key_is_refused_and_not_asked_for(pair: tuple[Path, Path]) -> None:
    key = serialization.load_pem_private_key(pair[1].read_bytes(), None)
    scheme = serialization.BestAvailableEncryption(b"passphrase")
    form = serialization.PrivateFormat.PKCS8
    pair[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, scheme))
    with pytest.raises(InputError, match="is encrypted"):
        tls_files.brought(*pair)
