"""Every way in which kmstool fails, and the exit code of each.

Library code raises these and neither prints nor exits; `cli/main.py` is the one
place that turns them into a message and a code. Messages are lower case without a
full stop and never hold a secret; the hint says what to try next.
"""

from __future__ import annotations


class KmsToolError(Exception):
    """A fault of kmstool itself."""

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        kms_code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kms_code = kms_code
        self.request_id = request_id


class UsageError(KmsToolError):
    """The command line makes no sense, or a needed confirmation is missing."""

    exit_code = 2


class InputError(KmsToolError):
    """Bytes or values from outside are malformed or over a limit checked here."""

    exit_code = 3


class AccessError(KmsToolError):
    """There are no credentials, or they are not accepted; a key store that stays locked."""

    exit_code = 4


class IntegrityError(KmsToolError):
    """Data is altered, cut short or under another key or context; a store is damaged."""

    exit_code = 5


class ServiceError(KmsToolError):
    """KMS understood the request and refused it."""

    exit_code = 6


class NotFoundError(ServiceError):
    """KMS has no such key or resource."""


class KeyStateError(ServiceError):
    """The key's state, usage or origin does not allow the operation."""


class LimitError(ServiceError):
    """A quota or a rate of the service is used up."""


class NetworkError(KmsToolError):
    """KMS could not be reached, or its answer was lost."""

    exit_code = 7


class UnreachableError(NetworkError):
    """KMS could not be reached, and nothing was sent."""


class UnknownOutcomeError(NetworkError):
    """A change was sent and whether it took effect is not known."""


class OutputError(KmsToolError):
    """Output cannot be written: it exists, the disk is full, the folder is closed."""

    exit_code = 8


class PartialError(KmsToolError):
    """Some items of a long job failed; the report says which."""

    exit_code = 9


class DryRunDone(BaseException):
    """Ends a command that was only to show what it would change; no error, so that nothing handles it as one."""

    exit_code = 0


class MountWarning(UserWarning):
    """A file is written on a file system that cannot close it to others."""
