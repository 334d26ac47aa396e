"""What SQLite's errors mean for a store: damage, a full or unusable disk, other processes in the way."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kmstool.errors import IntegrityError, KmsToolError, OutputError, Reason
from kmstool.system import atomic

WAIT_SECONDS = 20
"""How long a process waits for others."""


def replaced(path: Path) -> OutputError:
    """Make the error for a database that another process has put another one in the place of."""
    return OutputError(f"{path} was replaced meanwhile", hint="run the command again")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what an error of SQLite in the block means."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error(path, error) from error
    except UnicodeDecodeError as error:
        # SQLite's own message quotes what it found in the file.
        raise damaged(path, "its text is garbled") from error


def damaged(path: Path, reason: str) -> IntegrityError:
    """Make the error for a file that is no sound database."""
    return IntegrityError(f"{path} is damaged: {reason}", reason=Reason.STORE_FILE_DAMAGED)


def _error(path: Path, error: sqlite3.Error) -> KmsToolError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    # Our statements are tested, so an error in one means that the file's tables are not those we made.
    # Text that is no UTF-8 has no code at all.
    if code in (0, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return atomic.fault(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutputError(
            f"{path} was in use by other processes for over {WAIT_SECONDS} s", hint="run the command again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return OutputError(
            f"cannot use {path}: {error}", hint="check the folder's permissions and the disk, or set KMSTOOL_LOCAL_HOME"
        )
    return KmsToolError(f"the database answered {error}")
