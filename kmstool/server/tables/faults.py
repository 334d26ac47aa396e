"""The rows of fault rules, which make the served KMS answer late, wrongly or not at all: load, check, add, remove."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict, dataclass, fields
from typing import Any

from kmstool.errors import IntegrityError, Reason
from kmstool.server import seals

_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "str": (str,)}
_STATUSES = (0, *range(100, 600))
_ENDLESS_SECONDS = 10**12


@dataclass(frozen=True, slots=True)
class FaultRule:
    """When a rule applies, and what it does then.

    It applies to the `nth` request of its action (counted from 1 since the server began or
    the rule was made) or, if that is 0, with `probability`. Without `after` the action is
    not performed at all; with it, it is performed and only the answer suffers.
    """

    number: int = 0
    action: str = "*"
    nth: int = 0
    probability: float = 1.0
    after: bool = False
    code: str = ""
    delay_seconds: float = 0
    drop: bool = False
    truncate: bool = False
    content_type: str = ""
    http_status: int = 0

    @property
    def performs(self) -> bool:
        """Whether the action is performed: a mere delay or damage to the answer does not replace it."""
        return self.after or not (self.code or self.drop or self.http_status)


def load(db: sqlite3.Connection) -> list[FaultRule]:
    """Return all rules, oldest first; raise `IntegrityError` for a row that holds none."""
    return [_rule(*row) for row in db.execute("SELECT number, rule FROM fault ORDER BY number")]


def _rule(number: int, text: str) -> FaultRule:
    try:
        rule = FaultRule(number=number, **json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise _damaged(number) from error
    # A truth value is a number too, but none of ours.
    typed = all(type(getattr(rule, field.name)) in _TYPES[str(field.type)] for field in fields(rule))
    if not typed or not 0 <= rule.probability <= 1 or not 0 <= rule.delay_seconds < _ENDLESS_SECONDS:
        raise _damaged(number)
    if rule.nth < 0 or rule.http_status not in _STATUSES:
        raise _damaged(number)
    return rule


def _damaged(number: object) -> IntegrityError:
    return seals.damaged(f"the fault rule {number}", Reason.FAULT_RULE_DAMAGED)


def add(db: sqlite3.Connection, rule: FaultRule) -> int:
    """Store a rule inside a writing transaction and return its number."""
    values: dict[str, Any] = asdict(rule)
    del values["number"]
    return db.execute("INSERT INTO fault (rule) VALUES (?)", (json.dumps(values),)).lastrowid or 0


def clear(db: sqlite3.Connection) -> None:
    """Remove all rules."""
    db.execute("DELETE FROM fault")
