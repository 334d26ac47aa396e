"""What can send requests to Tencent Cloud; each is imported when it is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool import near
from kmstool.errors import InputError

if TYPE_CHECKING:
    from kmstool.kms.transport.cloud import CloudTransport
    from kmstool.kms.transport.sdk import SdkTransport


def sender(name: str) -> type[CloudTransport | SdkTransport]:
    """Return the transport of a name, `own` or `sdk`, our own for none; raise `InputError` for another name."""
    if name in ("", "own"):
        from kmstool.kms.transport.cloud import CloudTransport  # noqa: PLC0415 - one of the two is needed

        return CloudTransport
    if name == "sdk":
        from kmstool.kms.transport.sdk import SdkTransport  # noqa: PLC0415 - as above

        return SdkTransport
    raise InputError(f"there is no transport {name!r}", hint=near.question_or_all(name, ("own", "sdk")))
