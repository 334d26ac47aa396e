"""`kmstool verify`: check a signature over a file or stdin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import key_files, options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.cli.signed_messages import (
    algorithm_option,
    check_signature,
    choose_algorithm,
    digest_message,
    id_option,
    public_key_option,
    read_digest,
    type_option,
)
from kmstool.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.crypto.formats import SignatureFormat
    from kmstool.crypto.keys import PublicKey
    from kmstool.signing import Algorithm

MAX_SIGNATURE_BYTES = 8192


@dataclass(frozen=True)
class VerifyWords:
    """The options of `kmstool verify`."""

    signature: str
    key: KeyAddress | None
    local: bool
    public_key: str | None
    algorithm: str | None
    message_type: str
    user_id: str | None
    signature_format: SignatureFormat
    file: str | None


@click.command(cls=options.Command, example="kmstool verify --key signer --signature release.sig release.tar")
@click.option("--signature", required=True, metavar="FILE", help="The signature: DER or raw r and s, as bytes or text.")
@options.key_option
@click.option("--local", is_flag=True, help="Verify on this machine, without KMS or network.")
@public_key_option
@algorithm_option
@type_option
@id_option
@click.option("--signature-format", type=Choice(["auto", "der", "raw"]), default="auto", help="Its encoding.")
@options.input_argument
@takes(VerifyWords)
def verify(session: Session, wanted: VerifyWords) -> None:
    """Check a signature over a file or stdin.

    With --local --public-key nothing leaves this machine. Exits with 5 if the signature
    is not good.
    """
    from kmstool.forms import signatures

    if wanted.local != (wanted.public_key is not None) or (wanted.local and wanted.key):
        raise UsageError("give --local with --public-key, or --key", hint="get it: kmstool public-key KEY > pub.pem")
    written = inputs.read(wanted.signature, MAX_SIGNATURE_BYTES, "a signature cannot be {size} bytes long", "").data
    if wanted.public_key is not None:
        known = key_files.public_key(session, wanted.public_key)
    else:
        client, key_id = session.key(wanted.key)
        known = client.public_key(key_id).public_key
    chosen = choose_algorithm(wanted.algorithm, known)
    digest = _digest(session, wanted, chosen, known)
    value = signatures.read(written, inputs.shown(wanted.signature), known)
    check_signature(chosen, known, digest, value, wanted.signature_format)
    if not wanted.local and not client.verify(key_id, chosen.name, digest, _kms_form(known, value), is_digest=True):
        raise IntegrityError("KMS does not accept the signature")
    outputs.print_answer(session, {"SignatureValid": True}, lambda: print("signature valid"))


def _digest(session: Session, wanted: VerifyWords, algorithm: Algorithm, key: PublicKey) -> bytes:
    """Return the digest that was signed: the content of the file, or what is made of it."""
    with inputs.open_stream(wanted.file) as source:
        if wanted.message_type != "digest":
            return digest_message(session, algorithm, key, b"", source, wanted.user_id)
        message = source.take(words.MAX_MESSAGE_BYTES + 1)
        return read_digest(algorithm, message, inputs.shown(wanted.file), wanted.user_id)


def _kms_form(key: PublicKey, value: bytes) -> bytes:
    """Return a signature that was good in the encoding that KMS takes."""
    from kmstool import signing
    from kmstool.crypto import formats

    if key.kind == "RSA":
        return value
    return formats.write_signature(*formats.read_signature(value, number_bytes=signing.NUMBER_BYTES[key.kind]))
