"""Key material that kmstool makes is never lost: whenever KMS has it, the backup is on disk and holds it.

`import-material --generate` is killed, or struck by a fault of the disk, at every system
call by which it changes anything outside itself, and then the served KMS is asked.
"""

import re
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import cmks
from tests.served import serving
from tests.striking import program_struck

# All that a process does to files and to other machines; what it waits for lies between.
CALLS = "write,pwrite64,fsync,fdatasync,fchmod,ftruncate,linkat,/^rename,/^unlink,/^mkdir,connect,/^send,/^recv"


@dataclass(frozen=True)
class Served:
    """A served KMS: its endpoint, what programs beside it need, and its store opened once more."""

    endpoint: str
    environ: Mapping[str, str]
    kms: EmbeddedKms

    def key(self, alias: str) -> str:
        return str(self.kms.call("CreateKey", {"Alias": alias, "Type": 2})["KeyId"])

    def material(self, key_id: str) -> bytes | None:
        """Return the material of a key that has it, and can be used."""
        with self.kms.transaction(write=False) as call:
            cmk = cmks.load(call, key_id)
            assert cmk.state in ("Enabled", "PendingImport")
            return cmks.material(call, cmk, 1)[1] if cmk.state == "Enabled" else None

    def run(self, key_id: str, backup: Path, *strace: str) -> tuple[int, str]:
        """Run `import-material --generate` under strace."""
        words = ("import-material", "--profile", "local", "--endpoint", self.endpoint, "--key", key_id, "--generate")
        return program_struck(strace, *words, "--backup", backup, env=self.environ)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as server, closing(EmbeddedKms(tmp_path / "store")) as kms:
        yield Served(server.endpoint, server.environ, kms)


def trace(served: Served, folder: Path) -> list[tuple[str, str]]:
    """Return the calls of a run that nothing disturbs: name and arguments."""
    log, backup = folder / "log", folder / "undisturbed"
    key_id = served.key("undisturbed")
    exit_code, said = served.run(key_id, backup, "-s", "4000", "-o", str(log), "-e", f"trace={CALLS}")
    assert exit_code == 0, said
    assert served.material(key_id) == backup.read_bytes()
    return re.findall(r"^\d+ +(\w+)\((.*)", log.read_text(), re.MULTILINE)


def test_nothing_is_sent_before_the_backup_is_on_disk(served: Served, tmp_path: Path) -> None:
    calls = trace(served, tmp_path)
    sent = next(at for at, (_, arguments) in enumerate(calls) if "EncryptedKeyMaterial" in arguments)
    linked = [at for at, (name, _) in enumerate(calls) if name == "linkat"]
    synced = [at for at, (name, _) in enumerate(calls) if name == "fsync"]
    # The file, its name, and the folder that holds the name.
    assert len(linked) == 1
    assert len(synced) == 2
    assert synced[0] < linked[0] < synced[1] < sent


def test_a_kill_at_any_point_leaves_a_backup_of_what_kms_has(served: Served, tmp_path: Path) -> None:
    names = Counter(name for name, _ in trace(served, tmp_path))
    points = [(name, number) for name, count in names.items() for number in range(1, count + 1)]
    outcomes = Counter[tuple[bool, bool]]()
    for name, number in points:
        key_id, backup = served.key(f"{name}-{number}"), tmp_path / f"{name}-{number}"
        struck = ("-e", f"trace={name}", "-e", f"inject={name}:signal=SIGKILL:when={number}")
        exit_code, said = served.run(key_id, backup, *struck)
        assert exit_code == -signal.SIGKILL, (name, number, said)
        material = served.material(key_id)
        outcomes[backup.exists(), material is not None] += 1
        if backup.exists():
            assert len(backup.read_bytes()) == 16, (name, number)
            assert backup.stat().st_mode & 0o777 == 0o600
        if material is not None:
            assert backup.read_bytes() == material, (name, number)
    print(dict(outcomes))
    assert set(outcomes) == {(False, False), (True, False), (True, True)}
    assert not list(tmp_path.glob(".kmstool-*"))


@pytest.mark.parametrize("fault", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("point", [("fsync", 1), ("linkat", 1), ("fsync", 2)], ids=str)
def test_a_fault_of_the_disk_keeps_the_material_here(
    served: Served, tmp_path: Path, fault: str, point: tuple[str, int]
) -> None:
    key_id, backup = served.key("struck"), tmp_path / "backup"
    struck = ("-e", f"trace={point[0]}", "-e", f"inject={point[0]}:error={fault}:when={point[1]}")
    exit_code, said = served.run(key_id, backup, *struck)
    assert "INJECTED" in said
    assert exit_code == 8, said
    assert served.material(key_id) is None
