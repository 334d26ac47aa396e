"""`kmstool key cancel-deletion`: cancel scheduled deletion; keys stay disabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.key_changes import one_by_one
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient


@click.command("cancel-deletion", cls=options.Command, example="kmstool key cancel-deletion demo")
@options.keys_argument
@pass_session
def cancel_deletion(session: Session, keys: tuple[KeyAddress, ...]) -> None:
    """Cancel scheduled deletion; keys stay disabled."""

    def cancel(client: KmsClient, key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.cancel_deletion(key_id)
        follows = {
            words.DISABLED: "disabled: kmstool key enable puts it to use",
            words.PENDING_IMPORT: "waiting for its import",
        }
        state = client.describe_key(key_id).state
        return answer, f"is kept, and {follows.get(state, state)}"

    one_by_one(session, keys, session.key, cancel)
