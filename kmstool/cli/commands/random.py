"""`kmstool random`: print random bytes made by KMS."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex().encode() + b"\n",
    "base64": lambda data: base64.b64encode(data) + b"\n",
    "raw": bytes,
}


@dataclass(frozen=True)
class RandomWords(outputs.Destination):
    """The options of `kmstool random`."""

    count: int
    encoding: str | None


@click.command(cls=options.Command, example="kmstool random 32")
@click.argument("count", metavar="BYTES", type=click.IntRange(1, words.MAX_RANDOM_BYTES))
@click.option("--encoding", type=Choice(list(_ENCODINGS)), help="Output form; else hex.")
@options.output_options
@takes(RandomWords)
def random(session: Session, wanted: RandomWords) -> None:
    """Print random bytes made by KMS.

    BYTES is 1 to 1,024.
    """
    if (
        wanted.encoding is not None
        and wanted.out is None
        and (session.settings.query or session.settings.format == "json")
    ):
        raise UsageError("--encoding goes with text output or -o", hint="in the API's answer the bytes are in base64")
    random_bytes = session.client().random(wanted.count)
    outputs.write_result(
        session, random_bytes.answer, _ENCODINGS[wanted.encoding or "hex"](random_bytes.plaintext), wanted
    )
