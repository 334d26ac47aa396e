"""Devices are added and removed without losing the rest, a lost race is told, and lists are the console's CSV."""

import csv
import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool.cli.hints import hint_of
from kmstool.errors import InputError, NotFoundError, ServiceError
from kmstool.kms import fingerprints
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms

# Runs kmstool on a terminal of its own, fed from stdin; what the terminal shows goes to stdout.
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
ON_TERMINAL = (sys.executable, "-S", "-c", TERMINAL, sys.executable, "-m", "kmstool")
HEADER = "Device Fingerprint, Description\n"


def identity(number: int) -> str:
    digits = f"a1{number:064x}"
    return "-".join((digits[:8], digits[8:22], digits[22:36], digits[36:50], digits[50:]))


def device(number: int, description: str = "") -> DeviceFingerprint:
    return DeviceFingerprint(identity(number), description)


A, B, C = device(1, "web"), device(2, "日本"), device(3)

numbers = st.integers(0, 2**256 - 1)
descriptions = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200).map(str.strip)
lists = st.dictionaries(numbers, descriptions, max_size=10).map(lambda found: [device(*item) for item in found.items()])


def test_added_devices_come_last_and_others_stay() -> None:
    assert fingerprints.added([A, B], [C]) == [A, B, C]
    assert fingerprints.added([], [B, A]) == [B, A]
    assert fingerprints.added([A], []) == [A]


def test_a_device_that_is_there_gets_another_description_only_if_there_is_one() -> None:
    assert fingerprints.added([A, B], [device(1, "db")]) == [device(1, "db"), B]
    assert fingerprints.added([A, B], [device(1)]) == [A, B]


@pytest.mark.parametrize("text", ["", "x", identity(1).upper(), identity(1)[:-1], identity(1) + "\n", "123456"])
def test_a_malformed_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no device fingerprint"):
        fingerprints.added([A], [DeviceFingerprint(text)])


@pytest.mark.parametrize("text", ["x" * 1025, "é" * 513, "two\nlines", "\x1b[2J", "\udcff"])
def test_a_description_that_cannot_be(text: str) -> None:
    with pytest.raises(InputError, match="description"):
        fingerprints.added([], [device(1, text)])


def test_200_devices_and_not_one_more() -> None:
    full = [device(number) for number in range(200)]
    assert fingerprints.added(full[:-1], full[-1:]) == full
    assert fingerprints.added(full, full) == full
    with pytest.raises(InputError, match="200 devices, not to 201"):
        fingerprints.added(full, [device(200)])


def test_removed_devices_are_gone_and_others_stay() -> None:
    assert fingerprints.removed([A, B, C], [B.identity]) == [A, C]
    assert fingerprints.removed([A], [A.identity]) == []
    assert fingerprints.removed([A, B], [A.identity, A.identity]) == [B]
    with pytest.raises(NotFoundError, match="is not bound"):
        fingerprints.removed([A], [B.identity])


def test_a_set_with_a_foreign_entry_can_be_changed() -> None:
    """The console's own sample names the device 123456, so such a set may be there."""
    old = DeviceFingerprint("123456")
    assert fingerprints.added([old], [A]) == [old, A]
    assert fingerprints.removed([old, A], ["123456"]) == [A]


def test_differences_are_shown() -> None:
    assert fingerprints.differences([A, C], [device(1, "db"), B, C]) == [
        f"- {A.identity}  web",
        f"+ {A.identity}  db",
        f"+ {B.identity}  日本",
    ]
    assert fingerprints.differences([A, B], [A, B]) == []


@given(lists)
def test_a_list_that_is_written_is_read(devices: list[DeviceFingerprint]) -> None:
    assert fingerprints.read_csv(fingerprints.write_csv(devices).encode()) == devices


