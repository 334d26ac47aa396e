"""How commands name data keys, and what they print of a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import key_words, options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.kms.calls.data_keys import CreatedDataKey

name_argument = key_words.acted_on("name", "--data-key", "NAME")
name_option = click.option("--name", required=True, metavar="NAME", help="Its name: 1 to 60 letters, digits, - and _.")
description_option = click.option("--description", default="", metavar="TEXT", help="Free text, at most 100 bytes.")
tags_option = options.pairs_option("--tag", "tags", noun="tag", text="Tag of the data key; repeatable.")


def print_hosted(session: Session, created: CreatedDataKey) -> None:
    """Print the id of a data key that KMS keeps from now on; its bytes are shown in no format."""
    if created.tag_code:
        session.note(f"the data key is kept, but its tags were not set: {created.tag_message}")
    shown = {name: value for name, value in created.answer.items() if name != "Plaintext"}
    outputs.print_answer(session, shown, lambda: print(created.data_key_id))
