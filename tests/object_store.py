"""An S3 server in a thread, behind a wire that counts bytes and can be cut: moto's, which knows conditions."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "bucket"
_SETTINGS = {
    "AWS_ACCESS_KEY_ID": "an-id",
    "AWS_SECRET_ACCESS_KEY": "a-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    # A failure is tried again by whoever uses the library; a test need not wait for it.
    "AWS_MAX_ATTEMPTS": "1",
}


@dataclass(slots=True)
class Wire:
    """A port that passes bytes on to a server; `sent` went to the server, `received` came back."""

    server: tuple[str, int]
    sent: int = 0
    received: int = 0
    cut_after: int | None = None
    """Bytes to the server after which nothing passes any more."""
    _socket: socket.socket = field(default_factory=socket.socket)
    _ends: list[socket.socket] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        host, port = self._socket.getsockname()
        return f"http://{host}:{port}"

    def reset(self) -> None:
        self.sent = self.received = 0
        self.cut_after = None

    def serve(self) -> None:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in (self._socket, *list(self._ends)):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
                server = socket.create_connection(self.server)
            except OSError:
                return
            self._ends += [client, server]
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        back = threading.Thread(target=self._pass, args=(server, client, False), daemon=True)
        back.start()
        self._pass(client, server, True)
        back.join()
        for one in (client, server):
            one.close()
            self._ends.remove(one)

    def _pass(self, source: socket.socket, target: socket.socket, there: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.cut_after is not None and self.sent > self.cut_after:
                    break
                if there:
                    self.sent += len(data)
                else:
                    self.received += len(data)
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The server as the tests see it, past the wire."""

    client: Any
    wire: Wire

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def get(self, key: str) -> bytes:
        data: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return data

    def names(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return [str(one["Key"]) for page in pages for one in page.get("Contents", ())]

    def uploads(self) -> list[str]:
        """Return the keys of uploads that were begun and neither finished nor aborted."""
        return [str(one["Key"]) for one in self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]


@contextmanager
def serving() -> Iterator[ObjectStore]:
    """Run a server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name="us-east-1",
        aws_access_key_id="an-id",
        aws_secret_access_key="a-secret",
    )
    wire = Wire((host, port))
    wire.serve()
    yield ObjectStore(client, wire)
    wire.close()
    client.close()
    server.stop()


@contextmanager
def empty_bucket(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """Make the bucket, and set what a program finds it by."""
    for name, value in {**_SETTINGS, "AWS_ENDPOINT_URL": store.wire.endpoint}.items():
        monkeypatch.setenv(name, value)
    store.client.create_bucket(Bucket=BUCKET)
    store.wire.reset()
    yield store
    while keys := store.names()[:1000]:
        store.client.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in keys]})
    for one in store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()):
        store.client.abort_multipart_upload(Bucket=BUCKET, Key=one["Key"], UploadId=one["UploadId"])
    store.client.delete_bucket(Bucket=BUCKET)
