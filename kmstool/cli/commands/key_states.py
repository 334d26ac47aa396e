"""`kmstool key enable … unbind`: states, deletion, rotation and bindings of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import several
from kmstool.cli.io import outputs, times
from kmstool.cli.options import Command
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.kms.client import KmsClient

YEAR_DAYS = 365

_KEY = click.argument("key_name", metavar="KEY")
_KEYS = click.argument("key_names", metavar="KEY...", nargs=-1, required=True)
_PRODUCT = click.option("--product", required=True, metavar="PRODUCT", help="Cloud product, such as ssm or mysql.")
_RESOURCE = click.option("--resource", required=True, metavar="ID", help="Resource of that product.")


@click.command(cls=Command, example="kmstool key enable demo")
@_KEYS
@pass_session
def enable(session: Session, key_names: tuple[str, ...]) -> None:
    """Enable keys."""
    together(session, map(session.key, key_names), lambda client, ids: client.enable_keys(ids), "enabled")


@click.command(cls=Command, example="kmstool key disable demo --yes")
@_KEYS
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


@click.command(cls=Command, example="kmstool key archive demo")
@_KEY
@pass_session
def archive(session: Session, key_name: str) -> None:
    """Let a key decrypt, and encrypt nothing new."""
    client, key_id = session.key(key_name)
    answer = client.archive_key(key_id)
    _done(session, answer, f"the key {key_id} only decrypts now; kmstool key unarchive takes that back")


@click.command(cls=Command, example="kmstool key unarchive demo")
@_KEY
@pass_session
def unarchive(session: Session, key_name: str) -> None:
    """Put an archived key to full use again."""
    client, key_id = session.key(key_name)
    _done(session, client.cancel_archive(key_id), f"the key {key_id} is enabled")


@click.command("schedule-deletion", cls=Command, example="kmstool key schedule-deletion demo --days 7 --yes")
@_KEYS
@click.option("--days", required=True, type=click.IntRange(7, 30), help="Days until then: 7 to 30.")
@pass_session
def schedule_deletion(session: Session, key_names: tuple[str, ...], days: int) -> None:
    """Let KMS destroy disabled keys after some days.

    What they encrypted can never be read again then. Until the day comes, the keys
    cannot be used, and cancel-deletion keeps them.
    """
    session.confirm(
        f"{', '.join(key_names)} will be destroyed after {days} days, and all that it encrypted is lost then"
    )

    def schedule(client: KmsClient, key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.schedule_deletion(key_id, days)
        return answer, f"will be destroyed at {times.shown(answer['DeletionDate'])}; cancel-deletion keeps it"

    one_by_one(session, key_names, session.key, schedule)


@click.command("cancel-deletion", cls=Command, example="kmstool key cancel-deletion demo")
@_KEYS
@pass_session
def cancel_deletion(session: Session, key_names: tuple[str, ...]) -> None:
    """Keep keys that were to be destroyed; they stay disabled."""

    def cancel(client: KmsClient, key_id: str) -> tuple[Mapping[str, Any], str]:
        answer = client.cancel_deletion(key_id)
        follows = {"Disabled": "disabled: kmstool key enable puts it to use", "PendingImport": "waiting for its import"}
        state = client.describe_key(key_id).state
        return answer, f"is kept, and {follows.get(state, state)}"

    one_by_one(session, key_names, session.key, cancel)


@click.command(cls=Command, example="kmstool key rotate demo")
@_KEY
@pass_session
def rotate(session: Session, key_name: str) -> None:
    """Give a key new material now; older blobs stay readable.

    Rotation of the key must be on, and it can be asked for once in 24 hours.
    """
    client, key_id = session.key(key_name)
    answer = client.rotate_key(key_id)
    _done(
        session, answer, f"the rotation of {key_id} has begun; kmstool reencrypt moves older blobs to the new version"
    )


@click.command(cls=Command, example="kmstool key rotation on demo --days 90")
@click.argument("what", type=click.Choice(["on", "off", "status"]), metavar="on|off|status")
@_KEY
@click.option("--days", type=click.IntRange(7, 365), help="With on: the cycle in days; else 365.")
@pass_session
def rotation(session: Session, what: str, key_name: str, days: int | None) -> None:
    """Turn the yearly rotation of a key on or off, or show it."""
    if days is not None and what != "on":
        raise UsageError(f"--days goes with on, not with {what}")
    client, key_id = session.key(key_name)
    if what == "on":
        client.enable_rotation(key_id, days or YEAR_DAYS)
    elif what == "off":
        client.disable_rotation(key_id)
    found = client.describe_key(key_id)
    status = f"on, every {found.rotate_days} days, next {times.shown(found.next_rotation_unix)}"
    rows = {"rotation": status if found.rotation_enabled else "off", "last": times.shown(found.last_rotation_unix)}
    answer = {
        "KeyRotationEnabled": found.rotation_enabled,
        "RotateDays": found.rotate_days,
        "NextRotateTime": found.next_rotation_unix,
        "LastRotateTime": found.last_rotation_unix,
    }
    outputs.answer(session, answer, lambda: outputs.fields(rows))


@click.command(cls=Command, example="kmstool key bind demo --product ssm --resource secret-1")
@_KEY
@_PRODUCT
@_RESOURCE
@pass_session
def bind(session: Session, key_name: str, product: str, resource: str) -> None:
    """Note that a cloud product's resource uses a key.

    The key can then not be disabled, archived or deleted, and imported material does
    not expire.
    """
    client, key_id = session.key(key_name)
    _done(session, client.bind(key_id, product, resource), f"the key {key_id} is in use by {product} {resource}")


@click.command(cls=Command, example="kmstool key unbind demo --product ssm --resource secret-1")
@_KEY
@_PRODUCT
@_RESOURCE
@pass_session
def unbind(session: Session, key_name: str, product: str, resource: str) -> None:
    """Note that a cloud product's resource no longer uses a key."""
    client, key_id = session.key(key_name)
    _done(session, client.unbind(key_id, product, resource), f"{product} {resource} no longer uses the key {key_id}")


