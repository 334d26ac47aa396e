"""Request rates per action as the cloud publishes them, one window of a second at a time; off unless asked for."""

from __future__ import annotations

import time

from kmstool.api import protocol
from kmstool.server.call import refuse


class Quota:
    """Counts requests per action in the running second."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[str, int] = {}

    def take(self, action: str) -> None:
        """Count one request; refuse with `RequestLimitExceeded` over the action's rate."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._counts = second, {}
        model = protocol.actions().get(action)
        count = self._counts[action] = self._counts.get(action, 0) + 1
        if model and count > model.qps:
            raise refuse("RequestLimitExceeded", f"over {model.qps} requests of {action} in a second")
