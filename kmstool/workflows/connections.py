"""From a profile to clients: the embedded KMS, or Tencent Cloud with credentials, retries and a deadline.

All that one run reaches is chosen here, once, whether by the command line or by a Python program (`connect`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from kmstool.api.cmk_rules import KeyAddress
from kmstool.errors import InputError
from kmstool.kms import names
from kmstool.kms.client import KmsClient
from kmstool.kms.credentials.sources import choose_profile
from kmstool.kms.environment import Environment
from kmstool.kms.port import ExplainedTransport, TracedTransport, Transport
from kmstool.kms.profiles import LOCAL, Profile
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.limiter import Limiter, Rate
from kmstool.kms.transport.pool import PooledTransport
from kmstool.workflows import passphrases, sts_connections
from kmstool.workflows.changes import Changes
from kmstool.workflows.kept import Kept, Loans

if TYPE_CHECKING:
    from kmstool.envelope.recipients import Identity
    from kmstool.kms.cmk_recipients import CmkRecipient, HostedDek
    from kmstool.kms.credentials.sources import AskPassphrase
    from kmstool.kms.provider import Provider
    from kmstool.kms.transport.outcomes import Lookup
    from kmstool.kms.transport.retry import Waits
    from kmstool.server.app import EmbeddedKms

Wrapper = Callable[[Transport], Transport]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectOptions:
    """What is asked of all connections of a run; None leaves the choice to the profile and the environment.

    `timeout` is the seconds of one call, `max_wait` those of all pauses and retries, `retries` how often one is
    tried again, None for as often as it helps. `rate` is the calls a second of a job and its share of them.
    `transport` is what sends requests over the network: `own`, or Tencent's `sdk`.
    """

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    transport: str | None = None
    timeout: float = 30
    retries: int | None = None
    max_wait: float = 60
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key as a user names it: its id, the client to reach it, its region and site (`cn` or `intl`)."""

    client: KmsClient
    key_id: str
    region: str
    site: str


