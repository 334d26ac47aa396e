"""Tencent's SDK of 2018 for API 2.0 works with the served KMS of 2017 under the name of the real one, over TLS.

It knows https alone, and no other authority than the files of OpenSSL; so a proxy stands
between, as in many companies: it takes CONNECT and is, under a certificate made here, the host
that was wanted.
"""

import base64
import contextlib
import json
import socket
import ssl
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import openssl, package

HOST = "kms-gz.api.qcloud.com"
TIMEOUT_SECONDS = 60

CLIENT = """
import json, os, sys
from QcloudApi.qcloudapi import QcloudApi

given = os.environ
config = {"secretId": given["TENCENTCLOUD_SECRET_ID"], "secretKey": given["TENCENTCLOUD_SECRET_KEY"]}
config |= json.loads(given["BETA_OPTIONS"])
service = QcloudApi("kms-gz", config)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps(json.loads(service.call(asked["action"], asked["params"]))), flush=True)
"""

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
Start = Callable[[list[str], Mapping[str, str]], Call]


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class TlsProxy:
    """A proxy that takes CONNECT for the one host and speaks for it; what it decrypts goes to the served KMS."""

    def __init__(self, certificate: Path, key: Path, port: int) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_SECONDS)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                client.settimeout(TIMEOUT_SECONDS)
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1)
        assert head.startswith(f"CONNECT {HOST}:443 HTTP/1.".encode()), head
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with (
            self._context.wrap_socket(client, server_side=True) as secured,
            socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS) as served,
        ):
            back = threading.Thread(target=pump, args=(served, secured))
            back.start()
            pump(secured, served)
            back.join(TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    name = ("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name, "-keyout", key, "-out", certificate)
    return certificate, key


@pytest.fixture
def client(server: Any, converse: Start, certificate: tuple[Path, Path]) -> Iterator[Callable[..., Call]]:
    """A way to start the SDK in a process, with other options if need be."""
    package("QcloudApi")
    proxy = TlsProxy(*certificate, int(server.netloc.rpartition(":")[2]))

    def start(**options: str) -> Call:
        environ = {**server.environ, **server.variables, "BETA_OPTIONS": json.dumps(options)}
        environ |= {"https_proxy": proxy.address, "SSL_CERT_FILE": str(certificate[0])}
        return converse([sys.executable, "-c", CLIENT], environ)

    yield start
    proxy.close()


def good(answer: dict[str, Any]) -> dict[str, Any]:
    assert (answer["code"], answer["message"]) == (0, ""), answer
    return answer


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("kind", ["HmacSHA1", "HmacSHA256"])
def test_the_life_of_a_key(client: Callable[..., Call], method: str, kind: str) -> None:
    call = client(method=method, SignatureMethod=kind)
    alias, context = uuid.uuid4().hex, json.dumps({"user": "日本", "team": "a"})
    key = good(call("CreateKey", {"alias": alias, "description": "of the tests"}))["keyMetadata"]
    key_id = key["keyId"]
    assert (key["alias"], key["keyState"], key["keyUsage"]) == (alias, "Enabled", "ENCRYPT/DECRYPT")
    plaintext = base64.b64encode(b"a secret of \xff bytes").decode()
    blob = good(call("Encrypt", {"keyId": key_id, "plaintext": plaintext, "encryptionContext": context}))
    opened = good(call("Decrypt", {"ciphertextBlob": blob["ciphertextBlob"], "encryptionContext": context}))
    assert (opened["keyId"], opened["plaintext"]) == (key_id, plaintext)
    assert call("Decrypt", {"ciphertextBlob": blob["ciphertextBlob"]})["code"] == 4580
    made = good(call("GenerateDataKey", {"keyId": key_id, "keySpec": "AES_256", "numberOfBytes": 48}))
    assert len(base64.b64decode(made["plaintext"])) == 48
    assert good(call("Decrypt", {"ciphertextBlob": made["ciphertextBlob"]}))["plaintext"] == made["plaintext"]
    good(call("SetKeyAttributes", {"keyId": key_id, "alias": f"@{alias[:20]}"}))
    good(call("DisableKey", {"keyId": key_id}))
    assert call("Encrypt", {"keyId": key_id, "plaintext": plaintext})["code"] == 4560
    good(call("EnableKey", {"keyId": key_id}))
    good(call("ScheduleKeyDeletion", {"keyId": key_id, "pendingWindowInDays": 7}))
    metadata = good(call("GetKeyAttributes", {"keyId": key_id}))["keyMetadata"]
    assert (metadata["keyState"], metadata["alias"]) == ("PendingDelete", f"@{alias[:20]}")
    assert metadata["deleteTime"] > metadata["createTime"]
    good(call("CancelKeyDeletion", {"keyId": key_id}))
    listed = good(call("ListKey", {"offset": 0, "limit": 200}))
    assert key_id in [item["keyId"] for item in listed["keys"]]
    assert call("CreateKey", {"alias": f"@{alias[:20]}"})["code"] == 4500


def test_a_wrong_secret_is_told(client: Callable[..., Call]) -> None:
    assert client(secretKey="wrong")("ListKey", {})["code"] == 4100
    assert client(secretId="AKIDnobody")("ListKey", {})["code"] == 4104
