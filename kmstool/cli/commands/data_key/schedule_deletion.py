"""`kmstool data-key schedule-deletion`: let KMS destroy disabled data keys after some days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import options, subjects
from kmstool.cli.commands.data_key.states import NOUN, names_argument
from kmstool.cli.io import times
from kmstool.cli.key_changes import one_by_one
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient


@click.command(
    "schedule-deletion", cls=options.Command, example="kmstool data-key schedule-deletion user-17 --days 7 --yes"
)
@names_argument
@click.option(
    "--days",
    required=True,
    type=click.IntRange(words.DELETION_DAYS[0], words.DELETION_DAYS[-1]),
    help="Days until then: 7 to 30.",
)
@pass_session
def schedule_deletion(session: Session, names: tuple[KeyAddress, ...], days: int) -> None:
    """Let KMS destroy disabled data keys after some days.

    Until the day comes cancel-deletion keeps them. What was encrypted with one can be
    read afterwards only where there is a copy of its blob or of its bytes.
    """
    session.confirm(
        f"KMS will destroy its copy of {', '.join(map(str, names))} after {days} days",
        subjects.data_keys(session, names),
        typed=True,
    )

    def schedule(client: KmsClient, data_key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.schedule_data_key_deletion(data_key_id, days)
        return answer, f"will be destroyed at {times.format_time(answer['DeletionDate'])}; cancel-deletion keeps it"

    one_by_one(session, names, session.data_key, schedule, NOUN)
