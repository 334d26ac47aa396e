"""The database of the embedded KMS: one SQLite file that several processes may use at once.

A rollback journal and not WAL, because SQLite before 3.51.3 can corrupt a WAL database
that two processes write; `synchronous=EXTRA` and `BEGIN IMMEDIATE`, so that
acknowledged changes survive a crash and no update is lost. It knows nothing of keys.
"""

from __future__ import annotations

import os
import random
import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TypeVar
from urllib.parse import quote

from kmstool.errors import (
    InputError,
    Reason,
    UnknownOutcomeError,
)
from kmstool.server.tables import database_errors, schema
from kmstool.system import atomic, mounts, ownership

DATABASE = "kms.sqlite3"
APPLICATION_ID = 0x6B6D7374

_HEADER_BYTES = 100
_LOCAL = "the store of the local KMS"

Result = TypeVar("Result")
Refuse = Callable[[str], NoReturn]


class Store:
    """The open database in `folder`, which is made on first use (0700, files 0600, whatever the umask).

    `fresh` gives the content of a new one, and is called alone in the folder. With `refuse`
    it is only read: what would make or write anything calls that with what it is.
    """

    def __init__(self, folder: Path, fresh: Callable[[], bytes] | None = None, *, refuse: Refuse | None = None) -> None:
        self.folder = folder
        self.path = folder / DATABASE
        self._refuse, self._writes = refuse, False
        if not os.path.exists(self.path):
            self.check_changeable(f"make a store in {folder}")
        _make_folder(folder)
        if fresh and not os.path.exists(self.path):
            with atomic.locked(folder):
                _make_file(self.path, fresh)
        # Not opened here: closing it would drop the locks that this process holds on it.
        ownership.check_path(self.path, secret=True)
        try:
            with database_errors.translated(self.path):
                self._db = _connect(self.path)
                # For those who do not close a store: Python leaves open what nobody has any more, and says so since 3.13.
                weakref.finalize(self, self._db.close)
                self._inode = os.stat(self.path).st_ino
                self.version = _patiently(self._prepare)
        except FileNotFoundError as error:
            self.close()
            raise database_errors.replaced(self.path) from error
        except BaseException:
            self.close()
            raise

    @property
    def is_only_read(self) -> bool:
        """Whether nothing may be changed."""
        return self._refuse is not None

    def check_changeable(self, change: str) -> None:
        """Let a change be refused, before anything of it is done, where the store is only read."""
        if self._refuse is not None:
            self._refuse(change)

    def close(self) -> None:
        """Release the database; a second call does nothing."""
        if hasattr(self, "_db"):
            self._db.close()

    @contextmanager
    def transaction(self, *, write: bool = False) -> Iterator[sqlite3.Connection]:
        """Run the block in one transaction: committed and on disk after it, undone by any exception."""
        if write:
            self.check_changeable(f"change the store in {self.folder}")
        with database_errors.translated(self.path):
            if write:
                self._set_to_write()
            _patiently(lambda: self._begin(write=write))
            try:
                self._refuse_replaced()
                yield self._db
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            self._commit()

    def upgrade(self, db: sqlite3.Connection) -> None:
        """Bring the tables to the newest format, inside a writing transaction; an old store is copied first."""
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        if version == schema.VERSION:
            return
        if version > 0:
            # Not by reading the file: closing it would drop the locks that this process holds on it.
            atomic.write(self.folder / _copy_of_format(version), db.serialize(), replace=True)
        bring_up(db)

    def data_version(self) -> int:
        """Return a number that changes when another connection, of any process, has changed the database."""
        with database_errors.translated(self.path):
            return int(_patiently(lambda: self._db.execute("PRAGMA data_version").fetchone())[0])

    def save(self) -> bytes:
        """Return the whole database as bytes, as it is between two changes."""
        with self.transaction() as db:
            return db.serialize()

    def _prepare(self) -> int:
        # The journal mode of a rollback journal is not stored; DELETE is SQLite's default.
        for setting in ("synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF", "cell_size_check=ON"):
            self._db.execute(f"PRAGMA {setting}")
        if os.stat(self.path).st_size < _HEADER_BYTES:
            raise database_errors.damaged(self.path, "it is cut short")
        version = check_version(self._db, self.path)
        if version == 0:
            raise database_errors.damaged(self.path, "it is empty")
        return version

    def _set_to_write(self) -> None:
        # This syncs the folder too when a journal goes, and fails after the change where that cannot be done.
        try:
            if not self._writes and mounts.syncs(self.folder):
                self._db.execute("PRAGMA synchronous=EXTRA")
        except OSError as error:
            raise atomic.fault(self.path, error) from error
        self._writes = True

    def _begin(self, *, write: bool) -> None:
        """Begin a transaction and take the lock that it needs, so that nothing in it has to wait."""
        self._db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        try:
            self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        except sqlite3.Error:
            self._db.execute("ROLLBACK")
            raise

    def _commit(self) -> None:
        try:
            _patiently(lambda: self._db.execute("COMMIT"))
        except sqlite3.Error as error:
            # The journal rolls back what the failed sync left, or a reader does it later; when even
            # that fails the rows may be there all the same, so "not done" would be a guess.
            if (error.sqlite_errorcode or 0) & 0xFF != sqlite3.SQLITE_IOERR:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            raise UnknownOutcomeError(
                f"a disk fault ({error.sqlite_errorname}) hit the commit: whether the change was made is not known",
                reason=Reason.OUTCOME_UNKNOWN,
                facts={"noun": "key"},
            ) from error

    def stands(self) -> bool:
        """Return whether the file is the one that was opened: after a reset by another process it has no name."""
        with suppress(FileNotFoundError):
            return os.stat(self.path).st_ino == self._inode
        return False

    def _refuse_replaced(self) -> None:
        if not self.stands():
            raise database_errors.replaced(self.path)


