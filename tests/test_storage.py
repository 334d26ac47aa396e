"""Objects in a store are as files are: whole or not there, never another one's, and told of in the same words."""

import os
import socket

import fsspec
import pytest

from kmstool.errors import ArgumentError, InputError, NetworkError, OutputError
from kmstool.storage import objects, stores
from kmstool.storage.places import ObjectUrl, parse_place
from kmstool.storage.stores import PIECE_BYTES
from tests.object_store import BUCKET, ObjectStore

URL = ObjectUrl("s3", f"{BUCKET}/folder/file")


@pytest.fixture(params=["s3", "memory", "cos"])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ObjectUrl:
    """An object that is not there, in a store with conditions and in two without."""
    if request.param == "memory":
        for name, _ in list(objects.listed(ObjectUrl("memory", "bucket"))):
            objects.remove(ObjectUrl("memory", "bucket") / name)
    else:
        request.getfixturevalue("s3")
    if request.param == "cos":
        reach_cos(request.getfixturevalue("s3_server"), monkeypatch)
    return ObjectUrl(request.param, f"{BUCKET}/folder/file")


def reach_cos(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the library of COS find the same server, which knows its calls and not its signatures."""
    resolve = socket.getaddrinfo

    def resolve_here(host: str, *more: object, **named: object) -> object:
        return resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_here)
    monkeypatch.setenv("COS_ENDPOINT", f"localhost:{store.wire.server[1]}")
    monkeypatch.setenv("COS_REGION", "ap-guangzhou")
    monkeypatch.setitem(fsspec.config.conf, "cos", {"scheme": "http", "anonymous": True})
    monkeypatch.delitem(objects._stores, (os.getpid(), "cos"), raising=False)
    store.client.put_bucket_acl(Bucket=BUCKET, ACL="public-read-write")


@pytest.mark.parametrize("size", [0, 1, 20_000, 2 * PIECE_BYTES + 1])
def test_what_is_written_is_read(size: int, url: ObjectUrl) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    objects.write(url, data[:size])
    reader = objects.opened(url)
    buffer = memoryview(bytearray(size + 1))
    assert reader.stat.size == size
    assert bytes(buffer[: reader.fill(buffer)]) == data[:size]
    piece = memoryview(bytearray(10))
    assert bytes(piece[: reader.fill_at(piece, size // 2)]) == data[:size][size // 2 : size // 2 + 10]


def test_nothing_is_replaced_unless_it_was_asked_for(url: ObjectUrl) -> None:
    objects.write(url, b"first")
    with pytest.raises(OutputError, match="it exists already"):
        objects.write(url, b"second")
    assert objects.read(url, 100)[0] == b"first"
    objects.write(url, b"second", replace=True)
    assert objects.read(url, 100)[0] == b"second"


@pytest.mark.parametrize("size", [1, 2 * PIECE_BYTES])
def test_an_object_that_came_meanwhile_stays(size: int, url: ObjectUrl) -> None:
    def write() -> None:
        with objects.created(url) as out:
            out.write(bytes(size))
            objects.write(url, b"of somebody else")

    with pytest.raises(OutputError, match="it exists already"):
        write()
    assert objects.read(url, 100)[0] == b"of somebody else"


@pytest.mark.parametrize("size", [1, 2 * PIECE_BYTES])
def test_only_what_was_read_is_replaced(size: int, url: ObjectUrl) -> None:
    objects.write(url, b"first")
    read = objects.read(url, 100)[1]

    def write() -> None:
        with objects.created(url, etag=read.etag) as out:
            out.write(bytes(size))
            objects.write(url, b"of somebody else", replace=True)

    with pytest.raises(OutputError, match="was replaced by another process"):
        write()
    assert objects.read(url, 100)[0] == b"of somebody else"
    objects.write(url, b"mine", etag=objects.read(url, 100)[1].etag)
    assert objects.read(url, 100)[0] == b"mine"


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError])
def test_a_failure_leaves_neither_an_object_nor_its_parts(fault: type[BaseException], s3: ObjectStore) -> None:
    def begin() -> None:
        with objects.created(URL) as out:
            out.write(bytes(2 * PIECE_BYTES))
            assert s3.uploads() == [URL.path.partition("/")[2]]
            raise fault

    with pytest.raises(fault):
        begin()
    assert (s3.names(), s3.uploads()) == ([], [])


def test_a_wire_that_breaks_in_an_upload_leaves_no_object(s3: ObjectStore) -> None:
    s3.wire.cut_after = PIECE_BYTES + 2**20
    with pytest.raises(NetworkError, match="cannot write s3://bucket/folder/file"), objects.created(URL) as out:
        out.write(bytes(4 * PIECE_BYTES))
    assert s3.names() == []


def test_an_object_is_read_as_one_to_its_end(url: ObjectUrl) -> None:
    objects.write(url, bytes(PIECE_BYTES))
    reader = objects.opened(url)
    reader.fill(memoryview(bytearray(10)))
    objects.write(url, bytes([1]) * PIECE_BYTES, replace=True)
    with pytest.raises(InputError, match="changed while it was read"):
        reader.fill(memoryview(bytearray(PIECE_BYTES)))


def test_names_are_listed_in_pages_and_relative_to_the_root(url: ObjectUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "PAGE", 10)
    names = [f"a/{number:04}" for number in range(25)]
    root = url.parent
    store = objects.store_of(url.scheme)
    for name in names:
        objects.write(root / name, b"")
    assert sorted(name for name, _ in objects.listed(root)) == names
    assert [len(page) for page in store.pages(root.path)] == [10, 10, 5]


def test_what_is_missing_is_told_as_of_a_file(s3: ObjectStore) -> None:
    with pytest.raises(InputError, match="cannot read s3://bucket/folder/file: no such object"):
        objects.opened(URL)
    with pytest.raises(OutputError, match="no such bucket"):
        objects.write(ObjectUrl("s3", "nowhere/file"), b"")
    objects.remove(URL)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("ftp://host/file", "unknown scheme ftp://"),
        ("s3://", "names no bucket"),
        ("s3:///key", "names no bucket"),
        ("s3://id:secret@bucket/key", "holds no credentials"),
        ("s3://bucket//key", "a part without a name"),
        ("cos://bucket-125/../key", "a part without a name"),
        ("file://host/file", "does not name a local file"),
    ],
)
def test_what_is_no_plain_url_is_refused(word: str, reason: str) -> None:
    with pytest.raises(ArgumentError, match=reason):
        parse_place(word)


def test_urls_and_paths_are_told_apart() -> None:
    assert parse_place("S3://bucket/folder/") == ObjectUrl("s3", "bucket/folder")
    for path in ("./s3://bucket/key", "/a/b", "a:b", "s3:/bucket"):
        assert str(parse_place(path)) == path.removeprefix("./").replace("//", "/")
    assert str(parse_place("file:///a/b")) == "/a/b"
