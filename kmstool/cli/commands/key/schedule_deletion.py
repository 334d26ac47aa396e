"""`kmstool key schedule-deletion`: let KMS destroy disabled keys after some days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import options, subjects
from kmstool.cli.io import times
from kmstool.cli.key_changes import one_by_one
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient


@click.command("schedule-deletion", cls=options.Command, example="kmstool key schedule-deletion demo --days 7 --yes")
@options.keys_argument
@click.option(
    "--days",
    required=True,
    type=click.IntRange(words.DELETION_DAYS[0], words.DELETION_DAYS[-1]),
    help="Days until then: 7 to 30.",
)
@pass_session
def schedule_deletion(session: Session, keys: tuple[KeyAddress, ...], days: int) -> None:
    """Let KMS destroy disabled keys after some days.

    What they encrypted can never be read again then. Until the day comes, the keys
    cannot be used, and cancel-deletion keeps them.
    """
    session.confirm(
        f"{', '.join(map(str, keys))} will be destroyed after {days} days, and all that it encrypted is lost then",
        subjects.keys(session, keys),
        typed=True,
    )

    def schedule(client: KmsClient, key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.schedule_deletion(key_id, days)
        return answer, f"will be destroyed at {times.format_time(answer['DeletionDate'])}; cancel-deletion keeps it"

    one_by_one(session, keys, session.key, schedule)
