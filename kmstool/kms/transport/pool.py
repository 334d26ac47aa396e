"""One KMS for several threads: each call in flight has a transport, and so a connection, of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kmstool.kms.port import Transport


class PooledTransport:
    """Keeps as many transports as calls were in flight at once; one is made when none is idle."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._idle: list[Transport] = []

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform an action over a transport that no other call uses meanwhile."""
        try:
            # Both calls on the list are whole under the interpreter's own lock.
            inner = self._idle.pop()
        except IndexError:
            inner = self._make()
        try:
            return inner.call(action, params)
        finally:
            self._idle.append(inner)
