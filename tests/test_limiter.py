"""A job keeps under the quota of each action, alone and beside others that it knows nothing of; no clock runs here."""

import heapq
import random
from collections.abc import Mapping
from typing import Any

import pytest

from kmstool.api import protocol
from kmstool.errors import KmsToolError, LimitError
from kmstool.kms.transport.limiter import LimitedTransport, Limiter, Rate
from kmstool.kms.transport.retry import RetryingTransport

ACTION = "ReEncrypt"
FREE_CALLS = 8
WORKERS = 16


class Clock:
    """A clock that is moved, also by whoever sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(clock: Clock, limiter: Limiter, seconds: float) -> int:
    """Return how many calls can be made within some seconds, one after the other."""
    end, calls = clock.now + seconds, 0
    while clock.now < end:
        limiter.acquire(ACTION)
        calls += 1
    return calls


@pytest.mark.parametrize(
    ("rate", "calls"),
    [
        (None, 80),
        (Rate(), 80),
        (Rate(share=1 / 16), 5),
        (Rate(per_second=30), 30),
        (Rate(30, 0.5), 15),
        (Rate(0.1), 0.5),
    ],
)
def test_a_job_keeps_to_its_rate(clock: Clock, rate: Rate | None, calls: float) -> None:
    """Unless told otherwise to 80 % of what the API publishes for the action."""
    limiter = Limiter(rate, clock=clock, sleep=clock.sleep)
    assert limiter.rate(ACTION) == calls
    assert calls * 100 <= made(clock, limiter, 100) <= calls * 100 + calls / 10 + 2


def test_actions_have_each_their_own_rate(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    assert [limiter.rate(action) for action in ("Encrypt", "GenerateDataKey", "RotateKey")] == [240, 120, 16]
    assert limiter.rate("SomethingNew") == 80


def test_a_few_calls_wait_for_nothing(clock: Clock) -> None:
    limiter = Limiter(Rate(1), clock=clock, sleep=clock.sleep)
    assert [limiter.reserve(ACTION) for _ in range(FREE_CALLS)] == [0] * FREE_CALLS
    assert [limiter.reserve(ACTION), limiter.reserve(ACTION)] == [0, 1]


def test_a_pause_saves_up_little(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    made(clock, limiter, 1)
    clock.now += 3600
    assert sum(limiter.reserve(ACTION) == 0 for _ in range(100)) <= 8


def second_of(clock: Clock, limiter: Limiter, performed: int, refused: int) -> None:
    """Let a second pass in which KMS performs some calls and refuses others."""
    for _ in range(refused):
        limiter.throttled(ACTION)
    for _ in range(performed):
        limiter.performed(ACTION)
    clock.now += 1


def test_a_rate_is_lowered_once_a_second_to_the_share_that_was_performed(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    made(clock, limiter, 1)
    second_of(clock, limiter, 40, 0)
    assert limiter.rate(ACTION) == 80
    second_of(clock, limiter, 40, 10)
    assert limiter.rate(ACTION) == pytest.approx(80 * 0.8 * 0.98)
    second_of(clock, limiter, 2, 10)
    assert limiter.rate(ACTION) == pytest.approx(80 * 0.8 * 0.98 / 2, rel=0.05), "not by more than half at once"
    clock.now += 5
    slowly = limiter.rate(ACTION)
    assert slowly < 40
    clock.now += 5
    limiter.rate(ACTION)
    clock.now += 60
    assert limiter.rate(ACTION) == 80, "the quota is wider than before"
    for _ in range(100):
        second_of(clock, limiter, 0, 1)
    assert 0.5 <= limiter.rate(ACTION) < 0.6


def test_many_refusals_are_heard_before_the_second_is_over(clock: Clock) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    made(clock, limiter, 1)
    for _ in range(15):
        limiter.throttled(ACTION)
    assert 20 < limiter.rate(ACTION) <= 40


def shares(workers: int, limiters: list[Limiter], clock: Clock, quota: int, seconds: int) -> tuple[float, float]:
    """Let workers ask a service that performs `quota` calls a second; return the shares of refusals and of the quota.

    A worker asks for the next thing as soon as it has one, and pauses after a refusal as the retries do.
    """
    chance = random.Random(1)
    events = [(clock.now + chance.random() / 100, number, "begins") for number in range(workers)]
    heapq.heapify(events)
    refused, performed, tries, counts, end = 0, 0, [0] * workers, dict[int, int](), clock.now + seconds
    while events[0][0] < end:
        clock.now, worker, what = heapq.heappop(events)
        limiter = limiters[worker % len(limiters)]
        if what == "begins":
            latency = 0.002 + chance.random() / 200
            heapq.heappush(events, (clock.now + limiter.reserve(ACTION) + latency, worker, "arrives"))
            continue
        second = int(clock.now)
        counts[second] = counts.get(second, 0) + 1
        if counts[second] > quota:
            limiter.throttled(ACTION)
            refused, tries[worker] = refused + 1, tries[worker] + 1
            pause = min(20, 0.1 * 2 ** (tries[worker] - 1)) * chance.random()
        else:
            limiter.performed(ACTION)
            performed, tries[worker], pause = performed + 1, 0, 0
        heapq.heappush(events, (clock.now + pause, worker, "begins"))
    return refused / (refused + performed), performed / quota / seconds


@pytest.mark.parametrize("quota", [100, 150, 300])
def test_threads_of_one_job_are_never_refused(clock: Clock, quota: int) -> None:
    limiter = Limiter(Rate(0.8 * quota), clock=clock)
    refused, used = shares(WORKERS, [limiter], clock, quota, 60)
    assert refused == 0
    assert used >= 0.79


@pytest.mark.parametrize("quota", [100, 150, 300])
@pytest.mark.parametrize("workers", [1, 2, 4, 8, WORKERS])
def test_jobs_that_know_nothing_of_each_other_share_a_quota(clock: Clock, workers: int, quota: int) -> None:
    limiters = [Limiter(Rate(0.8 * quota), clock=clock) for _ in range(workers)]
    refused, used = shares(workers, limiters, clock, quota, 60)
    assert refused <= 0.1
    assert used >= (0.7 if workers == 1 else 0.95), "one alone asks for its 80 %, no faster than it is answered"


@pytest.mark.parametrize("quota", [100, 150, 300])
@pytest.mark.parametrize("processes", [1, 2, 4, 8, WORKERS])
@pytest.mark.parametrize("claim", [1, 2])
def test_shards_of_one_job_use_its_quota(clock: Clock, processes: int, quota: int, claim: float) -> None:
    """A refusal takes little from a job that asks for all of the quota, and for twice as much."""
    limiters = [Limiter(Rate(claim * quota, 1 / processes), clock=clock) for _ in range(processes)]
    refused, used = shares(WORKERS, limiters, clock, quota, 60)
    assert refused <= 0.05
    assert used >= 0.87


class Refusing:
    """A KMS that refuses every other call."""

    def __init__(self, code: str) -> None:
        self.calls, self._code = 0, code

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls += 1
        if self.calls % 2:
            raise protocol.error(self._code, "refused")
        return {"RequestId": "1"}


@pytest.mark.parametrize(
    ("code", "lowers"),
    [("RequestLimitExceeded", True), ("RequestLimitExceeded.UinLimitExceeded", True), ("InternalError", False)],
)
def test_each_attempt_has_its_turn(clock: Clock, code: str, lowers: bool) -> None:
    limiter = Limiter(clock=clock, sleep=clock.sleep)
    kms = Refusing(code)
    limited = LimitedTransport(kms, limiter)
    assert RetryingTransport(limited, sleep=clock.sleep).call(ACTION, {}) == {"RequestId": "1"}
    assert kms.calls == 2
    clock.now += 1
    assert (limiter.rate(ACTION) < 80) == lowers
    with pytest.raises(LimitError if lowers else KmsToolError):
        limited.call(ACTION, {})
