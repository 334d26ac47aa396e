"""From a profile to the KMS of 2017: the embedded one, or that of Tencent Cloud, with the same retries and deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.kms.beta.client import BetaClient
from kmstool.kms.beta.transport import BetaTransport, host_of
from kmstool.kms.transport.limiter import LimitedTransport, Limiter
from kmstool.kms.transport.pool import PooledTransport

if TYPE_CHECKING:
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile
    from kmstool.workflows.connections import Connections

_HOSTS_OF_TODAY = "tencentcloudapi.com"


def beta_client(kms: Connections, region: str, profile: str | None = None) -> BetaClient:
    """Return the client of the KMS of 2017 in a region of it, by the profile in use or another one; threads may share it.

    Raises `InputError` for a region in which it never was.
    """
    host_of(region)
    chosen = kms.profile(profile)
    # It counts what it is asked apart from the KMS of today.
    limiter = Limiter(kms.options.rate)
    return BetaClient(PooledTransport(lambda: _transport(kms, chosen, region, limiter)))


def _transport(kms: Connections, profile: Profile, region: str, limiter: Limiter) -> Transport:
    endpoint = kms.endpoint(profile)
    if profile.is_local and not endpoint:
        from kmstool.server.beta.service import EmbeddedBeta  # noqa: PLC0415 - not where the network is meant

        return kms.traced(EmbeddedBeta(kms.local_kms(region), region))
    client = BetaTransport(
        kms.provider(profile),
        region,
        # The hosts of today know nothing of that API.
        endpoint=None if endpoint and endpoint.endswith(_HOSTS_OF_TODAY) else endpoint,
        timeout=kms.options.timeout,
        deadline=kms.deadline,
    )
    limited = LimitedTransport(kms.traced(client), limiter)
    return kms.retrying(limited, {})
