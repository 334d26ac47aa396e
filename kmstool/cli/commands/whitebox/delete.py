"""`kmstool whitebox delete`: destroy a disabled white-box key at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options, subjects
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool whitebox delete app --yes")
@options.key_argument
@pass_session
def delete(session: Session, key: KeyAddress) -> None:
    """Destroy a disabled white-box key at once.

    There is no delay and no way back. Key files that were downloaded go on decrypting.
    """
    client, key_id = session.white_box_key(key)
    session.confirm(
        f"the white-box key {key_id} will be destroyed now, and its key file cannot be downloaded again",
        subjects.white_box_keys(session, [key]),
        typed=True,
    )
    answer = client.delete_white_box_key(key_id)
    session.note(f"the white-box key {key_id} is gone; key files that were downloaded go on decrypting")
    outputs.print_answer(session, answer, lambda: None)
