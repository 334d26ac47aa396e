"""`kmstool key replace`: give an alias to a new key of the same kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.key_replacement import Replacement


@dataclass(frozen=True)
class ReplaceWords:
    """The options of `kmstool key replace`."""

    key: KeyAddress
    tags: Mapping[str, str]
    no_tags: bool


@click.command(cls=options.Command, example="kmstool key replace signer")
@options.key_argument
@options.pairs_option("--tag", "tags", noun="tag", text="Tag of the new key, in place of the old one's; repeatable.")
@click.option("--no-tags", is_flag=True, help="Give the new key no tags.")
@takes(ReplaceWords)
def replace(session: Session, wanted: ReplaceWords) -> None:
    """Give the alias of an asymmetric key to a new key.

    Prints its id. Such keys have no rotation. The new key has the same usage, description and tags. The
    old one gets the alias NAME-YYYYMMDD, and goes on verifying and decrypting. If the
    command was stopped, the same command goes on; within 24 hours it does nothing twice.
    """
    from kmstool.workflows.key_replacement import replace_key

    if wanted.tags and wanted.no_tags:
        raise UsageError("--tag and --no-tags exclude each other", hint="give one of them")
    own = None if not wanted.tags and not wanted.no_tags else wanted.tags
    _print(session, replace_key(session.connections, wanted.key, own))


def _print(session: Session, replacement: Replacement) -> None:
    former, successor = replacement.former, replacement.successor
    key_id = successor.key_id if successor else ""
    if replacement.tag_message:
        session.note(f"the key was created, but its tags were not set: {replacement.tag_message}")
    if replacement.is_done:
        session.note(f"nothing to do: {key_id} has replaced {former.key_id}, and has the alias {replacement.alias}")
    else:
        session.note(
            f"the alias {replacement.alias} is that of the new key {key_id} now; the old one, {former.key_id}, "
            f"has the alias {replacement.former_alias}, and goes on verifying and decrypting"
        )
    answer = {
        "KeyId": key_id,
        "Alias": replacement.alias,
        "FormerKeyId": former.key_id,
        "FormerAlias": replacement.former_alias,
        "Replaced": not replacement.is_done,
    }
    outputs.print_answer(session, answer, lambda: print(key_id))
