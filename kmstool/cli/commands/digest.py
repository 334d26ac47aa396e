"""`kmstool digest`: print the digest of a file or stdin, as KMS signs it."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kmstool.cli import key_files, options
from kmstool.cli.io import inputs, outputs, progress
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.cli.signed_messages import DIGESTS, choose_algorithm, digest_message, id_option, public_key_option
from kmstool.errors import UsageError


@dataclass(frozen=True)
class DigestWords(outputs.Destination):
    """The options of `kmstool digest`."""

    algorithm: str
    public_key: str | None
    user_id: str | None
    raw: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool digest --algorithm sm3 release.tar")
@click.option("--algorithm", type=Choice([*DIGESTS, "sm2"]), required=True, help="sm2 is SM3 with key and user id.")
@public_key_option
@id_option
@click.option("--raw", is_flag=True, help="Write bytes in place of hex.")
@options.output_options
@options.input_argument
@takes(DigestWords)
def digest(session: Session, wanted: DigestWords) -> None:
    """Print the digest of a file or stdin, as KMS signs it.

    For SM2 that is SM3(Z_A ‖ M), which needs the public key.
    """
    from kmstool.crypto import digests

    if (wanted.algorithm == "sm2") != (wanted.public_key is not None):
        raise UsageError("--public-key goes with --algorithm sm2 and only with it")
    if wanted.user_id is not None and wanted.public_key is None:
        raise UsageError("--id goes with --algorithm sm2 only")
    with inputs.open_stream(wanted.file) as source:
        if wanted.public_key is not None:
            key = key_files.public_key(session, wanted.public_key)
            if key.kind != "SM2":
                raise UsageError(f"the public key is {key.kind}, not SM2")
            message_digest = digest_message(session, choose_algorithm(None, key), key, b"", source, wanted.user_id)
        else:
            message_digest = digests.of_chunks(DIGESTS[wanted.algorithm], progress.chunks(session, "reading", source))
    text = message_digest if wanted.raw else message_digest.hex().encode() + b"\n"
    outputs.write_result(session, {"Digest": message_digest.hex()}, text, wanted, source=source, public=True)
