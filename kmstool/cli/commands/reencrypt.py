"""`kmstool reencrypt`: move a blob to a newer or other key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import outputs
from kmstool.cli.params import KEY
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class ReencryptWords(outputs.Destination):
    """The options of `kmstool reencrypt`."""

    to: KeyAddress | None
    context: Mapping[str, str]
    to_context: Mapping[str, str]
    file: str | None


@click.command(cls=options.Command, example="kmstool reencrypt --to demo secret.blob -o secret.new")
@click.option("--to", type=KEY, metavar="KEY", help="Key to move to; else the newest version of the blob's own.")
@options.encryption_context_option
@options.pairs_option("--to-context", noun="context", text="New context; else it stays the same. Repeatable.")
@options.output_options
@options.input_argument
@takes(ReencryptWords)
def reencrypt(session: Session, wanted: ReencryptWords) -> None:
    """Move a blob to a newer or other key.

    The plaintext does not leave KMS. If the blob is on the newest version of its key
    already, the same blob is printed and a note says so.
    """
    source, blob = blobs.read(wanted.file)
    client, to_key_id = session.key(wanted.to) if wanted.to is not None else (session.client(), None)
    moved = client.re_encrypt(
        blob,
        to_key_id=to_key_id,
        source_context=wanted.context,
        destination_context=wanted.to_context or wanted.context,
    )
    if not moved.changed:
        session.note(f"nothing to do: the blob is on the newest version of {moved.key_id}")
    outputs.result(session, moved.answer, moved.ciphertext_blob.encode() + b"\n", wanted, source=source)
