"""`kmstool data-key cancel-deletion`: cancel the scheduled deletion of data keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.states import NOUN, names_argument
from kmstool.cli.key_changes import one_by_one
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient


@click.command("cancel-deletion", cls=options.Command, example="kmstool data-key cancel-deletion user-17")
@names_argument
@pass_session
def cancel_deletion(session: Session, names: tuple[KeyAddress, ...]) -> None:
    """Cancel the scheduled deletion of data keys.

    They stay disabled.
    """

    def cancel(client: KmsClient, data_key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.cancel_data_key_deletion(data_key_id)
        return answer, "is kept, and disabled: kmstool data-key enable puts it to use"

    one_by_one(session, names, session.data_key, cancel, NOUN)
