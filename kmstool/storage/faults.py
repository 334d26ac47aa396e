"""What stores and their libraries raise, as errors of kmstool: the only place that knows their exceptions.

They are told by name, so that no library has to be there for it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from kmstool.errors import AccessError, InputError, KmsToolError, NetworkError, OutputError, Reason, ServiceError
from kmstool.storage.places import ObjectUrl
from kmstool.storage.stores import MismatchError

_UNREACHABLE = {
    "HTTPClientError",  # of botocore: no connection, no answer, a connection that broke
    "ClientConnectionError",  # of aiohttp
    "ClientPayloadError",
    "CosClientError",  # of the SDK of COS
    "ConnectionError",
    "TimeoutError",
    "CancelledError",
}
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "TokenRetrievalError",
    "SSOError",
}
_BUSY = {errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO)}
_MOST_CHARACTERS = 200


@contextmanager
def translated(url: ObjectUrl, *, writing: bool = False, absent: bool = False) -> Iterator[None]:
    """Raise an error of kmstool for what a store raises in the block; `absent` says that no object was to be there."""
    try:
        yield
    except KmsToolError:
        raise
    except Exception as error:
        raise _error(url, error, writing=writing, absent=absent) from error


def missing(url: ObjectUrl) -> InputError:
    """Make the error for an object that is not there."""
    return InputError(f"cannot read {url}: no such object")


def exists(url: ObjectUrl) -> OutputError:
    """Make the error for an object that is there and not to be replaced."""
    return OutputError(f"cannot write {url}: it exists already", reason=Reason.FILE_EXISTS)


def _error(url: ObjectUrl, error: Exception, *, writing: bool, absent: bool) -> KmsToolError:
    if isinstance(error, MismatchError):
        return _mismatch(url, writing=writing, absent=absent)
    doing = f"cannot {'write' if writing else 'read'} {url}"
    if isinstance(error, FileNotFoundError):
        return OutputError(f"{doing}: no such bucket") if writing else missing(url)
    kind, hint = _kind(error)
    return kind(f"{doing}: {_said(error)}", hint=hint)


def _mismatch(url: ObjectUrl, *, writing: bool, absent: bool) -> KmsToolError:
    if not writing:
        return InputError(f"{url} changed while it was read")
    if absent:
        return exists(url)
    return OutputError(f"{url} was replaced by another process", hint="see what it is now, and try again")


def _kind(error: Exception) -> tuple[type[KmsToolError], str | None]:
    """Return what class of failure it is, and the way out."""
    names = {kind.__name__ for cause in _causes(error) for kind in type(cause).__mro__}
    if names & _NO_CREDENTIALS:
        return AccessError, "set the credentials of the store, as its own tools take them"
    if isinstance(error, PermissionError):
        return AccessError, "check the credentials of the store and what they allow"
    if names & _UNREACHABLE or getattr(error, "errno", None) in _BUSY:
        return NetworkError, "check the network, and the endpoint in the settings of the store"
    return ServiceError, None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: Exception) -> str:
    """Return what the library says, on one line and not endlessly."""
    text = " ".join((error.strerror if isinstance(error, OSError) and error.strerror else str(error)).split())
    text = (text or type(error).__name__)[:_MOST_CHARACTERS].removesuffix(".")
    return text[:1].lower() + text[1:]
