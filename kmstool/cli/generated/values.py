"""What can be offered for the words of a parameter: fixed words, files, or names that a cache has."""

from __future__ import annotations

import re
from typing import Literal

import click

from kmstool.api import protocol
from kmstool.cli.params import KEY
from kmstool.server.regions import REGIONS

Source = Literal["", "file", "@file", "command", "keys", "data-keys", "white-box-keys", "profiles"]
NAMES: tuple[Source, ...] = ("keys", "data-keys", "white-box-keys", "profiles")
"""The kinds of names in the cache, each a file there."""

SECONDS_FRESH = 30
"""How long the names are good, and how long a shell waits before it has them looked for again."""

# Not in PROFILE, which ends alike.
_FILE = re.compile(r"(?<![A-Za-z])(FILE|FOLDER|DIR|PLAN|PATH)S?(?![A-Za-z])")
_PROFILES = {"--profile", "--old-profile"}
_REGIONS = {"--region", "--old-region"}
_GROUPS_OF_WHITE_BOX_KEYS = ("kmstool whitebox", "kmstool fingerprint")


def fixed(param: click.Parameter, path: str) -> tuple[str, ...]:
    """Return the words that a parameter takes, where there are only some."""
    if isinstance(param.type, click.Choice):
        return tuple(map(str, param.type.choices))
    if _REGIONS & set(param.opts):
        return tuple(REGIONS)
    if param.opts[-1] == "--algorithm":
        # It brings a crypto library, which is not there where a wheel is built: man pages need none of this.
        from kmstool import signing

        return tuple(signing.ALGORITHMS)
    if param.metavar == "ACTION" or (path, param.name) == ("kmstool api", "action"):
        return tuple(sorted(protocol.actions()))
    return ()


def source(param: click.Parameter, metavar: str, path: str) -> Source:
    """Return where the words of a parameter come from that has none of its own."""
    if param.type is KEY:
        if path.startswith(_GROUPS_OF_WHITE_BOX_KEYS):
            return "white-box-keys"
        return "data-keys" if metavar.startswith("NAME") else "keys"
    if _PROFILES & set(param.opts) or (path.startswith("kmstool profile ") and param.name == "name"):
        return "profiles"
    if metavar == "COMMAND..." and isinstance(param, click.Argument):
        return "command"
    if "@FILE" in metavar:
        return "@file"
    is_file = isinstance(param.type, click.Path | click.File) or _FILE.search(metavar)
    return "file" if is_file else ""
