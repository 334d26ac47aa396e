"""Failures on purpose: which rule a request meets, and what that does to the answer."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from kmstool.server.tables import faults
from kmstool.server.tables.faults import FaultRule
from kmstool.server.web.http import HttpAnswer


class Faults:
    """The rules as they stand and how often each was met; a new server counts anew."""

    def __init__(self) -> None:
        self._rules: Sequence[FaultRule] = ()
        self._met: dict[int, int] = {}

    def load(self, db: sqlite3.Connection) -> None:
        """Read the rules again; those that stayed keep their counts."""
        self._rules = faults.load(db)

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


def spoil(rule: FaultRule, answer: HttpAnswer) -> HttpAnswer:
    """Return the answer with what a rule does to it (its error code aside)."""
    return replace(
        answer,
        status=rule.http_status or answer.status,
        content_type=rule.content_type or answer.content_type,
        delay_seconds=rule.delay_seconds,
        drop=rule.drop,
        truncate=rule.truncate,
    )
