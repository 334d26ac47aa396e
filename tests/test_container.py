"""The container image as far as it can be checked without a registry: its file is one, and what it runs is what works."""

import io
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[1]
KNOWN = {"FROM", "WORKDIR", "COPY", "ARG", "RUN", "ENV", "USER", "ENTRYPOINT", "CMD", "COMMENT"}
SECRET = re.compile(r"secret|passw|token|credential|\bkey\b", re.IGNORECASE)


def instructions() -> list[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO((ROOT / "Dockerfile").read_bytes()))
    return [(one["instruction"], one["value"]) for one in parser.structure]


def values(name: str) -> list[str]:
    return [value for instruction, value in instructions() if instruction == name]


def test_it_has_instructions_that_there_are_and_stages_that_it_names() -> None:
    assert {name for name, _ in instructions()} <= KNOWN
    names = [base.partition(" AS ")[2] for base in values("FROM")]
    assert names == ["build", ""]
    assert all(re.fullmatch(r"python:3\.\d+-slim( AS build)?", base) for base in values("FROM"))
    assert [one for one in values("COPY") if one.startswith("--from=")] == ["--from=build /opt/kmstool /opt/kmstool"]


def test_what_it_copies_is_there_and_nothing_else_gets_to_the_builder() -> None:
    copied = {word for value in values("COPY") if "--from" not in value for word in value.split()[:-1]}
    assert all((ROOT / name).exists() for name in copied)
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line[0] == "!"} == copied


def test_its_user_is_a_number_and_not_root() -> None:
    """Kubernetes cannot tell by a name that it is not root (`runAsNonRoot`)."""
    (user,) = values("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert [name for name, _ in instructions()].index("USER") > max(
        number for number, (name, _) in enumerate(instructions()) if name == "RUN"
    )


def test_no_secret_is_in_a_layer() -> None:
    text = " ".join(value for name, value in instructions() if name != "COMMENT")
    assert not SECRET.search(text)
    assert "ADD" not in {name for name, _ in instructions()}


def test_its_extras_are_those_of_the_package_and_its_scripts_parse() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (extras,) = [value.partition("=")[2] for value in values("ARG")]
    assert set(extras.split(",")) == set(project["optional-dependencies"]) - {"test"}
    for script in values("RUN"):
        ran = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, "")


def test_its_byte_code_is_used_where_it_can_be_neither_checked_nor_written(tmp_path: Path) -> None:
    """Whatever times the files get, and without a place to write to."""
    (run,) = [script for script in values("RUN") if "compileall" in script]
    options = re.search(r"-m compileall (.*?) /", run)
    assert options
    module = tmp_path / "lib" / "module.py"
    module.parent.mkdir()
    module.write_text("print('compiled')")
    subprocess.run([sys.executable, "-m", "compileall", *options[1].split(), str(module.parent)], check=True)
    module.write_text("print('source')")
    os.utime(module, (0, 0))
    ran = subprocess.run(
        [sys.executable, "-c", "import module"], cwd=module.parent, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(module.parent)},
    )  # fmt: skip
    assert ran.stdout == "compiled\n"
    assert not [name for name, value in instructions() if name == "ENV" and "PYTHONDONTWRITEBYTECODE" in value]


PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")
MANIFESTS = [
    text for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE) if "apiVersion" in text
]


@pytest.mark.parametrize("text", MANIFESTS)
def test_a_manifest_is_one_of_kubernetes(text: str) -> None:
    """By the schemas of Kubernetes itself, with no field that it does not know."""
    document = yaml.safe_load(text)
    kubernetes_validate.validate(document, "1.33", strict=True)
    spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
    pod = spec["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["fsGroup"] == int(values("USER")[0].partition(":")[2])
    command = [*pod["containers"][0]["command"], *pod["containers"][0].get("args", [])]
    assert any("kmstool" in word for word in command)


def test_both_kinds_are_there_and_an_error_is_found() -> None:
    kinds = {yaml.safe_load(text)["kind"] for text in MANIFESTS}
    assert kinds == {"CronJob", "Job"}
    document = yaml.safe_load(MANIFESTS[0])
    document["spec"]["shedule"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, "1.33", strict=True)
