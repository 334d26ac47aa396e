"""`kmstool data-key import`: let KMS keep a data key that you have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import blobs, options
from kmstool.cli.commands.data_key.hosted import description_option, name_option, print_hosted, tags_option
from kmstool.cli.io import inputs
from kmstool.cli.plaintexts import trim_newline_option, without_newline
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class ImportWords:
    """The options of `kmstool data-key import`."""

    key: KeyAddress | None
    name: str
    blob_file: str | None
    trim_newline: bool
    description: str
    tags: Mapping[str, str]
    file: str | None


@click.command("import", cls=options.Command, example="kmstool data-key import --key demo --name backup backup.key")
@options.key_option
@name_option
@click.option("--blob", "blob_file", metavar="FILE", help="Import what is in this ciphertext blob; - is stdin.")
@trim_newline_option
@description_option
@tags_option
@options.input_argument
@takes(ImportWords)
def import_(session: Session, wanted: ImportWords) -> None:
    """Let KMS keep a data key that you have.

    FILE or stdin holds its bytes, 1 to 1,024. With --blob it is a ciphertext blob, made
    without a context; that names its key, and --key only says which one it has to be.
    Prints the id of the data key.
    """
    more: dict[str, Any] = {"description": wanted.description, "tags": wanted.tags}
    if wanted.blob_file is not None:
        if wanted.file is not None or wanted.trim_newline:
            raise UsageError("--blob takes the place of FILE, and excludes --trim-newline")
        _, text = blobs.read(wanted.blob_file)
        client, key_id = session.key(wanted.key) if wanted.key is not None else (session.client(), None)
        created = client.import_blob(key_id, wanted.name, text, **more)
    else:
        hint = "data of any size goes into an envelope: kmstool envelope encrypt"
        source = inputs.read(
            wanted.file, words.MAX_DATA_KEY_BYTES, "a data key of {size} bytes is too long; KMS keeps 1 to 1,024", hint
        )
        material = without_newline(session, source, wanted.trim_newline)
        client, key_id = session.key(wanted.key)
        created = client.import_data_key(key_id, wanted.name, material, **more)
    print_hosted(session, created)
