"""`kmstool data-key generate`: generate a data key and store it in KMS."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.commands.data_key.hosted import description_option, name_option, print_hosted, tags_option
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import ContextWords
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class GenerateWords(ContextWords, outputs.Destination):
    """The options of `kmstool data-key generate`."""

    key: KeyAddress | None
    name: str
    byte_count: int
    description: str
    tags: Mapping[str, str]


@click.command(cls=options.Command, example="kmstool data-key generate --key demo --name user-17")
@options.key_option
@name_option
@click.option(
    "--bytes",
    "byte_count",
    type=click.IntRange(1, words.MAX_DATA_KEY_BYTES),
    default=32,
    show_default=True,
    help="Size.",
)
@options.encryption_context_option
@description_option
@tags_option
@options.shield_option
@options.file_target("-o", "--out", help="Write the bytes of the data key to this file as well.")
@click.option("--force", is_flag=True, help="Replace an existing output file.")
@takes(GenerateWords)
def generate(session: Session, wanted: GenerateWords) -> None:
    """Generate a data key and store it in KMS.

    Prints its id. The bytes are shown nowhere; -o writes them to a file, and kmstool
    data-key plaintext hands them out whenever they are needed. A context belongs to the
    blob of the data key: whoever decrypts that has to give the same one.
    """
    encryption_context, pairs = wanted.encryption_context, wanted.tags
    if wanted.out in ("", inputs.STDIN):
        raise UsageError(f"{wanted.out!r} is no file", hint="stdout is for the answer; name a file")
    client, key_id = session.key(wanted.key)
    with contextlib.ExitStack() as stack:
        file = (
            stack.enter_context(outputs.open_output(session, wanted.out, force=wanted.force))
            if wanted.out is not None
            else None
        )
        created = client.host_data_key(
            key_id, wanted.name, wanted.byte_count, encryption_context, description=wanted.description, tags=pairs
        )
        if file:
            file.write(created.plaintext or b"")
    print_hosted(session, created)
