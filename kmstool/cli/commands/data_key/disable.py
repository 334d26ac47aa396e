"""`kmstool data-key disable`: disable data keys; KMS stops releasing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options, subjects
from kmstool.cli.commands.data_key.states import NOUN, names_argument
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool data-key disable user-17 --yes")
@names_argument
@pass_session
def disable(session: Session, names: tuple[KeyAddress, ...]) -> None:
    """Disable data keys; KMS stops releasing them.

    Of several of a region all are disabled or none. A copy of the blob, as it is in every envelope,
    opens all the same while the key (CMK) does.
    """
    session.confirm(
        f"KMS hands out {', '.join(map(str, names))} no longer until it is enabled again",
        subjects.data_keys(session, names),
    )
    outcome = "disabled: KMS hands it out no longer until kmstool data-key enable"
    together(session, map(session.data_key, names), lambda client, ids: client.disable_data_keys(ids), outcome, NOUN)
