"""A device is told by the one id that its system keeps, or by a secret; what is no id of its own is refused."""

import sys
import types
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import pytest

from kmstool.cli.hints import hint_of
from kmstool.errors import AccessError, InputError
from kmstool.system import device

MACHINE_ID = "4c4c4544003957108052b4c04f384833"
UUID = "4C4C4544-0039-5710-8052-B4C04F384833"
SECRET = "f3b1c0a95d7e4826b1a6c4d29f8e7350"


def linux(root: Path, environ: dict[str, str] | None = None) -> bytes:
    return device.origin(environ or {}, root=root, platform="linux")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


# Linux.


def test_the_machine_id_of_systemd(tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", MACHINE_ID + "\n")
    write(tmp_path / "var/lib/dbus/machine-id", "0123456789abcdef" * 2)
    assert linux(tmp_path) == b"machine\0" + MACHINE_ID.encode()


@pytest.mark.parametrize("unusable", [None, "", "\n", "uninitialized\n", "0" * 32, "f" * 32, "4c4c", MACHINE_ID + "0"])
def test_the_machine_id_of_dbus_where_the_other_is_none(unusable: str | None, tmp_path: Path) -> None:
    if unusable is not None:
        write(tmp_path / "etc/machine-id", unusable)
    write(tmp_path / "var/lib/dbus/machine-id", MACHINE_ID + "\n")
    assert linux(tmp_path) == b"machine\0" + MACHINE_ID.encode()
    write(tmp_path / "var/lib/dbus/machine-id", unusable or "")
    with pytest.raises(AccessError, match="this machine has no id of its own") as raised:
        linux(tmp_path)
    assert "kmstool random 32" in (hint_of(raised.value) or "")


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_bytes(b"\xff" * 32)
    with pytest.raises(AccessError):
        linux(tmp_path)


# Containers.


@pytest.mark.parametrize("name", [".dockerenv", "run/.containerenv", "run/systemd/container"])
def test_files_that_containers_have(name: str, tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", MACHINE_ID)
    write(tmp_path / name, "")
    with pytest.raises(AccessError, match=f"this is a container \\(/{name} exists\\)") as raised:
        linux(tmp_path)
    assert "KMSTOOL_DEVICE_SECRET" in (hint_of(raised.value) or "")
    assert linux(tmp_path, {"KMSTOOL_DEVICE_SECRET": SECRET}) == b"secret\0" + SECRET.encode()


def test_the_mount_of_kubernetes(tmp_path: Path) -> None:
    (tmp_path / "var/run/secrets/kubernetes.io").mkdir(parents=True)
    with pytest.raises(AccessError, match=r"kubernetes\.io exists"):
        linux(tmp_path)


@pytest.mark.parametrize("name", ["container", "KUBERNETES_SERVICE_HOST"])
def test_variables_that_containers_have(name: str, tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", MACHINE_ID)
    with pytest.raises(AccessError, match=f"{name} is set"):
        linux(tmp_path, {name: "10.0.0.1"})
    assert linux(tmp_path, {name: ""})


@pytest.mark.parametrize("group", ["docker/0a1b", "kubepods.slice/pod1", "machine.slice/libpod-0a.scope", "lxc/one"])
def test_control_groups_of_containers(group: str, tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", MACHINE_ID)
    write(tmp_path / "proc/1/cgroup", f"12:cpu:/\n0::/{group}\n")
    with pytest.raises(AccessError, match="/proc/1/cgroup names"):
        linux(tmp_path)


@pytest.mark.parametrize("groups", ["0::/init.scope\n", "12:cpu:/\n1:name=systemd:/init.scope\n", "0::/\n"])
def test_control_groups_of_machines(groups: str, tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", MACHINE_ID)
    write(tmp_path / "proc/1/cgroup", groups)
    assert linux(tmp_path)


# macOS and Windows.


def fake_ioreg(root: Path, output: str) -> None:
    path = root / "usr/sbin/ioreg"
    write(path, f"#!/bin/sh\n[ \"$*\" = '-rd1 -c IOPlatformExpertDevice' ] || exit 1\ncat <<'END'\n{output}\nEND\n")
    path.chmod(0o700)


def test_the_id_of_a_mac(tmp_path: Path) -> None:
    fake_ioreg(tmp_path, f'    "manufacturer" = <"Apple Inc.">\n    "IOPlatformUUID" = "{UUID}"\n')
    assert device.origin({}, root=tmp_path, platform="darwin") == b"machine\0" + UUID.lower().encode()


@pytest.mark.parametrize("output", ["", '"IOPlatformUUID" = "00000000-0000-0000-0000-000000000000"', "IOPlatformUUID"])
def test_a_mac_without_id(output: str, tmp_path: Path) -> None:
    with pytest.raises(AccessError):
        device.origin({}, root=tmp_path, platform="darwin")
    fake_ioreg(tmp_path, output)
    with pytest.raises(AccessError):
        device.origin({}, root=tmp_path, platform="darwin")


class Registry(types.ModuleType):
    """The registry of Windows with one value, which only the 64-bit view has."""

    HKEY_LOCAL_MACHINE, KEY_READ, KEY_WOW64_64KEY = 0x80000002, 0x20019, 0x100

    def __init__(self, value: str | None) -> None:
        super().__init__("winreg")
        self.value = value

    def OpenKey(self, key: int, name: str, reserved: int, access: int) -> Any:  # noqa: N802 - the name there
        expected = (self.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography", 0, 0x20119)
        if (key, name, reserved, access) != expected or self.value is None:
            raise FileNotFoundError(name)
        return self

    def QueryValueEx(self, key: Any, name: str) -> tuple[str, int]:  # noqa: N802 - the name there
        assert key is self
        assert name == "MachineGuid"
        assert self.value is not None
        return self.value, 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_the_id_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winreg", Registry(UUID))
    assert device.origin({}, platform="win32") == b"machine\0" + UUID.lower().encode()


@pytest.mark.parametrize("value", [None, "", "{" + UUID + "}"])
def test_windows_without_id(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winreg", Registry(value))
    with pytest.raises(AccessError):
        device.origin({}, platform="win32")


# Secrets.


def test_a_secret_counts_before_the_machine(tmp_path: Path) -> None:
    write(tmp_path / "etc/machine-id", MACHINE_ID)
    for platform in ("linux", "darwin", "win32"):
        found = device.origin({"KMSTOOL_DEVICE_SECRET": SECRET}, root=tmp_path, platform=platform)
        assert found == b"secret\0" + SECRET.encode()


def test_a_secret_of_any_bytes(tmp_path: Path) -> None:
    secret = (b"\xff\xfe" * 16).decode("utf-8", "surrogateescape")
    assert linux(tmp_path, {"KMSTOOL_DEVICE_SECRET": secret}) == b"secret\0" + b"\xff\xfe" * 16


@pytest.mark.parametrize("secret", ["", "hunter2", SECRET[:31], "x" * 40])
def test_a_secret_that_can_be_guessed(secret: str, tmp_path: Path) -> None:
    """The message names the way to a better one, and not the secret."""
    write(tmp_path / "etc/machine-id", MACHINE_ID)
    with pytest.raises(InputError, match="at least 32 random characters") as raised:
        linux(tmp_path, {"KMSTOOL_DEVICE_SECRET": secret})
    assert "kmstool random 32" in (hint_of(raised.value) or "")
    assert not secret or secret not in f"{raised.value} {hint_of(raised.value)}"


def test_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, it has an id or is refused as one without; with a secret it is always a device."""
    with suppress(AccessError):
        assert device.origin().startswith(b"machine\0")
    monkeypatch.setenv("KMSTOOL_DEVICE_SECRET", SECRET)
    assert device.origin() == b"secret\0" + SECRET.encode()
