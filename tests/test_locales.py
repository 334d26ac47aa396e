"""Arguments, variables and names of files are UTF-8 in every locale; what a locale cannot show is written with escapes.

The locales are real ones, made from Debian's sources for these tests.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from kmstool import __main__ as start
from kmstool.system import utf8
from tests.conftest import PROGRAM, need, unable
from tests.program import Ran, kmstool

OTHERS = {"en_US.ISO-8859-1": "latin-1", "zh_CN.GBK": "gbk"}
# C and POSIX say nothing of encodings, and cron has one of them.
# The last one is not installed.
LOCALES = [*OTHERS, "C", "POSIX", "xx_XX.GBK"]
TEXT = "naïve 中文"

Speaking = Callable[..., Ran]


@pytest.fixture(scope="module")
def locales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the locales of other encodings."""
    localedef, folder = need("localedef"), tmp_path_factory.mktemp("locales")
    for name in OTHERS:
        language, _, charset = name.partition(".")
        command = [localedef, "-c", "-i", language, "-f", charset, str(folder / name)]
        subprocess.run(command, capture_output=True, check=False)
        if not (folder / name).exists():
            unable(f"the locale {name} cannot be made: is the package locales installed?")
    return folder


@pytest.fixture(params=LOCALES)
def speaking(request: pytest.FixtureRequest, locales: Path, monkeypatch: pytest.MonkeyPatch) -> Speaking:
    """Run kmstool in a locale."""
    for name in ("LANG", "LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str | Path, **settings: object) -> Ran:
        return kmstool(*arguments, process=True, LOCPATH=str(locales), LC_ALL=request.param, **settings)  # type: ignore[arg-type]

    return run


def test_arguments_and_names_of_files_are_utf8(speaking: Speaking, workplace: Path) -> None:
    kmstool("key", "create", "--alias", "demo")
    (workplace / "nö-中").write_bytes(b"data")
    speaking("encrypt", "--key", "demo", "--context", f"Ort={TEXT}", "nö-中", "-o", "blöb-中")
    assert kmstool("decrypt", "--context", f"Ort={TEXT}", "blöb-中").stdout == b"data"
    speaking("decrypt", "--context", "Ort=other", "blöb-中", exit_code=5)
    shown = speaking(
        "exec", "--context", f"Ort={TEXT}", "--env", "GOT=@blöb-中", "--", "printenv", "GIVEN", "GOT", GIVEN=TEXT
    )
    assert shown.stdout == f"{TEXT}\ndata\n".encode()


def test_json_is_the_same_in_every_locale(speaking: Speaking, workplace: Path) -> None:
    made = speaking("key", "create", "--alias", "demo", "--description", TEXT).out.strip()
    assert kmstool("key", "show", made, "--query", "KeyMetadata.Description").out == f"{TEXT}\n"
    shown = speaking("key", "show", made, "--format", "json")
    assert shown.json["KeyMetadata"]["Description"] == TEXT
    line = json.dumps({"id": TEXT, "plaintext": "eA=="})
    assert speaking("batch", "encrypt", "--key", "demo", stdin=line).json["id"] == TEXT


@pytest.mark.parametrize("speaking", OTHERS, indirect=True)
def test_what_a_locale_cannot_show_is_escaped(
    speaking: Speaking, workplace: Path, request: pytest.FixtureRequest
) -> None:
    encoding = OTHERS[request.node.callspec.params["speaking"]]
    made = kmstool("key", "create", "--alias", "demo", "--description", "naïve 中文 €").out.strip()
    shown = speaking("key", "show", made, "--query", "KeyMetadata.Description").stdout
    assert shown == "naïve 中文 €\n".encode(encoding, "backslashreplace")
    missing = speaking("decrypt", "nö-中", exit_code=3).stderr
    assert missing.startswith(
        "kmstool: error: cannot read nö-中: no such file or directory\n".encode(encoding, "backslashreplace")
    )


def test_bytes_that_are_not_utf8_name_files_and_no_values(speaking: Speaking, workplace: Path) -> None:
    """A terminal in GBK gives these."""
    word = os.fsdecode("中文".encode("gbk"))
    Path(word).write_bytes(b"data")
    kmstool("key", "create", "--alias", "demo")
    blob = speaking("encrypt", "--key", "demo", word).stdout
    assert kmstool("decrypt", stdin=blob).stdout == b"data"
    refused = speaking("key", "set-description", "demo", word, exit_code=3)
    assert "the value of Description holds bytes that are not UTF-8" in refused.err


@pytest.mark.parametrize(
    "words",
    [("encrypt", "--context"), ("key", "create", "--alias", "other", "--tag"), ("envelope", "encrypt", "--aad")],
    ids=str,
)
def test_a_value_that_is_not_utf8_is_refused(words: tuple[str, ...], workplace: Path) -> None:
    kmstool("init", "--local")
    Path("file").write_bytes(b"data")
    ran = kmstool(*words, "name=\udce9", *(["file"] if "encrypt" in words else []), exit_code=3)
    assert "not UTF-8" in ran.err


def test_python_is_started_once_where_it_speaks_utf8(locales: Path) -> None:
    """Other locales cost a second start of Python; these do not."""
    for name, starts in {"C": 1, "C.UTF-8": 1, "zh_CN.GBK": 2}.items():
        traced = [need("strace"), "-f", "-e", "trace=execve", "-qq", *PROGRAM, "--version"]
        ran = subprocess.run(
            traced, env={**os.environ, "LOCPATH": str(locales), "LC_ALL": name}, capture_output=True, check=True
        )
        assert ran.stderr.count(b"execve(") == starts


@pytest.mark.parametrize("proc", [True, False])
def test_the_program_is_started_again_as_it_was(monkeypatch: pytest.MonkeyPatch, proc: bool) -> None:
    started: list[object] = []
    monkeypatch.setattr(os, "execv", lambda *words: started.append(words))
    if not proc:
        monkeypatch.setattr("builtins.open", _missing)
        monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "kmstool", "\udcd6"])
    utf8.start_again()
    given = (
        Path("/proc/self/cmdline").read_bytes().split(b"\0")[:-1] if proc else [b"python", b"-m", b"kmstool", b"\xd6"]
    )
    assert started == [(sys.executable, [given[0], b"-X", b"utf8", *given[1:]])]


def _missing(*_: object) -> NoReturn:
    raise FileNotFoundError(2, "No such file or directory")


@pytest.mark.parametrize(
    "fault", [OSError(7, "Argument list too long"), OSError("the command line is not known")], ids=str
)
def test_that_it_cannot_start_again_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fault: OSError
) -> None:
    def fail() -> NoReturn:
        raise fault

    def end(code: int) -> NoReturn:
        raise SystemExit(code)

    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "gbk")
    monkeypatch.setattr(utf8, "start_again", fail)
    monkeypatch.setattr(os, "_exit", end)
    with pytest.raises(SystemExit, match="8"):
        start.run()
    assert capfd.readouterr().err.startswith("kmstool: error: cannot start in UTF-8: ")


def test_words_that_python_cannot_give_back_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.open", _missing)
    monkeypatch.setattr(sys, "orig_argv", ["\ud800"])
    with pytest.raises(OSError, match="not known"):
        utf8.start_again()
