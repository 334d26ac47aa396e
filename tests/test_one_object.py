"""With `--format json` every command prints one object, whatever it does, also where it fails or changes nothing."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.program import Ran, kmstool
from tests.test_grammar import TREE, commands

IDENTITY = "12345678-12345678901234-12345678901234-12345678901234-1234567890123456"
STORY = f"""
init --local
key create --alias demo
key create --alias signer --usage sign-sm2
key create --alias rsa --usage rsa-2048
key create --alias own --external
key create --alias old
key list
key show demo
key usages
key rename old older
key set-description older text
key tag older
key rotation on demo
key rotate demo
key archive older
key unarchive older
key bind older --product ssm --resource r
key unbind older --product ssm --resource r
key disable older signer --yes
key enable older signer
key disable older --yes
key schedule-deletion older --days 7 --yes
key cancel-deletion older
key enable older
key replace signer
encrypt --key demo secret.txt
encrypt --key demo secret.txt -o secret.blob
decrypt secret.blob
decrypt secret.blob -o plain.txt
reencrypt secret.blob
random 8
random 8 -o random.bin
public-key rsa
public-key rsa -o pub.pem
sign --key signer secret.txt
sign --key signer secret.txt -o secret.sig
verify --key signer --signature secret.sig secret.txt
digest --algorithm sm3 secret.txt
asymmetric encrypt --public-key pub.pem secret.txt
asymmetric encrypt --public-key pub.pem secret.txt -o secret.enc
asymmetric decrypt --key rsa secret.enc
batch encrypt --key demo lines.jsonl
batch reencrypt blobs.jsonl
batch decrypt blobs.jsonl
envelope encrypt --key demo secret.txt
envelope inspect secret.txt.kte
envelope verify secret.txt.kte
envelope decrypt secret.txt.kte -o opened.txt
envelope rewrap secret.txt.kte --to older
envelope import-legacy --blob secret.blob --check old.txt
material params own -o import
material wrap --params import material.bin
material wrap --params import material.bin -o wrapped.json
material upload --params import wrapped.json
material delete own --yes
import-material own material.bin
data-key generate --key demo --name one
data-key import --key demo --name two material.bin
data-key list
data-key show one
data-key plaintext one
data-key plaintext one -o one.key
data-key blob one
data-key set-description one text
data-key rename one first
data-key disable two --yes
data-key schedule-deletion two --days 7 --yes
data-key cancel-deletion two
data-key enable two
whitebox create --alias app --algorithm SM4
whitebox create --alias app-2 --algorithm SM4
whitebox list
whitebox show app
whitebox encrypt --key app secret.txt
whitebox encrypt --key app secret.txt -o sealed
whitebox download-key app -o app.key
whitebox bundle --key app secret.txt -o bundle
whitebox decrypt --bundle bundle
whitebox renew bundle --to app-2 --no-bind
fingerprint
fingerprint show
fingerprint template
fingerprint bind app {IDENTITY} --yes
fingerprint list app
fingerprint unbind app {IDENTITY} --yes
fingerprint import app devices.csv --yes
whitebox disable app --yes
whitebox enable app
whitebox disable app --yes
whitebox delete app --yes
rotate plan --from demo --to older tree -o plan.json
rotate status plan.json
rotate apply plan.json
rotate rollback plan.json --yes
rotate apply plan.json
rotate finish plan.json --yes
migrate plan --to demo tree -o old.json
migrate status old.json
migrate apply old.json
migrate rollback old.json --yes
api ListKeys
profile set work --region ap-beijing
profile list
profile show work
profile use work
auth login --secret-id AKIDxxxxxxxxxxxxxxxx --no-verify --store file --passphrase-file passphrase --profile work
auth logout --profile work --yes
profile use local
profile remove work --yes
auth status
doctor
local status
local assume U11=b
local backup copy
local clock advance 1d
local clock reset
local credentials create
local credentials list
local credentials token
local credentials delete {{secret_id}} --yes
local export
local export -o seed.toml
local faults add --drop
local faults list
local faults clear
local protect file --yes
local restore copy --yes
local reset --yes
local seed seed.toml
help keys
version
completion bash
"""

# What they print is not theirs, or they need a server or another program's files.
NOT_HERE = {"exec", "whitebox exec", "local serve", "local env", "auth import-tccli", "shell"}


def path_of(line: str) -> str:
    return next((path for path in TREE if f"{line} ".startswith(f"{path} ")), "fingerprint show")


def test_the_story_is_of_every_command() -> None:
    assert {path_of(line) for line in STORY.split("\n") if line} == set(TREE) - NOT_HERE


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def one_object(done: Ran) -> dict[str, Any]:
    """Return the object that stdout is."""
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


@pytest.fixture
def prepared(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KMSTOOL_DEVICE_SECRET", "a secret of this device, long enough")
    Path("secret.txt").write_text("secret")
    Path("material.bin").write_bytes(os.urandom(16))
    Path("old.txt").write_text("AAAAAAAAAAAAAAAAAAAAAA==")
    Path("lines.jsonl").write_text('{"plaintext": "a"}\n{"plaintext": "b"}\n')
    Path("devices.csv").write_text(f"Device Fingerprint, Description\n{IDENTITY},web\n")
    Path("passphrase").write_text("a passphrase of many words")
    Path("passphrase").chmod(0o600)
    Path("tree").mkdir()
    return workplace


def made_ready(line: str) -> str:
    """Make what a line of the story needs from those before it, and return the line with the names that it needs."""
    if line.startswith("batch reencrypt"):
        Path("blobs.jsonl").write_bytes(kmstool("batch", "encrypt", "--key", "demo", "lines.jsonl").stdout)
    if line.startswith("rotate plan"):
        Path("tree/a.blob").write_bytes(Path("secret.blob").read_bytes())
    if "{secret_id}" in line:
        made = kmstool("local", "credentials", "create", "--query", "SecretId").out.strip()
        return line.replace("{secret_id}", made)
    return line


@pytest.mark.usefixtures("prepared")
def test_every_command_prints_one_object_and_a_dry_run_another_and_touches_nothing(tmp_path: Path) -> None:
    for told in STORY.strip().splitlines():
        line = made_ready(told)
        stdin = "the-secret-key-of-nobody-at-all\n" if line.startswith("auth login") else ""
        words = [*shlex.split(line), "--format", "json"]
        before = contents(tmp_path)
        shown = one_object(kmstool(*words, "--dry-run", stdin=stdin))
        assert contents(tmp_path) == before, line
        if "DryRun" in shown:
            assert shown.keys() == {"DryRun", "Changes"}, line
            assert all(change.keys() == {"Change", "Params"} for change in shown["Changes"]), line
        answer = one_object(kmstool(*words, stdin=stdin))
        assert "DryRun" not in answer
        if "DryRun" not in shown:
            assert contents(tmp_path) == before, f"{line}: the dry run did not tell of a change"


@pytest.mark.parametrize("path", ["", *TREE, *(path for path, _ in commands() if " " in path)])
def test_every_error_is_one_object(path: str) -> None:
    done = kmstool(*path.split(), "--no-such-option", "--format", "json", exit_code=2)
    assert done.stdout == b""
    assert json.loads(done.stderr).keys() == {"error"}


def test_of_several_each_is_in_the_one_object(prepared: Path) -> None:
    for alias in ("one", "two"):
        kmstool("key", "create", "--alias", alias)
    words = ("key", "schedule-deletion", "one", "gone", "two", "--days", "7", "--yes", "--format", "json")
    kmstool("key", "disable", "one", "two", "--yes")
    done = kmstool(*words, exit_code=9)
    first, failed, last = one_object(done)["Answers"]
    assert first["KeyId"] != last["KeyId"]
    assert (failed["Name"], failed["error"]["exit"]) == ("gone", 6)
    assert json.loads(done.stderr)["error"]["exit"] == 9
