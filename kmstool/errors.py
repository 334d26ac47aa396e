"""Every way in which kmstool fails, and the exit code of each.

Library code raises these and neither prints nor exits; `cli/main.py` is the one
place that turns them into a message and a code. Messages are lower case without a
full stop and never hold a secret. What to try next is a hint, if it can be said without
naming a command or an option; else a reason, for which `cli/hints.py` has the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Self


class Reason(Enum):
    """Why something failed, where the way out is a command or an option, which only the command line knows.

    The comment names the facts that go with it.
    """

    ALGORITHM_NOT_NAMED = auto()
    ANOTHER_FORM = auto()  # form: a name of kmstool.forms.recognition.Form, or the format of a document
    API_KEY_ALTERED = auto()  # secret_id
    BUNDLE_ALTERED = auto()
    BUNDLE_WITHOUT_MAC = auto()
    CREDENTIAL_MISSING = auto()  # profile
    CREDENTIAL_UNREADABLE = auto()  # profile
    DASK_MISSING = auto()
    DATA_KEY_CONTEXT = auto()
    DATA_KEY_SIZE = auto()  # bytes
    DATA_KEY_UNKNOWN = auto()  # region, profile
    DEADLINE_PASSED = auto()
    DEVICES_CHANGED = auto()  # key
    DEVICE_NOT_BOUND = auto()
    DEVICE_UNNAMED = auto()  # characters
    DIGEST_SIZE = auto()  # digest
    ENVELOPE_CONTEXT = auto()
    FAULT_RULE_DAMAGED = auto()
    FILE_EXISTS = auto()
    FINGERPRINT_LIST_MALFORMED = auto()
    FINGERPRINT_MALFORMED = auto()
    FINGERPRINT_NOT_BOUND = auto()  # key
    FORMER_DEVICES_UNKNOWN = auto()
    HEADER_AND_PAYLOAD = auto()
    HEADER_MISSING = auto()
    KEY_ROTATES = auto()  # key
    KEY_UNKNOWN = auto()  # region, profile
    LEGACY_ZEROS = auto()
    MANIFEST_UNREADABLE = auto()
    NOT_BASE64 = auto()
    MATERIAL_ENCODING = auto()  # encoding
    MATERIAL_SIZE = auto()  # bytes
    MATERIAL_UNWRAPPED = auto()  # bytes
    MATERIAL_WRAPPED_FOR_OTHERS = auto()  # key
    NO_BLOB = auto()
    NO_BUNDLE = auto()
    NO_CIPHERTEXT = auto()
    NO_CREDENTIALS = auto()
    NO_DIGEST = auto()
    NO_ENVELOPE = auto()
    NO_FITTING_KEY = auto()
    NO_PRIVATE_KEY = auto()
    NO_PUBLIC_KEY = auto()
    NO_RECORD_HERE = auto()
    NO_SIGNATURE = auto()
    OTHER_SOURCE_KEY = auto()
    OUTCOME_UNKNOWN = auto()  # noun: key, data-key or whitebox
    PARAMETERS_UNUSABLE = auto()  # key
    PORT_TAKEN = auto()
    PROFILE_LOCAL_STAYS = auto()
    ROOT_KEY_FILE_MISSING = auto()
    ROOT_KEY_NOT_IN_KEYRING = auto()
    SERVER_MISSING = auto()
    SIGNATURE_WRONG = auto()  # algorithm
    SM2_KEY_UNNAMED = auto()
    SOCKET_TAKEN = auto()
    STORE_DAMAGED = auto()
    STORE_FILE_DAMAGED = auto()
    STORE_SERVED = auto()
    STORE_SERVED_ALREADY = auto()
    TAGS_UNCHANGEABLE = auto()
    TAGS_UNREADABLE = auto()
    UNREACHABLE = auto()
    VALID_TO = auto()
    VENDOR_LIBRARY_NEEDED = auto()
    WHITE_BOX_KEY_ENABLED = auto()  # key
    WHITE_BOX_KEY_UNKNOWN = auto()  # region, profile


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
        reason: Reason | None = None,
        facts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.kms_code = kms_code
        self.request_id = request_id
        self.reason = reason
        self.facts = dict(facts or {})

    def retold(self, message: str) -> Self:
        """Return the same failure under another message, with all else that is known of it."""
        return type(self)(
            message,
            hint=self.hint,
            kms_code=self.kms_code,
            request_id=self.request_id,
            reason=self.reason,
            facts=self.facts,
        )


class UsageError(KmsToolError):
    """A usage error, or a missing confirmation."""

    exit_code = 2


class InputError(KmsToolError):
    """Bytes or values from outside are malformed or over a limit checked here."""

    exit_code = 3


class ArgumentError(InputError):
    """A value was chosen that cannot be: the name of nothing, or one that excludes another.

    On the command line that is a `UsageError`, which only `cli/` raises.
    """

    exit_code = 2


class AccessError(KmsToolError):
    """No credentials, credentials rejected, or a key store that is locked."""

    exit_code = 4


class IntegrityError(KmsToolError):
    """Data was altered or truncated, the key or context is wrong, or a store is damaged."""

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


class NobodyThereError(UnreachableError):
    """Nothing is at the address: its name is not known, or its port refuses. That seldom passes."""


class UnknownOutcomeError(NetworkError):
    """A change was sent and whether it took effect is not known."""


class OutputError(KmsToolError):
    """Output cannot be written: it exists, the disk is full, the folder is closed."""

    exit_code = 8


class NoHomeError(OutputError):
    """This user has no home folder, as in a container, and what was asked for needs one."""

    def __init__(self, message: str = "this user has no home folder", **known: Any) -> None:
        hint = (
            "set HOME to a folder of this user, or KMSTOOL_HOME for what kmstool keeps; "
            "credentials in TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY need no files"
        )
        super().__init__(message, **{"hint": hint, **known})


class PartialError(KmsToolError):
    """Some items of a long job failed; the report says which."""

    exit_code = 9


class WorkersKilledError(KmsToolError):
    """Every worker that took a piece of work was killed."""


class DryRunDone(BaseException):
    """Ends a command that was only to show what it would change; no error, so that nothing handles it as one."""

    exit_code = 0


class MountWarning(UserWarning):
    """A file is written on a file system that cannot close it to others."""
