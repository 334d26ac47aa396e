"""Folders of envelopes as a user names them."""

from __future__ import annotations

from pathlib import Path

from kmstool.cli.io import inputs
from kmstool.errors import UsageError


def named_folder(name: str | None, hint: str = "kmstool envelope encrypt -r DIR -o OUT") -> Path:
    """Return the folder of a name; raise `UsageError` for what is none."""
    if name == "":
        raise UsageError("an empty name is no folder", hint="is a variable not set? . means the working folder")
    if name == inputs.STDIN:
        raise UsageError("no folder goes to stdout or comes from stdin", hint="a folder of that name is ./-")
    if name is None or not Path(name).is_dir():
        raise UsageError("--recursive needs a folder", hint=hint)
    return Path(name).resolve()


def folder_pair(name: str | None, out: str | None) -> tuple[Path, Path]:
    """Return the folders of two names, which do not lie within each other; raise `UsageError`."""
    for one in (name, out):
        if one in ("", inputs.STDIN):
            named_folder(one)
    if name is None or out is None or not Path(name).is_dir():
        raise UsageError(
            "--recursive needs a folder and -o with another", hint="kmstool envelope encrypt -r DIR -o OUT"
        )
    source, target = Path(name).resolve(), Path(out).resolve()
    if target == source or target.is_relative_to(source) or source.is_relative_to(target):
        raise UsageError(f"{name} and {out} lie within each other", hint="choose a folder elsewhere")
    return source, target
