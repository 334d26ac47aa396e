"""A dry run records every change in one form and makes none; only one place knows whether a run is one."""

import ast
from pathlib import Path

import pytest

from kmstool.errors import DryRunDone, OutputError
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.system.leftovers import OWN_FILES
from kmstool.workflows.changes import Change, Changes, DryRun

PACKAGE = Path(__file__).parents[1] / "kmstool"
ASK = {"cli/clusters.py", "cli/console.py", "cli/plaintexts.py", "cli/session/prompts.py"}
"""What starts workers, chooses the object that all changes go through, tells of newlines, and asks to confirm."""
NAME = min(OWN_FILES)


@pytest.fixture
def unmade() -> list[Change]:
    return []


@pytest.fixture
def dry(unmade: list[Change]) -> DryRun:
    return DryRun(unmade.append)


def test_changes_are_made(tmp_path: Path, kms: EmbeddedKms) -> None:
    changes = Changes()
    with changes.created(tmp_path / "file") as file:
        file.write(b"text")
    assert (tmp_path / "file").read_bytes() == b"text"
    changes.removed(tmp_path / "file")
    assert not (tmp_path / "file").exists()
    with changes.folder(tmp_path / "folder", [NAME]) as contents:
        contents[NAME] = b"text"
    assert (tmp_path / "folder" / NAME).read_bytes() == b"text"
    assert changes.transport(kms).call("GenerateRandom", {"NumberOfBytes": 3})["Plaintext"]
    assert (changes.run(lambda: 1, "count"), changes.make(lambda: 2, "count"), changes.trial(lambda: 3)) == (1, 2, 3)


def test_changes_are_recorded(tmp_path: Path, dry: DryRun, unmade: list[Change]) -> None:
    (tmp_path / "old").write_text("old")
    with dry.created(tmp_path / "file") as file:
        file.write(b"text")
    dry.removed(tmp_path / "old")
    with dry.folder(tmp_path / "folder", [NAME]) as contents:
        contents[NAME] = b"text"
    assert dry.run((tmp_path / "run").mkdir, "make a folder", {"Mode": 448}) is None
    assert dry.trial((tmp_path / "trial").mkdir) is None
    with pytest.raises(DryRunDone):
        dry.make((tmp_path / "made").mkdir, "make another")
    assert unmade == [
        Change(f"write {tmp_path / 'file'}"),
        Change(f"remove {tmp_path / 'old'}"),
        Change(f"write {NAME} in {tmp_path / 'folder'}"),
        Change("make a folder", {"Mode": 448}),
        Change("make another"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "old"]


def test_what_would_be_refused_is_refused(tmp_path: Path, dry: DryRun, unmade: list[Change]) -> None:
    (tmp_path / NAME).write_text("old")
    with pytest.raises(OutputError, match="exists already"), dry.created(tmp_path / NAME):
        pass
    with pytest.raises(OutputError, match="exists already"), dry.folder(tmp_path, [NAME]):
        pass
    assert unmade == []


def test_the_first_request_that_changes_something_ends_the_run(
    kms: EmbeddedKms, dry: DryRun, unmade: list[Change]
) -> None:
    client = KmsClient(dry.transport(kms))
    before = [key.key_id for key in client.list_keys()]
    with pytest.raises(DryRunDone):
        client.import_data_key("key", "secret", b"canary")
    assert [change.text for change in unmade] == ["call ImportDataKey"]
    assert "Y2FuYXJ5" not in str(unmade)
    assert [key.key_id for key in client.list_keys()] == before


def test_a_store_that_is_only_read_refuses_by_name(tmp_path: Path, dry: DryRun, unmade: list[Change]) -> None:
    with pytest.raises(DryRunDone):
        EmbeddedKms(tmp_path / "store", refuse=dry.refuse)
    EmbeddedKms(tmp_path / "store").close()
    kms = EmbeddedKms(tmp_path / "store", refuse=dry.refuse)
    KmsClient(kms).random(1)
    with pytest.raises(DryRunDone), kms.transaction(write=True):
        pass
    kms.close()
    assert [change.text for change in unmade] == [
        f"make a store in {tmp_path / 'store'}",
        f"change the store in {tmp_path / 'store'}",
    ]


def test_no_command_asks_whether_it_is_a_dry_run() -> None:
    """A change that is not made through `Changes` is made in a dry run too, and one that asks has a form of its own."""
    asking = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "dry_run"
    }
    assert asking == ASK
