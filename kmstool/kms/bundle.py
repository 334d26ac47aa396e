"""What a service gets to decrypt one secret on its own: key file, IV and ciphertext, together in one folder.

IV and ciphertext are lines of base64. The names are those of Tencent's guide, and that of
the key file tells its algorithm.
"""

from __future__ import annotations

import base64
import binascii
import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from kmstool import atomic, device, protocol
from kmstool.crypto.aead import Algorithm
from kmstool.errors import InputError, UsageError
from kmstool.whitebox import key_file
from kmstool.whitebox.vendor import VendorLibrary

FILES = IV_FILE, CIPHERTEXT_FILE = "iv.base64", "ciphertext.base64"
KEY_FILES: Mapping[Algorithm, str] = {"AES_256": "decrypt_key_aes256.bin", "SM4": "decrypt_key_sm4.bin"}
LIBRARY_VARIABLE = "KMSTOOL_SDK_LIB"

MAX_TEXT_BYTES = 2**16
"""More than IV and ciphertext have, with line ends."""
MAX_KEY_BYTES = 2**24
"""More than any key file has; Tencent does not tell the size of its own."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A key file, and what is to be decrypted with it; nothing here is secret on a device that is not bound."""

    key_file: Path
    iv: bytes
    ciphertext: bytes
    data: bytes = field(repr=False)
    """The content of the key file."""

    def decrypt(
        self, environ: Mapping[str, str], *, library: Path | None = None, algorithm: Algorithm | None = None
    ) -> bytes:
        """Return the secret, decrypted on this device, which the environment may name.

        A key file of the embedded KMS is read here. Any other needs Tencent's library, given
        or named by KMSTOOL_SDK_LIB, and its algorithm unless the name of the file tells it.

        Raises `InputError` for what is malformed, `IntegrityError` if this device is not bound
        or something does not belong together, `AccessError` if it is in doubt which device this is.
        """
        library = library or (Path(named) if (named := environ.get(LIBRARY_VARIABLE)) else None)
        if library is None or key_file.is_ours(self.data):
            found = key_file.read(self.data)
            origin = device.origin(environ) if found.devices else None
            return found.open(origin).decrypt_cbc(self.iv, self.ciphertext)
        known = {name: algorithm for algorithm, name in KEY_FILES.items()}
        algorithm = algorithm or known.get(self.key_file.name)
        if algorithm is None:
            raise UsageError(
                f"the name of {self.key_file} does not tell the algorithm of the key", hint="give it with --algorithm"
            )
        plaintext = VendorLibrary(library).decrypt(algorithm, self.key_file, self.iv, self.ciphertext)
        # The library has read the file again, by its name.
        if _read(self.key_file, MAX_KEY_BYTES) != self.data:
            raise _replaced(self.key_file)
        return plaintext

    @property
    def opens_anywhere(self) -> bool:
        """Whether the key file is known to be bound to no device, so that copies of the folder give the secret away."""
        return key_file.is_ours(self.data) and not key_file.read(self.data).devices


def read(folder: Path) -> Bundle:
    """Read a folder; raise `InputError` for one that has not exactly one key file, an IV and a ciphertext.

    So it does for one that is replaced meanwhile: `write` takes the former IV away before
    anything else, and what is read while one IV file stays belongs together.
    """
    key, iv = _only_key_file(folder), folder / IV_FILE
    # While the file is open, no other one gets its number.
    with _opened(iv) as file:
        texts = _up_to(MAX_TEXT_BYTES, file, iv), _read(folder / CIPHERTEXT_FILE, MAX_TEXT_BYTES)
        data = _read(key, MAX_KEY_BYTES)
        if _only_key_file(folder) != key or not _is_named(file, iv):
            raise _replaced(folder)
    iv_bytes, ciphertext = (from_base64(text, str(folder / name)) for name, text in zip(FILES, texts, strict=True))
    return Bundle(key, iv_bytes, ciphertext, data)


def write(
    folder: Path,
    iv: bytes,
    ciphertext: bytes,
    decrypt_key: tuple[Algorithm, bytes] | None = None,
    *,
    replace: bool = False,
) -> None:
    """Write IV, ciphertext and, if there is one, the key file into a folder, which is made if it is not there.

    All files are on disk before the first gets its name, and none does if one exists and is
    not to be replaced. What is replaced is never whole until it is new: a fault or a kill in
    between leaves a folder that `read` refuses. Raises `OutputError`.
    """
    # The last one here is the first to get its name, the IV the last.
    contents, others = {IV_FILE: _line(iv), CIPHERTEXT_FILE: _line(ciphertext)}, set[str]()
    if decrypt_key is not None:
        algorithm, data = decrypt_key
        contents[KEY_FILES[algorithm]] = data
        # A folder has one key file: that of another algorithm makes way too.
        others = set(KEY_FILES.values()) - set(contents)
    # The files of two writers would mix.
    with atomic.locked(folder):
        for name in sorted({*contents, *others}):
            if not replace and os.path.lexists(folder / name):
                raise atomic.fault(folder / name, FileExistsError(errno.EEXIST, "exists"))
        with ExitStack() as stack:
            for name, content in contents.items():
                out = stack.enter_context(atomic.create(folder / name, replace=replace))
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            if replace:
                atomic.remove(folder / IV_FILE)
        for name in others:
            atomic.remove(folder / name)


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


def _only_key_file(folder: Path) -> Path:
    found = [folder / name for name in KEY_FILES.values() if _exists(folder / name)]
    if len(found) != 1:
        raise InputError(
            f"{folder} has {'no key file' if not found else 'two key files'}: one of {', '.join(KEY_FILES.values())}",
            hint="make the folder with kmstool whitebox bundle",
        )
    return found[0]


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _unreadable(path, error) from error
    return True


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file; raise `InputError` for another and for faults of reading it in the block."""
    try:
        # O_NONBLOCK: a pipe would wait for a writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"cannot read {path}: it is not a regular file")
            yield file
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path, limit: int) -> bytes:
    with _opened(path) as file:
        return _up_to(limit, file, path)


def _up_to(limit: int, file: BinaryIO, path: Path) -> bytes:
    data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path} is too long: it has over {limit:,} bytes")
    return data


def _is_named(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot read {path}: {(error.strerror or '').lower()}")


def _replaced(path: Path) -> InputError:
    return InputError(f"{path} is being replaced", hint="try again")
