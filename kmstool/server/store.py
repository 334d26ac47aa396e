"""The database of the embedded KMS: one SQLite file that several processes may use at once.

A rollback journal and not WAL, because SQLite before 3.51.3 can corrupt a WAL database
that two processes write; `synchronous=EXTRA` and `BEGIN IMMEDIATE`, so that what was
acknowledged survives a kill and no update is lost. It knows nothing of keys.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kmstool import atomic
from kmstool.errors import InputError, IntegrityError, KmsToolError, OutputError, UnknownOutcomeError

DATABASE = "kms.sqlite3"
APPLICATION_ID = 0x6B6D7374
SCHEMA_VERSION = 1

_WAIT_SECONDS = 20
_LOCAL = "the store of the local KMS"

_SCHEMA = """
CREATE TABLE store (
    store_id BLOB NOT NULL, protection TEXT NOT NULL, canary BLOB NOT NULL,
    store_key BLOB NOT NULL, created INTEGER NOT NULL
);
CREATE TABLE cmk (
    region TEXT NOT NULL, key_id TEXT NOT NULL UNIQUE, alias TEXT NOT NULL, description TEXT NOT NULL,
    state TEXT NOT NULL, usage TEXT NOT NULL, origin TEXT NOT NULL, owner TEXT NOT NULL,
    created INTEGER NOT NULL, version INTEGER NOT NULL,
    UNIQUE (region, alias)
);
CREATE TABLE material (
    key_id TEXT NOT NULL, version INTEGER NOT NULL, algorithm TEXT NOT NULL, wrapped BLOB NOT NULL,
    PRIMARY KEY (key_id, version)
) WITHOUT ROWID;
CREATE TABLE tag (
    key_id TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key_id, name)
) WITHOUT ROWID;
"""


class Store:
    """The open database in `folder`, which is made on first use (0700, files 0600, whatever the umask)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / DATABASE
        _make_folder(folder)
        _make_file(self.path)
        try:
            self._db = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            self._inode = os.stat(self.path).st_ino
            with _translated(self.path):
                # The journal mode of a rollback journal is not stored; DELETE is SQLite's default.
                for setting in ("synchronous=EXTRA", "secure_delete=ON", "trusted_schema=OFF", "cell_size_check=ON"):
                    self._db.execute(f"PRAGMA {setting}")
                self.new = self._check_version() == 0
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the database; a second call does nothing."""
        if hasattr(self, "_db"):
            self._db.close()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction: committed and on disk after it, undone by any exception."""
        with _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            try:
                if write:
                    self._refuse_replaced()
                yield self._db
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            self._commit()

    def create_schema(self, db: sqlite3.Connection) -> None:
        """Make the tables, inside a writing transaction, unless another process just did."""
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA application_id={APPLICATION_ID}")
            db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _commit(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            # The journal rolls back what the failed sync left, or a reader does it later; when even
            # that fails the rows may be there all the same, so "not done" would be a guess.
            if (error.sqlite_errorcode or 0) & 0xFF != sqlite3.SQLITE_IOERR:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            raise UnknownOutcomeError(
                f"a disk fault ({error.sqlite_errorname}) hit the commit: whether the change was made is not known",
                hint="look before you repeat it: kmstool key list",
            ) from error

    def _check_version(self) -> int:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        version: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and application == 0 and not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
            return 0
        if application != APPLICATION_ID:
            raise InputError(
                f"{self.path} is not {_LOCAL}", hint="point KMSTOOL_LOCAL_HOME at an empty folder or the right one"
            )
        if version > SCHEMA_VERSION:
            raise InputError(
                f"{self.path} has format {version}, this kmstool knows up to {SCHEMA_VERSION}",
                hint="install the newer kmstool that wrote it",
            )
        return version

    def _refuse_replaced(self) -> None:
        # After a reset by another process this connection would write to a file without a name.
        try:
            same = os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            same = False
        if not same:
            raise OutputError(f"{self.path} was replaced meanwhile", hint="run the command again")


def remove(folder: Path, first: str) -> None:
    """Delete the file named `first` (the key to the rest) and then the database, readable or not."""
    for name in (first, DATABASE, f"{DATABASE}-journal"):
        path = folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise atomic.fault(path, error) from error


def _make_folder(folder: Path) -> None:
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
    except OSError as error:
        raise atomic.fault(folder, error) from error


def _make_file(path: Path) -> None:
    # SQLite would create it with the umask's mode, and gives its journal the mode of this file.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_EXCL, 0o600)
        os.fchmod(descriptor, 0o600)
        os.close(descriptor)
    except FileExistsError:
        return
    except OSError as error:
        raise atomic.fault(path, error) from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _error(path, error) from error


def _error(path: Path, error: sqlite3.Error) -> KmsToolError:
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    # Our statements are tested, so a table or column that is not there means another file's content.
    missing = code == sqlite3.SQLITE_ERROR and str(error).startswith("no such")
    if missing or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return IntegrityError(f"{path} is damaged: {error}", hint="restore a copy, or begin anew: kmstool local reset")
    if code == sqlite3.SQLITE_FULL:
        return atomic.fault(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return OutputError(
            f"{path} was in use by other processes for over {_WAIT_SECONDS} s", hint="run the command again"
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
        return OutputError(
            f"cannot use {path}: {error}", hint="check the folder's permissions and the disk, or set KMSTOOL_LOCAL_HOME"
        )
    return KmsToolError(f"the database answered {error}")
