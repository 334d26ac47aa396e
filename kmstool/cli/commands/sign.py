"""`kmstool sign`: sign a file or stdin with a key in KMS."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.cli.signed_messages import (
    algorithm_option,
    check_signature,
    choose_algorithm,
    digest_message,
    id_option,
    read_digest,
    type_option,
)
from kmstool.errors import InputError, IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.crypto.keys import PublicKey
    from kmstool.signing import Algorithm


@dataclass(frozen=True)
class SignWords(outputs.Destination):
    """The options of `kmstool sign`."""

    key: KeyAddress | None
    algorithm: str | None
    digesting: str | None
    message_type: str
    user_id: str | None
    raw: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool sign --key signer release.tar -o release.sig")
@options.key_option
@algorithm_option
@click.option("--digest", "digesting", type=Choice(["auto", "never", "always"]),
              help="Hash locally: auto (over 4,096 bytes), always, never.")  # fmt: skip
@type_option
@id_option
@click.option("--raw", is_flag=True, help="Write bytes to stdout in place of base64.")
@options.output_options
@options.input_argument
@takes(SignWords)
def sign(session: Session, wanted: SignWords) -> None:
    """Sign a file or stdin with a key in KMS.

    A message over 4,096 bytes is digested here, in one pass; the signature is the same.
    With -o the signature's bytes are written, else base64. A newline at the end of the
    input is signed too.
    """
    if wanted.message_type == "digest" and wanted.digesting is not None:
        raise UsageError("--digest goes with messages; a digest is signed as it is")
    client, key_id = session.key(wanted.key)
    public_key = client.public_key(key_id).public_key
    chosen = choose_algorithm(wanted.algorithm, public_key)
    with inputs.open_stream(wanted.file) as source:
        message, is_digest = _message(session, wanted, chosen, public_key, source)
        signed = client.sign(key_id, chosen.name, message, is_digest=is_digest)
        digest = message if is_digest else digest_message(session, chosen, public_key, message, source, None)
    _check_answer(chosen, public_key, digest, signed.signature)
    written = signed.signature if wanted.raw or wanted.out is not None else base64.b64encode(signed.signature) + b"\n"
    outputs.write_result(session, signed.answer, written, wanted, source=source, public=True)


def _message(
    session: Session, wanted: SignWords, algorithm: Algorithm, key: PublicKey, source: inputs.Stream
) -> tuple[bytes, bool]:
    """Return what KMS is to sign, and whether that is a digest."""
    message = source.take(words.MAX_MESSAGE_BYTES + 1)
    if wanted.message_type == "digest":
        return read_digest(algorithm, message, inputs.shown(wanted.file), wanted.user_id), True
    if _is_digested(wanted.digesting, message, wanted.user_id):
        return digest_message(session, algorithm, key, message, source, wanted.user_id), True
    if not message:
        raise InputError("the message is empty; KMS signs 1 byte and more", hint="sign its digest: --digest always")
    return message, False


def _is_digested(choice: str | None, message: bytes, user_id: str | None) -> bool:
    long = len(message) > words.MAX_MESSAGE_BYTES
    if choice == "never" and (long or user_id is not None):
        raise InputError("the message is over 4,096 bytes, or has a user id: KMS signs its digest only",
                         hint="leave out --digest never")  # fmt: skip
    # KMS knows the usual user id only; another one goes into a digest that is made here.
    return choice == "always" or long or user_id is not None


def _check_answer(algorithm: Algorithm, key: PublicKey, message_digest: bytes, value: bytes) -> None:
    """Raise `IntegrityError` for a signature by KMS that nobody could verify."""
    try:
        check_signature(algorithm, key, message_digest, value, "der")
    except IntegrityError as error:
        raise IntegrityError(
            "KMS answered with a signature that the public key of its key does not verify",
            hint="is there a gateway that rewrites answers on the way?",
        ) from error
