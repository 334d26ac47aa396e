"""What the commands for states of data keys have in common."""

from __future__ import annotations

import click

from kmstool.cli.params import KEY

names_argument = click.argument("names", type=KEY, metavar="NAME...", nargs=-1, required=True)
NOUN = "data key"
