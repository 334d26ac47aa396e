"""`kmstool data-key enable`, `disable`, `schedule-deletion` and `cancel-deletion`, many at once as with keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli.commands.key_states import one_by_one, together
from kmstool.cli.io import times
from kmstool.cli.options import Command
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.kms.client import KmsClient

_NAMES = click.argument("names", metavar="NAME...", nargs=-1, required=True)
_NOUN = "data key"


@click.command(cls=Command, example="kmstool data-key enable user-17")
@_NAMES
@pass_session
def enable(session: Session, names: tuple[str, ...]) -> None:
    """Enable data keys.

    Their keys (CMKs) must be enabled.
    """
    together(session, map(session.data_key, names), lambda client, ids: client.enable_data_keys(ids), "enabled", _NOUN)


@click.command(cls=Command, example="kmstool data-key disable user-17 --yes")
@_NAMES
@pass_session
def disable(session: Session, names: tuple[str, ...]) -> None:
    """Disable data keys, so that KMS hands them out no longer.

    Of several of a region all are disabled or none. A copy of the blob, as it is in every envelope,
    opens all the same while the key (CMK) does.
    """
    session.confirm(f"KMS hands out {', '.join(names)} no longer until it is enabled again")
    outcome = "disabled: KMS hands it out no longer until kmstool data-key enable"
    together(session, map(session.data_key, names), lambda client, ids: client.disable_data_keys(ids), outcome, _NOUN)


@click.command("schedule-deletion", cls=Command, example="kmstool data-key schedule-deletion user-17 --days 7 --yes")
@_NAMES
@click.option("--days", required=True, type=click.IntRange(7, 30), help="Days until then: 7 to 30.")
@pass_session
def schedule_deletion(session: Session, names: tuple[str, ...], days: int) -> None:
    """Let KMS destroy disabled data keys after some days.

    Until the day comes cancel-deletion keeps them. What was encrypted with one can be
    read afterwards only where there is a copy of its blob or of its bytes.
    """
    session.confirm(f"KMS will destroy its copy of {', '.join(names)} after {days} days")

    def schedule(client: KmsClient, data_key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.schedule_data_key_deletion(data_key_id, days)
        return answer, f"will be destroyed at {times.shown(answer['DeletionDate'])}; cancel-deletion keeps it"

    one_by_one(session, names, session.data_key, schedule, _NOUN)


@click.command("cancel-deletion", cls=Command, example="kmstool data-key cancel-deletion user-17")
@_NAMES
@pass_session
def cancel_deletion(session: Session, names: tuple[str, ...]) -> None:
    """Keep data keys that were to be destroyed.

    They stay disabled.
    """

    def cancel(client: KmsClient, data_key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.cancel_data_key_deletion(data_key_id)
        return answer, "is kept, and disabled: kmstool data-key enable puts it to use"

    one_by_one(session, names, session.data_key, cancel, _NOUN)
