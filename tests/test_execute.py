"""`kmstool exec` gives decrypted secrets to one command, and to nobody else."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kmstool.cli.io import replace_process
from kmstool.server.app import EmbeddedKms
from tests.conftest import PROGRAM
from tests.program import Ran, kmstool

SHOW = "import os, sys; sys.stdout.buffer.write(b'|'.join(os.environb[name.encode()] for name in sys.argv[1:]))"
CANARY = "canary-of-the-secret"


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in an empty folder, with a store that holds the key `demo`."""
    kms.call("CreateKey", {"Alias": "demo"})
    return workplace


def execute(*arguments: str, exit_code: int = 0, stdin: bytes = b"") -> Ran:
    """Run `kmstool exec` in a fork, which the command takes the place of."""
    return kmstool("exec", *arguments, exit_code=exit_code, stdin=stdin, fork=True)


Encrypt = Callable[..., str]


@pytest.fixture
def blob() -> Encrypt:
    """Encrypt a secret into a file and return its name."""

    def make(secret: bytes = b"secret", name: str = "secret.blob", *options: str) -> str:
        kmstool("encrypt", "--key", "demo", "-o", name, *options, stdin=secret)
        return name

    return make


def test_each_variable_has_its_secret_byte_for_byte(blob: Encrypt) -> None:
    first, second = b" a s\xc3\xa4cret \xff\n", b"x=y"
    words = ("--env", f"A=@{blob(first, 'a')}", "--env", f"B_2=@{blob(second, 'b')}")
    assert execute(*words, "--", sys.executable, "-c", SHOW, "A", "B_2").stdout == first + b"|" + second


def test_the_context_is_that_of_the_blobs(blob: Encrypt) -> None:
    words = ("--env", f"A=@{blob(b'secret', 'a', '--context', 'app=x')}")
    assert execute(*words, "--context", "app=x", "printenv", "A").stdout == b"secret\n"
    done = execute(*words, "touch", "ran", exit_code=5)
    assert b"context" in done.stderr
    assert not Path("ran").exists()


def test_one_bad_blob_and_nothing_is_run(blob: Encrypt) -> None:
    Path("bad").write_text("AA==-k-AA==-k-AA==")
    execute("--env", f"A=@{blob()}", "--env", "B=@bad", "touch", "ran", exit_code=5)
    execute("--env", f"A=@{blob(name='c')}", "--env", "B=@missing", "touch", "ran", exit_code=3)
    assert not Path("ran").exists()


def test_a_blob_may_come_through_stdin(blob: Encrypt) -> None:
    text = Path(blob()).read_bytes()
    assert execute("--env", "A=@-", "printenv", "A", stdin=text).stdout == b"secret\n"


def test_the_secret_is_nowhere_but_in_the_child(blob: Encrypt) -> None:
    name = blob(CANARY.encode())
    script = "tr '\\0' '\\n' < /proc/self/cmdline; grep -c '' /proc/self/environ"
    done = execute("--env", f"A=@{name}", "--debug", "--", "sh", "-c", script)
    assert CANARY.encode() not in done.stdout + done.stderr
    assert not [path for path in Path.cwd().rglob("*") if CANARY.encode() in path.read_bytes()]


@pytest.mark.parametrize("word", [f"A={CANARY}", f"A={CANARY}@x", "A="])
def test_a_value_that_is_no_file_is_not_repeated(word: str) -> None:
    done = execute("--env", word, "true", exit_code=2)
    assert CANARY.encode() not in done.stderr
    assert b"--env A=@FILE" in done.stderr


@pytest.mark.parametrize("name", ["", "1A", "A B", "Ä"])
def test_a_variable_that_cannot_be(name: str) -> None:
    assert b"cannot name a variable" in execute("--env", f"{name}=@x", "true", exit_code=2).stderr


def test_a_variable_holds_one_secret(blob: Encrypt) -> None:
    name = blob()
    assert b"two secrets for A" in execute("--env", f"A=@{name}", "--env", f"A=@{name}", "true", exit_code=2).stderr


def test_a_secret_that_no_variable_can_hold(blob: Encrypt) -> None:
    done = execute("--env", f"A=@{blob(CANARY.encode() + bytes(1))}", "true", exit_code=3)
    assert b"the secret for A holds a byte 0" in done.stderr
    assert CANARY.encode() not in done.stderr


