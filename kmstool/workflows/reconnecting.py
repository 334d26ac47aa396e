"""Who can open envelopes and which KMS is asked, in a form that another machine gets: names, and nothing secret.

A worker connects by its own environment, profile or role, once for a job, and keeps to its part of the quota.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kmstool.api.cmk_rules import KeyAddress
from kmstool.crypto import keys
from kmstool.envelope.header import Header
from kmstool.envelope.public_key_recipients import PublicKeyRecipient
from kmstool.envelope.recipients import Identity, Recipient
from kmstool.envelope.stanzas import Stanza
from kmstool.kms.client import KmsClient
from kmstool.kms.cmk_recipients import CmkIdentity, CmkRecipient, HostedDek
from kmstool.kms.transport.limiter import Rate
from kmstool.workflows.connections import Connections, ConnectOptions, connect
from kmstool.workflows.keeping import kept
from kmstool.workflows.many import Workers
from kmstool.workflows.rewrapping import Wrap, wrap_here, wrap_in_kms


@dataclass(frozen=True, slots=True)
class WorkerKms:
    """How the workers of a job reach KMS; with `shield` it wraps the data keys that it answers with."""

    job: str
    options: ConnectOptions
    shield: bool = False

    def connections(self) -> Connections:
        """Return the connections of this process, which are made once for a job."""
        return kept(self.job, self, self._connect)

    def _connect(self) -> Connections:
        if not self.shield:
            return connect(options=self.options)
        from kmstool.kms.transport.shield import ShieldingTransport  # noqa: PLC0415 - it brings SM2

        return connect(options=self.options, wrap=ShieldingTransport)

    def client(self, region: str | None = None, profile: str | None = None) -> KmsClient:
        """Return the client of a region, which has the whole time that a job may wait: the piece before is done."""
        connections = self.connections()
        connections.deadline.renew()
        return connections.client(region, profile)

    def check(self) -> None:
        """Raise `AccessError` where this process has no credentials, or a store that stays locked."""
        connections = self.connections()
        profile = connections.profile()
        if profile.is_local and not connections.endpoint(profile):
            kms = connections.local_kms()
            try:
                kms.unlock()
            finally:
                kms.close()
        else:
            connections.provider(profile)


def workers_kms(workers: Workers, options: ConnectOptions, *, shield: bool = False) -> WorkerKms:
    """Return how the workers reach KMS, each at its part of the rate; raise what keeps one of them from it."""
    rate = options.rate or Rate()
    share = replace(rate, share=rate.share / workers.processes)
    kms = WorkerKms(workers.job, replace(options, rate=share), shield)
    workers.on_each(kms.check)
    return kms


@dataclass(frozen=True, slots=True)
class KeyThere:
    """A key in KMS that was found here, as a worker meets it again."""

    key_id: str
    region: str
    site: str
    profile: str | None = None

    def recipient(self, kms: WorkerKms) -> CmkRecipient:
        """Return it as one who can open an envelope."""
        return CmkRecipient(kms.client(self.region, self.profile), self.key_id, self.region, self.site)

    def identity(self, kms: WorkerKms) -> CmkIdentity:
        """Return what opens the stanzas of this key alone."""
        return CmkIdentity(lambda _: kms.client(self.region, self.profile), (self.key_id,))


def key_there(connections: Connections, address: KeyAddress | str, *, hosted: bool = False) -> KeyThere:
    """Find a key, or with `hosted` a data key that KMS keeps, for the workers, who need not know its name."""
    parsed = KeyAddress.parse(address) if isinstance(address, str) else address
    key = connections.data_key(parsed) if hosted else connections.key(parsed)
    return KeyThere(key.key_id, key.region, key.site, parsed.profile)


@dataclass(frozen=True, slots=True)
class RecipientsThere:
    """For whom a worker makes envelopes: keys in KMS, public keys (as DER), or a data key that KMS keeps."""

    kms: WorkerKms
    keys: tuple[KeyThere, ...] = ()
    public_keys: tuple[tuple[bytes, str, str], ...] = ()
    data_key: KeyThere | None = None

    def __call__(self) -> Sequence[Recipient]:
        """Return the recipients, in the order in which they make the DEK."""
        everyone: list[Recipient] = []
        if (one := self.data_key) is not None:
            everyone.append(HostedDek(self.kms.client(one.region, one.profile), one.key_id, one.region, one.site))
        everyone += [key.recipient(self.kms) for key in self.keys]
        return everyone + [PublicKeyRecipient(keys.from_spki(der), *names) for der, *names in self.public_keys]


@dataclass(frozen=True, slots=True)
class IdentitiesThere:
    """Who opens envelopes in a worker: the KMS of the region of each stanza, or with keys only those."""

    kms: WorkerKms
    keys: tuple[KeyThere, ...] = ()

    def __call__(self) -> Sequence[Identity]:
        """Return what opens stanzas."""
        return [key.identity(self.kms) for key in self.keys] or [CmkIdentity(self.kms.client)]


@dataclass(frozen=True, slots=True)
class WrapThere:
    """What gives envelopes other recipients in a worker; with `sources` and `in_kms` KMS moves the data key itself."""

    kms: WorkerKms
    targets: tuple[KeyThere, ...]
    sources: tuple[KeyThere, ...] = ()
    in_kms: bool = False

    def __call__(self, header: Header, payload_header: bytes) -> Sequence[Stanza]:
        """Return the stanzas of the new recipients."""
        self.kms.client()
        return kept(self.kms.job, self, self._wrap)(header, payload_header)

    def _wrap(self) -> Wrap:
        targets = [key.recipient(self.kms) for key in self.targets]
        if self.in_kms:
            return wrap_in_kms([key.recipient(self.kms) for key in self.sources], targets, self._say)
        return wrap_here(targets, IdentitiesThere(self.kms, self.sources)())

    def _say(self, message: str) -> None:
        kept(self.kms.job, (self, "said"), list[str]).append(message)

    def said(self) -> str:
        """Return what was said since the last time, empty for nothing."""
        messages = kept(self.kms.job, (self, "said"), list[str])
        said = "; ".join(messages)
        messages.clear()
        return said


class Sent:
    """A function that is `here` in this process, and for a worker what `there` returns, asked for once."""

    def __init__(self, here: Callable[..., Any], there: Callable[[], Callable[..., Any]]) -> None:
        self._here, self._make = here, there

    def __call__(self, *args: Any) -> Any:
        """Call it here."""
        return self._here(*args)

    def __reduce__(self) -> tuple[Any, ...]:
        return _as_it_is, (self._there,)

    @cached_property
    def _there(self) -> Callable[..., Any]:
        return self._make()


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function
