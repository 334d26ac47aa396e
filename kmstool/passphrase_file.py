"""Secrets in a file under a passphrase: a document with the parameters of scrypt and the sealed secret.

scrypt (RFC 7914) makes a key from the passphrase, AES-256-GCM seals the secret with the
other fields and a name as associated data.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping

from kmstool import documents, words
from kmstool.api import protocol
from kmstool.crypto import aead, kdf
from kmstool.errors import AccessError, InputError, IntegrityError, Reason

Passphrase = Callable[[], bytes]

_KINDS = {"n": int, "r": int, "p": int, "salt": bytes, "sealed": bytes}


def seal(form: str, name: str, secret: bytes, passphrase: bytes) -> bytes:
    """Return a document of the format `form`, which opens under the same name and passphrase only."""
    salt = secrets.token_bytes(kdf.SALT_BYTES)
    sealed = aead.seal(words.AES_256, kdf.stretch(passphrase, salt), secret, _associated(form, name, salt))
    return documents.write(form, **kdf.SCRYPT, salt=salt, sealed=sealed)


def unseal(
    form: str,
    name: str,
    data: bytes,
    passphrase: Passphrase,
    source: str,
    hint: str | None = None,
    *,
    reason: Reason | None = None,
    facts: Mapping[str, str] | None = None,
) -> bytes:
    """Undo `seal`; `source` names the file in errors, and `hint` or `reason` how to come by a good one.

    Raises `InputError` for anything but such a document, before the passphrase is asked for,
    and `AccessError` if it does not open.
    """
    fields = documents.read(form, _KINDS, data, source, hint, reason=reason, facts=facts)
    salt, sealed = fields.pop("salt"), fields.pop("sealed")
    # Only what was once written here: other numbers could keep a command busy for hours.
    if fields != kdf.SCRYPT:
        raise InputError(f"{source} has unknown parameters of scrypt", hint=hint, reason=reason, facts=facts)
    try:
        return aead.unseal(words.AES_256, kdf.stretch(passphrase(), salt), sealed, _associated(form, name, salt))
    except IntegrityError as error:
        raise AccessError(f"the passphrase for {source} is wrong, or the file was altered", hint="try again") from error


def _associated(form: str, name: str, salt: bytes) -> bytes:
    parameters = {"format": form, **kdf.SCRYPT, "salt": protocol.encode(salt)}
    return aead.encode_parts(json.dumps(parameters, sort_keys=True).encode(), name.encode())