def test_the_end_is_that_of_the_command(blob: Encrypt) -> None:
    words = ("--env", f"A=@{blob()}", "--", "sh", "-c")
    execute(*words, "exit 7", exit_code=7)
    execute(*words, "kill -TERM $$", exit_code=-signal.SIGTERM)
    assert os.fsdecode(execute(*words, 'echo "$0 $1"', "--quiet", "--env").stdout) == "--quiet --env\n"


def test_a_dry_run_runs_nothing(blob: Encrypt) -> None:
    done = execute("--env", f"A=@{blob()}", "--dry-run", "--", "touch", "ran")
    assert done.stdout.startswith(b"would run /")
    assert done.stdout.endswith(b"touch with A in its environment\n")
    assert b"dry run, nothing was changed" in done.stderr
    assert not Path("ran").exists()


OWN = {
    "TENCENTCLOUD_SECRET_ID": "AKIDcanary",
    "TENCENTCLOUD_SECRET_KEY": CANARY,
    "TENCENTCLOUD_TOKEN": CANARY,
    "TENCENTCLOUD_SECURITY_TOKEN": CANARY,
    "KMSTOOL_DEVICE_SECRET": CANARY,
    "KMSTOOL_METADATA_ENDPOINT": "http://127.0.0.1/" + CANARY,
    "TKE_WEB_IDENTITY_TOKEN_FILE": "/" + CANARY,
}


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Have every secret in the environment that kmstool itself reads there."""
    (tmp_path / "passphrase").write_text("of nothing\n")
    found = OWN | {"KMSTOOL_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    return found


def environment_of(*arguments: str) -> dict[str, str]:
    lines = os.fsdecode(execute(*arguments, "--", "env", "-0").stdout).split("\0")
    return dict(line.partition("=")[::2] for line in lines if line)


def test_what_is_kmstools_own_is_not_handed_on(
    blob: Encrypt, own: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARMLESS", "x")
    words = ("--env", f"A=@{blob()}")
    found = environment_of(*words)
    assert set(own) & set(found) == set()
    assert (found["A"], found["HARMLESS"]) == ("secret", "x")
    for name, value in own.items():
        kept = environment_of(*words, "--keep", name)
        assert {known: kept[known] for known in set(own) & set(kept)} == {name: value}


def test_a_secret_may_have_the_name_of_one_that_is_withheld(blob: Encrypt, own: dict[str, str]) -> None:
    found = environment_of("--env", f"TENCENTCLOUD_SECRET_KEY=@{blob()}")
    assert found["TENCENTCLOUD_SECRET_KEY"] == "secret"


def test_only_what_is_withheld_can_be_kept(blob: Encrypt) -> None:
    done = execute("--env", f"A=@{blob()}", "--keep", "PATH", "true", exit_code=2)
    assert b"'PATH' is no variable that kmstool keeps to itself" in done.stderr


def test_the_descriptor_of_a_passphrase_is_not_handed_on_either(blob: Encrypt, tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text(CANARY)
    look = (sys.executable, "-c", "import os; print(os.path.exists('/dev/fd/7'))")
    name = blob()
    for keep, found in (((), b"False\n"), (("--keep", "KMSTOOL_PASSPHRASE_FILE"), b"True\n")):
        command = [*PROGRAM, "exec", "--env", f"A=@{name}", *keep, "--", *look]
        line = 'exec 7<"$0"; KMSTOOL_PASSPHRASE_FILE=/dev/fd/7 "$@"'
        done = subprocess.run(
            ["bash", "-c", line, str(tmp_path / "passphrase"), *command], capture_output=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, found), done.stderr


def test_every_variable_that_is_read_is_known_to_be_secret_or_not() -> None:
    """Whoever adds one decides here whether a command of `exec` gets it."""
    harmless = {
        "KMSTOOL_ENDPOINT", "KMSTOOL_HOME", "KMSTOOL_LOCAL_HOME", "KMSTOOL_PROFILE", "KMSTOOL_REGION", "KMSTOOL_SDK_LIB",
        "KMSTOOL_STS_ENDPOINT", "TENCENTCLOUD_REGION", "TENCENTCLOUD_ROLE_ARN", "TENCENTCLOUD_ROLE_SESSION_NAME",
        "TKE_PROVIDER_ID", "TKE_REGION", "TKE_ROLE_ARN",
    }  # fmt: skip
    sources = [path.read_text("utf-8") for path in Path(replace_process.__file__).parents[2].rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'"((?:KMSTOOL|TENCENTCLOUD|TKE)_[A-Z_]+)"', text)}
    assert {name for name in read if not replace_process.is_withheld(name)} <= harmless
    assert {*OWN, "KMSTOOL_PASSPHRASE_FILE"} <= read
