"""Shares an event loop among connections, so that none holds up the others: a piece of work each, in turns.

Who has proved who they are is not bound by this while they send one request at a time.
All others together get a small part of each turn of the loop; those that were refused
before come last.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol

# What a known client waits for at most, beside the longest piece itself: twice this, once for each queue.
TURN_SECONDS = 0.001
TURN_PIECES = 16


class Worker(Protocol):
    """Something that has work to do, in pieces: a request to answer, or bytes to read."""

    def work(self) -> None:
        """Do one piece."""


class Turns:
    """The queues of those who wait for a turn, and what is left of the present one."""

    def __init__(self) -> None:
        self._first: deque[Worker] = deque()
        self._last: deque[Worker] = deque()
        self._under_way = False
        self._pieces = 0
        self._end = 0.0

    def is_free(self, *, first: bool) -> bool:
        """Return whether a worker may do a piece at once; it must queue otherwise."""
        if self._first or (self._last and not first):
            return False
        if not self._under_way:
            self._schedule()
            self._pieces, self._end = TURN_PIECES, time.monotonic() + TURN_SECONDS
        self._pieces -= 1
        return self._pieces >= 0 and time.monotonic() < self._end

    def queue(self, worker: Worker, *, first: bool) -> None:
        """Let a worker wait for its turn, `first` before those who are not."""
        (self._first if first else self._last).append(worker)
        self._schedule()

    def _schedule(self) -> None:
        if not self._under_way:
            self._under_way = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        """Begin a turn: between two of them the loop reads from sockets."""
        self._under_way = False
        for queue in (self._first, self._last):
            end = time.monotonic() + TURN_SECONDS
            for _ in range(min(len(queue), TURN_PIECES)):
                queue.popleft().work()
                if time.monotonic() >= end:
                    break
        if self._first or self._last:
            self._schedule()
            # Who comes now has to queue.
            self._pieces = 0
