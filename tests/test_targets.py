"""What a command writes is looked at before KMS is asked: no call is wasted on a result that has no room."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest

from kmstool.cli.main import root
from kmstool.cli.targets import Target
from kmstool.errors import OutputError
from kmstool.system import atomic
from tests.program import kmstool

BLOB = "AA==-k-AA==-k-AA==\n"


@dataclass
class Counter:
    """Where KMS should be: it counts who comes, and answers nothing."""

    listener: socket.socket
    calls: list[bytes] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client:
                self.calls.append(client.recv(65536))


@pytest.fixture
def kms_counter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Counter]:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        counter = Counter(listener)
        monkeypatch.setenv("KMSTOOL_ENDPOINT", counter.endpoint)
        monkeypatch.setenv("TENCENTCLOUD_SECRET_ID", "AKIDtargets")
        monkeypatch.setenv("TENCENTCLOUD_SECRET_KEY", "targets")
        thread = threading.Thread(target=counter.run)
        thread.start()
        yield counter
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


# What else each of them needs, so that nothing but the target keeps it from a call.
WORDS = {
    "asymmetric decrypt": ("--key", "a", "in"),
    "asymmetric encrypt": ("--key", "a", "in"),
    "data-key blob": ("a",),
    "data-key generate": ("--key", "a", "--name", "a"),
    "data-key plaintext": ("a",),
    "decrypt": ("blob",),
    "digest": ("--algorithm", "sha256", "in"),
    "encrypt": ("--key", "a", "in"),
    "envelope decrypt": ("in.kte",),
    "envelope encrypt": ("--key", "a", "in"),
    "envelope import-legacy": ("--blob", "blob", "--key", "a", "in"),
    "import-material": ("--key", "a", "--generate"),
    "local export": (),
    "local serve": ("--port", "0"),
    "material params": ("--key", "a"),
    "material wrap": ("--params", "import", "in"),
    "migrate plan": ("--to", "a", "tree"),
    "migrate status": ("plan.json",),
    "public-key": ("a",),
    "random": ("8",),
    "reencrypt": ("--to", "a", "blob"),
    "rotate plan": ("--from", "a", "tree"),
    "rotate status": ("plan.json",),
    "sign": ("--key", "a", "in"),
    "whitebox bundle": ("--key", "a", "in"),
    "whitebox decrypt": ("--bundle", "bundle"),
    "whitebox download-key": ("a",),
    "whitebox encrypt": ("--key", "a", "in"),
}
# These ask no KMS, or a part of them only after an input that would have to be whole.
OFFLINE = {
    *("digest", "local export", "local serve", "material wrap", "migrate plan", "migrate status", "rotate status"),
    *("whitebox decrypt", "envelope decrypt", "envelope import-legacy"),
}


def targets(command: click.Command = root, name: str = "") -> Iterator[tuple[str, Target]]:
    """Yield every option that names an output, with its command."""
    yield from ((name, param) for param in command.params if isinstance(param, Target))
    if isinstance(command, click.Group):
        for sub in command.commands:
            yield from targets(command.commands[sub], f"{name} {sub}".strip())


ALL = [(name, target, target.opts[-1]) for name, target in targets()]
IDS = [f"{name} {option}" for name, _, option in ALL]


def options_of(command: click.Command = root, name: str = "") -> Iterator[tuple[str, click.Option]]:
    yield from ((name, param) for param in command.params if isinstance(param, click.Option))
    if isinstance(command, click.Group):
        for sub in command.commands:
            yield from options_of(command.commands[sub], f"{name} {sub}".strip())


def test_every_output_is_known_as_one() -> None:
    """An option that says that something is written is a `Target`."""
    assert not [
        (name, option.opts)
        for name, option in options_of()
        if ("--out" in option.opts or "rite " in (option.help or "")) and not isinstance(option, Target)
        if not option.is_flag
    ]
    assert {name for name, _ in targets()} == WORDS.keys()


@pytest.fixture
def inputs(tmp_path: Path) -> None:
    for name, data in {"in": "data", "blob": BLOB, "in.kte": "data", "plan.json": "{}"}.items():
        (tmp_path / name).write_text(data)
    for name in ("tree", "bundle", "import"):
        (tmp_path / name).mkdir()


def refused(counter: Counter, name: str, option: str, output: str) -> str:
    done = kmstool(*name.split(), *WORDS[name], option, output, exit_code=8)
    assert counter.calls == []
    assert done.out == ""
    assert len(done.err.splitlines()) == 2, "an output that is refused has a way out"
    return done.err


@pytest.mark.parametrize(("name", "target", "option"), ALL, ids=IDS)
@pytest.mark.usefixtures("inputs")
def test_a_target_without_room_costs_no_call(
    kms_counter: Counter, name: str, target: Target, option: str, tmp_path: Path
) -> None:
    folder, file = tmp_path / "there", tmp_path / "file"
    folder.mkdir()
    file.write_text("the content")
    beneath = file / "out"
    assert "not a directory" in refused(kms_counter, name, option, str(beneath))
    if target.names is None:
        assert "it is a folder" in refused(kms_counter, name, option, str(folder))
        assert "no such file or directory" in refused(kms_counter, name, option, str(tmp_path / "none" / "out"))
        if not target.replaced:
            assert "it exists already" in refused(kms_counter, name, option, str(file))
    else:
        taken = folder / min(target.names())
        taken.touch()
        assert f"{taken}: it exists already" in refused(kms_counter, name, option, str(folder))
    assert file.read_text() == "the content"


@pytest.mark.parametrize("name", sorted(WORDS.keys() - OFFLINE))
@pytest.mark.usefixtures("inputs")
def test_with_room_it_asks_kms(kms_counter: Counter, name: str) -> None:
    """So that the test above counts something."""
    option = "--backup" if name == "import-material" else "--out"
    kmstool(*name.split(), *WORDS[name], option, "new", "--retries", "0", exit_code=7)
    assert kms_counter.calls


@pytest.mark.parametrize("words", [("encrypt", "--key", "a", "in"), ("decrypt", "in.kte")], ids=" ".join)
def test_names_that_a_command_chooses_itself_cost_no_call_either(
    kms_counter: Counter, words: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("in", "in.kte"):
        (tmp_path / name).write_text("data")
    assert "it exists already" in kmstool("envelope", *words, exit_code=8).err
    assert kms_counter.calls == []


@pytest.mark.usefixtures("inputs")
def test_a_tree_goes_into_a_folder_that_may_be_there(kms_counter: Counter, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    words = ("envelope", "encrypt", "-r", "tree", "--key", "a", "-o")
    assert "not a directory" in kmstool(*words, "file", exit_code=8).err
    assert kms_counter.calls == []
    (tmp_path / "tree" / "one").touch()
    (tmp_path / "there").mkdir()
    kmstool(*words, "there", "--retries", "0", exit_code=7)
    assert kms_counter.calls


def test_a_folder_that_is_closed_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the superuser, who runs tests in containers, no folder is."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    for check in (atomic.check, atomic.check_folder):
        with pytest.raises(OutputError, match="permission denied") as caught:
            check(tmp_path / "out")
        assert caught.value.hint == "choose a folder that you may write to"


def test_what_may_be_replaced_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    atomic.check(tmp_path / "out", replace=True)
    atomic.check_folder(tmp_path, ["out"], replace=True)
    atomic.check_folder(tmp_path / "new" / "newer", ["out"])
