"""Request rates per action, one window of a second at a time; off unless asked for."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kmstool.api import protocol
from kmstool.server.call import refuse


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests in a second: of each action what the cloud publishes for it, or one number for all of them."""

    per_second: int | None = None

    def of(self, action: str) -> int | None:
        """Return the rate of an action; None for one that does not exist."""
        model = protocol.actions().get(action)
        return (self.per_second or model.qps) if model else None


class Quota:
    """Counts requests per action in the running second."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._second = 0
        self._counts: dict[str, int] = {}

    def take(self, action: str) -> None:
        """Count one request; refuse with `RequestLimitExceeded` over the action's rate."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._counts = second, {}
        rate = self._rates.of(action)
        count = self._counts[action] = self._counts.get(action, 0) + 1
        if rate and count > rate:
            raise refuse("RequestLimitExceeded", f"over {rate} requests of {action} in a second")
