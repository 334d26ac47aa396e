"""A bundle under another white-box key: the same secret, on the same devices, and never anything in between."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool import words
from kmstool.errors import AccessError, InputError, IntegrityError, NetworkError, OutputError
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.kms.port import Transport
from kmstool.server.app import EmbeddedKms
from kmstool.whitebox import bundle
from kmstool.workflows import bundle_renewal
from kmstool.workflows.bundle_renewal import Renewal
from kmstool.workflows.connections import KeyPlace
from tests import bundles
from tests.bundles import ELSEWHERE, FINGERPRINT, HERE

HERE_TOO = DeviceFingerprint(FINGERPRINT, "web-1")
OTHER = DeviceFingerprint(FINGERPRINT.replace("a1", "a2", 1), "web-2")
SECRET = b"a secret"


def key(kms: EmbeddedKms, alias: str, algorithm: str, *devices: DeviceFingerprint) -> str:
    client = KmsClient(kms)
    key_id = client.create_white_box_key(alias, algorithm).key_id
    client.overwrite_fingerprints(key_id, devices)
    return key_id


@pytest.fixture
def old(kms: EmbeddedKms) -> str:
    return key(kms, "old", "AES_256", HERE_TOO, OTHER)


@pytest.fixture
def new(kms: EmbeddedKms) -> str:
    return key(kms, "new", "SM4")


@pytest.fixture
def folder(kms: EmbeddedKms, old: str, tmp_path: Path) -> Path:
    return written(kms, old, tmp_path / "bundle", SECRET)


def written(kms: EmbeddedKms, key_id: str, folder: Path, secret: bytes) -> Path:
    client = KmsClient(kms)
    encrypted = client.encrypt_by_white_box(key_id, secret)
    algorithm = bundle.algorithm_of(client.describe_white_box_key(key_id).algorithm)
    decrypt_key = (algorithm, client.white_box_decrypt_key(key_id).data)
    bundle.write(folder, encrypted.iv, encrypted.ciphertext, decrypt_key, key_id=key_id, replace=True)
    return folder


def plan(kms: Transport, folder: Path, key_id: str, environ: Mapping[str, str] = HERE, **settings: Any) -> Renewal:
    place = KeyPlace(KmsClient(kms), key_id, "ap-guangzhou", "cn")
    return bundle_renewal.plan_renewal(bundle.read(folder), place, environ, **settings)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_secret_moves_with_its_devices(kms: EmbeddedKms, folder: Path, new: str) -> None:
    (folder / "mine.txt").write_text("mine")
    before = bundle.read(folder)
    assert bundle_renewal.renew(plan(kms, folder, new), HERE).devices == 2
    after = bundle.read(folder)
    assert (after.key_id, after.decrypt(HERE)) == (new, SECRET)
    assert sorted(content(folder)) == [
        "ciphertext.base64", "decrypt_key_sm4.bin", "iv.base64", "mac.base64", "mine.txt",
    ]  # fmt: skip
    assert KmsClient(kms).fingerprints(new) == [HERE_TOO, OTHER]
    with pytest.raises(IntegrityError, match="01000016"):
        after.decrypt(ELSEWHERE)
    assert before.decrypt(HERE) == SECRET
    assert SECRET not in repr(plan(kms, folder, new)).encode()


def test_devices_of_the_new_key_stay_and_keep_what_is_said_of_them(kms: EmbeddedKms, folder: Path, old: str) -> None:
    own = DeviceFingerprint(FINGERPRINT, "the first")
    target = key(kms, "target", "AES_256", own)
    renewal = plan(kms, folder, target)
    assert renewal.devices.lines == [f"+ {OTHER.identity}  web-2"]
    bundle_renewal.renew(renewal, HERE)
    assert KmsClient(kms).fingerprints(target) == [own, OTHER]
    assert KmsClient(kms).fingerprints(old) == [HERE_TOO, OTHER]


def test_a_second_run_does_nothing(kms: EmbeddedKms, folder: Path, new: str) -> None:
    assert not plan(kms, folder, new).is_done
    bundle_renewal.renew(plan(kms, folder, new), HERE)
    assert plan(kms, folder, new).is_done


class Dying:
    """Performs so many calls, and the answer of the last one is lost."""

    def __init__(self, inner: EmbeddedKms, calls: int) -> None:
        self.inner, self.left = inner, calls

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.inner.call(action, params)
        self.left -= 1
        if self.left <= 0:
            raise NetworkError("lost")
        return answer


@pytest.mark.parametrize("calls", range(1, 9))
def test_a_fault_after_any_call_leaves_the_former_bundle(kms: EmbeddedKms, folder: Path, new: str, calls: int) -> None:
    before, dying = content(folder), Dying(kms, calls)
    with pytest.raises(NetworkError):
        bundle_renewal.renew(plan(dying, folder, new), HERE)
    assert content(folder) == before
    bundle_renewal.renew(plan(kms, folder, new), HERE)
    assert bundle.read(folder).decrypt(HERE) == SECRET


def test_nothing_is_replaced_where_the_new_one_would_not_open_here(kms: EmbeddedKms, folder: Path) -> None:
    target, before = key(kms, "target", "SM4", OTHER), content(folder)
    with pytest.raises((IntegrityError, AccessError), match="01000016"):
        bundle_renewal.renew(plan(kms, folder, target, bind=False), HERE)
    assert content(folder) == before


def test_a_bundle_of_this_moment_is_not_overwritten(kms: EmbeddedKms, folder: Path, old: str, new: str) -> None:
    renewal = plan(kms, folder, new)
    written(kms, old, folder, b"another secret")
    with pytest.raises(OutputError, match="was changed by somebody else meanwhile"):
        bundle_renewal.renew(renewal, HERE)
    assert bundle.read(folder).decrypt(HERE) == b"another secret"


def test_who_does_not_know_the_devices_says_so(kms: EmbeddedKms, tmp_path: Path, folder: Path, old: str) -> None:
    target = key(kms, "target", "SM4", HERE_TOO)
    client = KmsClient(kms)
    client.disable_white_box_keys([old])
    client.delete_white_box_key(old)
    with pytest.raises(InputError, match=f"KMS has no white-box key {old} in ap-guangzhou"):
        plan(kms, folder, target)
    assert bundle_renewal.renew(plan(kms, folder, target, bind=False), HERE).devices == 1
    assert bundle.read(folder).decrypt(HERE) == SECRET


def test_the_id_of_the_key_stands_in_the_mac_of_a_foreign_one(tmp_path: Path, kms: EmbeddedKms, new: str) -> None:
    bundle.write(tmp_path / "foreign", bytes(16), bytes(16), (words.SM4, b"Tencent's"), key_id=bundles.KEY_ID)
    foreign = bundle.read(tmp_path / "foreign")
    assert foreign.key_id == bundles.KEY_ID
    (tmp_path / "foreign" / "mac.base64").unlink()
    assert bundle.read(tmp_path / "foreign").key_id == ""


def test_one_on_no_device_stays_on_none(kms: EmbeddedKms, tmp_path: Path, new: str) -> None:
    folder = written(kms, key(kms, "open", "SM4"), tmp_path / "open", SECRET)
    renewal = plan(kms, folder, new)
    assert renewal.devices.lines == []
    assert bundle_renewal.renew(renewal, HERE).devices == 0
    assert bundle.read(folder).decrypt(ELSEWHERE) == SECRET
