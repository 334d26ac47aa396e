"""`kmstool encrypt`: encrypt up to 4,096 bytes under a key."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.plaintexts import MAX_PLAINTEXT_BYTES, without_newline
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool encrypt --key demo secret.txt > secret.blob")
@options.key_option
@options.context_option
@click.option("--trim-newline", is_flag=True, help="Drop exactly one newline at the end.")
@options.result_options
@options.input_argument
@pass_session
def encrypt(
    session: Session,
    key: str | None,
    context: tuple[str, ...],
    trim_newline: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Encrypt up to 4,096 bytes under a key.

    Reads FILE or stdin and prints the ciphertext blob, a line of text. A newline at
    the end of the input is data and is kept unless --trim-newline is given.
    """
    from kmstool.api.context import from_options

    encryption_context = from_options(context)
    source = inputs.read(
        file,
        MAX_PLAINTEXT_BYTES,
        "the plaintext is {size} bytes; KMS encrypts at most 4,096",
        "encrypt larger data with kmstool envelope encrypt",
    )
    plaintext = without_newline(session, source, trim_newline)
    client, key_id = session.key(key)
    encrypted = client.encrypt(key_id, plaintext, encryption_context)
    blob = encrypted.ciphertext_blob.encode() + b"\n"
    outputs.result(session, encrypted.answer, blob, out, force=force, source=source)
