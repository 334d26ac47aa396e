"""docs/operations.md: what can run here runs, and the rest is what a shell and a YAML reader take."""

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from kmstool.server.app import EmbeddedKms
from tests.conftest import PROGRAM, need, unable
from tests.program import kmstool

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"
BLOCKS = re.findall(r"^```(\w+)( [\w ]+)?\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
BASH = [text for kind, _, text in BLOCKS if kind == "bash"]
YAML = [text for kind, _, text in BLOCKS if kind == "yaml"]
RUN = [text for kind, mark, text in BLOCKS if kind == "bash" and mark == " run"]
DATABASE = [text for kind, mark, text in BLOCKS if kind == "bash" and mark == " run postgresql"]
SCRIPTS = {"run", "script", "args"}
TIMEOUT_SECONDS = 60


def bash(text: str, folder: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a block with the program under test as `kmstool`."""
    program = folder / "bin" / "kmstool"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\nexec " + " ".join(PROGRAM) + ' "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [need("bash"), *options],
        input=text, cwd=folder, env={**os.environ, "PATH": path, **environ},
        capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


def scripts_in(value: Any, key: str = "") -> Iterator[str]:
    """Yield the texts in a YAML document that a shell gets."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from scripts_in(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from scripts_in(inner, key)
    elif key in SCRIPTS:
        yield str(value)


def test_every_block_is_of_a_kind_that_is_checked() -> None:
    assert {kind for kind, _, _ in BLOCKS} == {"bash", "yaml"}
    assert (len(RUN) >= 3, len(DATABASE), len(YAML) >= 4) == (True, 1, True)


@pytest.mark.parametrize("text", BASH)
def test_bash_parses_it(text: str, tmp_path: Path) -> None:
    ran = bash(text, tmp_path, "-n")
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("text", YAML)
def test_the_yaml_is_one_and_its_scripts_parse(text: str, tmp_path: Path) -> None:
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    scripts = list(scripts_in(document))
    for script in scripts:
        ran = bash(re.sub(r"\$\{\{.*?\}\}", "x", script), tmp_path, "-n")
        assert (ran.returncode, ran.stderr) == (0, "")
    assert scripts or document["kind"] == "Job"


@pytest.mark.parametrize("text", RUN)
def test_it_runs(text: str, workplace: Path) -> None:
    ran = bash(text, workplace, "-e", "-u")
    assert ran.returncode == 0, ran.stderr


def test_every_command_in_it_exists() -> None:
    commands = set(re.findall(r"kmstool (?:--quiet )?([a-z][a-z-]+(?: [a-z-]+)?)", "\n".join(BASH + YAML)))
    for command in commands:
        words = command.split()
        ran = kmstool(*words, "--help", exit_code=None)
        assert ran.exit_code == 0 or kmstool(words[0], "--help").exit_code == 0, command


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL server on a Unix socket; `environ` leads psql to it."""

    environ: dict[str, str]


@pytest.fixture
def postgres(passable: Path) -> Iterator[Cluster]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        unable("PostgreSQL is not installed")
    owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    data = passable / "data"
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(data, owner.pw_uid, owner.pw_gid)
        os.chown(passable, owner.pw_uid, owner.pw_gid)
    settings: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid} if os.geteuid() == 0 else {}

    def run(program: str, *arguments: str) -> None:
        command = [str(folders[-1] / program), *arguments]
        ran = subprocess.run(command, cwd=passable, capture_output=True, text=True, check=False, **settings)
        assert ran.returncode == 0, ran.stdout + ran.stderr

    run("initdb", "-D", str(data), "-A", "trust", "--no-sync", "-U", "postgres")
    options = f"-c listen_addresses= -c unix_socket_directories={passable} -c fsync=off"
    run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "log"), "-o", options, "start")
    try:
        yield Cluster({"PGHOST": str(passable), "PGUSER": "postgres", "PGDATABASE": "postgres"})
    finally:
        run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


def test_a_column_of_a_database_moves(postgres: Cluster, kms: EmbeddedKms, workplace: Path) -> None:
    psql = shutil.which("psql") or unable("psql is not installed")

    def query(statement: str) -> str:
        command = [psql, "-qAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        ran = subprocess.run(
            command, input=statement, env={**os.environ, **postgres.environ}, capture_output=True, text=True, check=True
        )
        return ran.stdout

    keys = {alias: str(kms.call("CreateKey", {"Alias": alias})["KeyId"]) for alias in ("old", "new")}
    blobs = [
        str(kms.call("Encrypt", {"KeyId": keys["old"], "Plaintext": "c2VjcmV0"})["CiphertextBlob"]) for _ in range(20)
    ]
    rows = ", ".join(f"({number}, '{blob}')" for number, blob in enumerate(blobs))
    query(f"CREATE TABLE accounts (id int PRIMARY KEY, secret text); INSERT INTO accounts VALUES {rows};")
    ran = bash(DATABASE[0], workplace, "-e", "-u", **postgres.environ)
    assert ran.returncode == 0, ran.stderr
    moved = query("SELECT secret FROM accounts ORDER BY id").splitlines()
    answers = [kms.call("Decrypt", {"CiphertextBlob": blob}) for blob in moved]
    assert {(answer["KeyId"], answer["Plaintext"]) for answer in answers} == {(keys["new"], "c2VjcmV0")}
    assert not set(moved) & set(blobs)
