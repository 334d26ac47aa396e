"""KMS moves nothing from key to key but the data key of the envelope, from the key that the user named."""

import os
import re
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kmstool.envelope import header, sealing
from kmstool.envelope.floe import AES_256_GCM
from kmstool.envelope.stanzas import KEY_ID, Stanza
from kmstool.errors import IntegrityError
from kmstool.kms.client import KmsClient
from kmstool.kms.cmk_recipients import CmkRecipient
from kmstool.kms.moves import Mover
from kmstool.server.app import EmbeddedKms
from tests.envelopes import (
    HOME_REGION,
    calls_of,
    done,
    envelope,
    fails,
    header_of,
    key_id,
    make_keys,
    recipients_of,
    sealed,
)
from tests.served import serving

MOVE = ("--server-side", "--from", "demo", "--to", "other")


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in an empty folder, with a store that holds the keys demo, other and, in another region, abroad."""
    make_keys(kms)
    return workplace


def recipient(kms: EmbeddedKms, alias: str) -> CmkRecipient:
    return CmkRecipient(KmsClient(kms), key_id(kms, alias), HOME_REGION)


def around(secret: bytes, kms: EmbeddedKms, alias: str, *, claimed: str = "demo", detached: bool = False) -> str:
    """Make a header by hand around a blob of somebody else's secret, with something for a payload; return its name."""
    blob = KmsClient(kms).encrypt(key_id(kms, alias), secret, "").ciphertext_blob
    stanza = recipient(kms, claimed).stanza(blob)
    head = header.build(AES_256_GCM, header.Prologue(header.new_file_id()), [stanza], reserve=True, detached=detached)
    honest = header_of(sealed(kms, b"text", "honest.kte")).payload_offset
    payload = b"" if detached else Path("honest.kte").read_bytes()[honest:]
    Path("forged.kte").write_bytes(head.encode() + payload)
    return "forged.kte"


@pytest.mark.parametrize("size", [11, 16, 32])
def test_the_secret_of_somebody_else_is_not_moved(size: int, kms: EmbeddedKms) -> None:
    """It is under the key that was named, and may be as long as a data key: what it opens to is no key of the payload."""
    name = around(os.urandom(size), kms, "demo")
    before = Path(name).read_bytes()
    fails(2, "--from KEY", "rewrap", "--server-side", "--to", "other", name)
    fails(5, "data key", "rewrap", *MOVE, name)
    fails(5, "data key", "rewrap", "--to", "other", name)
    assert Path(name).read_bytes() == before


def test_a_record_under_another_key_than_was_named_is_not_moved(kms: EmbeddedKms) -> None:
    sealed(kms, b"text", "plain.kte", "other")
    before = Path("plain.kte").read_bytes()
    calls = calls_of("rewrap", *MOVE, "plain.kte")
    assert "ReEncrypt" not in calls
    fails(4, "no record of the envelope is under one of the keys to move from", "rewrap", *MOVE, "plain.kte")
    assert Path("plain.kte").read_bytes() == before


def test_a_record_that_lies_about_its_key_is_not_moved(kms: EmbeddedKms) -> None:
    """The header says demo, the blob says other: KMS opens it, whatever the header says."""
    name = around(os.urandom(32), kms, "other", claimed="demo")
    before = Path(name).read_bytes()
    fails(5, "but its record was under", "rewrap", *MOVE, name)
    assert Path(name).read_bytes() == before


def test_a_good_record_is_moved_where_a_foreign_one_stands_before_it(kms: EmbeddedKms) -> None:
    sealed(kms, b"text", reserve=True)
    head = header_of("plain.kte")
    foreign = recipient(kms, "demo").stanza(KmsClient(kms).encrypt(key_id(kms, "demo"), bytes(32), "").ciphertext_blob)
    payload = Path("plain.kte").read_bytes()[head.payload_offset :]
    both = replace(head, slots=(header.Slot(1, (foreign, *head.stanzas)), None))
    Path("plain.kte").write_bytes(both.encode() + payload)
    done("rewrap", *MOVE, "plain.kte")
    assert recipients_of("plain.kte") == [key_id(kms, "other")]
    assert done("decrypt", "plain.kte", "-o", "-") == b"text"