@given(lists, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_a_list_of_a_spreadsheet_is_read(devices: list[DeviceFingerprint], end: str, mark: bool, quoted: bool) -> None:
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    csv.writer(out, lineterminator=end, quoting=quoting).writerows(
        [fingerprints.HEADER, *((item.identity, item.description) for item in devices)]
    )
    assert fingerprints.read_csv(out.getvalue().encode("utf-8-sig" if mark else "utf-8")) == devices


@given(st.one_of(st.binary(), st.text().map(lambda text: (HEADER + text).encode("utf-8", "surrogatepass"))))
def test_any_bytes_are_a_list_or_an_error(data: bytes) -> None:
    try:
        found = fingerprints.read_csv(data)
    except InputError:
        return
    assert fingerprints.read_csv(fingerprints.write_csv(found).encode()) == found


def test_the_form_of_the_console() -> None:
    text = f'{HEADER}{A.identity}, web\n\n{B.identity}, "rack 4, left"\n  \n{C.identity}\n'
    assert fingerprints.read_csv(text.encode()) == [A, device(2, "rack 4, left"), C]
    assert fingerprints.write_csv([A, C]) == f"{HEADER}{A.identity},web\n{C.identity},\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with the line Device Fingerprint, Description"),
        (f"{A.identity}, web\n", "does not begin"),
        ("Device Fingerprint;Description\n", "does not begin"),
        (f"{HEADER}{A.identity}, a, b\n", "line 2 .*: there are 3 columns"),
        (f"{HEADER}\n123456, web\n", "line 3 .*: '123456' is no device fingerprint"),
        (f"{HEADER}{A.identity}\n{A.identity}\n", "line 3 .* comes twice"),
        (f'{HEADER}{A.identity},"two\nlines"\n', "line 3 .* no line of text"),
        (f'{HEADER}{A.identity},"open\n', "not CSV"),
        (f"{HEADER}{A.identity},{'x' * 1025}\n", "1,025 bytes"),
    ],
)
def test_a_list_that_is_none(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fingerprints.read_csv(text.encode())


def test_a_list_that_is_no_text() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        fingerprints.read_csv(HEADER.encode() + b"\xff")


def test_a_list_of_windows() -> None:
    assert fingerprints.read_csv(HEADER.replace("\n", "\r\n").encode("utf-16")) == []


class Meddling:
    """A KMS where somebody else acts as soon as devices were overwritten."""

    def __init__(self, kms: EmbeddedKms, meddle: Callable[[], object]) -> None:
        self.kms, self.meddle = kms, meddle

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.kms.call(action, params)
        if action == "OverwriteWhiteBoxDeviceFingerprints":
            self.meddle()
        return answer


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    """A white-box key that is bound to A."""
    client = KmsClient(kms)
    created = client.create_white_box_key("app", "SM4")
    client.overwrite_fingerprints(created.key_id, [A])
    return created.key_id


def test_a_set_is_replaced(kms: EmbeddedKms, key_id: str) -> None:
    client = KmsClient(kms)
    assert fingerprints.overwrite(client, key_id, [A], [B, A])["RequestId"]
    assert client.fingerprints(key_id) == [B, A]
    fingerprints.overwrite(client, key_id, [A, B], [])
    assert client.fingerprints(key_id) == []


def test_what_somebody_else_bound_meanwhile_is_not_lost(kms: EmbeddedKms, key_id: str) -> None:
    client = KmsClient(kms)
    client.overwrite_fingerprints(key_id, [A, C])
    with pytest.raises(ServiceError, match="meanwhile; nothing was done"):
        fingerprints.overwrite(client, key_id, [A], [A, B])
    assert client.fingerprints(key_id) == [A, C]


def test_a_race_that_was_lost_is_told(kms: EmbeddedKms, key_id: str) -> None:
    client = KmsClient(kms)
    meddling = Meddling(kms, lambda: client.overwrite_fingerprints(key_id, [C]))
    with pytest.raises(ServiceError, match="in the same moment") as raised:
        fingerprints.overwrite(KmsClient(meddling), key_id, [A], [A, B])
    assert "kmstool fingerprint list" in str(hint_of(raised.value))


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(("typed", "code", "after"), [("n\n", 2, [A]), ("y\n", 0, [A, B])])
def test_who_is_asked_sees_the_change_first(
    kms: EmbeddedKms, key_id: str, tmp_path: Path, form: str, typed: str, code: int, after: list[DeviceFingerprint]
) -> None:
    words = ("fingerprint", "bind", "--key", key_id, B.identity, "--description", B.description, "--format", form)
    environ = {**os.environ, "KMSTOOL_LOCAL_HOME": str(tmp_path / "store"), "KMSTOOL_PROFILE": "local"}
    done = subprocess.run(
        [*ON_TERMINAL, *words], input=typed.encode(), capture_output=True, timeout=60, env=environ, check=False
    )
    assert done.returncode == code, done.stdout
    assert 0 <= done.stdout.find(f"+ {B.identity}  {B.description}".encode()) < done.stdout.find(b"Go on?")
    assert KmsClient(kms).fingerprints(key_id) == after
