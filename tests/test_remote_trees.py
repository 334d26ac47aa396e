"""A tree in an object store is that of the folder: the same names, the same checks, and it goes on where it stopped."""

import json
import os
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from kmstool.storage.places import ObjectUrl
from kmstool.workflows.object_rewrapping import read_header
from kmstool.workflows.tree_folders import header_name
from tests.envelopes import done, envelope, fails, make_keys, tree_of
from tests.object_store import ObjectStore

URL = "s3://bucket/sealed"
NAMES = ("a", "b", "sub/a", "sub/ü")
ENVELOPES = [f"sealed/{name}.kte" for name in (*NAMES, ".kmstool-manifest")]
SEALED = sorted([*ENVELOPES, *map(header_name, ENVELOPES)])


@pytest.fixture(autouse=True)
def tree(kms: EmbeddedKms, workplace: Path, s3: ObjectStore) -> dict[str, bytes]:
    """Make a tree and keys, and return its contents."""
    make_keys(kms)
    Path("tree", "sub").mkdir(parents=True)
    for name in NAMES:
        Path("tree", name).write_bytes(os.urandom(3000))
    return tree_of("tree")


def test_a_folder_goes_to_a_store_and_comes_back(tree: dict[str, bytes], s3: ObjectStore) -> None:
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    assert s3.names() == SEALED
    assert done("verify", "-r", URL) == b"4 envelopes valid\n"
    done("decrypt", "-r", URL, "-o", "opened")
    assert tree_of("opened") == tree
    done("decrypt", "-r", URL, "-o", "s3://bucket/opened")
    assert {key.removeprefix("opened/"): s3.get(key) for key in s3.names() if key.startswith("opened/")} == tree


def test_what_is_whole_is_kept_and_what_lost_its_header_is_made_again(s3: ObjectStore, tree: dict[str, bytes]) -> None:
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    later = {key: s3.get(key) for key in s3.names()}
    s3.client.delete_object(Bucket="bucket", Key="sealed/b.kte-header")
    for name in NAMES:
        os.utime(Path("tree", name), (1, 1))
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    assert s3.names() == SEALED
    done("decrypt", "-r", URL, "-o", "opened")
    assert tree_of("opened") == tree
    assert later["sealed/b.kte"] != s3.get("sealed/b.kte")


def test_another_file_is_not_replaced(s3: ObjectStore) -> None:
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    Path("tree", "a").write_bytes(b"longer" * 1000)
    assert "is not the whole envelope" in fails(9, "1 of 4 files", "encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo", "--force")
    assert done("decrypt", f"{URL}/a.kte", "-o", "-") == b"longer" * 1000


def test_what_is_missing_extra_or_cut_is_told(s3: ObjectStore) -> None:
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    s3.put("sealed/sub/a.kte", s3.get("sealed/sub/a.kte")[:-1])
    for end in (".kte", ".kte-header"):
        s3.put(f"sealed/extra{end}", s3.get(f"sealed/b{end}"))
        s3.client.delete_object(Bucket="bucket", Key=f"sealed/a{end}")
    errors = fails(9, "", "verify", "-r", URL)
    assert "sub/a.kte: the payload is truncated" in errors
    assert "extra.kte: it is extra" in errors
    assert "a: it is missing" in errors


def test_a_listing_that_fails_in_the_middle_is_no_empty_folder(
    monkeypatch: pytest.MonkeyPatch, s3: ObjectStore
) -> None:
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    monkeypatch.setattr("kmstool.storage.stores.PAGE", 4)
    s3.wire.cut_after = s3.wire.sent + 1500
    error = envelope("verify", "-r", URL, "--format", "json", exit_code=7).error
    assert "cannot read s3://bucket/sealed" in json.dumps(error)


def test_a_rewrap_moves_headers_and_not_the_data(s3: ObjectStore, tree: dict[str, bytes]) -> None:
    Path("tree", "large").write_bytes(bytes(2**20))
    done("encrypt", "-r", "tree", "-o", URL, "--key", "demo")
    payloads = {key: s3.get(key) for key in s3.names() if key.endswith(".kte")}
    s3.wire.reset()
    done("rewrap", "-r", URL, "--to", "other")
    # The keys and values of HTTP are most of it.
    assert s3.wire.sent + s3.wire.received < 250_000
    assert {key: s3.get(key) for key in payloads} == payloads
    assert "had them already" in envelope("rewrap", "-r", URL, "--to", "other").err
    done("decrypt", "-r", URL, "-o", "opened", "--key", "other")
    assert tree_of("opened") == {**tree, "large": bytes(2**20)}


def test_one_envelope_gets_other_recipients(s3: ObjectStore) -> None:
    done("encrypt", "tree/a", "-o", f"{URL}/a.kte", "--key", "demo")
    assert "by another header" in envelope("rewrap", f"{URL}/a.kte", "--to", "other").err
    assert "by another header" in envelope("rewrap", f"{URL}/a.kte-header", "--to", "demo").err
    header = read_header(ObjectUrl("s3", "bucket/sealed/a.kte"))
    assert (header.url.name, header.header.detached, len(header.payload_start())) == ("a.kte-header", True, 74)
    assert done("decrypt", f"{URL}/a.kte", "-o", "-", "--key", "demo") == Path("tree", "a").read_bytes()
    done("encrypt", "tree/b", "-o", "b.kte", "--key", "demo")
    s3.put("whole.kte", Path("b.kte").read_bytes())
    assert "by a copy" in envelope("rewrap", "s3://bucket/whole.kte", "--to", "other").err
    assert done("decrypt", "s3://bucket/whole.kte", "-o", "-", "--key", "other") == Path("tree", "b").read_bytes()
