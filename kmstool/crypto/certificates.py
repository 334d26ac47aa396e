"""Certificates for TLS on this machine: an authority for loopback names alone, and what it certifies (RFC 5280).

Whoever trusts the authority trusts it for nothing else: its name constraints say so, and clients heed them.
"""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kmstool import words
from kmstool.errors import IntegrityError

AUTHORITY_DAYS = 3650
# Some systems take no longer ones.
SERVER_DAYS = 397

_NETWORKS = ("127.0.0.0/8", "::1/128")
_MAX_SKEW = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate and its key, both in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)

    @property
    def expires_unix(self) -> int:
        """When its certificate ends, in Unix seconds."""
        return int(self._parsed()[0].not_valid_after_utc.timestamp())

    def certify(self, now: int) -> bytes:
        """Return a new key and its certificate for the loopback names, from `now` (Unix seconds), in PEM.

        Raises `IntegrityError` if this is no authority.
        """
        authority, authority_key = self._parsed()
        key = ec.generate_private_key(ec.SECP256R1())
        names = [
            x509.DNSName(words.LOOPBACK[0]),
            *(x509.IPAddress(ipaddress.ip_address(name)) for name in words.LOOPBACK[1:]),
        ]
        certificate = (
            _builder("embedded KMS of kmstool", authority.subject, key.public_key(), now, SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        return _pem(key) + certificate.public_bytes(serialization.Encoding.PEM)

    def _parsed(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate)
            key = serialization.load_pem_private_key(self.key, None)
        except (ValueError, TypeError) as error:
            raise IntegrityError("the certificate authority is damaged") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise IntegrityError("the certificate authority is damaged: its key is another one's")
        return certificate, key


def new_authority(now: int) -> Authority:
    """Make an authority for loopback names, from `now` (Unix seconds)."""
    key = ec.generate_private_key(ec.SECP256R1())
    permitted: list[x509.GeneralName] = [x509.DNSName(words.LOOPBACK[0])]
    permitted += [x509.IPAddress(ipaddress.ip_network(network)) for network in _NETWORKS]
    name = "embedded KMS of kmstool, for development and tests"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        _builder(name, subject, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(serialization.Encoding.PEM), _pem(key))


def _builder(
    name: str, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: int, days: int
) -> x509.CertificateBuilder:
    begin = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - _MAX_SKEW)
        .not_valid_after(begin + datetime.timedelta(days=days) - _MAX_SKEW)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
