"""The public key in an X.509 certificate (RFC 5280, 4.1) or a request for one (RFC 2986, 4); nothing of it is verified."""

from __future__ import annotations

from kmstool.crypto import der

# Of a certificate, after its serial number: the algorithm of the signature, issuer, validity and subject.
_BEFORE_THE_KEY = 4


def public_key(encoded: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate, both in DER; raise `InputError` for what is none."""
    signed = der.whole_sequence(encoded).nested()
    if signed.next_is(der.EXPLICIT_0):
        signed.value(der.EXPLICIT_0)
    signed.value(der.INTEGER)
    for _ in range(_BEFORE_THE_KEY):
        signed.value(der.SEQUENCE)
    return der.sequence(signed.value(der.SEQUENCE))


def requested_public_key(encoded: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate request, both in DER; raise `InputError` for what is none."""
    signed = der.whole_sequence(encoded).nested()
    signed.value(der.INTEGER)
    signed.value(der.SEQUENCE)
    return der.sequence(signed.value(der.SEQUENCE))
