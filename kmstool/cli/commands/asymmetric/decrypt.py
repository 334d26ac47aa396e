"""`kmstool asymmetric decrypt`: decrypt with a private key in KMS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.commands.asymmetric.ciphertexts import MAX_INPUT_BYTES, algorithm_option
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.crypto.formats import CiphertextFormat
    from kmstool.words import EncryptionAlgorithm


@dataclass(frozen=True)
class DecryptWords(outputs.Destination):
    """The options of `kmstool asymmetric decrypt`."""

    key: KeyAddress | None
    algorithm: EncryptionAlgorithm | None
    ciphertext_format: CiphertextFormat
    file: str | None


@click.command(cls=options.Command, example="kmstool asymmetric decrypt --key receiver secret.enc")
@options.key_option
@algorithm_option
@click.option("--ciphertext-format", type=Choice(["auto", "der", "c1c3c2", "c1c2c3"]), default="auto", show_default=True,
              help="Encoding of an SM2 ciphertext.")  # fmt: skip
@options.output_options
@options.input_argument
@takes(DecryptWords)
def decrypt(session: Session, wanted: DecryptWords) -> None:
    """Decrypt with a private key in KMS.

    The ciphertext may be bytes, base64 or hexadecimal, and one of SM2 in any order of its
    parts, with or without 04: it is told by what it is.
    """
    from kmstool.crypto.keys import RsaPublicKey
    from kmstool.forms import ciphertexts

    source = inputs.read(wanted.file, MAX_INPUT_BYTES, "a ciphertext cannot be {size} bytes long", "")
    client, key_id = session.key(wanted.key)
    public_key = client.public_key(key_id).public_key
    kind, name = public_key.kind, inputs.shown(wanted.file)
    if (wanted.algorithm and kind != "RSA") or (wanted.ciphertext_format != "auto" and kind != "SM2"):
        raise UsageError(f"the key is of the kind {kind}: --algorithm is for RSA, --ciphertext-format for SM2")
    if isinstance(public_key, RsaPublicKey):
        ciphertext = ciphertexts.read_rsa(source.data, name, public_key.key.key_size // 8)
        decrypted = client.rsa_decrypt(key_id, wanted.algorithm or words.RSA_ALGORITHMS[0], ciphertext)
    else:
        meanings = ciphertexts.read_sm2(source.data, name, wanted.ciphertext_format)
        decrypted = client.sm2_decrypt_any(key_id, meanings)
    outputs.write_result(session, decrypted.answer, decrypted.plaintext, wanted, source=source)
