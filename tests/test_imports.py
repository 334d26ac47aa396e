"""A program brings a key with its backup in one call, and in steps; nothing is sent before the backup is on disk."""

import dataclasses
from pathlib import Path

import pytest

from kmstool import byok, words
from kmstool.errors import ArgumentError, DryRunDone, InputError, IntegrityError, KeyStateError, OutputError
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.workflows import imports
from kmstool.workflows.changes import Change, DryRun
from kmstool.workflows.connections import KeyPlace
from kmstool.workflows.imports import ImportOptions, ImportTarget, NewMaterial, OldBlob

MATERIAL = bytes(range(16))


@pytest.fixture
def client(kms: EmbeddedKms) -> KmsClient:
    return KmsClient(kms)


@pytest.fixture
def target(kms: EmbeddedKms, client: KmsClient) -> ImportTarget:
    key_id = client.create_key("own", usage=words.SYMMETRIC, external=True).key_id
    return ImportTarget.of(KeyPlace(client, key_id, "ap-guangzhou", "cn"))


def test_a_key_is_brought_with_its_backup(target: ImportTarget, client: KmsClient, tmp_path: Path) -> None:
    told: list[str] = []
    backup = tmp_path / "backup"
    imports.import_material(target, NewMaterial(backup, b"correct horse"), report=told.append)
    assert [line.split(" is ")[0] for line in told] == ["the key material", f"the key {target.key.key_id}"]
    blob = client.encrypt(target.key.key_id, b"text", {}).ciphertext_blob
    client.delete_material(target.key.key_id)
    data = backup.read_bytes()
    assert imports.is_backup(data)
    material = imports.open_backup(data, target.material_bytes, lambda: b"correct horse", "the backup")
    again = ImportTarget.of(KeyPlace(client, target.key.key_id, target.region, "cn"))
    imports.import_material(again, material, ImportOptions(old=OldBlob(blob), valid_to=lambda now: now + 60))
    assert client.describe_key(target.key.key_id).valid_to_unix > 0


def test_a_key_is_brought_in_steps(target: ImportTarget, client: KmsClient, tmp_path: Path) -> None:
    folder = tmp_path / "import"
    issued = imports.write_parameters(target, words.RSA_ALGORITHMS[0], folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(imports.FILES)
    parameters = imports.read_parameters(folder)
    assert parameters == issued.parameters
    with pytest.raises(OutputError, match="void the older ones"):
        imports.write_parameters(target, words.RSA_ALGORITHMS[0], folder)
    imports.upload(client, parameters, byok.wrap(parameters, MATERIAL), ImportOptions())
    assert client.describe_key(target.key.key_id).state == words.ENABLED


def test_an_old_blob_of_another_key_is_noticed(target: ImportTarget, client: KmsClient) -> None:
    other = client.create_key("other", usage=words.SYMMETRIC).key_id
    blob = client.encrypt(other, b"text", {}).ciphertext_blob
    with pytest.raises(IntegrityError, match="is not one of the key"):
        imports.import_material(target, MATERIAL, ImportOptions(old=OldBlob(blob)))


def test_nothing_is_asked_of_kms_for_what_cannot_be(target: ImportTarget, kms: EmbeddedKms, tmp_path: Path) -> None:
    unmade: list[Change] = []
    reading = ImportTarget(KmsClient(DryRun(unmade.append).transport(kms)), target.key, target.region)
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match="15 bytes"):
        imports.import_material(reading, MATERIAL[1:])
    with pytest.raises(OutputError, match="exists already"):
        imports.import_material(reading, NewMaterial(tmp_path / "taken"))
    assert unmade == []
    with pytest.raises(DryRunDone):
        imports.import_material(reading, NewMaterial(tmp_path / "backup"))
    assert [change.text for change in unmade] == ["call GetParametersForImport"]
    assert not (tmp_path / "backup").exists()


def test_a_key_with_material_gets_no_new_one(target: ImportTarget, client: KmsClient, tmp_path: Path) -> None:
    imports.import_material(target, MATERIAL)
    full = ImportTarget.of(KeyPlace(client, target.key.key_id, target.region, "cn"))
    with pytest.raises(KeyStateError, match="does not wait"):
        imports.import_material(full, NewMaterial(tmp_path / "backup"))
    imports.import_material(full, MATERIAL)


def test_an_end_in_the_past_is_refused_before_anything_is_written(target: ImportTarget, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be valid to"):
        imports.import_material(target, NewMaterial(tmp_path / "backup"), ImportOptions(valid_to=lambda now: now - 1))
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize("content", [None, bytes(imports.MAX_BYTES + 1)])
def test_what_are_no_parameters_is_an_input_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / imports.PARAMETERS).write_bytes(content)
    with pytest.raises(InputError):
        imports.read_parameters(tmp_path)


def test_material_of_an_unknown_length_is_not_made(target: ImportTarget, tmp_path: Path) -> None:
    unknown = dataclasses.replace(target, key=dataclasses.replace(target.key, type=3))
    with pytest.raises(ArgumentError, match="how long"):
        imports.import_material(unknown, NewMaterial(tmp_path / "backup"))
