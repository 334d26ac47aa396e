"""Secrets in the keyring of the operating system, and never in anything that only looks like one.

The backend is taken from a list of classes: with `keyrings.alt` installed, the `keyring`
package would silently choose a file in plaintext. Every access has a time limit, because
a locked keyring may wait for a dialogue that nobody sees.
"""

from __future__ import annotations

import importlib
import secrets
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from kmstool.errors import AccessError

TIMEOUT_SECONDS = 5

# By platform, because importing another one's starts compilers to look for its libraries.
_BACKENDS = {
    "darwin": (("keyring.backends.macOS", "Keyring"),),
    "win32": (("keyring.backends.Windows", "WinVaultKeyring"),),
}
_UNIX_BACKENDS = (
    ("keyring.backends.SecretService", "Keyring"),
    ("keyring.backends.kwallet", "DBusKeyring"),
    ("keyring.backends.libsecret", "Keyring"),
)

Result = TypeVar("Result")


def read(service: str, name: str) -> str | None:
    """Return a secret, None if there is none; raise `AccessError` if the keyring is missing or locked."""
    secret: str | None = _within_time(lambda: _backend().get_password(service, name))
    return secret


def write(service: str, name: str, secret: str) -> None:
    """Store a secret; raise `AccessError` if the keyring is missing or locked."""
    _within_time(lambda: _backend().set_password(service, name, secret))


def delete(service: str, name: str) -> None:
    """Remove a secret if it is there; raise `AccessError` if the keyring is missing or locked."""

    def remove() -> None:
        backend = _backend()
        if backend.get_password(service, name) is not None:
            backend.delete_password(service, name)

    _within_time(remove)


def probe() -> str:
    """Write, read and delete a canary, and return the name of the keyring; raise `AccessError` if that fails."""
    service, name, canary = "kmstool probe", secrets.token_hex(8), secrets.token_hex(8)
    write(service, name, canary)
    kept = read(service, name)
    delete(service, name)
    if kept != canary:
        raise _unusable("it did not return the value just stored")
    return backend_name()


def backend_name() -> str:
    """Return the name of the keyring in use, such as `SecretService`."""
    return str(_within_time(lambda: type(_backend()).__module__.rpartition(".")[2]))


def _backend() -> Any:
    usable = []
    for module, name in _BACKENDS.get(sys.platform, _UNIX_BACKENDS):
        # A backend says in any way it likes that it cannot work here.
        with suppress(Exception):
            backend = getattr(importlib.import_module(module), name)
            usable.append((backend.priority, backend))
    if not usable:
        raise _unusable("there is none on this machine")
    return max(usable, key=lambda rated: float(rated[0]))[1]()


def _within_time(action: Callable[[], Result]) -> Result:
    outcome: list[Result] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(action())
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            failure.append(error)

    # A daemon thread, so that a keyring that waits for ever does not keep the process alive.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    if thread.is_alive():
        raise _unusable(f"it did not answer within {TIMEOUT_SECONDS} s")
    if failure:
        if isinstance(failure[0], AccessError):
            raise failure[0]
        raise _unusable(f"{type(failure[0]).__name__}: {failure[0]}") from failure[0]
    return outcome[0]


def _unusable(reason: str) -> AccessError:
    return AccessError(
        f"the keyring of the operating system cannot be used: {reason}",
        hint="unlock or start it (a Secret Service needs a D-Bus session), or choose another way to keep the secret",
    )
