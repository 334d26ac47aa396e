"""White-box keys: `decrypt` is all that a service needs; the modules are for those who make keys."""

from __future__ import annotations


def decrypt(
    decrypt_key: bytes, iv: bytes, ciphertext: bytes, origin: bytes | None = None, *, mac: bytes | None = None
) -> bytes:
    """Return the plaintext of EncryptByWhiteBox: CBC, with the PKCS#7 padding taken off.

    `decrypt_key` is the key file, raw or in base64; IV (16 bytes) and ciphertext are raw. A
    file that is bound to devices needs the `origin` of this one, from `kmstool.system.device.origin()`.
    `mac` is what `kmstool whitebox bundle` puts beside them, raw, and is checked first. Without
    it nothing is authenticated: an altered IV or ciphertext may decrypt to something else.

    Raises `InputError` for what is malformed, `IntegrityError` if the MAC or the padding is wrong,
    the device is not bound or the key file was altered.
    """
    from kmstool.whitebox import authentication, key_file  # noqa: PLC0415 - whoever imports another module must not pay

    if mac is not None:
        authentication.check(mac, decrypt_key, iv, ciphertext)
    return key_file.read(decrypt_key).open(origin).decrypt_cbc(iv, ciphertext)
