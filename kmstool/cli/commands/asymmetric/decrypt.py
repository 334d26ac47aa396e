"""`kmstool asymmetric decrypt`: decrypt with a private key in KMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.asymmetric.ciphertexts import MAX_INPUT_BYTES, algorithm_option, raw_option
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError
from kmstool.words import RSA_ALGORITHMS

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.crypto.formats import CiphertextFormat
    from kmstool.words import EncryptionAlgorithm


@dataclass(frozen=True)
class DecryptWords(outputs.Destination):
    """The options of `kmstool asymmetric decrypt`."""

    key: KeyAddress | None
    algorithm: EncryptionAlgorithm | None
    raw: bool
    ciphertext_format: CiphertextFormat
    file: str | None


@click.command(cls=options.Command, example="kmstool asymmetric decrypt --key receiver secret.enc")
@options.key_option
@algorithm_option
@raw_option
@click.option("--ciphertext-format", type=click.Choice(["auto", "der", "c1c3c2", "c1c2c3"]), default="auto", show_default=True,
              help="Encoding of an SM2 ciphertext.")  # fmt: skip
@options.output_options
@options.input_argument
@takes(DecryptWords)
def decrypt(session: Session, wanted: DecryptWords) -> None:
    """Decrypt with a private key in KMS."""
    source = inputs.read(wanted.file, MAX_INPUT_BYTES, "a ciphertext of {size} bytes is none", "")
    ciphertext = source.data if wanted.raw else _from_base64(source.data)
    client, key_id = session.key(wanted.key)
    kind = client.public_key(key_id).public_key.kind
    if (wanted.algorithm and kind != "RSA") or (wanted.ciphertext_format != "auto" and kind != "SM2"):
        raise UsageError(f"the key is of the kind {kind}: --algorithm is for RSA, --ciphertext-format for SM2")
    if kind == "RSA":
        decrypted = client.rsa_decrypt(key_id, wanted.algorithm or RSA_ALGORITHMS[0], ciphertext)
    else:
        decrypted = client.sm2_decrypt(key_id, _as_der(ciphertext, wanted.ciphertext_format))
    outputs.result(session, decrypted.answer, decrypted.plaintext, wanted, source=source)


def _as_der(ciphertext: bytes, written_as: CiphertextFormat) -> bytes:
    from kmstool.crypto import formats

    return formats.write_ciphertext(formats.read_ciphertext(ciphertext, written_as), "der")


def _from_base64(data: bytes) -> bytes:
    from kmstool.crypto import formats

    return formats.read_base64(data, "the ciphertext", hint="add --raw if it is bytes")
