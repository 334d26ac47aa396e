"""docs/python.md: its examples run as they stand, and are what a strict type checker takes (kmstool.workflows)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
TIMEOUT_SECONDS = 120


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text("\n".join(BLOCKS))
    return path


def test_the_examples_run(script: Path, workplace: Path) -> None:
    assert len(BLOCKS) >= 5
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        cwd=workplace, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_the_examples_have_types(script: Path, tmp_path: Path) -> None:
    """What a user's own strict mypy says of a program that imports the installed package."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")]
    command += ["--config-file", os.devnull, str(script)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_an_envelope_takes_ten_lines_and_two_names() -> None:
    lines = [line for line in BLOCKS[0].splitlines() if line]
    imported = [line for line in lines if line.startswith("from kmstool")]
    assert len(imported) == 2
    assert len(lines) <= 10
