"""STS as the environment and the profile of a run say where it is, for roles that are assumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile
    from kmstool.kms.provider import Provider
    from kmstool.kms.transport.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Sts:
    """Calls STS; `traced` is put around each transport."""

    environ: Mapping[str, str]
    profile: Profile
    region: str
    timeout: float
    deadline: Deadline
    traced: Callable[[Transport], Transport]

    def __call__(self, action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        """Call an action, signed by a credential or, with none, by nobody."""
        from kmstool.kms.credentials import roles  # noqa: PLC0415 - most runs assume no role
        from kmstool.kms.transport.cloud import CloudTransport  # noqa: PLC0415 - as above

        client = CloudTransport(
            signer,
            self.region,
            endpoint=self.environ.get("KMSTOOL_STS_ENDPOINT") or self.profile.sts_endpoint or roles.STS_HOST,
            timeout=self.timeout,
            deadline=self.deadline,
            service="sts",
            version=roles.STS_VERSION,
        )
        return self.traced(client).call(action, params)
