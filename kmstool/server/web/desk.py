"""Where the signed requests to one service are served: fault rules, quota, reading and writing, one form of answer.

HTTP 200 and exactly `application/json`, for errors too: with anything else Tencent's
SDKs lose the error or, worse, do not see it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from kmstool.errors import KmsToolError
from kmstool.server.app import EmbeddedKms
from kmstool.server.call import refuse
from kmstool.server.tables.faults import FaultRule
from kmstool.server.web.claims import SignedCall
from kmstool.server.web.faults import Faults, spoil
from kmstool.server.web.http import Answer, HttpAnswer
from kmstool.server.web.quota import Quota

Report = Callable[[str], None]


class Service(Protocol):
    """An API over the store: what each of its calls does, and how it answers."""

    def reads(self, call: SignedCall) -> bool:
        """Return whether a call only reads."""
        ...

    def perform(self, kms: EmbeddedKms, call: SignedCall) -> Mapping[str, Any]:
        """Perform a call and return the object that answers it."""
        ...

    def refusal(self, code: str, message: str, request_id: str | None) -> Mapping[str, Any]:
        """Return the object that refuses a call; the code is one of API 3.0 or of this service."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """Two connections to one store: one for the event loop, which reads, and one for the thread that writes.

    So the disk never holds up requests that only read.
    """

    reader: EmbeddedKms
    writer: EmbeddedKms
    thread: Executor = field(repr=False)


class Desk:
    """Serves the calls to one service; `quota` is None where there is none."""

    def __init__(self, service: Service, stores: Stores, faults: Faults, quota: Quota | None, report: Report) -> None:
        self._service = service
        self._stores = stores
        self._faults = faults
        self._quota = quota
        self._report = report

    def handle(self, call: SignedCall) -> Answer:
        """Answer a call; never raises."""
        answer = self._handle(call)
        return _trusted(call, answer) if isinstance(answer, HttpAnswer) else answer

    def refused(self, action: str, error: KmsToolError) -> HttpAnswer:
        """Return the answer that tells why an action was not performed."""
        # What the store itself could not do is the service's fault, and its details are not the client's.
        code, message = (error.kms_code, error.message) if error.kms_code else ("InternalError", "the store failed")
        self._report(f"{action}: {code}" + ("" if error.kms_code else f", {error.message}"))
        return _answer(self._service.refusal(code, message, error.request_id))

    def unexpected(self, action: str, error: Exception) -> HttpAnswer:
        """Return the answer for a fault of ours."""
        self._report(f"{action}: unexpected {type(error).__name__}")
        return self.refused(action, refuse("InternalError", "an unexpected fault"))

    def _handle(self, call: SignedCall) -> Answer:
        rule = self._faults.meet(call.action)
        if rule and not rule.performs:
            return spoil(rule, self.refused(call.action, _asked_for(rule)))
        try:
            if self._quota:
                self._quota.take(call.action)
            if self._service.reads(call):
                return self._spoiled(rule, call, self._perform(self._stores.reader, call))
        except KmsToolError as error:
            return self.refused(call.action, error)
        return asyncio.get_running_loop().run_in_executor(self._stores.thread, self._write, rule, call)

    def _write(self, rule: FaultRule | None, call: SignedCall) -> HttpAnswer:
        return _trusted(call, self._spoiled(rule, call, self._perform(self._stores.writer, call)))

    def _perform(self, kms: EmbeddedKms, call: SignedCall) -> HttpAnswer:
        try:
            fields = self._service.perform(kms, call)
        except KmsToolError as error:
            return self.refused(call.action, error)
        except Exception as error:  # noqa: BLE001 - a fault of one request must not end the server
            return self.unexpected(call.action, error)
        self._report(f"{call.action}: ok")
        return _answer(fields, trusted=bool(call.secret_id))

    def _spoiled(self, rule: FaultRule | None, call: SignedCall, answer: HttpAnswer) -> HttpAnswer:
        if rule is None:
            return answer
        return spoil(rule, self.refused(call.action, _asked_for(rule)) if rule.code else answer)


def _trusted(call: SignedCall, answer: HttpAnswer) -> HttpAnswer:
    if not call.secret_id or answer.trusted:
        return answer
    return replace(answer, trusted=True)


def _answer(fields: Mapping[str, Any], *, trusted: bool = False) -> HttpAnswer:
    # ASCII, because a request can hold halves of characters that a message then quotes.
    return HttpAnswer(json.dumps(fields).encode("ascii"), trusted=trusted)


def _asked_for(rule: FaultRule) -> KmsToolError:
    return refuse(rule.code or "InternalError", f"asked for by fault rule {rule.number}")
