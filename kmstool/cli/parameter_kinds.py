"""What kind of thing a parameter of a command names, as far as its type and its place in the tree tell.

Both who asks for a missing value and who completes one has to know.
"""

from __future__ import annotations

from enum import Enum, auto

import click

from kmstool.cli.params import KEY


class Kind(Enum):
    """What a value names."""

    CMK = auto()
    DATA_KEY = auto()
    WHITE_BOX_KEY = auto()
    PROFILE = auto()
    API_KEY = auto()
    ACTION = auto()
    CHOICE = auto()
    FILE = auto()
    FOLDER = auto()
    OTHER = auto()


_BY_PLACE = {
    "api action": Kind.ACTION,
    "local backup file": Kind.FILE,
    "local credentials delete secret_id": Kind.API_KEY,
    "local restore file": Kind.FILE,
    "profile remove name": Kind.PROFILE,
    "profile set name": Kind.PROFILE,
    "profile use name": Kind.PROFILE,
    "rotate plan paths": Kind.FILE,
}


def kind_of(path: str, param: click.Parameter) -> Kind:
    """Return the kind of a parameter of the command at `path`, such as `key show`."""
    # By whichever of the two ways a key is named, see `key_words`.
    name = str(param.name).removesuffix("_by_option").removesuffix("_by_word")
    if kind := _BY_PLACE.get(f"{path} {name}"):
        return kind
    if isinstance(param.type, click.Choice):
        return Kind.CHOICE
    if param.type is KEY or name == "key":
        return _kind_of_key(path.partition(" ")[0], name)
    if name == "profile":
        return Kind.PROFILE
    nouns = "".join(char if char.isalpha() else " " for char in param.metavar or "").split()
    if "DIR" in nouns:
        return Kind.FOLDER
    return Kind.FILE if {"FILE", "PLAN"}.intersection(nouns) else Kind.OTHER


def _kind_of_key(group: str, name: str) -> Kind:
    if group in ("whitebox", "fingerprint"):
        return Kind.WHITE_BOX_KEY
    is_data_key = name == "data_key" or (group == "data-key" and name in ("name", "names"))
    return Kind.DATA_KEY if is_data_key else Kind.CMK