def together(
    session: Session,
    keys: Iterable[tuple[KmsClient, str]],
    change: Callable[[KmsClient, list[str]], Mapping[str, Any]],
    outcome: str,
    noun: str = "key",
) -> None:
    """Change all keys, or what else `noun` says, by one call for each way to KMS: a region, of a profile."""
    groups: dict[KmsClient, list[str]] = {}
    for client, key_id in dict.fromkeys(keys):
        groups.setdefault(client, []).append(key_id)
    # With a number, because the same ids can be named in two regions.
    calls = {f"call {number} ({', '.join(group[1])})": group for number, group in enumerate(groups.items(), 1)}
    done = several.one_by_one(session, list(calls), lambda name: change(*calls[name]), f"calls for {noun}s failed")
    for name, answer in done:
        for key_id in calls[name][1]:
            session.note(f"the {noun} {key_id} is {outcome}")
        outputs.answer(session, answer, lambda: None)


def one_by_one(
    session: Session,
    names: tuple[str, ...],
    find: Callable[[str], tuple[KmsClient, str]],
    change: Callable[[KmsClient, str], tuple[Mapping[str, Any], str]],
    noun: str = "key",
) -> None:
    """Find keys, or what else `noun` says, by their names, and change them by a call each."""

    def act(name: str) -> tuple[Mapping[str, Any], str]:
        client, key_id = find(name)
        answer, outcome = change(client, key_id)
        return answer, f"the {noun} {key_id} {outcome}"

    for _, (answer, message) in several.one_by_one(session, names, act, f"{noun}s were not changed"):
        _done(session, answer, message)


def _done(session: Session, answer: Mapping[str, Any], message: str) -> None:
    session.note(message)
    outputs.answer(session, answer, lambda: None)
