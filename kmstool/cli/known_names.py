"""The names that completion offers, without asking KMS on TAB: files of the cache, which shells read by themselves.

There is a folder for each `PROFILE@REGION` that was named, `_` for none, with a file for
each kind of name and `stamp`, the time at which it was begun. Nothing in them is a secret.
"""

from __future__ import annotations

import string
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from kmstool.cli.session.session import Session
from kmstool.errors import KmsToolError, UsageError

if TYPE_CHECKING:
    from kmstool.kms.client import KmsClient

FRESH_SECONDS = 30
_MOST = 2000
_NAME_CHARACTERS = {*string.ascii_letters, *string.digits, *"._-"}
_CALL_SECONDS = 5

Names = Iterable[tuple[str, str]]


def refresh(session: Session) -> None:
    """Look again which names there are, unless that was done just now; what fails leaves the older ones in silence.

    Nothing is asked and no store is made for it.
    """
    settings = session.settings
    settings.no_input, settings.retries, settings.timeout, settings.max_wait = True, 0, _CALL_SECONDS, _CALL_SECONDS
    try:
        folder = session.environment.cache_folder / "completion" / _folder_name(session)
        if _is_due(folder):
            _look(session, folder)
    except (KmsToolError, OSError):
        return


def _look(session: Session, folder: Path) -> None:
    from kmstool.server.tables.store import DATABASE

    profile = session.profile()
    if profile.is_local and not (session.local_folder / DATABASE).exists():
        return
    _write(folder, "stamp", [(str(int(time.time())), "")])
    _write(folder, "profiles", [(name, "") for name in session.profiles.names()])
    client = session.client()
    for kind, names in (("keys", _keys), ("data-keys", _data_keys), ("white-box-keys", _white_box_keys)):
        try:
            _write(folder, kind, list(names(client)))
        except KmsToolError:
            # Not every region has every kind, nor may every credential list it.
            continue


def _folder_name(session: Session) -> str:
    """Return what the shells look under: the words that were given, which are no paths."""
    words = session.settings.profile or "", session.settings.region or ""
    if not set("".join(words)) <= _NAME_CHARACTERS:
        raise UsageError("completion knows no such profile or region")
    return "@".join(word or "_" for word in words)


def _is_due(folder: Path) -> bool:
    try:
        stamp = (folder / "stamp").read_text()
    except OSError:
        return True
    return not (stamp.strip().isdecimal() and 0 <= time.time() - int(stamp) < FRESH_SECONDS)


def _keys(client: KmsClient) -> Iterator[tuple[str, str]]:
    return ((key.alias, f"{key.state} {key.usage}") for key in client.list_keys())


def _data_keys(client: KmsClient) -> Iterator[tuple[str, str]]:
    return ((key.name, key.state) for key in client.list_data_keys())


def _white_box_keys(client: KmsClient) -> Iterator[tuple[str, str]]:
    return ((key.alias, f"{key.status} {key.algorithm}") for key in client.list_white_box_keys())


def _write(folder: Path, kind: str, names: Names) -> None:
    from kmstool.system import atomic, ownership

    ownership.make_folder(folder)
    lines = [f"{name}\t{text}".rstrip("\t") for name, text in names if name and (name + text).isprintable()]
    with atomic.create(folder / kind, replace=True, durable=False) as out:
        out.write("".join(f"{line}\n" for line in lines[-_MOST:]).encode())
