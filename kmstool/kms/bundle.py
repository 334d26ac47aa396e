"""What a service gets to decrypt one secret on its own: key file, IV and ciphertext, together in one folder.

IV and ciphertext are lines of base64. The names are those of Tencent's guide, and that of
the key file tells its algorithm.
"""

from __future__ import annotations

import base64
import binascii
import errno
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kmstool import atomic, device, protocol
from kmstool.crypto.aead import Algorithm
from kmstool.errors import InputError, UsageError
from kmstool.whitebox import key_file

IV_FILE, CIPHERTEXT_FILE = "iv.base64", "ciphertext.base64"
KEY_FILES: Mapping[Algorithm, str] = {"AES_256": "decrypt_key_aes256.bin", "SM4": "decrypt_key_sm4.bin"}
LIBRARY_VARIABLE = "KMSTOOL_SDK_LIB"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A key file, and what is to be decrypted with it; nothing here is secret on a device that is not bound."""

    key_file: Path
    iv: bytes
    ciphertext: bytes

    def decrypt(
        self, environ: Mapping[str, str], *, library: Path | None = None, algorithm: Algorithm | None = None
    ) -> bytes:
        """Return the secret, decrypted on this device, which the environment may name.

        A key file of the embedded KMS is read here. Any other needs Tencent's library, given
        or named by KMSTOOL_SDK_LIB, and its algorithm unless the name of the file tells it.

        Raises `InputError` for what is malformed, `IntegrityError` if this device is not bound
        or something does not belong together, `AccessError` if it is in doubt which device this is.
        """
        data = _read(self.key_file)
        library = library or (Path(named) if (named := environ.get(LIBRARY_VARIABLE)) else None)
        if library is None or key_file.is_ours(data):
            found = key_file.read(data)
            origin = device.origin(environ) if found.devices else None
            return found.open(origin).decrypt_cbc(self.iv, self.ciphertext)
        from kmstool.whitebox.vendor import VendorLibrary  # noqa: PLC0415 - ctypes, for those who have the library

        known = {name: algorithm for algorithm, name in KEY_FILES.items()}
        algorithm = algorithm or known.get(self.key_file.name)
        if algorithm is None:
            raise UsageError(
                f"the name of {self.key_file} does not tell the algorithm of the key", hint="give it with --algorithm"
            )
        return VendorLibrary(library).decrypt(algorithm, self.key_file, self.iv, self.ciphertext)

    @property
    def opens_anywhere(self) -> bool:
        """Whether the key file is known to be bound to no device, so that copies of the folder give the secret away."""
        data = _read(self.key_file)
        return key_file.is_ours(data) and not key_file.read(data).devices


def read(folder: Path) -> Bundle:
    """Read a folder; raise `InputError` for one that has not exactly one key file, an IV and a ciphertext."""
    found = [folder / name for name in KEY_FILES.values() if (folder / name).exists()]
    if len(found) != 1:
        raise InputError(
            f"{folder} has {'no key file' if not found else 'two key files'}: one of {', '.join(KEY_FILES.values())}",
            hint="make the folder with kmstool whitebox bundle",
        )
    iv, ciphertext = (from_base64(_read(folder / name), str(folder / name)) for name in (IV_FILE, CIPHERTEXT_FILE))
    return Bundle(found[0], iv, ciphertext)


def write(
    folder: Path,
    iv: bytes,
    ciphertext: bytes,
    decrypt_key: tuple[Algorithm, bytes] | None = None,
    *,
    replace: bool = False,
) -> None:
    """Write IV, ciphertext and, if there is one, the key file into a folder, which is made if it is not there.

    Every file is written whole, and none if one exists and is not to be replaced. Raises `OutputError`.
    """
    contents, names = {IV_FILE: _line(iv), CIPHERTEXT_FILE: _line(ciphertext)}, {IV_FILE, CIPHERTEXT_FILE}
    if decrypt_key is not None:
        algorithm, data = decrypt_key
        contents[KEY_FILES[algorithm]] = data
        # A folder has one key file: that of another algorithm makes way too.
        names |= set(KEY_FILES.values())
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.fault(folder, error) from error
    for name in sorted(names):
        if not replace and (folder / name).exists():
            raise atomic.fault(folder / name, FileExistsError(errno.EEXIST, "exists"))
    for name in names - set(contents):
        (folder / name).unlink(missing_ok=True)
    for name, content in contents.items():
        atomic.write(folder / name, content, replace=replace)


def algorithm_of(name: str) -> Algorithm:
    """Return the algorithm that KMS names; raise `InputError` for one that is not known here."""
    found = next((algorithm for algorithm in KEY_FILES if algorithm == name), None)
    if found is None:
        raise InputError(f"the white-box key is one for {name!r}, which is not known here")
    return found


def from_base64(data: bytes, name: str) -> bytes:
    """Return the bytes of base64 text, with line ends or without; raise `InputError` for other text."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as error:
        raise InputError(f"{name} is not base64") from error


def _line(data: bytes) -> bytes:
    return protocol.encode(data).encode() + b"\n"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(key_file.MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or '').lower()}") from error
