"""How long a command may wait in all: for names, proxies, TLS, answers, credentials, and between one try and the next.

The clock runs only while a service is waited for, not while a person is asked or a file is worked on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

MAX_WAIT_SECONDS = 60.0
TIMEOUT_SECONDS = 30.0


class Deadline:
    """The time of one command, shared by all that waits for it; `clock` is there for tests.

    New tries begin within `max_wait` seconds. A first one may take `timeout` seconds even where
    that is longer, and nothing lasts longer than the longer of the two.
    """

    def __init__(
        self,
        max_wait: float = MAX_WAIT_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_wait = max_wait
        self._longest = max(max_wait, timeout)
        self._clock = clock
        self._lock = Lock()
        self._waiting = 0
        self._since = 0.0
        self._spent = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the clock run; within itself, and in several threads, it counts once."""
        with self._lock:
            if not self._waiting:
                self._since = self._clock()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if not self._waiting:
                    self._spent += self._clock() - self._since

    def end(self, timeout: float) -> float:
        """Return the moment of the clock when what begins now and may take `timeout` seconds has to end."""
        return self._clock() + min(timeout, self._longest - self.spent)

    def allows(self, pause: float) -> bool:
        """Return whether there is time for another try after a pause."""
        return self.spent + pause <= self._max_wait

    def renew(self) -> None:
        """Grant the whole time again: of a job of many things one was done."""
        with self._lock:
            self._spent, self._since = 0.0, self._clock()

    @property
    def spent(self) -> float:
        """The seconds that were waited until now."""
        return self._spent + (self._clock() - self._since if self._waiting else 0)
