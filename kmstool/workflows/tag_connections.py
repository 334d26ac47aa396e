"""From a profile to the tag service: that beside the embedded KMS, or that of Tencent Cloud, with the same deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kmstool.errors import AccessError, Reason
from kmstool.kms import tags

if TYPE_CHECKING:
    from kmstool.kms.answers import Key
    from kmstool.kms.port import Transport
    from kmstool.server.app import EmbeddedKms
    from kmstool.workflows.connections import Connections

_HOSTS = "tencentcloudapi.com"


def tags_of(kms: Connections, key: Key, region: str, profile: str | None = None) -> dict[str, str]:
    """Return the tags of a key; raise `AccessError` where the credential may not ask for them."""
    try:
        return tags.tags_of(_transport(kms, region, profile), region, key.resource_id or key.key_id)
    except AccessError as error:
        error.reason = Reason.TAGS_UNREADABLE
        raise


def change_tags(
    kms: Connections,
    key: Key,
    region: str,
    profile: str | None = None,
    *,
    changed: Mapping[str, str],
    removed: Sequence[str],
) -> None:
    """Set tags of a key and remove others; raise `AccessError` where the credential may not."""
    transport = kms.changes.transport(_transport(kms, region, profile))
    try:
        tags.change_tags(transport, region, key.resource_id or key.key_id, changed=changed, removed=removed)
    except AccessError as error:
        error.reason = Reason.TAGS_UNCHANGEABLE
        raise


def endpoint_of(kms_endpoint: str | None, service: str = "tag") -> str | None:
    """Return where the tag service, or another one, is, None for the usual place.

    It has a host of its own beside each of KMS's in Tencent Cloud, and shares the port of any other endpoint.
    """
    if kms_endpoint is None or _HOSTS not in kms_endpoint:
        return kms_endpoint
    return kms_endpoint.replace("kms.", f"{service}.", 1)


def _transport(kms: Connections, region: str, named: str | None) -> Transport:
    profile = kms.profile(named)
    endpoint = kms.endpoint(profile)
    if profile.is_local and not endpoint:
        return kms.traced(_EmbeddedTags(kms.local_kms(region)))
    from kmstool.kms.transport.cloud import CloudTransport  # noqa: PLC0415 - where the network is meant

    client = CloudTransport(
        kms.provider(profile),
        region,
        endpoint=endpoint_of(endpoint),
        timeout=kms.options.timeout,
        deadline=kms.deadline,
        service="tag",
        version=tags.VERSION,
    )
    return kms.retrying(kms.traced(client), {})


@dataclass(frozen=True, slots=True)
class _EmbeddedTags:
    kms: EmbeddedKms

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        from kmstool.server import tag_service  # noqa: PLC0415 - not where the network is meant

        return tag_service.call(self.kms, action, params)
