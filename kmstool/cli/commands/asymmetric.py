"""`kmstool public-key` and `asymmetric encrypt|decrypt`: small data for the holder of a private key in KMS."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import click

from kmstool.cli import key_files, options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import InputError, UsageError
from kmstool.words import RSA_ALGORITHMS

if TYPE_CHECKING:
    from kmstool.crypto.formats import CiphertextFormat
    from kmstool.crypto.keys import PublicKey
    from kmstool.words import EncryptionAlgorithm

MAX_SM2_PLAINTEXT_BYTES = 146
MAX_INPUT_BYTES = 65536

COMMANDS = {
    "decrypt": ("kmstool.cli.commands.asymmetric:decrypt", "Decrypt with a private key in KMS."),
    "encrypt": ("kmstool.cli.commands.asymmetric:encrypt", "Encrypt under a public key, on this machine."),
}

_ALGORITHM = click.option(
    "--algorithm", type=click.Choice(RSA_ALGORITHMS), help="Padding of RSA; OAEP SHA-256 if not said."
)
_RAW = click.option("--raw", is_flag=True, help="The ciphertext is bytes, not base64.")


@click.group(cls=LazyGroup, table=COMMANDS)
def asymmetric() -> None:
    """Encrypt under public keys, and decrypt in KMS."""


@click.command("public-key", cls=options.Command, example="kmstool public-key signer > pub.pem")
@click.argument("key_name", metavar="KEY")
@click.option(
    "--encoding", type=click.Choice(["pem", "der", "base64"]), default="pem", show_default=True, help="Output form."
)
@options.result_options
@pass_session
def public_key(session: Session, key_name: str, encoding: str, out: str | None, force: bool) -> None:
    """Print the public key of an asymmetric key."""
    from kmstool.crypto import pem

    client, key_id = session.key(key_name)
    found = client.public_key(key_id)
    der = found.public_key.to_spki()
    forms = {
        "pem": pem.write_public_key(found.public_key).encode(),
        "der": der,
        "base64": base64.b64encode(der) + b"\n",
    }
    outputs.result(session, found.answer, forms[encoding], out, force=force)


@click.command(cls=options.Command, example="kmstool asymmetric encrypt --public-key pub.pem secret.txt > secret.enc")
@options.key_option
@click.option("--public-key", metavar="FILE", help="Public key; with it no KMS is needed.")
@_ALGORITHM
@_RAW
@options.result_options
@options.input_argument
@pass_session
def encrypt(
    session: Session,
    key: str | None,
    public_key: str | None,
    algorithm: EncryptionAlgorithm | None,
    raw: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Encrypt under a public key, on this machine.

    RSA-2048 takes 190 bytes with OAEP SHA-256, SM2 146. The ciphertext is written in base64.
    """
    if public_key is not None and key is not None:
        raise UsageError("give --public-key or --key", hint="get it: kmstool public-key KEY > pub.pem")
    known = key_files.public_key(public_key) if public_key is not None else _public_key(session, key)
    source = inputs.read(file, MAX_INPUT_BYTES, "the plaintext is {size} bytes, far over the limit", "use an envelope")
    ciphertext = _encrypted(known, algorithm, source.data)
    outputs.write(session, ciphertext if raw else base64.b64encode(ciphertext) + b"\n", out, force=force, source=source)


@click.command(cls=options.Command, example="kmstool asymmetric decrypt --key receiver secret.enc")
@options.key_option
@_ALGORITHM
@_RAW
@click.option("--ciphertext-format", type=click.Choice(["auto", "der", "c1c3c2", "c1c2c3"]), default="auto", show_default=True,
              help="Encoding of an SM2 ciphertext.")  # fmt: skip
@options.result_options
@options.input_argument
@pass_session
def decrypt(
    session: Session,
    key: str | None,
    algorithm: EncryptionAlgorithm | None,
    raw: bool,
    ciphertext_format: CiphertextFormat,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Decrypt with a private key in KMS."""
    source = inputs.read(file, MAX_INPUT_BYTES, "a ciphertext of {size} bytes is none", "")
    ciphertext = source.data if raw else _from_base64(source.data)
    client, key_id = session.key(key)
    kind = client.public_key(key_id).public_key.kind
    if (algorithm and kind != "RSA") or (ciphertext_format != "auto" and kind != "SM2"):
        raise UsageError(f"the key is of the kind {kind}: --algorithm is for RSA, --ciphertext-format for SM2")
    if kind == "RSA":
        decrypted = client.rsa_decrypt(key_id, algorithm or RSA_ALGORITHMS[0], ciphertext)
    else:
        decrypted = client.sm2_decrypt(key_id, _as_der(ciphertext, ciphertext_format))
    outputs.result(session, decrypted.answer, decrypted.plaintext, out, force=force, source=source)


def _public_key(session: Session, key: str | None) -> PublicKey:
    client, key_id = session.key(key)
    return client.public_key(key_id).public_key


def _encrypted(key: PublicKey, algorithm: EncryptionAlgorithm | None, plaintext: bytes) -> bytes:
    from kmstool.crypto import formats, rsa
    from kmstool.crypto.keys import RsaPublicKey, Sm2PublicKey
    from kmstool.crypto.sm2 import encryption

    if not plaintext:
        raise InputError("the plaintext is empty", hint="KMS does not decrypt what holds nothing")
    if isinstance(key, RsaPublicKey):
        return rsa.encrypt(key.key, algorithm or RSA_ALGORITHMS[0], plaintext)
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


def _as_der(ciphertext: bytes, written_as: CiphertextFormat) -> bytes:
    from kmstool.crypto import formats

    return formats.write_ciphertext(formats.read_ciphertext(ciphertext, written_as), "der")


def _from_base64(data: bytes) -> bytes:
    from kmstool.crypto import formats

    return formats.read_base64(data, "the ciphertext", hint="add --raw if it is bytes")
