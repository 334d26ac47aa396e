"""Tencent's white-box library through its C API, for key files of Tencent Cloud, which nothing else opens.

The library is not part of kmstool, and what it does with a key file is not known here. Its
errors are raised in its own words: the function and eight hex digits.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_uint32, c_void_p
from pathlib import Path
from typing import Any

from kmstool import words
from kmstool.errors import InputError, IntegrityError
from kmstool.system import ownership
from kmstool.words import BLOCK_BYTES

_SET_PATH = 3
_DECRYPT = 8
_NAMES: dict[words.Cipher, str] = {words.AES_256: "wbaes", words.SM4: "wbsm4"}
# Published programs give it 1,024 bytes more than the ciphertext has.
_SPARE_BYTES = 1024

# Result and arguments. Pointers are declared as such: ctypes would cut what it takes for an int.
_FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "WRP_KEY_wbaes": (c_void_p, ()),
    "WRP_KEY_wbsm4": (c_void_p, ()),
    "WRP_wbaes_cbc": (c_void_p, ()),
    "WRP_wbsm4_cbc": (c_void_p, ()),
    "WRP_KEY_CTX_new": (c_void_p, ()),
    "WRP_KEY_CTX_free": (None, (c_void_p,)),
    "WRP_KEY_init": (c_uint32, (c_void_p, c_void_p, c_uint32)),
    "WRP_KEY_ctrl": (c_uint32, (c_void_p, c_uint32, c_char_p, c_uint32)),
    "WRP_KEY_import": (c_uint32, (c_void_p, c_char_p, c_uint32)),
    "WRP_KEY_key_len": (c_uint32, (c_void_p, c_uint32)),
    "WRP_CIPHER_CTX_new": (c_void_p, ()),
    "WRP_CIPHER_CTX_free": (None, (c_void_p,)),
    "WRP_CIPHER_Decrypt_init": (c_uint32, (c_void_p, c_void_p, c_void_p, c_char_p)),
    "WRP_CIPHER_Decrypt_doCipher": (
        c_uint32,
        (c_void_p, c_char_p, c_uint32, c_void_p, ctypes.POINTER(c_uint32)),
    ),
}
_MEANINGS = {
    0x01000004: "it does not take the key",
    0x01000009: "the padding is wrong: another key or IV, or an altered ciphertext",
    0x0100000D: "it does not take keys of this size",
    0x01000012: "it does not take the key file: is it one of the other algorithm, or in base64?",
    0x01000013: "the key file is one of another key",
    0x01000016: "this device is not bound to the white-box key: bind its fingerprint, then download the decrypt key anew",
}


class VendorLibrary:
    """The loaded library. It runs in this process, with all that this process may do."""

    def __init__(self, path: Path) -> None:
        """Load a shared library; raise `InputError` if it cannot be loaded or is another one.

        `AccessError` for one that others may write: it runs with all that kmstool may do.
        """
        ownership.check_path(path, secret=False)
        try:
            library = ctypes.CDLL(str(path.absolute()))
        except OSError as error:
            raise InputError(f"cannot load the white-box library {path}: {error}") from error
        self._functions: dict[str, Callable[..., Any]] = {}
        for name, (result, arguments) in _FUNCTIONS.items():
            try:
                function = library[name]
            except AttributeError as error:
                raise InputError(f"{path} is not Tencent's white-box library: it has no {name}") from error
            function.restype, function.argtypes = result, arguments
            self._functions[name] = function

    def decrypt(self, algorithm: words.Cipher, key_file: Path, iv: bytes, ciphertext: bytes) -> bytes:
        """Return the plaintext of EncryptByWhiteBox; the key file holds raw bytes, as the library reads it itself.

        Raises `InputError` if IV or ciphertext cannot be, `IntegrityError` for whatever the
        library refuses, such as `WRP_KEY_import error: 01000016` on a device that is not bound.
        """
        if len(iv) != BLOCK_BYTES or not ciphertext or len(ciphertext) % BLOCK_BYTES:
            raise InputError(
                f"an IV of {len(iv)} bytes and a ciphertext of {len(ciphertext):,}: "
                f"the IV is one block of {BLOCK_BYTES}, the ciphertext whole ones"
            )
        with self._context("WRP_KEY_CTX") as key, self._context("WRP_CIPHER_CTX") as cipher:
            self._import(key, algorithm, key_file)
            method = self._functions[f"WRP_{_NAMES[algorithm]}_cbc"]()
            self._checked("WRP_CIPHER_Decrypt_init", cipher, method, key, iv)
            out = ctypes.create_string_buffer(len(ciphertext) + _SPARE_BYTES)
            size = c_uint32(len(out))
            decipher = "WRP_CIPHER_Decrypt_doCipher"
            self._checked(decipher, cipher, ciphertext, len(ciphertext), out, ctypes.byref(size))
            if size.value > len(ciphertext):
                raise IntegrityError(f"{decipher} gave {size.value:,} bytes for {len(ciphertext):,}")
            return out.raw[: size.value]

    def _import(self, key: int, algorithm: words.Cipher, key_file: Path) -> None:
        self._checked("WRP_KEY_init", key, self._functions[f"WRP_KEY_{_NAMES[algorithm]}"](), 0)
        # With the separator at the end it does not matter how the library joins folder and name.
        folder = os.path.join(os.fsencode(key_file.absolute().parent), b"")
        self._checked("WRP_KEY_ctrl", key, _SET_PATH, folder, len(folder))
        self._checked("WRP_KEY_import", key, os.fsencode(key_file.name), _DECRYPT)
        if self._functions["WRP_KEY_key_len"](key, 0) == 0:
            raise IntegrityError(f"the white-box library found no key in {key_file}")

    @contextmanager
    def _context(self, kind: str) -> Iterator[int]:
        context: int | None = self._functions[f"{kind}_new"]()
        if context is None:
            raise IntegrityError(f"{kind}_new gave no context")
        try:
            yield context
        finally:
            self._functions[f"{kind}_free"](context)

    def _checked(self, name: str, *arguments: object) -> None:
        code = self._functions[name](*arguments)
        if code:
            raise IntegrityError(f"{name} error: {code:08X}", hint=_MEANINGS.get(code))
