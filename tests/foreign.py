"""What others made and our code must agree with: vectors, the `openssl` program, packages, what tccli knows of the API.

Vectors lie in the folder KMSTOOL_VECTORS; while it is set, a missing file is a failure. A missing
program or package skips a test on a laptop and fails it in CI. KMSTOOL_CASES is the number of
random cases a direction in differential tests.
"""

import importlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kmstool.api import protocol
from tests.conftest import need, unable

TCCLI = os.environ.get("KMSTOOL_TCCLI")
CASES = int(os.environ.get("KMSTOOL_CASES", "20"))


def vector_file(name: str) -> Path:
    """Return the path of a file of vectors such as `botan/sm3.vec`."""
    folder = os.environ.get("KMSTOOL_VECTORS")
    if not folder:
        pytest.skip("set KMSTOOL_VECTORS to the folder that holds wycheproof/ to run the vectors made by others")
    path = Path(folder) / name
    assert path.is_file(), f"KMSTOOL_VECTORS is set, and {path} is not there"
    return path


def wycheproof(name: str) -> list[dict[str, Any]]:
    """Return the tests of a Wycheproof file, each with its group under `group`."""
    groups = json.loads(vector_file(f"wycheproof/{name}").read_bytes())["testGroups"]
    return [{**test, "group": group} for group in groups for test in group["tests"]]


def stanzas(name: str) -> list[dict[str, str]]:
    """Return the stanzas of `Name = value` lines of a file of Botan or OpenSSL; comments are left out."""
    text = re.sub(r"^#.*\n", "", vector_file(name).read_text("utf-8"), flags=re.MULTILINE)
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z][A-Za-z0-9-]*) *= *(.*?) *$", stanza, flags=re.MULTILINE))
        if fields:
            found.append(fields | {"text": stanza})
    return found


def package(name: str) -> Any:
    """Return a package of the test extra."""
    try:
        return importlib.import_module(name)
    except ImportError:
        unable(f"the Python package {name} is not installed")


def tccli_data(name: str) -> Any:
    """Return a file that tccli has on KMS: `api`, the API's model, or `examples`, those of the API's pages."""
    if not TCCLI:
        unable("KMSTOOL_TCCLI does not name tccli")
    folder = Path(TCCLI).parents[1]
    version = "v" + protocol.VERSION.replace("-", "")
    found = [*folder.glob(f"lib/python*/site-packages/tccli/services/kms/{version}/{name}.json")]
    assert len(found) == 1, f"KMSTOOL_TCCLI is set, and there is not one {name}.json of KMS below {folder}"
    return json.loads(found[0].read_bytes())


def openssl(
    *arguments: str | Path, data: bytes = b"", accept: tuple[int, ...] = (0,)
) -> subprocess.CompletedProcess[bytes]:
    """Run the `openssl` program and check its exit code."""
    done = subprocess.run([need("openssl"), *arguments], input=data, capture_output=True, check=False, timeout=60)
    assert done.returncode in accept, done.stderr.decode("utf-8", "replace")
    return done
