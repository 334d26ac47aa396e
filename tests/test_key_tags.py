"""`key tag`: the tags of a key are listed, set and removed by the tag service, here and in the cloud."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.kms import tags
from kmstool.server.app import EmbeddedKms
from tests.program import kmstool
from tests.served import serving


@pytest.fixture(autouse=True)
def demo(kms: EmbeddedKms, workplace: Path) -> str:
    key_id: str = kms.call("CreateKey", {"Alias": "demo", "Tags": [{"TagKey": "stage", "TagValue": "test"}]})["KeyId"]
    return key_id


def listed(*arguments: str) -> dict[str, str]:
    lines = kmstool("key", "tag", *arguments).out.splitlines()
    return dict(line.split("\t") for line in lines)


def test_tags_are_listed_set_and_removed(demo: str) -> None:
    assert listed("demo") == {"stage": "test"}
    assert listed("demo", "team=blue", "stage=prod=1") == {"stage": "prod=1", "team": "blue"}
    assert listed("demo", "--remove", "stage", "--remove", "missing", "owner=me") == {"owner": "me", "team": "blue"}
    done = kmstool("key", "tag", demo, "--remove", "owner", "--format", "json")
    assert done.json == {"KeyId": demo, "Tags": [{"TagKey": "team", "TagValue": "blue"}]}
    assert kmstool("key", "list", "--tag", "team=blue", "--query", "TotalCount").out == "1\n"


def test_more_tags_than_one_call_takes() -> None:
    """The service changes ten at a time."""
    many = {f"tag{number:02}": str(number) for number in range(25)}
    assert listed("demo", *(f"{name}={value}" for name, value in many.items())) == {**many, "stage": "test"}
    removed = [word for name in [*many][:12] for word in ("--remove", name)]
    assert listed("demo", *removed) == {**dict([*many.items()][12:]), "stage": "test"}


def test_a_dry_run_changes_nothing() -> None:
    done = kmstool("key", "tag", "demo", "team=blue", "--dry-run")
    assert done.out.startswith("would call ModifyResourceTags")
    assert listed("demo") == {"stage": "test"}


@pytest.mark.parametrize("words", [["blue"], ["a=1", "a=2"], ["a=1", "--remove", "a"], ["=1"]], ids=" ".join)
def test_words_that_make_no_sense(words: list[str]) -> None:
    kmstool("key", "tag", "demo", *words, exit_code=2)
    assert listed("demo") == {"stage": "test"}


def test_what_the_service_refuses_is_said() -> None:
    assert "there is no key 'nothing'" in kmstool("key", "tag", "nothing", exit_code=6).err
    assert kmstool("key", "tag", "demo", "a" * 200 + "=1", exit_code=6).out == ""
    assert listed("demo") == {"stage": "test"}


def test_a_served_kms_is_asked_at_its_own_port(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as server:
        client = {**server.environ, **server.variables}
        kmstool("key", "create", "--alias", "far", env=client)
        assert kmstool("key", "tag", "far", "a=1", env=client).out == "a\t1\n"
        assert "used by:      KMS does not tell; " in kmstool("key", "show", "far", env=client).out


class Recorded:
    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((action, params))
        return {"RequestId": "1"}


def test_the_key_is_named_as_cam_names_it() -> None:
    recorded = Recorded()
    tags.change_tags(recorded, "ap-guangzhou", "creatorUin/1/ID", changed={}, removed=["old"])
    assert recorded.calls == [
        (
            "ModifyResourceTags",
            {"Resource": "qcs::kms:ap-guangzhou:uin/:key/creatorUin/1/ID", "DeleteTags": [{"TagKey": "old"}]},
        )
    ]
