"""Puts the embedded KMS on HTTP: finds the service that a request is for, and who sent it, and lets a desk serve it."""

from __future__ import annotations

import asyncio
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from kmstool import words
from kmstool.api import beta
from kmstool.errors import KmsToolError
from kmstool.server import admin, handlers
from kmstool.server.app import EmbeddedKms
from kmstool.server.call import refuse
from kmstool.server.protection import Passphrase
from kmstool.server.tables import credentials
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.web import claims, limits, sts
from kmstool.server.web.authentication import authenticate, check_head, is_addressed_by_loopback, is_web_identity
from kmstool.server.web.beta import BetaService
from kmstool.server.web.claims import SignedCall
from kmstool.server.web.desk import Desk, Report, Stores
from kmstool.server.web.faults import Faults
from kmstool.server.web.http import Answer, HttpAnswer, HttpRequest
from kmstool.server.web.incoming import SMALL_BODY_BYTES
from kmstool.server.web.quota import Quota, Rates
from kmstool.server.web.services import CurrentServices

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
        secret, path = self.metadata.encode(), request.path.encode()
        known = bool(secret) and hmac.compare_digest(path[: len(secret)], secret)
        if not known or request.method != "GET" or not is_addressed_by_loopback(request):
            return None
        return request.path[len(secret) :]


class Gateway:
    """The handler of an `HttpServer`.

    A `lenient` one takes requests that name no region for the default one, which the cloud refuses; what
    it is to `assume` of the cloud is as `EmbeddedKms` takes it.
    """

    def __init__(
        self,
        folder: Path,
        passphrase: Passphrase,
        *,
        quota: Rates | None,
        report: Report,
        stubs: Stubs = Stubs(),
        lenient: bool = False,
        assume: str = "",
    ) -> None:
        handlers.load_all()
        self._reader = EmbeddedKms(folder, words.REGION, passphrase, assume=assume)
        self._writer = EmbeddedKms(folder, words.REGION, passphrase, assume=assume)
        self._thread = ThreadPoolExecutor(1, "store")
        self.stubs = stubs
        self._lenient = lenient
        self._faults = Faults()
        self._credentials: dict[str, ServedCredential | None] = {}
        self._secret_ids: frozenset[str] | None = None
        self._seen_version = -1
        self._report = report
        stores = Stores(self._reader, self._writer, self._thread)
        self._current = Desk(CurrentServices(), stores, self._faults, Quota(quota) if quota else None, report)
        self._beta_service = BetaService()
        self._beta = Desk(self._beta_service, stores, self._faults, Quota(quota) if quota else None, report)
        admin.lasting_credential(self._writer)

    def close(self) -> None:
        """Finish what is being written and release the store."""
        self._thread.shutdown()
        self._reader.close()
        self._writer.close()

    def handle(self, request: HttpRequest) -> Answer:
        """Answer one request; never raises."""
        desk = self._desk(request)
        try:
            if desk is None:
                return self._metadata(request)
            limits.check(request)
            self._refresh()
            return desk.handle(self._call(request))
        except KmsToolError as error:
            return (desk or self._current).refused("-", error)
        except Exception as error:  # noqa: BLE001 - a fault of one request must not end the server
            return (desk or self._current).unexpected("-", error)

    def admit(self, request: HttpRequest, length: int) -> HttpAnswer | None:
        """Return the answer to a request that its head tells to be a stranger's or too long, None if its body is needed."""
        desk = self._desk(request)
        if desk is None:
            return _NOWHERE
        try:
            if desk is self._current:
                limits.check_length(request, length)
            self._refresh()
            self._check_head(request)
        except KmsToolError as error:
            return desk.refused("-", error)
        except Exception as error:  # noqa: BLE001 - as above
            return desk.unexpected("-", error)
        return None

    def _desk(self, request: HttpRequest) -> Desk | None:
        """Return where a request is served, None for what is none of an API."""
        return {"/": self._current, beta.PATH: self._beta}.get(request.path)

    def _check_head(self, request: HttpRequest) -> None:
        if request.path == beta.PATH:
            raise beta.refuse("-", beta.Code.PARAMETER, f"a form has at most {SMALL_BODY_BYTES // 1024} KiB")
        check_head(request, self._credential, self._max_skew())

    def _call(self, request: HttpRequest) -> SignedCall:
        if request.path == beta.PATH:
            return self._beta_service.authenticate(request, self._credential)
        web_identity, lenient = self.stubs.web_identity, self._lenient
        call = authenticate(
            request, self._credential, web_identity=web_identity, lenient=lenient, max_skew=self._max_skew()
        )
        return self._identified(request, call) if is_web_identity(call) else call

    def _max_skew(self) -> int:
        return claims.MORE_SKEW_SECONDS if "U28" in self._reader.assumed() else claims.MAX_SKEW_SECONDS

    def _identified(self, request: HttpRequest, call: SignedCall) -> SignedCall:
        """Return a call for a web identity as one of its token, whether someone signed it or not."""
        if not self.stubs.web_identity:
            raise refuse("UnsupportedOperation", "no web identity is believed here")
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
                credential = credentials.find(opened.db, opened.vault, secret_id)
            self._credentials[secret_id] = credential if credential and credential.kind != credentials.TOKEN else None
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
