"""What `kmstool doctor` looks at on the disk: whose the files are, what a kill left, and what the file system can do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from kmstool.cli.hints import hint_of
from kmstool.cli.session.session import Session
from kmstool.errors import AccessError, OutputError
from kmstool.system import ownership

# All that has one: files, folders, and the folder that one takes the place of.
_TEMPORARY = ".kmstool-"
_OPEN = {"profiles.ini"}


def owners(session: Session) -> str:
    """Return how many files are as they should be; raise `AccessError` that names the others, and what mends them."""
    good, faults = 0, []
    for path, secret in _trusted(session):
        try:
            ownership.check_path(path, secret=secret)
            good += 1
        except AccessError as error:
            faults.append(error)
    if faults:
        hints = dict.fromkeys(hint for error in faults if (hint := hint_of(error)))
        raise AccessError("; ".join(error.message for error in faults), hint="; ".join(hints))
    return f"{good} files and folders belong to who may have them, and others can neither change nor read them"


def left(session: Session) -> list[str]:
    """Return the temporary files that killed processes left in kmstool's folders and in the working one."""
    return [str(path) for folder in (*_folders(session), Path()) for path in _entries(folder) if _is_left(path)]


def lacks(session: Session) -> list[str]:
    """Return what the file systems of kmstool's folders have not; raise `OutputError` for one that cannot be written."""
    from kmstool.system import abilities

    lacking = []
    for folder in made_folders(session):
        try:
            lacking += [f"{folder} has no {lack}" for lack in abilities.missing(folder)]
        except OSError as error:
            raise OutputError(f"cannot write into {folder}: {(error.strerror or '').lower()}") from error
    return lacking


def made_folders(session: Session) -> list[Path]:
    """Return those of kmstool's folders that are there."""
    return [folder for folder in _folders(session) if os.path.isdir(folder)]


def _folders(session: Session) -> list[Path]:
    folders = []
    # Who has no home may do without files.
    with suppress(OutputError):
        folders = [session.config_folder, session.local_folder]
    return list(dict.fromkeys(folders))


def _trusted(session: Session) -> Iterator[tuple[Path, bool]]:
    """Yield what is there of all that must be this user's, and whether it is secret."""
    for folder in _folders(session):
        for path in (folder, *_entries(folder)):
            # Folders are closed for writing; what is in them is closed by itself.
            if os.path.lexists(path):
                yield path, os.path.isfile(path) and path.name not in _OPEN
    named = session.environ.get("KMSTOOL_PASSPHRASE_FILE")
    if named and os.path.isfile(named):
        yield Path(named), True


def _entries(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.iterdir())
    return []


def _is_left(path: Path) -> bool:
    return path.name.startswith(_TEMPORARY)
