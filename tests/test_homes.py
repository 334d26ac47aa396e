"""A user without a home: what needs no files works, and what does says which variable to set."""

import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import NoHomeError
from kmstool.kms.environment import Environment
from tests.conftest import need, unable
from tests.program import kmstool

USER = 54321
CREDENTIALS = {"TENCENTCLOUD_SECRET_ID": "AKIDexample", "TENCENTCLOUD_SECRET_KEY": "secret"}
NO_HOMES: list[dict[str, str]] = [{}, {"HOME": ""}, {"HOME": "relative"}]
SAID = "kmstool: error: this user has no home folder"
NEED_FILES = [
    ("--profile", "local", "key", "list"),
    ("key", "list"),
    ("init", "--local"),
    ("profile", "set", "x", "--region", "ap-beijing"),
    ("--profile", "local", "random", "16"),
    ("auth", "import-tccli", "--store", "file"),
    ("local", "status"),
    ("doctor",),
]


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the user have no entry in the list of users, as docker run --user 54321 does."""

    def missing(_: int) -> Any:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", missing)


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("variables", NO_HOMES, ids=str)
@pytest.mark.parametrize("words", NEED_FILES, ids=" ".join)
def test_what_needs_files_says_which_variable_to_set(
    tmp_path: Path, variables: Mapping[str, str], words: tuple[str, ...]
) -> None:
    ran = kmstool(*words, env={"PATH": os.environ["PATH"], **variables}, cwd=tmp_path, exit_code=8)
    if words != ("doctor",):
        assert ran.err.startswith(SAID)
    for name in ("HOME", "KMSTOOL_HOME", "TENCENTCLOUD_SECRET_ID"):
        assert name in ran.err + ran.out


@pytest.mark.usefixtures("nobody")
@pytest.mark.parametrize("variables", NO_HOMES, ids=str)
def test_what_needs_no_files_works(tmp_path: Path, variables: Mapping[str, str]) -> None:
    environ = {"PATH": os.environ["PATH"], **variables}
    kmstool("--help", env=environ)
    kmstool("digest", "--algorithm", "sha256", stdin=b"text", env=environ)
    assert kmstool("profile", "list", env=environ).out.startswith("local")
    # It gets as far as the network.
    words = ("--endpoint", "http://127.0.0.1:9", "--retries", "0")
    kmstool(*words, "key", "list", env={**environ, **CREDENTIALS}, exit_code=7)
    doctor = kmstool(*words, "--format", "json", "doctor", env={**environ, **CREDENTIALS}, exit_code=7).json
    found = {check["Name"]: (check["Verdict"], check["Text"]) for check in doctor["Checks"]}
    assert found["folders"][0] == "note"
    assert "no home folder" in found["folders"][1]
    assert [found[name][0] for name in ("profile", "files", "file system", "leftovers")] == ["ok"] * 4
    moved = {**environ, "KMSTOOL_HOME": str(tmp_path / "moved")}
    kmstool("init", "--local", env=moved)
    kmstool("key", "list", env=moved)
    local = {**environ, "KMSTOOL_LOCAL_HOME": str(tmp_path / "moved" / "local")}
    kmstool("--profile", "local", "key", "list", env=local)


@pytest.mark.parametrize("home", ["absent", "/nonexistent", "/root"])
def test_a_foreign_user_of_a_container_is_told_a_way(home: str) -> None:
    if os.geteuid() != 0:
        unable("only root can become another user")
    environ = {"PATH": os.environ["PATH"], **({} if home == "absent" else {"HOME": home})}
    user = (need("setpriv"), f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
    for words in NEED_FILES:
        ran = kmstool(*words, env=environ, before=user, exit_code=None)
        assert ran.exit_code in (3, 4, 8), ran.err
        assert "unexpected" not in ran.err
        assert any(text in ran.err + ran.out for text in ("HOME", "no profile", "tccli")), ran.err
    kmstool("digest", "--algorithm", "sha256", env=environ, before=user)


def test_folders_are_those_of_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://specifications.freedesktop.org/basedir-spec: relative paths are ignored."""
    monkeypatch.setattr(sys, "platform", "linux")
    home = Environment({"HOME": "/home/a", "XDG_CONFIG_HOME": "relative", "XDG_DATA_HOME": ""})
    assert (home.config_folder, home.local_folder) == (
        Path("/home/a/.config/kmstool"),
        Path("/home/a/.local/share/kmstool/local"),
    )
    named = Environment({"XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d"})
    assert (named.config_folder, named.local_folder) == (Path("/c/kmstool"), Path("/d/kmstool/local"))
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(["a", "x", 1, 1, "", "/home/b", "/bin/sh"]))
    assert Environment({"HOME": ""}).home == Path("/home/b")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(["a", "x", 1, 1, "", "", "/bin/sh"]))
    assert Environment({}).home is None
    with pytest.raises(NoHomeError):
        _ = Environment({}).config_folder


def test_on_other_platforms_the_library_knows_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert Environment({}).config_folder.name == "kmstool"
