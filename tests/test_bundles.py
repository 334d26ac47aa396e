"""A program makes a bundle in one call; the folder changes as one, and in a dry run not at all."""

from pathlib import Path

import pytest

from kmstool.errors import OutputError
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.whitebox import bundle
from kmstool.workflows import bundles, devices
from kmstool.workflows.changes import Change, DryRun
from kmstool.workflows.connections import KeyPlace
from tests.bundles import FINGERPRINT, HERE


@pytest.fixture
def place(kms: EmbeddedKms) -> KeyPlace:
    client = KmsClient(kms)
    return KeyPlace(client, client.create_white_box_key("app", "AES_256").key_id, "ap-guangzhou", "cn")


def test_a_bundle_opens_on_the_devices_that_are_bound(place: KeyPlace, tmp_path: Path) -> None:
    devices.bind(place, [DeviceFingerprint(FINGERPRINT)]).make()
    key = bundles.create(place, b"a secret", tmp_path / "deep" / "folder")
    assert key.devices == 1
    assert bundle.read(tmp_path / "deep" / "folder").decrypt(HERE) == b"a secret"


def test_files_that_are_there_stay(place: KeyPlace, tmp_path: Path) -> None:
    bundles.create(place, b"first", tmp_path / "folder")
    before = {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()}
    unmade: list[Change] = []
    for changes in (None, DryRun(unmade.append)):
        with pytest.raises(OutputError, match="exists already"):
            bundles.create(place, b"second", tmp_path / "folder", changes=changes)
    bundles.create(place, b"second", tmp_path / "folder", replace=True, changes=DryRun(unmade.append))
    assert [change.text for change in unmade] == [f"write {', '.join(sorted(before))} in {tmp_path / 'folder'}"]
    assert {path.name: path.read_bytes() for path in (tmp_path / "folder").iterdir()} == before


def test_iv_and_ciphertext_alone_have_no_mac(place: KeyPlace, tmp_path: Path) -> None:
    bundles.create(place, b"first", tmp_path / "folder")
    bundles.write_ciphertext(tmp_path / "folder", bytes(16), bytes(16), replace=True)
    assert bundle.read(tmp_path / "folder").mac is None
