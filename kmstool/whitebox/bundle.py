"""What a service gets to decrypt one secret on its own: key file, IV, ciphertext and their MAC, together in one folder.

All but the key file are lines of base64. The names are those of Tencent's guide, which has no
MAC, and that of the key file tells its algorithm.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import ArgumentError, InputError, IntegrityError, Reason
from kmstool.forms import encodings
from kmstool.system import atomic, descriptors, device, folders, ownership
from kmstool.whitebox import authentication, key_file
from kmstool.whitebox.vendor import VendorLibrary

IV_FILE, CIPHERTEXT_FILE, MAC_FILE = "iv.base64", "ciphertext.base64", "mac.base64"
KEY_FILES: Mapping[words.Cipher, str] = {words.AES_256: "decrypt_key_aes256.bin", words.SM4: "decrypt_key_sm4.bin"}
FILES = (IV_FILE, CIPHERTEXT_FILE, MAC_FILE, *KEY_FILES.values())
"""All names that a bundle may have."""
LIBRARY_VARIABLE = "KMSTOOL_SDK_LIB"

MAX_TEXT_BYTES = 2**16
"""More than IV and ciphertext have, with line ends."""
MAX_KEY_BYTES = 2**24
"""More than any key file has; Tencent does not tell the size of its own."""

# Of readings of a folder that is replaced again and again.
_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class Bundle:
    """A key file, and what is to be decrypted with it; nothing here is secret on a device that is not bound."""

    key_file: Path
    iv: bytes
    ciphertext: bytes
    data: bytes = field(repr=False)
    """The content of the key file."""
    mac: bytes | None = None
    """What `authentication.make` returned when the bundle was made; None in one of the vendor's recipe."""

    def decrypt(
        self, environ: Mapping[str, str], *, library: Path | None = None, algorithm: words.Cipher | None = None
    ) -> bytes:
        """Return the secret, decrypted on this device, which the environment may name.

        A key file of the embedded KMS is read here. Any other needs Tencent's library, given
        or named by KMSTOOL_SDK_LIB, and its algorithm unless the name of the file tells it.

        With a MAC that is checked first. Without one nothing is authenticated.

        Raises `InputError` for what is malformed, `IntegrityError` if the MAC is wrong, this device is not
        bound or something does not belong together, `AccessError` if it is in doubt which device this is.
        """
        if self.mac is not None:
            authenticated = authentication.check(self.mac, self.data, self.iv, self.ciphertext)
            algorithm = algorithm or authenticated
        library = library or (Path(named) if (named := environ.get(LIBRARY_VARIABLE)) else None)
        if library is None or key_file.is_ours(self.data):
            key = key_file.read(self.data)
            origin = device.origin(environ) if key.devices else None
            return key.open(origin).decrypt_cbc(self.iv, self.ciphertext)
        known = {name: algorithm for algorithm, name in KEY_FILES.items()}
        algorithm = algorithm or known.get(self.key_file.name)
        if algorithm is None:
            raise ArgumentError(
                f"the name of {self.key_file} does not tell the algorithm of the key", reason=Reason.ALGORITHM_NOT_NAMED
            )
        plaintext = VendorLibrary(library).decrypt(algorithm, self.key_file, self.iv, self.ciphertext)
        # The library has read the file again, by its name.
        if _read(self.key_file, MAX_KEY_BYTES) != self.data:
            raise _replaced(self.key_file)
        return plaintext

    def require_mac(self) -> None:
        """Raise `IntegrityError` for a bundle without a MAC, of which one may have been taken away."""
        if self.mac is None:
            raise IntegrityError(
                f"{self.key_file.parent} has no {MAC_FILE}, so that nobody can tell whether it was altered",
                reason=Reason.BUNDLE_WITHOUT_MAC,
            )

    @property
    def key_id(self) -> str:
        """The id of the white-box key as key file or MAC name it, empty if they do not; `decrypt` checks the MAC."""
        if key_file.is_ours(self.data):
            return key_file.read(self.data).key_id
        return authentication.key_id(self.mac) if self.mac is not None else ""

    @property
    def opens_anywhere(self) -> bool:
        """Whether the key file is known to be bound to no device, so that copies of the folder give the secret away."""
        return key_file.is_ours(self.data) and not key_file.read(self.data).devices


def read(folder: Path) -> Bundle:
    """Read a folder; raise `InputError` for one that has not exactly one key file, an IV and a ciphertext.

    All comes from one state of the folder, also while `write` replaces it. Raises `AccessError`
    where others may write, or read the key file, see `ownership.check`.
    """
    ownership.check_path(folder, secret=False)
    folders.recover(folder)
    for _ in range(_ATTEMPTS):
        with _opened(folder, os.O_DIRECTORY) as descriptor:
            try:
                bundle = _read_from(descriptor, folder)
            except InputError:
                # Of a folder that has been replaced, one file after the other is removed.
                if folders.is_current(descriptor, folder):
                    raise
            else:
                if folders.is_current(descriptor, folder):
                    return bundle
    raise _replaced(folder)


