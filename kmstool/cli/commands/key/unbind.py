"""`kmstool key unbind`: record that a cloud resource no longer uses a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.key.products import product_option, resource_option
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key unbind demo --product ssm --resource secret-1")
@options.key_argument
@product_option
@resource_option
@pass_session
def unbind(session: Session, key: KeyAddress, product: str, resource: str) -> None:
    """Record that a cloud resource no longer uses a key."""
    client, key_id = session.key(key)
    done(session, client.unbind(key_id, product, resource), f"{product} {resource} no longer uses the key {key_id}")
