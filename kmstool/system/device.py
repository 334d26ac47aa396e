"""Device identity: its origin, from which white-box keys derive its fingerprint.

The operating system's id of the machine, or a secret that the user gives to a container. An
origin is to be kept like a private key, for it opens what is bound to the device.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kmstool.errors import AccessError, InputError, Reason

ORIGIN_VARIABLE = "KMSTOOL_DEVICE_SECRET"
MIN_SECRET_CHARACTERS = 32

_LINUX_FILES = ("etc/machine-id", "var/lib/dbus/machine-id")
_CONTAINER_FILES = (".dockerenv", "run/.containerenv", "run/systemd/container", "var/run/secrets/kubernetes.io")
_CONTAINER_VARIABLES = ("container", "KUBERNETES_SERVICE_HOST")
_CONTAINER_CGROUP = re.compile(r"docker|containerd|kubepods|libpod|lxc|garden")
_IOREG = ("usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
_IOREG_ID = re.compile(r'"IOPlatformUUID" = "([^"]*)"')
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONG_ENOUGH = {"characters": str(MIN_SECRET_CHARACTERS)}
_TIMEOUT_SECONDS = 10


def origin(environ: Mapping[str, str] = os.environ, *, root: Path = Path("/"), platform: str = sys.platform) -> bytes:
    """Return what only this device knows: a secret from the environment, or else the machine's id.

    Raises `InputError` for a secret that could be guessed, `AccessError` in a container without
    one and on a machine without an id.
    """
    secret = environ.get(ORIGIN_VARIABLE)
    if secret is not None:
        # The fingerprint is public, so that a short secret could be found by trying.
        if len(secret) < MIN_SECRET_CHARACTERS or len(set(secret)) == 1:
            raise InputError(
                f"{ORIGIN_VARIABLE} is too easy to guess: it needs at least {MIN_SECRET_CHARACTERS} random characters",
                reason=Reason.DEVICE_UNNAMED,
                facts=_LONG_ENOUGH,
            )
        return b"secret\0" + secret.encode("utf-8", "surrogateescape")
    if platform == "darwin":
        return _machine(_mac_id(root))
    if platform == "win32":
        return _machine(_windows_id())
    trace = _container_trace(environ, root)
    if trace is not None:
        raise AccessError(
            f"this is a container ({trace}), which has no id of its own",
            reason=Reason.DEVICE_UNNAMED,
            facts=_LONG_ENOUGH,
        )
    ids = (_text(root / name) for name in _LINUX_FILES)
    return _machine(next((machine_id for machine_id in ids if _is_usable(machine_id)), ""))


def _machine(machine_id: str) -> bytes:
    machine_id = machine_id.strip().lower()
    if not _is_usable(machine_id):
        raise AccessError("this machine has no id of its own", reason=Reason.DEVICE_UNNAMED, facts=_LONG_ENOUGH)
    return b"machine\0" + machine_id.encode()


def _is_usable(machine_id: str) -> bool:
    """Tell an id from what images and firmware have in its place: nothing, `uninitialized`, one repeated digit."""
    machine_id = machine_id.strip().lower()
    return _ID.fullmatch(machine_id) is not None and len(set(machine_id) - {"-"}) > 1


def _container_trace(environ: Mapping[str, str], root: Path) -> str | None:
    """Return what shows that this is a container, whose machine id is that of its image or of its host."""
    for name in _CONTAINER_FILES:
        # Not Path.exists, which raises for a folder that may not be read.
        if os.path.exists(root / name):
            return f"/{name} exists"
    for name in _CONTAINER_VARIABLES:
        if environ.get(name):
            return f"{name} is set"
    match = _CONTAINER_CGROUP.search(_text(root / "proc/1/cgroup"))
    return f"/proc/1/cgroup names {match[0]}" if match else None


def _mac_id(root: Path) -> str:
    program, *arguments = _IOREG
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command of the system
            [root / program, *arguments],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _IOREG_ID.search(done.stdout.decode("utf-8", "replace"))
    return match[1] if match else ""


def _windows_id() -> str:
    registry: Any = importlib.import_module("winreg")
    # The 64-bit view: a 32-bit Python would be shown another, empty key.
    access = registry.KEY_READ | registry.KEY_WOW64_64KEY
    try:
        with registry.OpenKey(registry.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, access) as key:
            return str(registry.QueryValueEx(key, "MachineGuid")[0])
    except OSError:
        return ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
