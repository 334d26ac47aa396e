"""`kmstool key disable`: disable keys; they can no longer be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options, subjects
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key disable demo --yes")
@options.keys_argument
@pass_session
def disable(session: Session, keys: tuple[KeyAddress, ...]) -> None:
    """Disable keys; they can no longer be used.

    Of several keys of a region all are disabled or none.
    """
    session.confirm(
        f"nothing can be encrypted or decrypted with {', '.join(map(str, keys))} until it is enabled again",
        subjects.keys(session, keys),
    )
    together(
        session,
        map(session.key, keys),
        lambda client, ids: client.disable_keys(ids),
        "disabled: nothing can be encrypted or decrypted with it until kmstool key enable",
    )