def write(
    folder: Path,
    iv: bytes,
    ciphertext: bytes,
    decrypt_key: tuple[words.Cipher, bytes] | None = None,
    *,
    key_id: str = "",
    replace: bool = False,
) -> None:
    """Write IV, ciphertext and, if there is one, the key file into a folder, which is made if it is not there.

    The folder changes as one, see `folders.changed`: whatever happens it is the former one or
    the new one. A key file stays if there is no new one. With a new one all have a MAC, which
    names `key_id`. Raises `OutputError`.
    """
    files = files_of(iv, ciphertext, decrypt_key, key_id=key_id)
    try:
        ownership.make_folder(folder.parent)
    except OSError as error:
        raise atomic.fault(folder, error) from error
    with folders.changed(folder, files.names, replace=replace) as contents:
        contents.update(files.contents)


@dataclass(frozen=True, slots=True)
class BundleFiles:
    """The contents of files by name, and the names of all that make way for them."""

    contents: Mapping[str, bytes] = field(repr=False)
    names: Collection[str]


def files_of(
    iv: bytes, ciphertext: bytes, decrypt_key: tuple[words.Cipher, bytes] | None = None, *, key_id: str = ""
) -> BundleFiles:
    """Return the files of a bundle; without a key file it has no MAC."""
    contents, names = {IV_FILE: _line(iv), CIPHERTEXT_FILE: _line(ciphertext)}, {IV_FILE, CIPHERTEXT_FILE, MAC_FILE}
    if decrypt_key is not None:
        algorithm, data = decrypt_key
        contents[KEY_FILES[algorithm]] = data
        contents[MAC_FILE] = _line(authentication.make(data, iv, ciphertext, algorithm, key_id))
        # A folder has one key file: that of another algorithm makes way too.
        names.update(KEY_FILES.values())
    return BundleFiles(contents, names)


def add_mac(bundle: Bundle) -> None:
    """Write the MAC of a bundle that has none, as it was read; raise `OutputError`."""
    algorithm = next(algorithm for algorithm, name in KEY_FILES.items() if name == bundle.key_file.name)
    mac = authentication.make(bundle.data, bundle.iv, bundle.ciphertext, algorithm, "")
    atomic.write(bundle.key_file.with_name(MAC_FILE), _line(mac))


def algorithm_of(name: str) -> words.Cipher:
    """Return the algorithm that KMS names; raise `InputError` for one that is not known here."""
    known = next((algorithm for algorithm in KEY_FILES if algorithm == name), None)
    if known is None:
        raise InputError(f"the white-box key is one for {name!r}, which is not known here")
    return known


def key_of(data: bytes) -> bytes:
    """Return a key file as it was made, out of its text in base64 or hexadecimal or of an answer of KMS."""
    values = encodings.readings(data, "DecryptKey", limit=MAX_KEY_BYTES)
    return next((value for value in values if key_file.is_ours(value)), data)


def from_text(data: bytes, name: str, field: str = "", reason: Reason | None = None) -> bytes:
    """Return the bytes of base64 or hexadecimal text, or of that in the field of an answer.

    Both IV and ciphertext are whole blocks, which tells the two apart. Raises `InputError` for other text.
    """
    if not data.strip():
        return b""
    *values, _ = encodings.readings(data, field)
    if not values:
        raise InputError(f"{name} is not base64", reason=reason)
    # The last one is that of base64, which what is malformed is meant to be.
    return next((value for value in values if len(value) % words.BLOCK_BYTES == 0), values[-1])


def _line(data: bytes) -> bytes:
    return protocol.encode(data).encode() + b"\n"


def _read_from(descriptor: int, folder: Path) -> Bundle:
    present = set(os.listdir(descriptor))
    keys = [name for name in KEY_FILES.values() if name in present]
    if len(keys) != 1:
        raise InputError(
            f"{folder} has {'two key files' if keys else 'no key file'}: one of {', '.join(KEY_FILES.values())}",
            reason=Reason.NO_BUNDLE,
        )
    names = [IV_FILE, CIPHERTEXT_FILE, *([MAC_FILE] if MAC_FILE in present else [])]
    texts = [_read(folder / name, MAX_TEXT_BYTES, descriptor) for name in names]
    iv, ciphertext, *mac = (from_text(text, str(folder / name)) for name, text in zip(names, texts, strict=True))
    data = _read(folder / keys[0], MAX_KEY_BYTES, descriptor)
    return Bundle(folder / keys[0], iv, ciphertext, data, mac[0] if mac else None)


@contextmanager
def _opened(path: Path, flags: int, folder: int | None = None) -> Iterator[int]:
    """Open a file or folder, by its last name if the folder is given; raise `InputError` for faults in the block too."""
    try:
        descriptor = os.open(path if folder is None else path.name, os.O_RDONLY | os.O_CLOEXEC | flags, dir_fd=folder)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _unreadable(path, error) from error


def _read(path: Path, limit: int, folder: int | None = None) -> bytes:
    # O_NONBLOCK: a pipe would wait for a writer.
    with _opened(path, os.O_NONBLOCK, folder) as descriptor:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"cannot read {path}: it is not a regular file")
        ownership.check(status, path, secret=path.name in KEY_FILES.values())
        data = descriptors.read_up_to(descriptor, limit + 1)
    if len(data) > limit:
        raise InputError(f"{path} is too long: it has over {limit:,} bytes")
    return data


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot read {path}: {(error.strerror or '').lower()}")


def _replaced(path: Path) -> InputError:
    return InputError(f"{path} is being replaced", hint="try again")
