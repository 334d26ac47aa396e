"""`kmstool data-key plaintext`: write the bytes of a data key."""

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
class PlaintextWords(outputs.Destination):
    """The options of `kmstool data-key plaintext`."""

    name: KeyAddress


@click.command(cls=options.Command, example="kmstool data-key plaintext user-17 -o user-17.key")
@name_argument
@options.shield_option
@options.output_options
@takes(PlaintextWords)
def plaintext(session: Session, wanted: PlaintextWords) -> None:
    """Write the bytes of a data key.

    They are a secret: a file gets the mode 0600, and a terminal gets none of them unless
    they are text.
    """
    client, data_key_id = session.data_key(wanted.name)
    data_key = client.data_key_plaintext(data_key_id)
    outputs.write_result(session, data_key.answer, data_key.plaintext, wanted)
