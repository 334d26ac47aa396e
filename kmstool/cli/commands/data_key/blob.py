"""`kmstool data-key blob`: print a data key as a ciphertext blob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.hosted import name_argument
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class BlobWords(outputs.Destination):
    """The options of `kmstool data-key blob`."""

    name: KeyAddress


@click.command(cls=options.Command, example="kmstool data-key blob user-17 -o user-17.blob")
@name_argument
@options.output_options
@takes(BlobWords)
def blob(session: Session, wanted: BlobWords) -> None:
    """Print a data key as a ciphertext blob.

    kmstool decrypt opens it, under the context that the data key was made with.
    """
    client, data_key_id = session.data_key(wanted.name)
    answer = client.data_key_blob(data_key_id)
    outputs.write_result(session, answer, answer["CiphertextBlob"].encode() + b"\n", wanted, public=True)
