"""`kmstool material delete`: let KMS destroy the imported material of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options, subjects
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool material delete own --yes")
@options.key_argument
@pass_session
def delete(session: Session, key: KeyAddress) -> None:
    """Let KMS destroy the imported material of a key.

    All that the key encrypted can be read again only after the same material was
    imported again.
    """
    client, key_id = session.key(key)
    session.confirm(
        f"all that {key} encrypted is dead until the same material is imported again, "
        "and KMS does not give it back: keep your copy",
        subjects.keys(session, [key]),
        typed=True,
    )
    answer = client.delete_material(key_id)
    session.note(f"the key {key_id} has no material and waits for its import; its blobs are dead until then")
    outputs.print_answer(session, answer, lambda: None)
