"""`kmstool random`: print random bytes made by KMS."""

from __future__ import annotations

import base64
from collections.abc import Callable

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex().encode() + b"\n",
    "base64": lambda data: base64.b64encode(data) + b"\n",
    "raw": bytes,
}


@click.command(cls=options.Command, example="kmstool random 32")
@click.argument("count", metavar="BYTES", type=click.IntRange(1, 1024))
@click.option("--encoding", type=click.Choice(list(_ENCODINGS)), help="Output form; else hex.")
@options.result_options
@pass_session
def random(session: Session, count: int, encoding: str | None, out: str | None, force: bool) -> None:
    """Print random bytes made by KMS.

    BYTES is 1 to 1,024.
    """
    if encoding is not None and out is None and (session.settings.query or session.settings.format == "json"):
        raise UsageError("--encoding goes with text output or -o", hint="in the API's answer the bytes are in base64")
    made = session.client().random(count)
    outputs.result(session, made.answer, _ENCODINGS[encoding or "hex"](made.plaintext), outputs.Destination(out, force))
