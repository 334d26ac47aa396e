"""`kmstool key disable`: disable keys, so that nothing can be done with them."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool key disable demo --yes")
@options.keys_argument
@pass_session
def disable(session: Session, key_names: tuple[str, ...]) -> None:
    """Disable keys, so that nothing can be done with them.

    Of several keys of a region all are disabled or none.
    """
    session.confirm(f"nothing can be encrypted or decrypted with {', '.join(key_names)} until it is enabled again")
    together(
        session,
        map(session.key, key_names),
        lambda client, ids: client.disable_keys(ids),
        "disabled: nothing can be encrypted or decrypted with it until kmstool key enable",
    )
