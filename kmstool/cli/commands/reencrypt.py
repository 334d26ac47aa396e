"""`kmstool reencrypt`: move a blob to a newer or other key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import blobs, key_words, options
from kmstool.cli.io import outputs
from kmstool.cli.params import ContextWords, one_context
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.api.context import Context


@dataclass(frozen=True)
class ReencryptWords(ContextWords, outputs.Destination):
    """The options of `kmstool reencrypt`."""

    to: KeyAddress | None
    to_context: Context
    to_context_text: str | None
    file: str | None


@click.command(cls=options.Command, example="kmstool reencrypt --to demo secret.blob -o secret.new")
@key_words.means("to", "Key to move to; else the newest version of the blob's own.", spelling="--to")
@options.encryption_context_option
@options.context_options("to-", "New context; else it stays the same. Repeatable.")
@options.output_options
@options.input_argument
@takes(ReencryptWords)
def reencrypt(session: Session, wanted: ReencryptWords) -> None:
    """Move a blob to a newer or other key.

    The plaintext does not leave KMS. If the blob is on the newest version of its key
    already, the same blob is printed and a note says so.
    """
    before = wanted.encryption_context
    after = one_context(wanted.to_context, wanted.to_context_text, "--to-context")
    source, blob = blobs.read(wanted.file)
    client, to_key_id = session.key(wanted.to) if wanted.to is not None else (session.client(), None)
    moved = client.re_encrypt(
        blob,
        to_key_id=to_key_id,
        source_context=before,
        destination_context=after or before,
    )
    if not moved.changed:
        session.note(f"nothing to do: the blob is on the newest version of {moved.key_id}")
    outputs.write_result(
        session, moved.answer, moved.ciphertext_blob.encode() + b"\n", wanted, source=source, public=True
    )
