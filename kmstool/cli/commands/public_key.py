"""`kmstool public-key`: print the public key of an asymmetric key."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class PublicKeyWords(outputs.Destination):
    """The options of `kmstool public-key`."""

    key: KeyAddress
    encoding: str


@click.command("public-key", cls=options.Command, example="kmstool public-key signer > pub.pem")
@options.key_argument
@click.option(
    "--encoding", type=Choice(["pem", "der", "base64"]), default="pem", show_default=True, help="Output form."
)
@options.output_options
@takes(PublicKeyWords)
def public_key(session: Session, wanted: PublicKeyWords) -> None:
    """Print the public key of an asymmetric key."""
    from kmstool.crypto import pem

    client, key_id = session.key(wanted.key)
    key = client.public_key(key_id)
    der = key.public_key.to_spki()
    forms = {
        "pem": pem.write_public_key(key.public_key).encode(),
        "der": der,
        "base64": base64.b64encode(der) + b"\n",
    }
    outputs.write_result(session, key.answer, forms[wanted.encoding], wanted, public=True)
