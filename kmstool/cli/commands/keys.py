"""`kmstool key`: the life of customer master keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import outputs, times
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.kms.answers import Key

_ARGUMENT = click.argument("key_name", metavar="KEY")


class Usage(click.Choice[str]):
    """A key usage by its short name or in the API's spelling."""

    def __init__(self) -> None:
        super().__init__(tuple(words.USAGES))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the API's spelling."""
        from kmstool.api.cmk_rules import usage_of

        return usage_of(value)


COMMANDS = {
    "algorithms": ("kmstool.cli.commands.keys:algorithms", "List the key usages that the region offers."),
    "archive": ("kmstool.cli.commands.key_states:archive", "Let a key decrypt, and encrypt nothing new."),
    "bind": ("kmstool.cli.commands.key_states:bind", "Note that a cloud product's resource uses a key."),
    "cancel-deletion": (
        "kmstool.cli.commands.key_states:cancel_deletion",
        "Keep keys that were to be destroyed; they stay disabled.",
    ),
    "create": ("kmstool.cli.commands.keys:create", "Create a key and print its id."),
    "describe": ("kmstool.cli.commands.keys:describe", "Replace the description of a key."),
    "disable": ("kmstool.cli.commands.key_states:disable", "Disable keys, so that nothing can be done with them."),
    "enable": ("kmstool.cli.commands.key_states:enable", "Enable keys."),
    "list": ("kmstool.cli.commands.keys:list_keys", "List all keys of the region."),
    "rename": ("kmstool.cli.commands.keys:rename", "Give a key another alias."),
    "rotate": ("kmstool.cli.commands.key_states:rotate", "Give a key new material now; older blobs stay readable."),
    "rotation": (
        "kmstool.cli.commands.key_states:rotation",
        "Turn the yearly rotation of a key on or off, or show it.",
    ),
    "schedule-deletion": (
        "kmstool.cli.commands.key_states:schedule_deletion",
        "Let KMS destroy disabled keys after some days.",
    ),
    "show": ("kmstool.cli.commands.keys:show", "Show all that KMS says of a key."),
    "unarchive": ("kmstool.cli.commands.key_states:unarchive", "Put an archived key to full use again."),
    "unbind": ("kmstool.cli.commands.key_states:unbind", "Note that a cloud product's resource no longer uses a key."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def key() -> None:
    """Create, list, name, disable and rotate keys.

    KEY is a key id, its first 8 or more characters, an alias, alias/NAME, or one
    of these behind a region or a profile: REGION:NAME, profile/PROFILE/NAME.
    """


@click.command(cls=options.Command, example="kmstool key create --alias demo")
@click.option("--alias", required=True, metavar="NAME", help="Name of the key: 1 to 60 letters, digits, - and _.")
@click.option("--usage", type=Usage(), default="symmetric", show_default=True, help="What the key is for.")
@click.option("--external", is_flag=True, help="The key material will be imported.")
@click.option("--description", default="", metavar="TEXT", help="Free text, at most 1,024 bytes.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Tag of the key; repeatable.")
@pass_session
def create(session: Session, alias: str, usage: str, external: bool, description: str, tags: tuple[str, ...]) -> None:
    """Create a key and print its id."""
    created = session.client().create_key(
        alias, usage=usage, external=external, description=description, tags=options.pairs(tags, "tag")
    )
    if created.tag_code:
        session.note(f"the key was created, but its tags were not set: {created.tag_message}")
    outputs.answer(session, created.answer, lambda: print(created.key_id))


@click.command("list", cls=options.Command, example="kmstool key list --state enabled")
@click.option("--state", type=click.Choice(options.STATES), help="Only keys in this state.")
@click.option("--usage", type=Usage(), help="Only keys for this purpose.")
@click.option("--search", metavar="TEXT", help="Only keys with this in their alias or id.")
@click.option("--origin", type=click.Choice(["kms", "external"]), help="Only keys with material of this origin.")
@click.option("--owner", type=click.Choice(["user", "product"]), default="user", show_default=True, help="Whose keys.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Only keys with this tag; repeatable.")
@pass_session
def list_keys(session: Session, owner: str, **filters: Any) -> None:
    """List all keys of the region."""
    found = list(session.client().list_keys(Role=int(owner == "product"), **_filters(**filters)))[::-1]
    answer = {"TotalCount": len(found), "KeyMetadatas": [dict(key.answer) for key in found]}
    rows = [(key.alias, key.state, _usage_name(key.usage), key.key_id) for key in found]
    headings = ("ALIAS", "STATE", "USAGE", "KEY ID")
    outputs.answer(session, answer, lambda: outputs.table(session, headings, rows))


@click.command(cls=options.Command, example="kmstool key show demo")
@_ARGUMENT
@pass_session
def show(session: Session, key_name: str) -> None:
    """Show all that KMS says of a key."""
    client, key_id = session.key(key_name)
    found = client.describe_key(key_id)
    outputs.answer(session, {"KeyMetadata": dict(found.answer)}, lambda: outputs.fields(_fields(found)))


@click.command(cls=options.Command, example="kmstool key rename demo demo-2")
@_ARGUMENT
@click.argument("alias")
@pass_session
def rename(session: Session, key_name: str, alias: str) -> None:
    """Give a key another alias."""
    client, key_id = session.key(key_name)
    client.update_alias(key_id, alias)
    session.note(f"the key {key_id} has the alias {alias} now")


@click.command(cls=options.Command, example="kmstool key describe demo 'secrets of the demo'")
@_ARGUMENT
@click.argument("text")
@pass_session
def describe(session: Session, key_name: str, text: str) -> None:
    """Replace the description of a key."""
    client, key_id = session.key(key_name)
    client.update_description(key_id, text)
    session.note(f"the key {key_id} has a new description")


@click.command(cls=options.Command, example="kmstool key algorithms")
@pass_session
def algorithms(session: Session) -> None:
    """List the key usages that the region offers."""
    from kmstool.kms.calls.keys import ALGORITHM_GROUPS

    answer = session.client().algorithms()
    rows = [
        (_usage_name(item["KeyUsage"]), item["Algorithm"], item["KeyUsage"])
        for group in ALGORITHM_GROUPS
        for item in answer[group]
    ]
    outputs.answer(session, answer, lambda: outputs.table(session, ("USAGE", "ALGORITHM", "API NAME"), rows))


def _filters(state: str | None, usage: str | None, **rest: Any) -> dict[str, Any]:
    filters = options.list_filters(**rest)
    if state:
        filters["KeyState"] = options.STATES.index(state) + 1
    if usage:
        filters["KeyUsage"] = usage
    return filters


def _usage_name(usage: str) -> str:
    from kmstool.words import USAGES

    return next((name for name, spelling in USAGES.items() if spelling == usage), usage)


def _fields(key: Key) -> dict[str, str]:
    rotation = f"every {key.rotate_days} days, next {times.shown(key.next_rotation_unix)}"
    return {
        "alias": key.alias,
        "key id": key.key_id,
        "state": key.state,
        "usage": f"{_usage_name(key.usage)} ({key.usage})",
        "description": key.description or "-",
        "created": times.shown(key.created_unix),
        "origin": key.origin or "-",
        "owner": key.owner or "-",
        "rotation": rotation if key.rotation_enabled else "off",
        "last rotated": times.shown(key.last_rotation_unix),
        "deletion": times.shown(key.deletion_unix),
        "valid to": times.shown(key.valid_to_unix),
        "resource": key.resource_id or "-",
    }
