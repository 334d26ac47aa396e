"""The files for TLS in the store's folder: an authority that is made on first use, and what trusts it.

They hold no key of the KMS. A certificate for the server is made anew with each start.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kmstool.errors import AccessError, InputError
from kmstool.system import atomic, ownership

if TYPE_CHECKING:
    from kmstool.crypto.certificates import Authority

AUTHORITY_FILE, AUTHORITY_KEY_FILE = "tls-ca.pem", "tls-ca.key"
SERVER_FILE, BUNDLE_FILE = "tls-server.pem", "tls-bundle.pem"

_MAX_BYTES = 2**20
_DAY = 86400


@dataclass(frozen=True, slots=True)
class Trust:
    """Which certificates clients of the server need: the authority's alone, and with it those that are trusted anyway.

    Both are empty where the user brought a certificate.
    """

    authority: str = ""
    bundle: str = ""


def own(folder: Path) -> tuple[ssl.SSLContext, Trust]:
    """Return a context with a new certificate of the store's own authority, which is made if need be.

    Whoever calls this is the only one to do so for the folder.
    """
    from kmstool.crypto import certificates  # noqa: PLC0415 - 20 ms that a server without TLS saves

    now = int(time.time())
    authority = _authority(folder)
    if authority is None or authority.expires_unix < now + certificates.SERVER_DAYS * _DAY:
        authority = certificates.new_authority(now)
        atomic.write(folder / AUTHORITY_KEY_FILE, authority.key, replace=True)
        atomic.write(folder / AUTHORITY_FILE, authority.certificate, replace=True)
    atomic.write(folder / SERVER_FILE, authority.certify(now), replace=True)
    atomic.write(folder / BUNDLE_FILE, _mozilla() + authority.certificate, replace=True)
    trust = Trust(str(folder / AUTHORITY_FILE), str(folder / BUNDLE_FILE))
    return _context(folder / SERVER_FILE, None), trust


def brought(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context with a certificate (with its chain, in PEM) and a private key that the user brought.

    Raises `AccessError` for a key that others may read, `InputError` for what is not a
    certificate and its key.
    """
    for path, secret in ((certificate, False), (key, True)):
        try:
            ownership.read(path, 1, secret=secret)
        except OSError as error:
            raise InputError(f"cannot read {path}: {(error.strerror or '').lower()}") from error
    return _context(certificate, key)


def remove(folder: Path) -> None:
    """Delete the files; whoever trusted the authority trusts nobody any more."""
    for name in (AUTHORITY_KEY_FILE, SERVER_FILE, AUTHORITY_FILE, BUNDLE_FILE):
        atomic.remove(folder / name)


def _context(certificate: Path, key: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A passphrase would be asked for on the terminal, by OpenSSL.
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ValueError as error:
        raise InputError(f"the key {key} is encrypted", hint="give a key without a passphrase") from error
    except OSError as error:
        raise InputError(f"{certificate} and {key} are not a certificate and its key in PEM") from error
    return context


def _no_passphrase() -> str:
    raise ValueError("encrypted")


def _authority(folder: Path) -> Authority | None:
    from kmstool.crypto.certificates import Authority  # noqa: PLC0415 - as above

    try:
        key = ownership.read(folder / AUTHORITY_KEY_FILE, _MAX_BYTES)
        return Authority(ownership.read(folder / AUTHORITY_FILE, _MAX_BYTES, secret=False), key)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AccessError(f"cannot read {folder / AUTHORITY_KEY_FILE}: {(error.strerror or '').lower()}") from error


def _mozilla() -> bytes:
    import certifi  # noqa: PLC0415 - as above

    return Path(certifi.where()).read_bytes().rstrip() + b"\n"
