"""What the commands for states of data keys have in common."""

from __future__ import annotations

import click

names_argument = click.argument("names", metavar="NAME...", nargs=-1, required=True)
NOUN = "data key"
