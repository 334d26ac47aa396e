"""Secrets for services that decrypt without KMS: from a white-box key to a folder with all that a bound device needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kmstool.kms.client import KmsClient
from kmstool.whitebox import bundle, key_file
from kmstool.workflows.changes import Changes
from kmstool.workflows.connections import KeyPlace


@dataclass(frozen=True, slots=True)
class DecryptKey:
    """The file of tables that decrypts, and on how many devices it opens: 0 is anywhere, None is not known."""

    data: bytes = field(repr=False)
    devices: int | None


def download_key(client: KmsClient, key_id: str) -> DecryptKey:
    """Fetch the decrypt key of a white-box key; where it opens it says itself, or KMS says before and after."""
    before = client.fingerprints(key_id)
    data = client.white_box_decrypt_key(key_id).data
    if key_file.is_ours(data):
        return DecryptKey(data, key_file.read(data).devices)
    unchanged = {item.identity for item in client.fingerprints(key_id)} == {item.identity for item in before}
    return DecryptKey(data, len(before) if unchanged else None)


def create(
    key: KeyPlace, plaintext: bytes, folder: Path, *, replace: bool = False, changes: Changes | None = None
) -> DecryptKey:
    """Encrypt for a service: write key file, IV, ciphertext and their MAC into a folder, which changes as one.

    Raises `OutputError` for files that are there and not to be replaced, and what KMS raises.
    """
    client, key_id = key.client, key.key_id
    algorithm = bundle.algorithm_of(client.describe_white_box_key(key_id).algorithm)
    encrypted = client.encrypt_by_white_box(key_id, plaintext)
    decrypt_key = download_key(client, key_id)
    files = bundle.files_of(encrypted.iv, encrypted.ciphertext, (algorithm, decrypt_key.data), key_id=key_id)
    _write(files, folder, changes or Changes(), replace=replace)
    return decrypt_key


def write_ciphertext(
    folder: Path, iv: bytes, ciphertext: bytes, *, replace: bool = False, changes: Changes | None = None
) -> None:
    """Write IV and ciphertext into a folder, whose key file stays and whose MAC goes; raise `OutputError`."""
    _write(bundle.files_of(iv, ciphertext), folder, changes or Changes(), replace=replace)


def _write(files: bundle.BundleFiles, folder: Path, changes: Changes, *, replace: bool) -> None:
    with changes.folder(folder, files.names, replace=replace, parents=True) as contents:
        contents.update(files.contents)
