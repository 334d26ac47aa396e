"""How fast a job of many calls may ask: under the published rate of each action, slower when KMS says that it is too fast.

Several processes need no coordinator. Of what a process asked in the last second KMS performed a share, and that share
of its rate is what the quota has for it: it goes there, and up again little by little, so that together they settle at
the quota. A share says the same of a process that asked for less because it was held up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.kms.port import Transport

THROTTLED = ("RequestLimitExceeded", "4400")
"""The codes of a request that came too soon, the second in the KMS of 2017."""

_OF_QUOTA = 0.8
# Below the share that was performed; and where KMS performs hardly anything: it may be for a moment only.
_OF_SHARE = 0.98
_FEWER = 0.5
# In a second, of the rate itself: sixteen processes that each raise theirs by a call would be over the quota at once.
_MORE = 0.02
# In a second, of the whole rate, once KMS has refused nothing for some seconds: the quota is wider than before.
_MORE_OF_WHOLE = 0.01
_CALM_SECONDS = 5.0
_LEAST = 0.5
# A command of a few calls waits for nothing, and reads no table of quotas.
_FREE_CALLS = 8
# Calls that may come at once after a pause, in seconds of the rate.
_BURST_SECONDS = 0.1
# A rate is lowered once in this time, by the share of the requests in it that were performed.
_WINDOW_SECONDS = 1.0
# What it takes to lower the rate before the second is over.
_MANY_REFUSALS = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """What a job allows itself: calls of each action in a second, None for 80 % of its quota, and its share of them.

    A job that runs N times at once, on machines that know nothing of each other, has the share 1/N.
    """

    per_second: float | None = None
    share: float = 1.0

    def of(self, action: str) -> float:
        """Return the calls of an action in a second."""
        whole = self.per_second
        if whole is None:
            model = protocol.actions().get(action)
            whole = _OF_QUOTA * (model.qps if model else 100)
        return max(_LEAST, whole * self.share)


@dataclass(slots=True)
class _Bucket:
    """The calls of one action that are saved up, negative where they are lent; moments are of the clock."""

    most: float
    rate: float
    tokens: float
    filled_at: float
    cut_at: float | None = None
    """When KMS refused last; until it does the rate is the whole one."""
    begun_at: float = 0.0
    """When the calls that are counted now began."""
    performed: int = 0
    refused: int = 0

    def weigh(self, now: float) -> None:
        """Lower the rate where KMS refused something in the last second."""
        over = now - self.begun_at >= _WINDOW_SECONDS
        if self.refused and (over or self.refused > max(_MANY_REFUSALS, self.performed)):
            share = self.performed / (self.performed + self.refused)
            self.rate = max(min(_LEAST, self.most), self.rate * max(_FEWER, share * _OF_SHARE))
            self.cut_at = now
        elif not over:
            return
        self.begun_at, self.performed, self.refused = now, 0, 0

    def higher(self, passed: float, calm: float) -> None:
        """Go up again little by little, as far as the whole rate; KMS has refused nothing for `calm` seconds."""
        more = self.rate * _MORE
        if calm > _CALM_SECONDS:
            more += self.most * _MORE_OF_WHOLE
        self.rate = min(self.most, self.rate + more * passed)


class Limiter:
    """One budget for all threads of a job; `clock` and `sleep` are there for tests."""

    def __init__(
        self,
        rate: Rate | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate or Rate()
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[str, _Bucket] = {}
        self._free: dict[str, int] = {}
        self._lock = Lock()

    def acquire(self, action: str) -> None:
        """Wait until a call of an action may be made."""
        pause = self.reserve(action)
        if pause > 0:
            self._sleep(pause)

    def reserve(self, action: str) -> float:
        """Take the next call of an action, and return the seconds until it may be made."""
        with self._lock:
            free = self._free.setdefault(action, _FREE_CALLS)
            if free > 0 and action not in self._buckets:
                self._free[action] = free - 1
                return 0
            bucket = self._filled(action)
            bucket.tokens -= 1
            return max(0.0, -bucket.tokens / bucket.rate)

    def performed(self, action: str) -> None:
        """Take note of a call that KMS performed."""
        with self._lock:
            if action in self._buckets:
                self._filled(action).performed += 1

    def throttled(self, action: str) -> None:
        """Ask for less from the next second on: KMS refused a call."""
        with self._lock:
            bucket = self._filled(action)
            bucket.tokens = min(bucket.tokens, 0.0)
            bucket.refused += 1

    def rate(self, action: str) -> float:
        """Return the calls of an action in a second, as they are allowed now."""
        with self._lock:
            return self._filled(action).rate

    def _filled(self, action: str) -> _Bucket:
        now, bucket = self._clock(), self._buckets.get(action)
        if bucket is None:
            most = self._rate.of(action)
            bucket = self._buckets[action] = _Bucket(most, most, 1.0, now, begun_at=now)
        passed, bucket.filled_at = now - bucket.filled_at, now
        bucket.tokens = min(max(1.0, bucket.rate * _BURST_SECONDS), bucket.tokens + bucket.rate * passed)
        if bucket.cut_at is not None:
            bucket.higher(passed, now - bucket.cut_at)
        bucket.weigh(now)
        return bucket


@dataclass(frozen=True, slots=True)
class LimitedTransport:
    """A transport that keeps to a limiter, for each attempt: it belongs beneath the one that tries again."""

    inner: Transport
    limiter: Limiter

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform an action when there is room for it."""
        self.limiter.acquire(action)
        try:
            answer = self.inner.call(action, params)
        except KmsToolError as error:
            if error.kms_code and error.kms_code.split(".")[0] in THROTTLED:
                self.limiter.throttled(action)
            raise
        self.limiter.performed(action)
        return answer
