"""Tables whose rows are sealed: the columns are the fields of a dataclass, in its order, and a seal of them at the end.

Insert, look-up, check and change stand here once for all such tables; what else a table can
do stands in its own module.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import astuple, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from kmstool.api import cmk_rules
from kmstool.errors import IntegrityError
from kmstool.server import seals
from kmstool.server.call import Transaction, refuse

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
else:
    DataclassInstance = object

Row = TypeVar("Row", bound=DataclassInstance)


@dataclass(frozen=True)
class SealedTable(Generic[Row]):
    """The table `name` of rows of a `kind`; `noun` is what a row stands for in messages.

    `allowed` holds the values that are possible in a column, where not all of its type are.
    """

    name: str
    kind: type[Row]
    noun: str
    id_column: str = "key_id"
    allowed: Mapping[str, Container[object]] = field(default_factory=dict)

    @cached_property
    def columns(self) -> str:
        """All columns with the seal, as a list for SQL."""
        return ", ".join([*(column.name for column in fields(self.kind)), "seal"])

    def insert(self, transaction: Transaction, row: Row) -> None:
        """Add a row."""
        transaction.db.execute(f"INSERT INTO {self.name} {self._values}", self._sealed(transaction, row))

    def update(self, transaction: Transaction, row: Row) -> None:
        """Write a row as it has become in the place of the one with its id."""
        query = f"UPDATE {self.name} SET ({self.columns}) = ({self._marks}) WHERE {self.id_column} = ?"  # noqa: S608 - the names of our own class
        transaction.db.execute(query, (*self._sealed(transaction, row), self.id_of(row)))

    def select(self, transaction: Transaction, rest: str, parameters: Iterable[object] = ()) -> list[Row]:
        """Return the rows that `rest` of a query chooses; raise `IntegrityError` if one of them was altered."""
        query = f"SELECT {self.columns} FROM {self.name} {rest}"  # noqa: S608 - as above; `rest` is never a client's
        return [self._opened(transaction, row) for row in transaction.db.execute(query, tuple(parameters)).fetchall()]

    def find(self, transaction: Transaction, row_id: str) -> Row | None:
        """Return the row of an id, None if there is none; raise `IntegrityError` for one that was altered."""
        chosen = self.select(transaction, f"WHERE {self.id_column} = ?", (row_id,))
        return chosen[0] if chosen else None

    def delete(self, transaction: Transaction, row_id: str) -> None:
        """Remove the row of an id; SQLite overwrites the bytes (`secure_delete`)."""
        query = f"DELETE FROM {self.name} WHERE {self.id_column} = ?"  # noqa: S608 - as above
        transaction.db.execute(query, (row_id,))

    def id_of(self, row: Row) -> str:
        """Return the id of a row."""
        row_id: str = getattr(row, self.id_column)
        return row_id

    def damaged(self, row: Row) -> IntegrityError:
        """Make the error for a row that holds what none of ours does."""
        return seals.damaged(f"the row of the {self.noun} {self.id_of(row)!r}")

    @cached_property
    def _marks(self) -> str:
        return ", ".join("?" * (len(fields(self.kind)) + 1))

    @cached_property
    def _values(self) -> str:
        return f"({self.columns}) VALUES ({self._marks})"

    @cached_property
    def _types(self) -> list[type]:
        # The annotations are texts; all others are literal types, which stand for texts.
        return [{"int": int, "bytes": bytes}.get(str(column.type), str) for column in fields(self.kind)]

    def _sealed(self, transaction: Transaction, row: Row) -> tuple[Any, ...]:
        values = astuple(row)
        return (*values, transaction.vault.seals.make(self.name, values))

    def _opened(self, transaction: Transaction, row: tuple[Any, ...]) -> Row:
        return transaction.vault.seals.opened(self.name, row, self._checked)

    def _checked(self, *values: Any) -> Row:
        row = self.kind(*values)
        possible = all(getattr(row, name) in allowed for name, allowed in self.allowed.items())
        if [type(value) for value in values] != self._types or not possible:
            raise self.damaged(row)
        return row


@dataclass(frozen=True)
class KeyTable(SealedTable[Row]):
    """A table of keys of some kind, each in a region and with a name that no other has there."""

    name_column: str = "alias"

    def load(self, transaction: Transaction, row_id: str, *, malformed: str, missing: str) -> Row:
        """Return the row of an id in this region, or refuse with these codes an id that is none, or none of a row."""
        if not cmk_rules.is_key_id(row_id):
            raise refuse(malformed, f"the {self.noun} id {row_id!r} is no UUID")
        row = self.find_here(transaction, row_id)
        if row is None:
            raise refuse(missing, f"there is no {self.noun} {row_id} in {transaction.region.name}")
        return row

    def find_here(self, transaction: Transaction, row_id: str) -> Row | None:
        """Return the row of an id if it is in this region."""
        chosen = self.select(
            transaction, f"WHERE {self.id_column} = ? AND region = ?", (row_id, transaction.region.name)
        )
        return chosen[0] if chosen else None

    def newest_first(self, transaction: Transaction) -> list[Row]:
        """Return all rows of this region."""
        return self.select(
            transaction, "WHERE region = ? ORDER BY created DESC, rowid DESC", (transaction.region.name,)
        )

    def count(self, transaction: Transaction) -> int:
        """Return how many there are in this region."""
        query = f"SELECT count(*) FROM {self.name} WHERE region = ?"  # noqa: S608 - as above
        number: int = transaction.db.execute(query, (transaction.region.name,)).fetchone()[0]
        return number

    def holder(self, transaction: Transaction, name: str, *, everywhere: bool = False) -> str | None:
        """Return the id of the one with that name in this region, or in any."""
        query = f"SELECT {self.id_column} FROM {self.name} WHERE {self.name_column} = ?"  # noqa: S608 - as above
        if everywhere:
            row = transaction.db.execute(query, (name,)).fetchone()
        else:
            row = transaction.db.execute(f"{query} AND region = ?", (name, transaction.region.name)).fetchone()
        return row[0] if row else None
