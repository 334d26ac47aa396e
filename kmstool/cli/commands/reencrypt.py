"""`kmstool reencrypt`: move a blob to a newer or other key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import outputs
from kmstool.cli.params import KEY
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool reencrypt --to demo secret.blob -o secret.new")
@click.option("--to", type=KEY, metavar="KEY", help="Key to move to; else the newest version of the blob's own.")
@options.context_option
@click.option("--to-context", metavar="K=V", multiple=True, help="New context; else it stays the same. Repeatable.")
@options.result_options
@options.input_argument
@pass_session
def reencrypt(
    session: Session,
    to: KeyAddress | None,
    context: tuple[str, ...],
    to_context: tuple[str, ...],
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Move a blob to a newer or other key.

    The plaintext does not leave KMS. If the blob is on the newest version of its key
    already, the same blob is printed and a note says so.
    """
    from kmstool.api.context import from_options

    before = from_options(context)
    after = from_options(to_context) if to_context else before
    source, blob = blobs.read(file)
    client, to_key_id = session.key(to) if to is not None else (session.client(), None)
    moved = client.re_encrypt(blob, to_key_id=to_key_id, source_context=before, destination_context=after)
    if not moved.changed:
        session.note(f"nothing to do: the blob is on the newest version of {moved.key_id}")
    outputs.result(
        session, moved.answer, moved.ciphertext_blob.encode() + b"\n", outputs.Destination(out, force), source=source
    )
