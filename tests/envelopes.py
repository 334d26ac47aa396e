"""What the tests of envelopes share: the program as users run it, and envelopes made and opened without it."""

import io
import os
import re
from pathlib import Path
from typing import Any

from kmstool.envelope import header, sealing
from kmstool.envelope.floe import AES_256_GCM
from kmstool.envelope.header import Prologue
from kmstool.envelope.recipients import unlock
from kmstool.envelope.stanzas import KEY_ID
from kmstool.kms.client import KmsClient
from kmstool.kms.cmk_recipients import CmkIdentity, CmkRecipient
from kmstool.server.app import EmbeddedKms
from tests.program import Ran, kmstool

HOME_REGION, ABROAD = "ap-guangzhou", "ap-singapore"


def make_keys(kms: EmbeddedKms) -> None:
    """Make the keys demo, other and, in another region, abroad."""
    for alias, region in (("demo", HOME_REGION), ("other", HOME_REGION), ("abroad", ABROAD)):
        kms.call("CreateKey", {"Alias": alias}, region)


def envelope(*arguments: str, **settings: Any) -> Ran:
    """Run `kmstool envelope`, with what `kmstool` may be told."""
    return kmstool("envelope", *arguments, **settings)


def done(*arguments: str, **settings: Any) -> bytes:
    """Run a command that has to succeed, and return its stdout."""
    return envelope(*arguments, **settings).stdout


def fails(code: int, reason: str, *arguments: str, **settings: Any) -> str:
    """Run a command that has to fail in a certain way, with nothing on stdout; return its stderr."""
    ran = envelope(*arguments, exit_code=code, **settings)
    assert ran.stdout == b""
    assert re.search(reason, ran.err), ran.err
    return ran.err


def calls_of(*arguments: str, **settings: Any) -> list[str]:
    """Return the actions that a command called, whether it succeeds or not."""
    ran = envelope(*arguments, "--verbose", exit_code=None, **settings)
    return re.findall(r"^kmstool: (\w+): [0-9]+ ms", ran.err, re.MULTILINE)


def key_id(kms: EmbeddedKms, alias: str, region: str = HOME_REGION) -> str:
    keys = kms.call("ListKeyDetail", {"SearchKeyAlias": alias}, region)["KeyMetadatas"]
    return next(str(key["KeyId"]) for key in keys if key["Alias"] == alias)


def identity(tmp_path: Path) -> CmkIdentity:
    return CmkIdentity(lambda region: KmsClient(EmbeddedKms(tmp_path / "store", region)))


def header_of(name: str) -> header.Header:
    data = Path(name).read_bytes()
    return header.parse(data[: header.needed_bytes(data[:36])])


def recipients_of(name: str) -> list[str]:
    return [stanza.text(KEY_ID) for stanza in header_of(name).stanzas]


def content(name: str, tmp_path: Path) -> bytes:
    """Open an envelope without starting the program."""
    out = bytearray()
    with Path(name).open("rb") as open_file:
        opened = sealing.open_envelope(sealing.Source.of(open_file.fileno()))
        keys = unlock(opened.header, opened.floe_header, [identity(tmp_path)])[0]
        sealing.unseal_stream(opened, keys, out.extend, lambda _: None)
    return bytes(out)


def sealed(kms: EmbeddedKms, text: bytes, name: str = "plain.kte", *aliases: str, **layout: bool) -> str:
    """Make an envelope without starting the program; return its name."""
    recipients = [CmkRecipient(KmsClient(kms), key_id(kms, alias), HOME_REGION) for alias in aliases or ("demo",)]
    dek, first = recipients[0].new_dek(AES_256_GCM, "")
    prologue = Prologue(header.new_file_id(), plaintext_bytes=len(text))
    stanzas = [first, *(other.wrap(dek, "") for other in recipients[1:])]
    head = header.build(AES_256_GCM, prologue, stanzas, **layout)
    out = bytearray()
    sealing.seal_stream(dek, head, sealing.Source(io.BytesIO(text).readinto), out.extend, lambda _: None)
    Path(name).write_bytes(out)
    return name


def tree_of(folder: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def make_tree(count: int, size: int = 100) -> dict[str, bytes]:
    for number in range(count):
        path = Path("tree", f"{number % 7}", f"file-{number}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(number % size))
    return tree_of("tree")
