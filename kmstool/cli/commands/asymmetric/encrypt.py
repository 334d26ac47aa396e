"""`kmstool asymmetric encrypt`: encrypt under a public key, on this machine."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import key_files, options
from kmstool.cli.commands.asymmetric.ciphertexts import MAX_INPUT_BYTES, algorithm_option, raw_option
from kmstool.cli.io import inputs, outputs
from kmstool.cli.plaintexts import trim_newline_option, without_newline
from kmstool.cli.session.session import Session, takes
from kmstool.errors import InputError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.crypto.keys import PublicKey
    from kmstool.words import EncryptionAlgorithm

MAX_SM2_PLAINTEXT_BYTES = 146


@dataclass(frozen=True)
class EncryptWords(outputs.Destination):
    """The options of `kmstool asymmetric encrypt`."""

    key: KeyAddress | None
    public_key: str | None
    algorithm: EncryptionAlgorithm | None
    raw: bool
    trim_newline: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool asymmetric encrypt --public-key pub.pem secret.txt > secret.enc")
@options.key_option
@click.option("--public-key", metavar="FILE", help="Encrypt with this public key, offline.")
@algorithm_option
@raw_option
@trim_newline_option
@options.output_options
@options.input_argument
@takes(EncryptWords)
def encrypt(session: Session, wanted: EncryptWords) -> None:
    """Encrypt under a public key, on this machine.

    RSA-2048 takes 190 bytes with OAEP SHA-256, SM2 146. The ciphertext is written in base64.
    """
    if wanted.public_key is not None and wanted.key is not None:
        raise UsageError("give --public-key or --key", hint="get it: kmstool public-key KEY > pub.pem")
    known = (
        key_files.public_key(session, wanted.public_key)
        if wanted.public_key is not None
        else _public_key(session, wanted.key)
    )
    source = inputs.read(
        wanted.file, MAX_INPUT_BYTES, "the plaintext is {size} bytes, far over the limit", "use an envelope"
    )
    ciphertext = _encrypted(known, wanted.algorithm, without_newline(session, source, wanted.trim_newline))
    text = base64.b64encode(ciphertext)
    written = ciphertext if wanted.raw else text + b"\n"
    outputs.write_result(session, {"Ciphertext": text.decode()}, written, wanted, source=source, public=True)


def _public_key(session: Session, key: KeyAddress | None) -> PublicKey:
    client, key_id = session.key(key)
    return client.public_key(key_id).public_key


def _encrypted(key: PublicKey, algorithm: EncryptionAlgorithm | None, plaintext: bytes) -> bytes:
    from kmstool.crypto import formats, rsa
    from kmstool.crypto.keys import RsaPublicKey, Sm2PublicKey
    from kmstool.crypto.sm2 import encryption

    if not plaintext:
        raise InputError("the plaintext is empty", hint="KMS cannot decrypt an empty plaintext")
    if isinstance(key, RsaPublicKey):
        return rsa.encrypt(key.key, algorithm or words.RSA_ALGORITHMS[0], plaintext)
    if not isinstance(key, Sm2PublicKey) or algorithm:
        raise UsageError(
            f"a public key of the kind {key.kind} does not encrypt" + (f" with {algorithm}" if algorithm else "")
        )
    if len(plaintext) > MAX_SM2_PLAINTEXT_BYTES:
        raise InputError(
            f"the plaintext is {len(plaintext)} bytes; KMS decrypts 1 to {MAX_SM2_PLAINTEXT_BYTES} bytes with SM2",
            hint="use an envelope for more",
        )
    return formats.write_ciphertext(encryption.encrypt(key.key, plaintext), "der")
