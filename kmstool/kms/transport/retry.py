"""Cancel, retry, or retry later: exponential back-off with full jitter, bounded by number and time.

After an outcome that is not known, an action that must not happen twice is looked up
before it is asked for again (`outcomes`). The classes are those of Tencent's
best-practice guide for KMS.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

from kmstool.api import protocol
from kmstool.errors import KmsToolError, NetworkError, Reason, ServiceError, UnknownOutcomeError, UnreachableError
from kmstool.kms.port import Transport
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.outcomes import LOOKUPS, Lookup

RETRIES = 10

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 20.0

_LATER = (
    "RequestLimitExceeded",
    "InternalError",
    "ServiceUnavailable",
    "ResourceInsufficient",
    "UnsupportedOperation.ServiceTemporaryUnavailable",
    "FailedOperation.RotateTaskRunning",
    # Those of the KMS of 2017 (`beta.Code`).
    "4400",
    "6000",
    "6200",
)
# A key can be rotated once in 24 hours; no waiting of ours helps.
_NEVER = ("RequestLimitExceeded.RotateRateLimited",)
_UNKNOWN = ("InternalError", "ServiceUnavailable", "6000", "6200")


class Retrying:
    """A transport that repeats what may be repeated, within a deadline or, without one, a new one for each action.

    `lookups` are the ways to see what became of a lost request, none for another API; `sleep` is there for tests.
    """

    def __init__(
        self,
        inner: Transport,
        *,
        retries: int = RETRIES,
        deadline: Deadline | None = None,
        lookups: Mapping[str, Lookup] = LOOKUPS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._inner = inner
        self._retries = retries
        self._deadline = deadline
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
        since = int(time.time())
        untouched, lost = protocol.changes(action, params), False
        for attempt in range(self._retries + 1):
            try:
                return self._inner.call(action, params)
            except KmsToolError as error:
                failure = error
            left = Retrying(
                self._inner,
                retries=self._retries - attempt,
                deadline=deadline,
                lookups=self._lookups,
                sleep=self._sleep,
            )
            once = not protocol.is_repeatable(action, params)
            if not is_passing(failure):
                # After a lost answer the refusal may come of what the request before did itself.
                refused_later = lost and action in self._lookups
                if refused_later or (once and is_unreadable(failure)):
                    found = _look_up(left, self._lookups.get(action), (action, params, since), failure)
                    if found is not None:
                        return found
                raise failure
            if is_unknown(failure):
                untouched, lost = False, True
                found = _look_up(left, self._lookups.get(action), (action, params, since), failure) if once else None
                if found is not None:
                    return found
            pause = self._pause(attempt, failure)
            if attempt == self._retries or not deadline.allows(pause):
                raise _nothing_done(failure) if untouched and isinstance(failure, UnreachableError) else failure
            self._sleep(pause)
        raise failure

    def _pause(self, attempt: int, failure: KmsToolError) -> float:
        if attempt == 0 and failure.kms_code is None:
            # A damaged packet or a closed connection: once more at once.
            return 0
        longest = min(_LONGEST_SECONDS, _FIRST_SECONDS * float(2**attempt))
        return longest * secrets.randbelow(2**20) / 2**20


def _look_up(
    transport: Transport, lookup: Lookup | None, request: tuple[str, Mapping[str, Any], int], failure: KmsToolError
) -> dict[str, Any] | None:
    (action, params, since), reason = request, failure.message
    if lookup is not None:
        try:
            return lookup(transport, params, since)
        except UnknownOutcomeError as error:
            reason = error.message
        except (KmsToolError, AttributeError, KeyError, TypeError, ValueError):
            # An answer that lacks what is looked for tells as little as none.
            pass
    raise UnknownOutcomeError(
        f"whether {action} took effect is not known: {reason}",
        reason=Reason.OUTCOME_UNKNOWN,
        facts={"noun": _noun(action)},
        kms_code=failure.kms_code,
        request_id=failure.request_id,
    ) from failure


def _noun(action: str) -> str:
    return "whitebox" if "WhiteBox" in action else "data-key" if "DataKey" in action else "key"


def _nothing_done(failure: UnreachableError) -> UnreachableError:
    return failure.retold(f"{failure.message}; nothing was done")


def is_passing(error: KmsToolError) -> bool:
    """Tell whether the same request may succeed later."""
    code = error.kms_code
    if code is None:
        return isinstance(error, NetworkError)
    return code not in _NEVER and any(code == prefix or code.startswith(prefix + ".") for prefix in _LATER)


def is_unreadable(error: KmsToolError) -> bool:
    """Tell whether an answer came that is none of KMS's, so that the request may have taken effect."""
    return type(error) is ServiceError and error.kms_code is None


def is_unknown(error: KmsToolError) -> bool:
    """Tell whether the request may have taken effect all the same."""
    if error.kms_code:
        return error.kms_code in _UNKNOWN
    return isinstance(error, NetworkError) and not isinstance(error, UnreachableError)
