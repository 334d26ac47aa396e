"""`kmstool key create`: create a key and print its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usage_names import Usage
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class CreateWords:
    """The options of `kmstool key create`."""

    alias: str
    usage: str
    external: bool
    description: str
    tags: Mapping[str, str]


@click.command(cls=options.Command, example="kmstool key create --alias demo")
@click.option("--alias", required=True, metavar="NAME", help="Name of the key: 1 to 60 letters, digits, - and _.")
@click.option("--usage", type=Usage(), default="symmetric", show_default=True, help="What the key is for.")
@click.option("--external", is_flag=True, help="Create without key material, to import your own (BYOK).")
@click.option("--description", default="", metavar="TEXT", help="Free text, at most 1,024 bytes.")
@options.pairs_option("--tag", "tags", noun="tag", text="Tag of the key; repeatable.")
@takes(CreateWords)
def create(session: Session, wanted: CreateWords) -> None:
    """Create a key and print its id."""
    created = session.client().create_key(
        wanted.alias, usage=wanted.usage, external=wanted.external, description=wanted.description, tags=wanted.tags
    )
    if created.tag_code:
        session.note(f"the key was created, but its tags were not set: {created.tag_message}")
    outputs.print_answer(session, created.answer, lambda: print(created.key_id))
