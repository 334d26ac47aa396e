"""Cancel, retry, or retry later: what a failure means, how long to wait, and the short loop that follows from both.

After an outcome that is not known, an action that must not happen twice is looked up
before it is asked for again (`outcomes`). The classes are those of Tencent's
best-practice guide for KMS.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from kmstool.api import protocol
from kmstool.errors import (
    KmsToolError,
    NetworkError,
    NobodyThereError,
    Reason,
    ServiceError,
    UnknownOutcomeError,
    UnreachableError,
)
from kmstool.kms.port import Transport
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.outcomes import LOOKUPS, Lookup

RETRIES, RETRIES_OF_NOBODY = 10, 1
"""How often a failure is tried again, and one that says that nothing is at the address, unless it is said how often."""

_NOBODY_SECONDS = 0.5
_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 20.0

_LATER = (
    "RequestLimitExceeded",
    "ResourceInsufficient",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
    "FailedOperation.RotateTaskRunning",
    # One of the KMS of 2017 (`beta.Code`).
    "4400",
)
# A key can be rotated once in 24 hours; no waiting of ours helps.
_NEVER = ("RequestLimitExceeded.RotateRateLimited",)
_UNKNOWN = ("InternalError", "ServiceUnavailable", "6000", "6200")


class Verdict(Enum):
    """What a failure means for the request that met it."""

    CANCEL = auto()
    """It fails again."""
    NOW = auto()
    """It was not sent."""
    LATER = auto()
    """KMS refused it, for the moment."""
    UNKNOWN = auto()
    """It may have taken effect, and may succeed if it is sent again."""
    UNREADABLE = auto()
    """It may have taken effect, but what answers is not KMS, and will be no better the next time."""


def classify(error: KmsToolError) -> Verdict:
    """Return what a failure means for the request that met it."""
    code = error.kms_code
    if code is None:
        if isinstance(error, UnreachableError):
            return Verdict.NOW
        if isinstance(error, NetworkError):
            return Verdict.UNKNOWN
        return Verdict.UNREADABLE if type(error) is ServiceError else Verdict.CANCEL
    if code in _NEVER:
        return Verdict.CANCEL
    if _is_among(code, _UNKNOWN):
        return Verdict.UNKNOWN
    return Verdict.LATER if _is_among(code, _LATER) else Verdict.CANCEL


def backoff(attempt: int) -> float:
    """Return the seconds to wait after an attempt, counted from 0: anything up to a bound that doubles (full jitter)."""
    longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * float(2**attempt))
    return longest * secrets.randbelow(2**20) / 2**20


@dataclass(frozen=True, slots=True)
class Again:
    """What is tried again after a pause, because of what, and the how manieth of how many tries that will be."""

    failure: KmsToolError
    seconds: float
    number: int
    of: int


Waits = Callable[[Again | None], None]
"""Is told of each pause that can be noticed, and by None when the call that was tried again is through."""


class RetryingTransport:
    """A transport that repeats what may be repeated, within a deadline or, without one, a new one for each action.

    `retries` is how often, None for as often as it helps; `waits` is told of pauses; `lookups` are the ways to see what became of a lost request, none for another API; `sleep` is there for tests.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        retries: int | None = None,
        deadline: Deadline | None = None,
        waits: Waits | None = None,
        lookups: Mapping[str, Lookup] = LOOKUPS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner = inner
        self._retries = retries
        self._deadline = deadline
        self._waits = waits
        self._lookups = lookups
        self._sleep = sleep

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform an action, again if need be.

        Raises the last error when the retries or the time are used up, and
        `UnknownOutcomeError` if it is not known whether a change took effect. If it never left
        this machine, the message says that nothing was done.
        """
        deadline = self._deadline or Deadline()
        with deadline.running():
            return self._call(action, params, deadline)

    def _call(self, action: str, params: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        told: list[Again] = []
        try:
            return self._try(action, params, deadline, told)
        finally:
            if told and self._waits:
                self._waits(None)

    def _try(self, action: str, params: Mapping[str, Any], deadline: Deadline, told: list[Again]) -> dict[str, Any]:
        since_unix, lost, retries = int(time.time()), False, RETRIES if self._retries is None else self._retries
        for attempt in range(retries + 1):
            try:
                return self._inner.call(action, params)
            except KmsToolError as error:
                failure, verdict = error, classify(error)
            if self._must_look(verdict, action, params, lost=lost):
                answer = self._look_up((action, params, since_unix), failure, retries - attempt, deadline)
                if answer is not None:
                    return answer
            if verdict in (Verdict.CANCEL, Verdict.UNREADABLE):
                raise failure
            lost = lost or verdict is Verdict.UNKNOWN
            last = self._last(failure, retries)
            pause = _pause(failure, attempt)
            if attempt >= last or not deadline.allows(pause):
                break
            if self._waits and (attempt or pause):
                told.append(Again(failure, pause, attempt + 2, last + 1))
                self._waits(told[-1])
            self._sleep(pause)
        if verdict is Verdict.NOW and protocol.changes(action, params) and not lost:
            raise failure.retold(f"{failure.message}; nothing was done")
        raise failure

    def _last(self, failure: KmsToolError, retries: int) -> int:
        """Return the number of the last try, from 0, where it fails in this way."""
        return RETRIES_OF_NOBODY if self._retries is None and isinstance(failure, NobodyThereError) else retries

    def _must_look(self, verdict: Verdict, action: str, params: Mapping[str, Any], *, lost: bool) -> bool:
        """Return whether to see first what became of a request."""
        if verdict in (Verdict.UNKNOWN, Verdict.UNREADABLE) and not protocol.is_repeatable(action, params):
            return True
        # After a lost answer the refusal may come of what the request before did itself.
        return lost and verdict in (Verdict.CANCEL, Verdict.UNREADABLE) and action in self._lookups

    def _look_up(
        self, request: tuple[str, Mapping[str, Any], int], failure: KmsToolError, retries: int, deadline: Deadline
    ) -> dict[str, Any] | None:
        """Return the answer that was lost, None if nothing was done; raise `UnknownOutcomeError` if that stays open."""
        (action, params, since_unix), told = request, failure.message
        transport = RetryingTransport(
            self._inner, retries=retries, deadline=deadline, lookups=self._lookups, sleep=self._sleep
        )
        try:
            if action in self._lookups:
                return self._lookups[action](transport, params, since_unix)
        except UnknownOutcomeError as error:
            told = error.message
        except KmsToolError:
            # An answer that lacks what is looked for tells as little as none.
            pass
        raise UnknownOutcomeError(
            f"whether {action} took effect is not known: {told}",
            reason=Reason.OUTCOME_UNKNOWN,
            facts={"noun": _noun(action)},
            kms_code=failure.kms_code,
            request_id=failure.request_id,
        ) from failure


def _pause(failure: KmsToolError, attempt: int) -> float:
    if isinstance(failure, NobodyThereError):
        return max(_NOBODY_SECONDS, backoff(attempt))
    # A damaged packet or a closed connection: once more at once.
    return 0.0 if attempt == 0 and failure.kms_code is None else backoff(attempt)


def _is_among(code: str, prefixes: tuple[str, ...]) -> bool:
    return any(code == prefix or code.startswith(prefix + ".") for prefix in prefixes)


def _noun(action: str) -> str:
    return "whitebox" if "WhiteBox" in action else "data-key" if "DataKey" in action else "key"
