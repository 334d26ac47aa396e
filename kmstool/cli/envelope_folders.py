"""Folders of envelopes as a user names them."""

from __future__ import annotations

from pathlib import Path

from kmstool.cli.io import inputs
from kmstool.errors import UsageError
from kmstool.storage.places import Place, parse_place


def named_folder(name: str | None, hint: str = "kmstool envelope encrypt -r DIR -o OUT") -> Place:
    """Return the folder of a name, or the prefix of a URL; raise `UsageError` for what is none."""
    if name == "":
        raise UsageError(
            "an empty name is no folder", hint="is a shell variable unset? use . for the working directory"
        )
    if name == inputs.STDIN:
        raise UsageError("no folder goes to stdout or comes from stdin", hint="a folder of that name is ./-")
    if name is None or not _is_folder(name):
        raise UsageError("--recursive needs a folder", hint=hint)
    return _resolved(name)


def folder_pair(name: str | None, out: str | None) -> tuple[Place, Place]:
    """Return the folders of two names, which do not lie within each other; raise `UsageError`."""
    for one in (name, out):
        if one in ("", inputs.STDIN):
            named_folder(one)
    if name is None or out is None or not _is_folder(name):
        raise UsageError(
            "--recursive needs a folder and -o with another", hint="kmstool envelope encrypt -r DIR -o OUT"
        )
    source, target = _resolved(name), _resolved(out)
    if any(
        f"{inner}/".startswith(f"{str(outer).rstrip('/')}/") for inner, outer in ((source, target), (target, source))
    ):
        raise UsageError(f"{name} and {out} lie within each other", hint="choose a folder elsewhere")
    return source, target


def _is_folder(name: str) -> bool:
    folder = parse_place(name)
    return not isinstance(folder, Path) or folder.is_dir()


def _resolved(name: str) -> Place:
    folder = parse_place(name)
    return folder.resolve() if isinstance(folder, Path) else folder
