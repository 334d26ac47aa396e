"""Names are completed by the shells themselves, from a cache that holds no secret and that nobody else can fill."""

import os
import shlex
import stat
import time
from pathlib import Path

import pytest

from kmstool.cli import completion_files, known_names
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables.store import DATABASE
from tests.program import kmstool, until
from tests.test_generated import COMPLETIONS, ROOT, SHELLS, Shell, in_fish, offered

ODD = ["it's odd", "$(touch canary)", "`touch canary`", "a;b&c|d", "tilde~*?"]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return SHELLS[request.param]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point a shell at an empty home, and `kmstool` at a program that writes down what it was asked."""
    folder, programs = tmp_path / "home", tmp_path / "programs"
    folder.mkdir()
    programs.mkdir()
    (programs / "kmstool").write_text(f'#!/bin/sh\necho "$@" > {shlex.quote(str(tmp_path / "asked"))}\n')
    (programs / "kmstool").chmod(0o755)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name in ("KMSTOOL_HOME", "KMSTOOL_PROFILE", "KMSTOOL_REGION", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


def cached(home: Path, *names: str, place: str = "_@_", kind: str = "keys", age: int = 0) -> Path:
    folder = home / ".cache/kmstool/completion" / place
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stamp").write_text(f"{int(time.time()) - age}\n")
    (folder / kind).write_text("".join(f"{name}\tEnabled\n" for name in names))
    return folder / kind


def test_names_come_from_the_cache_of_the_profile_and_region(home: Path, shell: Shell, tmp_path: Path) -> None:
    cached(home, "demo", "signer")
    cached(home, "one", kind="data-keys")
    cached(home, "box", kind="white-box-keys")
    cached(home, "work", kind="profiles")
    cached(home, "theirs", place="work@_")
    cached(home, "there", place="_@ap-beijing")
    expected = {
        "kmstool key show ": {"demo", "signer"},
        "kmstool key enable demo s": {"signer"},
        "kmstool encrypt --key d": {"demo"},
        "kmstool encrypt --key=d": {"demo"},
        "kmstool data-key show ": {"one"},
        "kmstool whitebox show ": {"box"},
        "kmstool --profile ": {"work"},
        "kmstool --profile work key show ": {"theirs"},
        "kmstool key show --region=ap-beijing ": {"there"},
        "kmstool key list --region ap-be": {"ap-beijing"},
        "kmstool sign --algorithm RSA_PK": {"RSA_PKCS1_SHA_256"},
        "kmstool api GenerateR": {"GenerateRandom"},
    }
    assert offered(shell, ROOT / "completions", expected, tmp_path) == expected
    assert not (tmp_path / "asked").exists(), "it is fresh"


def test_names_are_data_and_never_code(home: Path, shell: Shell, tmp_path: Path) -> None:
    cached(home, *ODD)
    line = "kmstool key show "
    found = offered(shell, ROOT / "completions", {line: set()}, tmp_path)[line]
    read = {word for name in found for word in shlex.split(name)} if shell is not in_fish else found
    assert read == set(ODD), "in bash and zsh the words are in quotes already"
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("stamp", ["a[$(touch canary)]", "", "9" * 30, "-1"])
def test_a_stamp_is_data_too(home: Path, shell: Shell, tmp_path: Path, stamp: str) -> None:
    (cached(home, "demo").parent / "stamp").write_text(stamp)
    line = "kmstool key show "
    assert offered(shell, ROOT / "completions", {line: set()}, tmp_path)[line] == {"demo"}
    assert not (tmp_path / "canary").exists()


def test_the_file_of_somebody_else_is_not_read(home: Path, shell: Shell, tmp_path: Path) -> None:
    real = cached(home, "demo")
    if os.geteuid() == 0:
        os.chown(real, 12345, 12345)
    else:
        (tmp_path / "elsewhere").write_text("demo\n")
        real.unlink()
        real.symlink_to(tmp_path / "elsewhere")
    line = "kmstool key show "
    assert offered(shell, ROOT / "completions", {line: set()}, tmp_path)[line] == set()


def test_old_names_are_offered_and_looked_for_again(home: Path, shell: Shell, tmp_path: Path) -> None:
    cached(home, "demo", place="work@ap-seoul", age=3600)
    line = "kmstool key show --profile work --region ap-seoul "
    assert offered(shell, ROOT / "completions", {line: set()}, tmp_path)[line] == {"demo"}
    until(lambda: (tmp_path / "asked").exists() and bool((tmp_path / "asked").read_text()))
    assert (tmp_path / "asked").read_text() == "completion --refresh --profile work --region ap-seoul\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workplace: Path) -> Path:
    monkeypatch.setenv("KMSTOOL_HOME", str(tmp_path / "own"))
    return tmp_path / "own" / "cache" / "completion"


def test_the_cache_holds_names_for_this_user_alone(kms: EmbeddedKms, cache: Path) -> None:
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "one"})
    done = kmstool("completion", "--refresh")
    assert (done.out, done.err) == ("", "")
    written = {path.name: path.read_text() for path in (cache / "_@_").iterdir()}
    assert written.pop("stamp").strip().isdecimal()
    assert written == {
        "keys": "demo\tEnabled ENCRYPT_DECRYPT\n",
        "data-keys": "one\tEnabled\n",
        "white-box-keys": "",
        "profiles": "local\n",
    }
    for path in [cache, *cache.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_it_is_renewed_at_most_every_half_minute(kms: EmbeddedKms, cache: Path) -> None:
    kmstool("completion", "--refresh")
    kms.call("CreateKey", {"Alias": "demo"})
    kmstool("completion", "--refresh")
    assert (cache / "_@_" / "keys").read_text() == ""
    (cache / "_@_" / "stamp").write_text(f"{int(time.time()) - known_names.FRESH_SECONDS}\n")
    kmstool("completion", "--refresh")
    assert (cache / "_@_" / "keys").read_text() == "demo\tEnabled ENCRYPT_DECRYPT\n"


@pytest.mark.parametrize("words", [(), ("--profile", "nobody"), ("--profile", "../up")], ids=" ".join)
def test_without_a_kms_it_is_silent_and_leaves_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / "no-store"))
    done = kmstool("completion", "--refresh", *words)
    assert (done.out, done.err, cache.exists()) == ("", "", False)
    assert not (tmp_path / "no-store" / DATABASE).exists()


@pytest.mark.parametrize(("shell", "file"), list(zip(("bash", "zsh", "fish"), COMPLETIONS, strict=True)))
def test_the_file_of_a_shell_is_printed(shell: str, file: str) -> None:
    assert kmstool("completion", shell).out == (ROOT / file).read_text()
    assert kmstool("completion", shell, "--format", "json").json["Shell"] == shell


@pytest.mark.parametrize("shell", completion_files.SHELLS)
def test_it_is_installed_where_the_shell_looks_once(shell: str, home: Path) -> None:
    zshrc = home / ".zshrc"
    zshrc.write_text("autoload -Uz compinit && compinit -D")
    assert "would write" in kmstool("completion", shell, "--install", "--dry-run").out
    assert not (home / ".local").exists()
    first = kmstool("completion", shell, "--install").err
    place = completion_files.place_of(shell, os.environ, home)
    assert place.read_text() == completion_files.text_of(shell)
    assert f"wrote {place}" in first
    before = zshrc.read_text()
    assert f"{place} is up to date" in kmstool("completion", shell, "--install").err
    assert zshrc.read_text() == before
    assert before.count("_kmstool kmstool") == (shell == "zsh")


@pytest.mark.parametrize("former", [b"alias ll='ls -l'\r\nsetopt auto_cd\r\n", "# 中文\n".encode("gbk"), b"\xff"])
def test_the_start_of_zsh_keeps_every_byte(former: bytes, home: Path) -> None:
    (home / ".zshrc").write_bytes(former)
    kmstool("completion", "zsh", "--install")
    after = (home / ".zshrc").read_bytes()
    assert after.startswith(former)
    assert b"compdef _kmstool kmstool\n" in after


def test_a_shell_has_to_be_named() -> None:
    assert "kmstool completion bash --install" in kmstool("completion", exit_code=2).err
