"""What a rotation has done: one SQLite file beside the plan, durable before a file is replaced.

One process at a time writes it, by a lock on a file of its own; whoever only looks needs no lock. It holds
ciphertexts, old and new, and no secret.
"""

from __future__ import annotations

import base64
import enum
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kmstool.errors import InputError, IntegrityError, OutputError
from kmstool.workflows.rotation.tokens import Replacement

_VERSION = 1
_APPLICATION_ID = 0x6B6D7372
_SCHEMA = """
CREATE TABLE job (plan_id TEXT NOT NULL, begun_unix INTEGER NOT NULL);
CREATE TABLE files (
  path TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  old_digest TEXT NOT NULL DEFAULT '',
  new_digest TEXT NOT NULL DEFAULT '',
  replacements TEXT NOT NULL DEFAULT '',
  items INTEGER NOT NULL DEFAULT 0,
  fault TEXT NOT NULL DEFAULT '',
  unix REAL NOT NULL
);
"""


class State(enum.Enum):
    """How far a file is."""

    READY = "ready"
    """Its new content is known and in the journal; it stands in the file or not."""
    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in the journal; the digests are those of its content before and after."""

    path: str
    state: State
    old_digest: str = ""
    new_digest: str = ""
    replacements: tuple[Replacement, ...] = ()
    items: int = 0
    fault: str = ""
    unix: float = 0


def journal_path(plan: Path, shard: tuple[int, int] | None = None) -> Path:
    """Return where the journal of a plan is, or of one of the `shard[1]` shards of it."""
    part = f".{shard[0]}-of-{shard[1]}" if shard else ""
    return plan.with_name(f"{plan.name}{part}.journal")


def journals_of(plan: Path) -> list[Path]:
    """Return the journals that are beside a plan: the one of all, and those of shards."""
    return sorted(path for path in plan.parent.glob(f"{_escaped(plan.name)}*.journal") if path.is_file())


def _escaped(name: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


class Journal:
    """An open journal. Raises `IntegrityError` for a damaged one, `InputError` for that of another plan."""

    def __init__(self, path: Path, plan_id: str, *, write: bool) -> None:
        self.path = path
        with _translated(path):
            self._db = _opened(path, write=write)
            try:
                self._prepare(plan_id, write=write)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Release it."""
        self._db.close()

    def entries(self) -> Iterator[Entry]:
        """Yield all entries by path."""
        with _translated(self.path):
            for row in self._db.execute(
                "SELECT path, state, old_digest, new_digest, replacements, items, fault, unix FROM files ORDER BY path"
            ):
                yield _entry(row)

    def entry(self, path: str) -> Entry | None:
        """Return the entry of a path, None if there is none."""
        with _translated(self.path):
            row = self._db.execute(
                "SELECT path, state, old_digest, new_digest, replacements, items, fault, unix FROM files WHERE path = ?",
                (path,),
            ).fetchone()
        return _entry(row) if row else None

    def write(self, *, ready: Sequence[Entry] = (), done: Sequence[str] = (), failed: Sequence[Entry] = ()) -> None:
        """Write what became of some files, all or none of it; on disk when this returns."""
        if not (ready or done or failed):
            return
        now = time.time()
        with _translated(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [_row(entry, now) for entry in (*ready, *failed)],
                )
                self._db.executemany(
                    "UPDATE files SET state = ?, unix = ? WHERE path = ?",
                    [(State.DONE.value, now, path) for path in done],
                )
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    def mark(self, path: str, state: State) -> None:
        """Set the state of an entry; on disk when this returns."""
        with _translated(self.path):
            self._db.execute("UPDATE files SET state = ?, unix = ? WHERE path = ?", (state.value, time.time(), path))

    def _prepare(self, plan_id: str, *, write: bool) -> None:
        self._db.execute("PRAGMA synchronous=EXTRA")
        self._db.execute("PRAGMA trusted_schema=OFF")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0 and write and not self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            self._db.executescript(
                f"BEGIN; {_SCHEMA} PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={_VERSION}; COMMIT;"
            )
            self._db.execute("INSERT INTO job VALUES (?, ?)", (plan_id, int(time.time())))
            return
        if self._db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise IntegrityError(f"the journal {self.path} is damaged, or is none")
        if version != _VERSION:
            raise InputError(f"the journal {self.path} has the format {version}; this kmstool reads {_VERSION}")
        row = self._db.execute("SELECT plan_id FROM job").fetchone()
        if row is None and write:
            self._db.execute("INSERT INTO job VALUES (?, ?)", (plan_id, int(time.time())))
        elif row is not None and row[0] != plan_id:
            raise InputError(f"the journal {self.path} is that of another plan")


@contextmanager
def locked_journal(path: Path, plan_id: str) -> Iterator[Journal]:
    """Open a journal to write it; raise `OutputError` while another process has it."""
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise OutputError(f"cannot write {lock}: {(error.strerror or '').lower()}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"the plan is being applied by another process: it has {path}") from error
        journal = Journal(path, plan_id, write=True)
        try:
            yield journal
        finally:
            journal.close()
    finally:
        os.close(descriptor)


def forget(path: Path) -> None:
    """Remove a journal, and the file of its lock."""
    for one in (path, path.with_name(path.name + ".lock")):
        with suppress(FileNotFoundError):
            one.unlink()


def _opened(path: Path, *, write: bool) -> sqlite3.Connection:
    if write and not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    mode = "rw" if write else "ro"
    quoted = str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    return sqlite3.connect(f"file:{quoted}?mode={mode}", uri=True, isolation_level=None, timeout=20)


def _row(entry: Entry, now: float) -> tuple[object, ...]:
    texts = [
        (one.start, base64.b64encode(one.old).decode(), base64.b64encode(one.new).decode())
        for one in entry.replacements
    ]
    return (
        entry.path,
        entry.state.value,
        entry.old_digest,
        entry.new_digest,
        json.dumps(texts),
        entry.items,
        entry.fault,
        now,
    )


def _entry(row: Sequence[object]) -> Entry:
    path, state, old, new, replacements, items, fault, unix = row
    try:
        texts = json.loads(str(replacements)) if replacements else []
        parsed = tuple(Replacement(int(start), base64.b64decode(a), base64.b64decode(b)) for start, a, b in texts)
        return Entry(str(path), State(state), str(old), str(new), parsed, int(str(items)), str(fault), float(str(unix)))
    except (ValueError, TypeError) as error:
        raise IntegrityError(f"the journal is damaged at {path}") from error


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "")
        if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR")):
            raise IntegrityError(f"the journal {path} is damaged") from error
        if code.startswith("SQLITE_CANTOPEN"):
            raise InputError(f"there is no journal {path}: nothing was applied yet") from error
        reason = "the disk is full" if code.startswith("SQLITE_FULL") else str(error)
        raise OutputError(f"cannot write the journal {path}: {reason}") from error
    except OSError as error:
        raise OutputError(f"cannot write the journal {path}: {(error.strerror or '').lower()}") from error
