"""`kmstool decrypt`: decrypt a ciphertext blob."""

from __future__ import annotations

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool decrypt secret.blob")
@options.context_option
@options.shield_option
@options.result_options
@options.input_argument
@pass_session
def decrypt(session: Session, context: tuple[str, ...], out: str | None, force: bool, file: str | None) -> None:
    """Decrypt a ciphertext blob.

    Reads the blob from FILE or stdin and writes the plaintext and nothing else. The
    key is named in the blob; the context must be the one of the encryption.
    """
    from kmstool.api.context import from_options

    encryption_context = from_options(context)
    source, blob = blobs.read(file)
    decrypted = session.client().decrypt(blob, encryption_context)
    outputs.result(session, decrypted.answer, decrypted.plaintext, out, force=force, source=source)
