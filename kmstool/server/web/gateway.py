"""Puts the embedded KMS on HTTP: authenticates, applies fault rules and quotas, and gives every answer its one form.

HTTP 200 and exactly `application/json`, for errors too: with anything else Tencent's
SDKs lose the error or, worse, do not see it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.server import admin, handlers
from kmstool.server.app import EmbeddedKms, writes
from kmstool.server.call import refuse
from kmstool.server.protection import Passphrase
from kmstool.server.regions import DEFAULT
from kmstool.server.tables import credentials
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.tables.faults import FaultRule
from kmstool.server.web import limits, sts
from kmstool.server.web.authentication import authenticate, check_head, is_addressed_by_loopback, is_web_identity
from kmstool.server.web.claims import SignedCall
from kmstool.server.web.faults import Faults, spoil
from kmstool.server.web.http import Answer, HttpAnswer, HttpRequest
from kmstool.server.web.quota import Quota

Report = Callable[[str], None]

_NOWHERE = HttpAnswer(b"there is nothing here\n", 404, "text/plain")


@dataclass(frozen=True, slots=True)
class Stubs:
    """What is served beside signed requests: the metadata service under a secret path, web identities.

    `metadata` begins with `/` and is empty where there is no such service.
    """

    metadata: str = field(repr=False, default="")
    web_identity: bool = False

    def path(self, request: HttpRequest) -> str | None:
        """Return what is asked of the metadata service, None for anybody who does not know where it is."""
        secret, given = self.metadata.encode(), request.path.encode()
        known = bool(secret) and hmac.compare_digest(given[: len(secret)], secret)
        if not known or request.method != "GET" or not is_addressed_by_loopback(request):
            return None
        return request.path[len(secret) :]


class Gateway:
    """The handler of an `HttpServer`; it reads in the event loop and writes in one thread of its own.

    The two have a connection each, so that the disk never holds up requests that only read. A
    `lenient` one takes requests that name no region for the default one, which the cloud refuses.
    """

    def __init__(
        self,
        folder: Path,
        passphrase: Passphrase,
        *,
        quota: bool,
        report: Report,
        stubs: Stubs = Stubs(),
        lenient: bool = False,
    ) -> None:
        handlers.load_all()
        self._reader = EmbeddedKms(folder, DEFAULT, passphrase)
        self._writer = EmbeddedKms(folder, DEFAULT, passphrase)
        self._thread = ThreadPoolExecutor(1, "store")
        self._quota = Quota() if quota else None
        self.stubs = stubs
        self._lenient = lenient
        self._faults = Faults()
        self._credentials: dict[str, ServedCredential | None] = {}
        self._secret_ids: frozenset[str] | None = None
        self._seen_version = -1
        self._report = report
        admin.lasting_credential(self._writer)

    def close(self) -> None:
        """Finish what is being written and release the store."""
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def handle(self, request: HttpRequest) -> Answer:
        """Answer one request; never raises."""
        try:
            if request.path != "/":
                return self._metadata(request)
            limits.check(request)
            self._refresh()
            web_identity, lenient = self.stubs.web_identity, self._lenient
            call = authenticate(request, self._credential, web_identity=web_identity, lenient=lenient)
            if is_web_identity(call):
                call = self._identified(request, call)
            answer = self._handle(call)
            return _trusted(call, answer) if isinstance(answer, HttpAnswer) else answer
        except KmsToolError as error:
            return self._refused("-", error)
        except Exception as error:  # noqa: BLE001 - a fault of one request must not end the server
            return self._unexpected("-", error)

    def admit(self, request: HttpRequest, length: int) -> HttpAnswer | None:
        """Return the answer to a request that its head tells to be a stranger's or too long, None if its body is needed."""
        if request.path != "/":
            return _NOWHERE
        try:
            limits.check_length(request, length)
            self._refresh()
            check_head(request, self._credential)
        except KmsToolError as error:
            return self._refused("-", error)
        except Exception as error:  # noqa: BLE001 - as above
            return self._unexpected("-", error)
        return None

    def _handle(self, call: SignedCall) -> Answer:
        rule = self._faults.meet(call.action)
        if rule and not rule.performs:
            return spoil(rule, self._refused(call.action, _asked_for(rule)))
        try:
            if self._quota:
                self._quota.take(call.action)
            if self._reads(call):
                return self._spoiled(rule, call, self._perform(self._reader, call))
        except KmsToolError as error:
            return self._refused(call.action, error)
        return asyncio.get_running_loop().run_in_executor(self._thread, self._write, rule, call)

    def _write(self, rule: FaultRule | None, call: SignedCall) -> HttpAnswer:
        return _trusted(call, self._spoiled(rule, call, self._perform(self._writer, call)))

    def _reads(self, call: SignedCall) -> bool:
        return call.version == protocol.VERSION and not writes(call.action, call.params)

    def _perform(self, kms: EmbeddedKms, call: SignedCall) -> HttpAnswer:
        try:
            fields = _fields(kms, call)
        except KmsToolError as error:
            return self._refused(call.action, error)
        except Exception as error:  # noqa: BLE001 - as above
            return self._unexpected(call.action, error)
        self._report(f"{call.action}: ok")
        return _answer(fields, trusted=bool(call.secret_id))

    def _spoiled(self, rule: FaultRule | None, call: SignedCall, answer: HttpAnswer) -> HttpAnswer:
        if rule is None:
            return answer
        return spoil(rule, self._refused(call.action, _asked_for(rule)) if rule.code else answer)

    def _refused(self, action: str, error: KmsToolError) -> HttpAnswer:
        # What the store itself could not do is the service's fault, and its details are not the client's.
        code, message = (error.kms_code, error.message) if error.kms_code else ("InternalError", "the store failed")
        self._report(f"{action}: {code}" + ("" if error.kms_code else f", {error.message}"))
        return _answer(
            {"Error": {"Code": code, "Message": message}, "RequestId": error.request_id or str(uuid.uuid4())}
        )

    def _unexpected(self, action: str, error: Exception) -> HttpAnswer:
        self._report(f"{action}: unexpected {type(error).__name__}")
        return self._refused(action, refuse("InternalError", "an unexpected fault"))

    def _identified(self, request: HttpRequest, call: SignedCall) -> SignedCall:
        """Return a call for a web identity as one of its token, whether someone signed it or not."""
        if not self.stubs.web_identity:
            raise refuse("UnsupportedOperation", "no web identity is believed here: kmstool local serve --web-identity")
        token_id = sts.identity(self._reader, call.params)
        if not request.is_from_own_user():
            raise refuse("AuthFailure.UnauthorizedOperation", "the token is for the user that serves")
        return replace(call, secret_id=token_id)

    def _metadata(self, request: HttpRequest) -> Answer:
        path = self.stubs.path(request)
        if path is None or not request.is_from_own_user():
            # One answer, whatever is wrong: who does not know the secret learns nothing.
            return _NOWHERE

        def answer() -> HttpAnswer:
            try:
                body = sts.metadata(self._writer, path)
            except KmsToolError as error:
                self._report(f"metadata: {error.message}")
                return HttpAnswer(b"the store failed\n", 500, "text/plain")
            return HttpAnswer(body, 200, "text/plain") if body else HttpAnswer(b"no such role\n", 404, "text/plain")

        return asyncio.get_running_loop().run_in_executor(self._thread, answer)

    def _credential(self, secret_id: str) -> ServedCredential | None:
        if self._secret_ids is None:
            with self._reader.store.transaction() as db:
                self._secret_ids = credentials.secret_ids(db)
        if secret_id not in self._secret_ids:
            # Without a look into the store: what strangers ask must cost little.
            return None
        if secret_id not in self._credentials:
            with self._reader.transaction(write=False) as opened:
                found = credentials.find(opened.db, opened.vault, secret_id)
            self._credentials[secret_id] = found if found and found.kind != credentials.TOKEN else None
        return self._credentials[secret_id]

    def _refresh(self) -> None:
        """Forget what was kept of the store if anyone, also another process, has changed it."""
        version = self._reader.store.data_version()
        if version != self._seen_version:
            self._credentials.clear()
            self._secret_ids = None
            with self._reader.store.transaction() as db:
                self._faults.load(db)
            # Only now: rules that are damaged are to be noticed by every request.
            self._seen_version = version


def _fields(kms: EmbeddedKms, call: SignedCall) -> Mapping[str, Any]:
    """Perform an action of the service whose version is asked for, and return the fields of its answer."""
    if call.version == sts.VERSION:
        return sts.call(kms, call.action, call.params, call.secret_id)
    if call.version == protocol.VERSION:
        return kms.call(call.action, call.params, call.region)
    raise refuse("NoSuchVersion", f"there is no version {call.version!r}")


def _trusted(call: SignedCall, answer: HttpAnswer) -> HttpAnswer:
    if not call.secret_id or answer.trusted:
        return answer
    return replace(answer, trusted=True)


def _answer(fields: Mapping[str, Any], *, trusted: bool = False) -> HttpAnswer:
    # ASCII, because a request can hold halves of characters that a message then quotes.
    return HttpAnswer(json.dumps({"Response": fields}).encode("ascii"), trusted=trusted)


def _asked_for(rule: FaultRule) -> KmsToolError:
    return refuse(rule.code or "InternalError", f"asked for by fault rule {rule.number}")
