"""`kmstool whitebox disable`: disable white-box keys, so that they encrypt no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options, subjects
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool whitebox disable app --yes")
@options.keys_argument
@pass_session
def disable(session: Session, keys: tuple[KeyAddress, ...]) -> None:
    """Disable white-box keys, so that they encrypt no longer.

    Whoever has the key file goes on decrypting. With several keys all are disabled or none.
    """
    session.confirm(
        f"nothing can be encrypted with {', '.join(map(str, keys))} until it is enabled again",
        subjects.white_box_keys(session, keys),
    )
    together(
        session,
        map(session.white_box_key, keys),
        lambda client, ids: client.disable_white_box_keys(ids),
        "disabled: it encrypts no longer; key files that were downloaded go on decrypting",
    )