def test_what_is_not_known_of_a_detached_header_is_said(kms: EmbeddedKms) -> None:
    Path("plain").write_bytes(b"text")
    for name in "ab":
        done("encrypt", "plain", "--key", "demo", "-o", f"{name}.bin", "--detached", f"{name}.kteh")
    ran = envelope("rewrap", *MOVE, "a.kteh", "b.kteh")
    assert ran.stderr.count(b"it is not known whether its data key fits") == 1
    fails(5, "wrong data key or context", "rewrap", "a.kteh", "--server-side", "--from", "other", "--to", "demo",
          "--payload", "b.bin")  # fmt: skip
    fails(5, "are no data key", "rewrap", *MOVE, around(b"eleven byte", kms, "demo", detached=True))
    ran = envelope("rewrap", "a.kteh", "--server-side", "--from", "other", "--to", "demo", "--payload", "a.bin")
    assert b"not known" not in ran.stderr, ran.stderr
    done("rewrap", "a.kteh", "--to", "other", "--payload", "a.bin")
    assert recipients_of("a.kteh") == [key_id(kms, "other")]
    assert done("decrypt", "a.bin", "--detached", "a.kteh", "-o", "-") == b"text"
    fails(2, "a single header", "rewrap", "a.kteh", "b.kteh", "--to", "demo", "--payload", "a.bin")
    done("encrypt", "plain", "--key", "demo")
    fails(2, "has no use", "rewrap", "plain.kte", "--to", "other", "--payload", "a.bin")


def test_who_may_not_decrypt_is_told_once_what_is_not_known(tmp_path: Path, kms: EmbeddedKms) -> None:
    for name in ("a.kte", "b.kte"):
        sealed(kms, b"text", name)
    kms.close()
    with serving(tmp_path, "--port", "0") as server:
        server.run("local", "faults", "add", "--action", "Decrypt", "--code", "UnauthorizedOperation")
        environ = {**server.environ, **server.variables}
        said = envelope("rewrap", *MOVE, "a.kte", "b.kte", "--verbose", env=environ).err
    assert len(re.findall("these credentials may not decrypt: it is not known whether", said)) == 1
    assert said.count("ReEncrypt: ") == 2
    with closing(EmbeddedKms(tmp_path / "store")) as again:
        assert recipients_of("a.kte") == recipients_of("b.kte") == [key_id(again, "other")]
    assert done("decrypt", "a.kte", "-o", "-") == b"text"


def test_from_names_the_key_that_opens(kms: EmbeddedKms) -> None:
    sealed(kms, b"text", "plain.kte", "demo", "other")
    kms.call("CreateKey", {"Alias": "unused"})
    fails(4, "none of the envelope's recipients", "rewrap", "plain.kte", "--from", "unused", "--to", "demo")
    kms.call("DisableKey", {"KeyId": key_id(kms, "demo")})
    done("rewrap", "plain.kte", "--from", "other", "--to", "other")
    assert recipients_of("plain.kte") == [key_id(kms, "other")]


class Renaming:
    """A way to a KMS that says of every blob that it was under another key."""

    def __init__(self, inner: EmbeddedKms) -> None:
        self._inner = inner

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._inner.call(action, params)
        return {**answer, "SourceKeyId": "0" * 36} if action == "ReEncrypt" else answer


def test_the_key_that_kms_reports_must_be_the_named_one(kms: EmbeddedKms) -> None:
    stanza: Stanza = header_of(sealed(kms, b"text")).stanzas[0]
    target = CmkRecipient(KmsClient(Renaming(kms)), key_id(kms, "other"), HOME_REGION)
    with pytest.raises(IntegrityError, match="was under 0000"):
        target.move(stanza, "")


def test_a_record_of_several_envelopes_is_moved_once(kms: EmbeddedKms) -> None:
    """The files of a folder share one data key."""
    head, payload_header = _opened(sealed(kms, b"text"))
    said: list[str] = []
    mover = Mover([recipient(kms, "demo")], [recipient(kms, "other")], said.append)
    [first], [second] = mover.move(head, payload_header), mover.move(head, payload_header)
    assert first is second
    assert first.text(KEY_ID) == key_id(kms, "other")
    assert said == []


def _opened(name: str) -> tuple[header.Header, bytes]:
    with Path(name).open("rb") as open_file:
        opened = sealing.open_header(sealing.Source.of(open_file.fileno()))
    return opened.header, opened.floe_header
