"""What is shown of a profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile


def answer_of(profile: Profile) -> dict[str, str]:
    """Return the fields of a profile as they are printed."""
    return {
        "Name": profile.name,
        "Region": profile.region,
        "Key": profile.key,
        "Endpoint": profile.endpoint,
        "Transport": profile.transport,
        "Credentials": profile.credentials,
        "RoleArn": profile.role_arn,
        "RoleSession": profile.role_session,
        "StsEndpoint": profile.sts_endpoint,
        "SecretId": profile.secret_id,
        "Whitebox": profile.whitebox,
    }
