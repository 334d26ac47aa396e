"""Servers of raw bytes, proxies and certificate authorities of the tests' own, on loopback."""

import contextlib
import ipaddress
import json
import re
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TIMEOUT_SECONDS = 30
NAME = "kms.example.test"
JSON = "application/json"
GOOD = {"Plaintext": "AAECAwQFBgc=", "RequestId": "request-1"}


@dataclass
class Answer:
    """What a stub sends: a whole answer, or as much of it as is told."""

    body: bytes = json.dumps({"Response": GOOD}).encode()
    status: int = 200
    content_type: str = JSON
    length: int | None = None
    headers: str = ""
    raw: bytes | None = None

    def data(self) -> bytes:
        if self.raw is not None:
            return self.raw
        length = len(self.body) if self.length is None else self.length
        head = f"HTTP/1.1 {self.status} Some Reason\r\nDate: {formatdate(usegmt=True)}\r\n"
        head += f"Content-Type: {self.content_type}\r\n" if self.content_type else ""
        return f"{head}{self.headers}Content-Length: {length}\r\nConnection: close\r\n\r\n".encode() + self.body


@dataclass
class Stub:
    """A server of raw bytes: one answer a connection, the requests kept; `tls` makes it speak TLS."""

    answer: Answer = field(default_factory=Answer)
    tls: ssl.SSLContext | None = None
    tunnels_to: "Stub | None" = None
    requests: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        found: int = self._listener.getsockname()[1]
        return found

    def close(self) -> None:
        # An accept that waits does not notice a close, but does notice this.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            client.settimeout(TIMEOUT_SECONDS)
            with contextlib.suppress(OSError), client:
                if self.tls:
                    with self.tls.wrap_socket(client, server_side=True) as secured:
                        self._talk(secured)
                else:
                    self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        head, _, body = self._read_head(client)
        found = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)", head)
        while found and len(body) < int(found[1]):
            body += client.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        if self.tunnels_to and head.startswith(b"CONNECT "):
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", self.tunnels_to.port), timeout=TIMEOUT_SECONDS) as inner:
                splice(client, inner)
            return
        client.sendall(self.answer.data())
        client.shutdown(socket.SHUT_WR)

    @staticmethod
    def _read_head(client: socket.socket) -> tuple[bytes, bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            part = client.recv(65536)
            if not part:
                raise ConnectionError
            data += part
        return data.partition(b"\r\n\r\n")


def splice(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side closes."""
    pairs = {one: other, other: one}
    while True:
        # What TLS has decrypted already the system does not see.
        decrypted = [side for side in pairs if isinstance(side, ssl.SSLSocket) and side.pending()]
        for ready in decrypted or select.select(list(pairs), [], [], TIMEOUT_SECONDS)[0]:
            data = ready.recv(65536)
            if not data:
                return
            pairs[ready].sendall(data)


@contextlib.contextmanager
def stub(answer: Answer | None = None, **settings: Any) -> Iterator[Stub]:
    made = Stub(answer or Answer(), **settings)
    try:
        yield made
    finally:
        made.close()


@dataclass(frozen=True)
class Authority:
    """A certificate authority of this test, in a file."""

    file: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    sloppy: bool = False

    def server(self, folder: Path, name: str = NAME, days: int = 1) -> ssl.SSLContext:
        """Return the side of a server whose certificate is for one name and 127.0.0.1, valid from a week ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName(name), *([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if name == NAME else [])]
        )
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject(name))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=7))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        if not self.sloppy:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        made = builder.sign(self.key, hashes.SHA256())
        chain = folder / f"{name}-{days}.pem"
        chain.write_bytes(private(key) + made.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context


def subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def new_authority(folder: Path, *, sloppy: bool = False) -> Authority:
    """Make one; a sloppy one leaves out what RFC 5280 demands and openssl, curl and browsers do without."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject("authority of the tests"))
        .issuer_name(subject("authority of the tests"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=7))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=not sloppy)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if not sloppy:
        usage = x509.KeyUsage(
            digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    made = builder.sign(key, hashes.SHA256())
    file = folder / "ca.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return Authority(file, key, made, sloppy=sloppy)
