"""The manifest of a folder means one thing, and is refused if it could mean another."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool.envelope import manifest
from kmstool.envelope.manifest import Manifest
from kmstool.errors import InputError, IntegrityError

A, B = "a" * 64, "b" * 64
digests = st.one_of(st.none(), st.text("0123456789abcdef", min_size=64, max_size=64))
names = st.binary(max_size=20).map(lambda name: os.fsdecode(b"%4" + name)) | st.just("中 %41")


@given(st.dictionaries(names, digests))
def test_what_is_written_reads_back(files: dict[str, str | None]) -> None:
    data = Manifest(files).encode()
    assert data.isascii()
    assert Manifest.decode(data).files == files


def test_a_path_that_is_not_utf8_is_its_bytes() -> None:
    """Also in the manifests of before, which had them as halves of characters."""
    path = os.fsdecode(b"old/\xd6\xd0 %41/\xce\xc4.txt")
    data = Manifest({path: A}).encode()
    assert json.loads(data)["files"] == {"/old/%D6%D0%20%2541/%CE%C4.txt": A}
    former = json.dumps({"format": "kmstool-manifest-1", "files": {path: A}}).encode()
    assert Manifest.decode(former) == Manifest.decode(data) == Manifest({path: A})


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_any_bytes_are_a_manifest_or_an_input_error(data: bytes) -> None:
    try:
        found = Manifest.decode(data)
    except InputError:
        return
    assert found.encode() == json.dumps(json.loads(data), separators=(",", ":")).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "kmstool-manifest-1"}',
        '{"format": "kmstool-manifest-2", "files": {}}',
        '{"format": "kmstool-manifest-1", "files": []}',
        '{"format": "kmstool-manifest-1", "files": {}, "more": 1}',
        '{"format": "kmstool-manifest-1", "files": {"a": ""}}',
        '{"format": "kmstool-manifest-1", "files": {"a": true}}',
        f'{{"format": "kmstool-manifest-1", "files": {{"a": "{A.upper()}"}}}}',
        f'{{"format": "kmstool-manifest-1", "files": {{"a": "{A}", "a": null}}}}',
        '{"format": "kmstool-manifest-1", "files": {}, "files": {}}',
        # A path has one text: this one is UTF-8, that one has the same bytes twice, and the last one is no path.
        '{"format": "kmstool-manifest-1", "files": {"/a": null}}',
        '{"format": "kmstool-manifest-1", "files": {"/%d6": null}}',
        '{"format": "kmstool-manifest-1", "files": {"/%D6%4": null}}',
        '{"format": "kmstool-manifest-1", "files": {"/%D6%ü": null}}',
        '{"format": "kmstool-manifest-1", "files": {"/%D6": null, "\\udcd6": null}}',
        '{"format": "kmstool-manifest-1", "files": {"\\ud800": null}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(InputError, match="manifest is malformed"):
        Manifest.decode(text.encode())


def test_a_manifest_that_could_not_be_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MAX_BYTES", 150)
    assert Manifest({"a": A}).encode()
    with pytest.raises(InputError, match="2 files is over 150 bytes"):
        Manifest({"a": A, "b": B}).encode()


def test_a_file_is_the_listed_one_or_none() -> None:
    listed = Manifest({"a": A, "b": B, "gone": None})
    listed.check("a", A)
    listed.check_anywhere(B)
    for path, digest in (("a", B), ("c", A), ("gone", A)):
        with pytest.raises(IntegrityError):
            listed.check(path, digest)
    with pytest.raises(IntegrityError):
        listed.check_anywhere("c" * 64)
    assert listed.missing(["b", "a", "more"]) == ["gone"]
    assert listed.missing_anywhere([A]) == ["b", "gone"]
