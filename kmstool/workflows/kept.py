"""What the connections of one process keep for each other: unlocked credentials, open stores, connections that stand.

A run of the program has one of its own, which ends with it. An interactive session has one for all its commands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from kmstool.kms.credentials.sources import AskPassphrase

Thing = TypeVar("Thing")


class Kept:
    """Things by what they are for."""

    def __init__(self, ask_passphrase: AskPassphrase) -> None:
        self.ask_passphrase = ask_passphrase
        """Asks whoever is at the terminal of the command that runs now."""
        self._shared: dict[Hashable, Any] = {}
        self._idle: dict[Hashable, list[Any]] = {}

    def ask(self, thing: str) -> bytes:
        """Return the passphrase of something, whoever can be asked by now."""
        return self.ask_passphrase(thing)

    def shared(self, key: Hashable, make: Callable[[], Thing]) -> Thing:
        """Return the one thing for a key, which several may use at once."""
        if key not in self._shared:
            self._shared[key] = make()
        thing: Thing = self._shared[key]
        return thing

    def idle(self, key: Hashable) -> list[Any]:
        """Return the things for a key that nobody uses."""
        return self._idle.setdefault(key, [])

    def forget(self) -> None:
        """Let go of everything: what comes next is read, unlocked and opened again."""
        for thing in (thing for idle in self._idle.values() for thing in idle):
            # A store has this; a connection closes with its last reference.
            with suppress(AttributeError):
                thing.close()
        self._idle.clear()
        self._shared.clear()


class Loans:
    """What one run has of what is kept: nobody else uses it until it is given back."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._lent: list[tuple[Hashable, object]] = []

    def lend(self, key: Hashable, make: Callable[[], Thing], stands: Callable[[Thing], bool]) -> Thing:
        """Return an idle thing for a key if it still stands, else a new one."""
        idle = self._kept.idle(key)
        thing: Thing | None = None
        while idle and thing is None:
            candidate: Thing = idle.pop()
            thing = candidate if stands(candidate) else None
        if thing is None:
            thing = make()
        self._lent.append((key, thing))
        return thing

    def give_back(self) -> None:
        """Leave everything to the next run; nothing of it may be used in this one afterwards."""
        while self._lent:
            key, thing = self._lent.pop()
            self._kept.idle(key).append(thing)
