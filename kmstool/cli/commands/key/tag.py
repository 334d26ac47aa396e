"""`kmstool key tag`: list, set and remove the tags of a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, tables
from kmstool.cli.params import parse_pairs
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress

_COLUMNS = (tables.name("TAG"), tables.name("VALUE"))


@dataclass(frozen=True)
class TagWords:
    """The options of `kmstool key tag`."""

    key: KeyAddress
    tags: tuple[str, ...]
    removed: tuple[str, ...]


@click.command(cls=options.Command, example="kmstool key tag demo team=blue")
@options.key_argument
@click.argument("tags", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--remove", "removed", metavar="NAME", multiple=True, help="Remove this tag; repeatable.")
@takes(TagWords)
def tag(session: Session, wanted: TagWords) -> None:
    """List, set and remove the tags of a key.

    Without NAME=VALUE and --remove the tags are listed. A tag that exists gets the new
    value; removing one that does not exist is no error.
    """
    from kmstool.workflows.tag_connections import change_tags, tags_of

    changed = parse_pairs(wanted.tags, "tag", "kmstool key tag KEY")
    if both := sorted(changed.keys() & set(wanted.removed)):
        raise UsageError(f"the tag {both[0]!r} is to be set and removed", hint="choose one of the two")
    address = session.connections.key(wanted.key)
    key = address.client.describe_key(address.key_id)
    site = key, address.region, wanted.key.profile
    if changed or wanted.removed:
        change_tags(session.connections, *site, changed=changed, removed=list(dict.fromkeys(wanted.removed)))
        session.note(f"the tags of the key {key.alias} are changed")
    listed = tags_of(session.connections, *site)
    answer = {"KeyId": key.key_id, "Tags": [{"TagKey": name, "TagValue": value} for name, value in listed.items()]}
    counted = tables.Counted("tag", make=f"kmstool key tag {wanted.key} NAME=VALUE")
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, list(listed.items()), counted))
