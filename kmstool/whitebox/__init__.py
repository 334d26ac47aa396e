"""White-box keys: `decrypt` is all that a service needs; the modules are for those who make keys."""

from __future__ import annotations


def decrypt(decrypt_key: bytes, iv: bytes, ciphertext: bytes, origin: bytes | None = None) -> bytes:
    """Return the plaintext of EncryptByWhiteBox: CBC, with the PKCS#7 padding taken off.

    `decrypt_key` is the key file, raw or in base64; IV (16 bytes) and ciphertext are raw. A
    file that is bound to devices needs the `origin` of this one, from `kmstool.device.origin()`.

    Raises `InputError` for what is malformed, `IntegrityError` if the device is not bound, the
    key file was altered or the padding is wrong. CBC authenticates nothing: an altered
    ciphertext may decrypt to something else.
    """
    from kmstool.whitebox import key_file  # noqa: PLC0415 - whoever imports another module must not pay for this one

    return key_file.read(decrypt_key).open(origin).decrypt_cbc(iv, ciphertext)
