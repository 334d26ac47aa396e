"""`kmstool whitebox create`: create a white-box key and print its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.commands.whitebox.keys import without_keys
from kmstool.cli.io import outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class CreateWords:
    """The options of `kmstool whitebox create`."""

    alias: str
    algorithm: str
    description: str
    tags: Mapping[str, str]


@click.command(cls=options.Command, example="kmstool whitebox create --alias app --algorithm AES_256")
@click.option("--alias", required=True, metavar="NAME", help="Name of the key: 1 to 60 letters, digits, - and _.")
@click.option("--algorithm", type=Choice(words.CIPHERS), required=True, help="What the key is for.")
@click.option("--description", default="", metavar="TEXT", help="Free text, at most 1,024 bytes.")
@options.pairs_option("--tag", "tags", noun="tag", text="Tag of the key; repeatable.")
@takes(CreateWords)
def create(session: Session, wanted: CreateWords) -> None:
    """Create a white-box key and print its id.

    The decrypt key that KMS answers with is bound to no device; it is neither shown nor
    kept. Bind the devices, then fetch it with kmstool whitebox download-key.
    """
    created = session.client().create_white_box_key(wanted.alias, wanted.algorithm, wanted.description, wanted.tags)
    if created.tag_code:
        session.note(f"the key was created, but its tags were not set: {created.tag_message}")
    outputs.print_answer(session, without_keys(created.answer), lambda: print(created.key_id))