class Connections:
    """The KMSs that one run reaches.

    `ask_passphrase` is asked for those of credentials and stores, `trace` is told of each call, `wrap` is put
    around every transport, every change goes through `changes`, and `waits` is told of pauses. What is in `kept`
    is not opened again.
    """

    def __init__(
        self,
        environment: Environment,
        options: ConnectOptions,
        *,
        ask_passphrase: AskPassphrase,
        trace: Callable[[str], None] | None = None,
        wrap: Wrapper = lambda transport: transport,
        changes: Changes | None = None,
        kept: Kept | None = None,
        waits: Waits | None = None,
    ) -> None:
        self.environment = environment
        self.options = options
        self.used_local = False
        """Whether the local KMS was asked."""
        self._trace, self._wrap, self._waits = trace, wrap, waits
        self.changes = changes or Changes()
        self._kept = kept or Kept(ask_passphrase)
        self._kept.ask_passphrase = ask_passphrase
        self.loans = Loans(self._kept)
        """What this run has of what is kept."""
        self._chosen: dict[str | None, Profile] = {}
        self._clients: dict[tuple[str, str], KmsClient] = {}
        self.named: dict[str, tuple[str, KmsClient]] = {}
        """By the id of a key: how it was named, and the client to reach it."""

    @cached_property
    def deadline(self) -> Deadline:
        """The time that this run may wait in all, for whatever services."""
        shared = self._kept.shared(self.options, lambda: Deadline(self.options.max_wait, self.options.timeout))
        shared.renew()
        return shared

    @cached_property
    def limiter(self) -> Limiter:
        """How fast this run may call, whichever region and profile it is."""
        return Limiter(self.options.rate)

    def profile(self, name: str | None = None) -> Profile:
        """Return the profile that is named, or else in use; raise `AccessError` if there is none."""
        if name not in self._chosen:
            self._chosen[name] = choose_profile(self.environment, name or self.options.profile)
        return self._chosen[name]

    def endpoint(self, profile: Profile) -> str | None:
        """Return the endpoint that was asked for, None for the usual one: it means the network, always."""
        return self.options.endpoint or self.environment.environ.get("KMSTOOL_ENDPOINT") or profile.endpoint or None

    def region(self, profile: Profile) -> str:
        """Return the region in use."""
        return self.options.region or self.environment.environ.get("KMSTOOL_REGION") or profile.region

    def client(self, region: str | None = None, profile: str | None = None) -> KmsClient:
        """Return the client of the KMS in use, or of the one that a key's address names; threads may share it."""
        chosen = self.profile(profile)
        # Not as it was spelled: what is said to be done in one call is one.
        address = (region or self.region(chosen), chosen.name)
        if address not in self._clients:
            self._clients[address] = KmsClient(PooledTransport(lambda: self.transport(region, profile)))
        return self._clients[address]

    def transport(self, region: str | None = None, profile: str | None = None) -> Transport:
        """Return a new transport to the KMS in use, or to the one that a key's address names."""
        chosen = self.profile(profile)
        region = region or self.region(chosen)
        is_local = chosen.is_local and not self.endpoint(chosen)
        inner = self.traced(self.local_kms(region)) if is_local else self.cloud(chosen, region, self.provider(chosen))
        return self.changes.transport(self._wrap(ExplainedTransport(inner, region)))

    def cloud(self, profile: Profile, region: str, credentials: Provider) -> Transport:
        """Return a transport to Tencent Cloud, or to what the endpoint names, with retries."""
        from kmstool.kms.transport.limiter import LimitedTransport
        from kmstool.kms.transport.outcomes import LOOKUPS
        from kmstool.kms.transport.senders import sender

        kind, endpoint = sender(self.options.transport or profile.transport), self.endpoint(profile)
        client: Transport = self.loans.lend(
            (kind, credentials, region, endpoint, self.options),
            lambda: kind(credentials, region, endpoint=endpoint, timeout=self.options.timeout, deadline=self.deadline),
            lambda _: True,
        )
        return self.retrying(LimitedTransport(self.traced(client), self.limiter), LOOKUPS)

    def retrying(self, inner: Transport, lookups: Mapping[str, Lookup]) -> Transport:
        """Return a transport that repeats what may be repeated, within the time of this run."""
        from kmstool.kms.transport.retry import RetryingTransport

        retries, waits = self.options.retries, self._waits
        return RetryingTransport(inner, retries=retries, deadline=self.deadline, waits=waits, lookups=lookups)

    def local_kms(self, region: str | None = None) -> EmbeddedKms:
        """Open the embedded KMS of this machine."""
        from kmstool.server.app import EmbeddedKms

        self.used_local = True
        folder, refuse = self.environment.local_folder, self.changes.refuse
        region = region or self.region(self.environment.profiles.get(LOCAL))

        def opened() -> EmbeddedKms:
            return EmbeddedKms(folder, region, lambda: self._kept.ask("the store of the local KMS"), refuse=refuse)

        # One that is only read is that of a dry run.
        return opened() if refuse else self.loans.lend((folder, region), opened, lambda kms: kms.store.stands())

    def provider(self, profile: Profile) -> Provider:
        """Return where a profile's credentials come from; raise `AccessError` if they are not there."""
        if profile.is_local:
            return self._local_provider()
        from kmstool.kms.credentials import sources

        return self._kept.shared(
            (profile, self.options, self._trace is None),
            lambda: sources.provider_of(self.environment, profile, self._kept.ask, self._sts(profile), self.deadline),
        )

    def in_role(self, profile: Profile, base: Provider) -> Provider:
        """Return the role that a profile names, assumed by a credential; that itself where it names none."""
        from kmstool.kms.credentials import sources

        return sources.in_role(self.environment, profile, base, self._sts(profile))

    def key(self, address: KeyAddress | str | None = None) -> KeyPlace:
        """Resolve a key as users name it, None for the profile's own; raise `InputError` if that has none."""
        return self._resolved(self.default_key() if address is None else address, names.find_key_id)

    def data_key(self, address: KeyAddress | str) -> KeyPlace:
        """Resolve a data key that KMS keeps, named as keys are."""
        return self._resolved(address, names.find_data_key_id)

    def white_box_key(self, address: KeyAddress | str) -> KeyPlace:
        """Resolve a white-box key, named as keys are."""
        return self._resolved(address, names.find_white_box_key_id)

    def recipient(self, address: KeyAddress | str | None = None) -> CmkRecipient:
        """Return a symmetric CMK as one who can open an envelope, None for the profile's own."""
        from kmstool.kms.cmk_recipients import CmkRecipient

        key = self.key(address)
        return CmkRecipient(key.client, key.key_id, key.region, key.site)

    def hosted_dek(self, address: KeyAddress | str) -> HostedDek:
        """Return a data key that KMS keeps as the DEK of an envelope."""
        from kmstool.kms.cmk_recipients import HostedDek

        data_key = self.data_key(address)
        return HostedDek(data_key.client, data_key.key_id, data_key.region, data_key.site)

    def identities(self, keys: Sequence[KeyAddress | str] = ()) -> list[Identity]:
        """Return what opens envelopes: the KMS of the profile in the region of each stanza, or with keys only those."""
        from kmstool.kms.cmk_recipients import CmkIdentity

        if not keys:
            return [CmkIdentity(self.client)]
        return [CmkIdentity(partial(_client_of, key), (key.key_id,)) for key in map(self.key, keys)]

    def default_key(self) -> str:
        """Return the address of the profile's own key; raise `InputError` if it has none."""
        key = self.profile().key
        if not key:
            raise InputError("no key was named, and the profile has none of its own")
        return key

    def traced(self, transport: Transport) -> Transport:
        """Return a transport that reports its calls, if somebody wants to see them."""
        return TracedTransport(transport, self._trace) if self._trace else transport

    def _resolved(self, named: KeyAddress | str, find: Callable[[KmsClient, KeyAddress], str]) -> KeyPlace:
        address = KeyAddress.parse(named) if isinstance(named, str) else named
        client = self.client(address.region, address.profile)
        profile = self.profile(address.profile)
        site = "intl" if ".intl." in (self.endpoint(profile) or "") else "cn"
        key_id = find(client, address)
        self.named[key_id] = (str(address), client)
        return KeyPlace(client, key_id, address.region or self.region(profile), site)

    def _sts(self, profile: Profile) -> sts_connections.Sts:
        region = self.environment.environ.get("TKE_REGION") or self.region(profile)
        return sts_connections.Sts(
            self.environment.environ, profile, region, self.options.timeout, self.deadline, self.traced
        )

    def _local_provider(self) -> Provider:
        """Return the API key of the embedded KMS, with which its own clients sign over the network."""
        from kmstool.kms.provider import Credential, FixedProvider
        from kmstool.server import admin

        pair = admin.lasting_credential(self.local_kms())
        return FixedProvider(Credential(pair.secret_id, pair.secret_key), "the store of the local KMS")


def _client_of(key: KeyPlace, _: str) -> KmsClient:
    """Return the client by which a key was found, whatever region a header names."""
    return key.client


def connect(
    profile: str | None = None,
    options: ConnectOptions | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    ask_passphrase: AskPassphrase | None = None,
    wrap: Wrapper = lambda transport: transport,
) -> Connections:
    """Return the connections of a profile, None for the one that the environment implies; nothing is called yet.

    A passphrase that is needed comes from the file that KMSTOOL_PASSPHRASE_FILE names, unless `ask_passphrase`
    gives it. Raises `AccessError` where neither does, and where there are no credentials.
    """
    environ = os.environ if environ is None else environ
    chosen = replace(options or ConnectOptions(), profile=profile or (options.profile if options else None))
    ask = ask_passphrase or partial(passphrases.from_file, environ)
    return Connections(Environment(environ), chosen, ask_passphrase=ask, wrap=wrap)
