"""`kmstool verify`: check a signature over a file or stdin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import key_files, options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.cli.signed_messages import (
    MAX_MESSAGE_BYTES,
    algorithm_option,
    check_digest,
    check_signature,
    choose_algorithm,
    digest_message,
    id_option,
    public_key_option,
    type_option,
)
from kmstool.errors import InputError, IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.crypto.formats import SignatureFormat
    from kmstool.crypto.keys import PublicKey

MAX_SIGNATURE_BYTES = 8192


@click.command(cls=options.Command, example="kmstool verify --key signer --signature release.sig release.tar")
@click.option("--signature", required=True, metavar="FILE", help="The signature: bytes or base64, DER or raw r and s.")
@options.key_option
@click.option("--local", is_flag=True, help="Verify on this machine, without KMS or network.")
@public_key_option
@algorithm_option
@type_option
@id_option
@click.option("--signature-format", type=click.Choice(["auto", "der", "raw"]), default="auto", help="Its encoding.")
@options.input_argument
@pass_session
def verify(
    session: Session,
    signature: str,
    key: KeyAddress | None,
    local: bool,
    public_key: str | None,
    algorithm: str | None,
    message_type: str,
    user_id: str | None,
    signature_format: SignatureFormat,
    file: str | None,
) -> None:
    """Check a signature over a file or stdin.

    With --local --public-key nothing leaves this machine. Exits with 5 if the signature
    is not good.
    """
    if local != (public_key is not None) or (local and key):
        raise UsageError("give --local with --public-key, or --key", hint="get it: kmstool public-key KEY > pub.pem")
    value = _read_signature(signature)
    client = None
    if local:
        known = key_files.public_key(str(public_key))
    else:
        client, key_id = session.key(key)
        known = client.public_key(key_id).public_key
    chosen = choose_algorithm(algorithm, known)
    with inputs.stream(file) as source:
        if message_type == "digest":
            digest = source.take(MAX_MESSAGE_BYTES + 1)
            check_digest(chosen, digest, user_id)
        else:
            digest = digest_message(chosen, known, b"", source, user_id)
    check_signature(chosen, known, digest, value, signature_format)
    if client is not None and not client.verify(key_id, chosen.name, digest, _kms_form(known, value), is_digest=True):
        raise IntegrityError("KMS does not accept the signature")
    outputs.answer(session, {"SignatureValid": True}, lambda: print("signature valid"))


def _kms_form(key: PublicKey, value: bytes) -> bytes:
    """Return a signature that was good in the encoding that KMS takes."""
    from kmstool import signing
    from kmstool.crypto import formats

    if key.kind == "RSA":
        return value
    return formats.write_signature(*formats.read_signature(value, number_bytes=signing.NUMBER_BYTES[key.kind]))


def _read_signature(name: str) -> bytes:
    from kmstool.crypto import formats

    data = inputs.read(name, MAX_SIGNATURE_BYTES, "a signature of {size} bytes is none", "").data
    try:
        return formats.read_base64(data, "the signature") or data
    except InputError:
        return data