def bring_up(db: sqlite3.Connection, to: int = schema.VERSION) -> None:
    """Give a database the tables of a format, the newest one unless another is named."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    for statement in schema.statements(version, to):
        db.execute(statement)
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")
    db.execute(f"PRAGMA user_version={to}")


def check_version(db: sqlite3.Connection, path: Path) -> int:
    """Return the format of a database, 0 for an empty one; raise `InputError` for a foreign or newer one."""
    # In one statement, so that another process that makes the store is seen before or after, not at it.
    version: int
    application, version, tables = db.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if application == version == tables == 0:
        return 0
    if application != APPLICATION_ID:
        raise InputError(f"{path} is not {_LOCAL}", hint="point KMSTOOL_LOCAL_HOME at an empty folder or the right one")
    if version > schema.VERSION:
        raise InputError(
            f"{path} has format {version}, this kmstool knows up to {schema.VERSION}",
            hint="install the newer kmstool that wrote it",
        )
    return version


def _patiently(action: Callable[[], Result]) -> Result:
    """Try until no other process is in the way, for some time.

    SQLite can wait by itself, but then Ctrl-C has to wait too.
    """
    deadline = time.monotonic() + database_errors.WAIT_SECONDS
    while True:
        try:
            return action()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.0005, 0.008))  # noqa: S311 - no secret; it keeps rivals apart


def remove(folder: Path) -> None:
    """Delete the database, readable or not; its journal first, which the next one must not get.

    With it go the copies of former formats, which a passphrase would still open.
    """
    ownership.check_path(folder, secret=False)
    _unlink(folder / f"{DATABASE}-journal")
    remove_copies(folder)
    _unlink(folder / DATABASE)


def remove_copies(folder: Path) -> None:
    """Delete the copies that upgrades kept of former formats: their keys are under former root keys."""
    for version in range(1, schema.VERSION):
        _unlink(folder / _copy_of_format(version))


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise atomic.fault(path, error) from error


def _copy_of_format(version: int) -> str:
    return f"{DATABASE}.format-{version}"


def _make_folder(folder: Path) -> None:
    atomic.make_own_folder(folder)
    ownership.check_path(folder, secret=False)


def _make_file(path: Path, fresh: Callable[[], bytes]) -> None:
    # Whole or not at all: so an empty database is never one that is being made, but always damage.
    if not os.path.lexists(path):
        # What is left of a former database must not be rolled back into this one.
        atomic.remove(path.with_name(f"{DATABASE}-journal"))
        atomic.write(path, fresh())


def _connect(path: Path) -> sqlite3.Connection:
    """Open the database; raise `FileNotFoundError` if another process has just removed it.

    By its name alone SQLite would make an empty one then, which is damage to all who come after.
    """
    address = f"file:{quote(str(path.absolute()))}?mode=rw"
    try:
        return sqlite3.connect(address, timeout=0, isolation_level=None, check_same_thread=False, uri=True)
    except sqlite3.OperationalError:
        os.stat(path)
        raise
