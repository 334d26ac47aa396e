"""Failures on purpose: rules in the store that make the served KMS answer late, wrongly or not at all."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kmstool.server.http import HttpAnswer


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

    def spoil(self, answer: HttpAnswer) -> HttpAnswer:
        """Return the answer with what the rule does to it (its error code aside)."""
        return replace(
            answer,
            status=self.http_status or answer.status,
            content_type=self.content_type or answer.content_type,
            delay_seconds=self.delay_seconds,
            drop=self.drop,
            truncate=self.truncate,
        )


class Faults:
    """The rules as they stand and how often each was met; a new server counts anew."""

    def __init__(self) -> None:
        self._rules: Sequence[FaultRule] = ()
        self._met: dict[int, int] = {}

    def load(self, db: sqlite3.Connection) -> None:
        """Read the rules again; those that stayed keep their counts."""
        self._rules = rules(db)

    def meet(self, action: str) -> FaultRule | None:
        """Count a request and return the first rule that applies to it."""
        applying = None
        for rule in self._rules:
            if rule.action not in ("*", action):
                continue
            count = self._met[rule.number] = self._met.get(rule.number, 0) + 1
            hit = count == rule.nth if rule.nth else random.random() < rule.probability  # noqa: S311 - no secret
            applying = applying or (rule if hit else None)
        return applying


def rules(db: sqlite3.Connection) -> list[FaultRule]:
    """Return all rules, oldest first."""
    return [
        FaultRule(number=number, **json.loads(rule))
        for number, rule in db.execute("SELECT number, rule FROM fault ORDER BY number")
    ]


def add(db: sqlite3.Connection, rule: FaultRule) -> int:
    """Store a rule inside a writing transaction and return its number."""
    fields: dict[str, Any] = asdict(rule)
    del fields["number"]
    return db.execute("INSERT INTO fault (rule) VALUES (?)", (json.dumps(fields),)).lastrowid or 0


def clear(db: sqlite3.Connection) -> None:
    """Remove all rules."""
    db.execute("DELETE FROM fault")
