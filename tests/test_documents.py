"""A document is read only if it is exactly what was written; a secret under a passphrase comes back to that passphrase only."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import documents, passphrase_file
from kmstool.errors import AccessError, InputError

KINDS = {"text": str, "number": int, "data": bytes}
FIELDS: dict[str, Any] = {"text": "日本", "number": 7, "data": b"\x00\xff"}


def read(data: bytes) -> dict[str, Any]:
    return documents.read("tests-1", KINDS, data, "it", "make it anew")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(), st.binary())
@settings(deadline=None)
def test_what_is_written_comes_back(text: str, number: int, data: bytes) -> None:
    written = documents.write("tests-1", text=text, number=number, data=data)
    assert written.isascii()
    assert read(written) == {"text": text, "number": number, "data": data}
    assert documents.is_a("tests-1", written)


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "7", "null", '"format"', "{}", "[" * 100_000, '{"a":' * 100_000, "\ud800",
        '{"format":"tests-1"}',
        '{"format":"tests-2","text":"","number":7,"data":""}',
        '{"format":["tests-1"],"text":"","number":7,"data":""}',
        '{"format":"tests-1","text":"","number":7,"data":"","more":1}',
        '{"format":"tests-1","text":"","text":"","number":7,"data":""}',
        '{"format":"tests-1","text":7,"number":7,"data":""}',
        '{"format":"tests-1","text":"","number":7.0,"data":""}',
        '{"format":"tests-1","text":"","number":true,"data":""}',
        '{"format":"tests-1","text":"","number":"7","data":""}',
        '{"format":"tests-1","text":"","number":7,"data":"!"}',
        '{"format":"tests-1","text":"","number":7,"data":"QR=="}',
        '{"format":"tests-1","text":"","number":7,"data":[1]}',
        '{"format":"tests-1","text":"","number":7,"data":""} x',
    ],
    ids=lambda text: text[:60] or "nothing",
)  # fmt: skip
def test_another_document_is_refused_with_its_name_and_a_way_out(text: str) -> None:
    with pytest.raises(InputError, match=r"^it ") as caught:
        read(text.encode("utf-8", "surrogatepass"))
    assert caught.value.hint == "make it anew"


@given(st.binary())
@settings(deadline=None)
def test_any_bytes_are_an_input_error(data: bytes) -> None:
    assert not documents.is_a("tests-1", data)
    with pytest.raises(InputError):
        read(data)


def test_a_secret_belongs_to_its_format_name_and_passphrase() -> None:
    kept = passphrase_file.seal("tests-1", "name", b"a secret", b"passphrase")
    assert b"a secret" not in kept

    def unseal(form: str, name: str, passphrase: bytes) -> bytes:
        return passphrase_file.unseal(form, name, kept, lambda: passphrase, "it", "make it anew")

    assert unseal("tests-1", "name", b"passphrase") == b"a secret"
    for name, passphrase in (("other", b"passphrase"), ("name", b"Passphrase"), ("", b"")):
        with pytest.raises(AccessError):
            unseal("tests-1", name, passphrase)
    with pytest.raises(InputError):
        unseal("tests-2", "name", b"passphrase")


@pytest.mark.parametrize("change", [{"n": 2}, {"n": 2**30}, {"r": 1}, {"p": 2}, {"salt": "!"}, {"sealed": 1}], ids=str)
def test_the_passphrase_is_not_asked_for_in_vain(change: dict[str, Any]) -> None:
    kept = json.loads(passphrase_file.seal("tests-1", "name", b"a secret", b"passphrase")) | change
    with pytest.raises(InputError):
        passphrase_file.unseal(
            "tests-1", "name", json.dumps(kept).encode(), lambda: pytest.fail("asked"), "it", "make it anew"
        )


def test_a_file_that_an_earlier_version_wrote_still_opens() -> None:
    """One line of JSON, made by the credential store before it shared its form."""
    kept = b'{"format": "kmstool-credential-1", "n": 65536, "r": 8, "p": 1, "salt": "EWVAou1CpOBsgeb0VqVzrw==", "sealed": "xAkwHeoJF9EZ3Dg5IKe/EekGeGyqAu+Oh4PD/F8UwGaFJlzNMoJz5IQfBAesWtLFHicikinTHZTHhGp/a78SeCRj/teDsbm7u/3TpVcwbdedBASqL5+MsRwHmNsMomyBhRwtuaPxzHb+joI="}\n'
    assert (
        passphrase_file.unseal("kmstool-credential-1", "work", kept, lambda: b"passphrase", "it", "")
        == json.dumps(["AKID" + "x" * 28, "x" * 32, "", 0]).encode()
    )
