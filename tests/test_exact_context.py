"""Blobs of other programs open under the text that they gave KMS, with every command that takes a context.

tccli, the SDKs and Terraform write a context as JSON with blanks, in an order of their own, and KMS compares the text.
"""

import json
import sys
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.program import kmstool

TEXT = '{"env": "prod", "app": "billing"}'
PAIRS = ("--context", "app=billing", "--context", "env=prod")
SECRET = "a secret"
SHOW = "import os, sys; print(*(os.environ[name] for name in sys.argv[1:]))"


@pytest.fixture(autouse=True)
def foreign(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in a folder with a blob that another program made, `blob`, and one of kmstool's own with the same pairs, `own`."""
    kms.call("CreateKey", {"Alias": "demo"})
    params = {"KeyId": "alias/demo", "Plaintext": "YSBzZWNyZXQ=", "EncryptionContext": TEXT}
    params["KeyId"] = kms.call("ListKeys", {})["Keys"][0]["KeyId"]
    Path("blob").write_text(kms.call("Encrypt", params)["CiphertextBlob"] + "\n")
    Path("plain").write_text(SECRET)
    Path("text.json").write_text(TEXT)
    kmstool("encrypt", "--key", "demo", *PAIRS, "plain", "-o", "own")
    return workplace


WAYS: dict[str, tuple[str, ...]] = {
    "JSON": ("--context", TEXT),
    "text": ("--context-text", TEXT),
    "a file": ("--context-text", "@text.json"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_blob_of_another_program_opens_under_its_text(way: str) -> None:
    words = WAYS[way]
    assert kmstool("decrypt", *words, "blob").out == SECRET
    moved = kmstool("reencrypt", "--to", "demo", *words, "--to-context", "app=billing", "blob", "-o", "moved")
    assert moved.exit_code == 0
    assert kmstool("decrypt", "--context", "app=billing", "moved").out == SECRET
    run = ("--env", "A=@blob", *words, "--", sys.executable, "-c", SHOW, "A")
    assert kmstool("exec", *run, process=True).out == f"{SECRET}\n"
    assert kmstool("envelope", "encrypt", "--key", "demo", *words, "plain", "-o", f"{way}.kte").exit_code == 0
    assert json.loads(kmstool("envelope", "inspect", f"{way}.kte", "--format", "json").out)["Context"] == json.loads(
        TEXT
    )
    for given in (words, PAIRS):
        assert kmstool("envelope", "decrypt", *given, f"{way}.kte", "-o", "-").out == SECRET
        assert kmstool("envelope", "verify", *given, f"{way}.kte").out == "envelope valid\n"


def test_the_line_end_of_an_editor_and_the_marks_of_windows_are_no_part_of_the_text() -> None:
    for number, data in enumerate(
        (f"{TEXT}\n".encode(), f"{TEXT}\r\n".encode("utf-16"), b"\xef\xbb\xbf" + TEXT.encode())
    ):
        Path(f"text{number}").write_bytes(data)
        assert kmstool("decrypt", "--context-text", f"@text{number}", "blob").out == SECRET
    assert kmstool("decrypt", "--context-text", "@-", "blob", stdin=TEXT).out == SECRET


def test_what_is_encrypted_under_a_text_is_bound_to_it() -> None:
    kmstool("encrypt", "--key", "demo", "--context", TEXT, "plain", "-o", "same")
    assert kmstool("decrypt", "--context-text", TEXT, "same").out == SECRET
    kmstool("decrypt", *PAIRS, "same", exit_code=5)
    kmstool("reencrypt", "--to", "demo", *PAIRS, "--to-context-text", TEXT, "own", "-o", "moved")
    assert kmstool("decrypt", "--context-text", TEXT, "moved").out == SECRET


def test_a_data_key_of_another_program(kms: EmbeddedKms) -> None:
    key_id = kms.call("ListKeys", {})["Keys"][0]["KeyId"]
    kms.call(
        "GenerateDataKey",
        {"KeyId": key_id, "NumberOfBytes": 32, "IsHostedByKms": 1, "DataKeyName": "hosted", "EncryptionContext": TEXT},
    )
    kmstool("envelope", "encrypt", "--data-key", "hosted", "--context-text", TEXT, "plain", "-o", "e.kte")
    assert kmstool("envelope", "decrypt", "e.kte", "-o", "-").out == SECRET
    kmstool("envelope", "encrypt", "--data-key", "hosted", *PAIRS, "plain", "-o", "f.kte", exit_code=5)


def test_the_hint_says_that_spelling_counts() -> None:
    for words in (("decrypt",), ("reencrypt",)):
        done = kmstool(*words, *PAIRS, "blob", exit_code=5)
        assert "compares the spelling" in done.err
        assert "--context-text" in done.err
    assert "character for character" in kmstool("decrypt", "--context", '{"app":"x"}', "blob", exit_code=5).err
    assert "same --context" in kmstool("decrypt", "blob", exit_code=5).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--context", "a=b", "--context-text", TEXT), "two ways"),
        (("--context", TEXT, "--context", "a=b"), "all of it"),
        (("--context-text", ""), "variable unset"),
    ],
)
def test_two_contexts_are_one_too_many(words: tuple[str, ...], said: str) -> None:
    for command in (("decrypt",), ("encrypt", "--key", "demo"), ("reencrypt",), ("envelope", "verify")):
        assert said in kmstool(*command, *words, "blob", exit_code=2).err


@pytest.mark.parametrize("text", ["app=billing", "[1]", "@blob", "@missing"])
def test_a_text_that_is_no_context(text: str) -> None:
    kmstool("decrypt", "--context-text", text, "blob", exit_code=3)


# `exec`: each blob under its own.

EXEC: dict[str, tuple[tuple[str, ...], str]] = {
    "before each": (("--context", TEXT, "--env", "A=@blob", *PAIRS, "--env", "B=@own"), "A B"),
    "before both of one": ((*PAIRS, "--env", "A=@own", "--env", "B=@own", "--context-text", TEXT, "--env", "C=@blob"), "A B C"),
    "behind all": (("--env", "A=@own", "--env", "B=@own", *PAIRS), "A B"),
    "none and one": (("--env", "A=@bare", *PAIRS, "--env", "B=@own"), "A B"),
    "one behind those without": (("--env", "A=@blob", *PAIRS, "--env", "B=@own", "--context", TEXT), "A B"),
    "other options between": ((PAIRS[0], PAIRS[1], "--keep", "TENCENTCLOUD_TOKEN", *PAIRS[2:], "--env", "A=@own"), "A"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXEC)
def test_each_secret_has_the_context_before_it(case: str) -> None:
    words, names = EXEC[case]
    kmstool("encrypt", "--key", "demo", "plain", "-o", "bare")
    done = kmstool("exec", *words, "--", sys.executable, "-c", SHOW, *names.split(), process=True)
    assert done.out.split("\n")[0] == " ".join([SECRET] * len(names.split()))


def test_a_context_that_no_blob_has() -> None:
    words = (*PAIRS, "--env", "A=@own", "--context", "a=b")
    assert "all have one" in kmstool("exec", *words, "true", exit_code=2).err
    words = ("--context-text", TEXT, "--context-text", TEXT, "--env", "A=@blob")
    assert "all of a context" in kmstool("exec", *words, "true", exit_code=2).err
    kmstool("exec", "--env", "A=@own", *PAIRS, "--env", "B=@own", "true", exit_code=5)
