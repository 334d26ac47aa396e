"""Every test has its own home and no credentials; the embedded KMS is the real one."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from kmstool.server.app import EmbeddedKms

IN_CI = bool(os.environ.get("CI"))
PROGRAM = "kmstool"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point HOME and everything of kmstool at an empty folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith(("KMSTOOL_", "TENCENTCLOUD_", "XDG_")) and name != "KMSTOOL_VECTORS":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[EmbeddedKms]:
    """An embedded KMS with an empty store, in the SM region ap-guangzhou."""
    opened = EmbeddedKms(tmp_path / "store")
    yield opened
    opened.close()


def missing(what: str) -> NoReturn:
    """Skip the test on a laptop; fail it in CI, where everything is to be there."""
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)


def need(program: str) -> str:
    """Return the path of a foreign program; without it the test is skipped, and fails in CI."""
    return shutil.which(program) or missing(f"{program} is not installed")
