"""Whose certificates are trusted, and how strictly they are read.

In this order: what the profile or caller names; SSL_CERT_FILE and SSL_CERT_DIR, both, as OpenSSL does;
REQUESTS_CA_BUNDLE; CURL_CA_BUNDLE; those of the system; Mozilla's. A variable that is empty is not set.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from kmstool.errors import InputError
from kmstool.system import descriptors

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]{1,3}")
_SYSTEM_FOLDER = "/etc/ssl/certs"
_DER = b"\x30"
_NAMES = (".pem", ".crt", ".cer")
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class TrustedCertificates:
    """Files and folders of trusted certificates, and the variable that named them, if one did."""

    paths: tuple[str, ...]
    variable: str = ""

    @property
    def shown(self) -> str:
        """What a message calls them."""
        return ", ".join(self.paths) + (f" ({self.variable})" if self.variable else "")


def certificates(named: str | None = None) -> TrustedCertificates:
    """Return what is trusted here.

    A hashed folder is a hundred times quicker to open than a bundle.
    """
    if named:
        return TrustedCertificates((named,))
    file, folders = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file or folders:
        # A list, of which OpenSSL passes over what is not there.
        there = [folder for folder in (folders or "").split(os.pathsep) if os.path.isdir(folder)]
        if file or there:
            return TrustedCertificates(
                ((file,) if file else ()) + tuple(there), "SSL_CERT_FILE" if file else "SSL_CERT_DIR"
            )
        return TrustedCertificates((str(folders),), "SSL_CERT_DIR")
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if bundle := os.environ.get(variable):
            return TrustedCertificates((bundle,), variable)
    if _is_hashed(_SYSTEM_FOLDER):
        return TrustedCertificates((_SYSTEM_FOLDER,))
    return TrustedCertificates((ssl.get_default_verify_paths().cafile or _of_mozilla(),))


def context(trusted: TrustedCertificates, *, strict: bool = False) -> ssl.SSLContext:
    """Return the settings of a TLS client: TLS 1.2 or newer, and a certificate for the name that is asked for.

    The same on every Python: since 3.13 its own default refuses certificates of private CAs that openssl,
    curl and browsers take, such as those without a key identifier; `strict` asks for that (RFC 5280).
    Raises `InputError` for certificates that cannot be loaded.
    """
    # Not create_default_context, which also writes the session keys to SSLKEYLOGFILE.
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # A certificate that is trusted ends the chain, whoever signed it.
    tls.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if strict:
        tls.verify_flags |= ssl.VERIFY_X509_STRICT
    for path in trusted.paths:
        try:
            _load(tls, path)
        except (OSError, ValueError) as error:
            named = f", which {trusted.variable} names," if trusted.variable else ""
            raise InputError(
                f"the trusted certificates {path}{named} cannot be loaded",
                hint="it is to be a file of them in PEM, or a folder; SSL_CERT_FILE names another one",
            ) from error
    return tls


def _load(tls: ssl.SSLContext, path: str) -> None:
    if not os.path.isdir(path):
        _load_file(tls, path)
    elif _is_hashed(path):
        tls.load_verify_locations(capath=path)
    else:
        # OpenSSL finds nothing in such a folder.
        for name in sorted(os.listdir(path)):
            if name.endswith(_NAMES):
                _load_file(tls, os.path.join(path, name))


def _load_file(tls: ssl.SSLContext, path: str) -> None:
    try:
        tls.load_verify_locations(cafile=path)
    except ssl.SSLError:
        data = descriptors.read_file(Path(path), _MAX_BYTES)
        if not data.startswith(_DER):
            raise
        tls.load_verify_locations(cadata=data)


def _is_hashed(folder: str) -> bool:
    """Return whether a folder has certificates under the names that OpenSSL looks for."""
    try:
        with os.scandir(folder) as entries:
            return any(_HASHED.fullmatch(entry.name) for entry in entries)
    except OSError:
        return False


def _of_mozilla() -> str:
    import certifi  # noqa: PLC0415 - 7 ms that a system with certificates of its own saves

    return certifi.where()
