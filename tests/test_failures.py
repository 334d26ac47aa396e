"""What a run adds to the hint of a failure: the key as its user named it, its state, and whose credential was refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.program import Ran, kmstool
from tests.served import Served, serving


def hint(ran: Ran) -> str:
    lines = [line for line in ran.err.splitlines() if line.startswith("kmstool: hint: ")]
    assert len(lines) == 1, ran.err
    return lines[0].removeprefix("kmstool: hint: ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), "--port", "0") as server:
        yield server


@pytest.fixture(params=["in process", "over HTTP"])
def reached(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """The variables that lead to an embedded KMS, once with what it knows at hand and once over the network."""
    if request.param == "in process":
        return {"KMSTOOL_LOCAL_HOME": str(tmp_path / "store"), "KMSTOOL_PROFILE": "local"}
    server: Served = request.getfixturevalue("server")
    return dict(server.variables)


STATES = {
    "Disabled": ([("key", "disable", "{key}", "--yes")], "enable it: kmstool key enable {key}"),
    "PendingDelete": (
        [("key", "disable", "{key}", "--yes"), ("key", "schedule-deletion", "{key}", "--days", "7", "--yes")],
        "it awaits its deletion; keep it: kmstool key cancel-deletion {key}, then kmstool key enable {key}",
    ),
    "Archived": ([("key", "archive", "{key}")], "restore it: kmstool key unarchive {key}"),
}


@pytest.mark.parametrize("state", STATES)
def test_the_way_out_of_a_state_is_the_next_command_with_the_keys_name(reached: dict[str, str], state: str) -> None:
    commands, wanted = STATES[state]
    key = f"a-{state}-{'h' if 'KMSTOOL_ENDPOINT' in reached else 'p'}"
    kmstool("key", "create", "--alias", key, **reached)
    for command in commands:
        kmstool(*(word.format(key=key) for word in command), **reached)
    refused = kmstool("encrypt", "--key", key, stdin="text", exit_code=6, **reached)
    assert hint(refused) == wanted.format(key=key)
    # What the hint says works, and then the command does.
    for command in wanted.split(": ")[-1].split(", then "):
        kmstool(*command.format(key=key).split()[1:], **reached)
    kmstool("encrypt", "--key", key, stdin="text", **reached)


def test_a_key_without_material_wants_it(reached: dict[str, str]) -> None:
    key = f"own-{len(reached)}"
    kmstool("key", "create", "--alias", key, "--external", **reached)
    refused = kmstool("encrypt", "--key", key, stdin="text", exit_code=6, **reached)
    assert hint(refused) == f"import its key material: kmstool import-material {key}"


def test_a_key_is_named_with_the_region_that_it_was_named_with(reached: dict[str, str]) -> None:
    key = f"abroad-{len(reached)}"
    kmstool("key", "create", "--alias", key, "--region", "ap-singapore", **reached)
    kmstool("key", "disable", f"ap-singapore:{key}", "--yes", **reached)
    refused = kmstool("encrypt", "--key", f"ap-singapore:{key}", stdin="text", exit_code=6, **reached)
    assert hint(refused) == f"enable it: kmstool key enable ap-singapore:{key}"


def test_a_data_key_is_named_as_its_user_named_it(reached: dict[str, str]) -> None:
    key, name = f"k-{len(reached)}", f"user-{len(reached)}"
    kmstool("key", "create", "--alias", key, **reached)
    kmstool("data-key", "generate", "--key", key, "--name", name, **reached)
    refused = kmstool("data-key", "schedule-deletion", name, "--days", "7", "--yes", exit_code=6, **reached)
    assert hint(refused) == f"disable it first: kmstool data-key disable {name}"
    kmstool("data-key", "disable", name, "--yes", **reached)
    refused = kmstool("data-key", "plaintext", name, exit_code=6, **reached)
    assert hint(refused) == f"enable it: kmstool data-key enable {name}"


def test_each_of_several_has_its_own_way_out(reached: dict[str, str]) -> None:
    key = f"kept-{len(reached)}"
    kmstool("key", "create", "--alias", key, **reached)
    done = kmstool("key", "schedule-deletion", key, "nothing", "--days", "7", "--yes", exit_code=9, **reached)
    hints = [line for line in done.err.splitlines() if "hint: " in line]
    assert hints == [
        f"kmstool: hint: disable it first: kmstool key disable {key}",
        "kmstool: hint: see what there is: kmstool key list",
        "kmstool: hint: correct what is said of each of them, then run the same command again",
    ]


def test_a_refused_credential_is_named_with_its_place_and_its_replacement(server: Served) -> None:
    other = {**server.variables, "TENCENTCLOUD_SECRET_KEY": "another"}
    refused = kmstool("key", "list", exit_code=4, **other)
    masked = server.variables["TENCENTCLOUD_SECRET_ID"]
    assert hint(refused) == (
        f"the SecretKey is not that of {masked[:8]}…{masked[-4:]} from the environment; "
        "replace it: set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
    )
    assert "another" not in refused.err


def test_the_request_id_is_told_of_what_kms_refused_and_of_nothing_else(server: Served) -> None:
    refused = kmstool(
        "encrypt", "--key", "6f6e2a6c-e7ca-11f1-8000-525400000001", stdin="x", exit_code=6, **server.variables
    )
    assert "kmstool: request id: " in refused.err
    assert (
        "request id" not in kmstool("encrypt", "--key", "demo", "--context", "x", exit_code=2, **server.variables).err
    )


def test_a_login_whose_profile_is_not_there_yet_says_what_was_refused(server: Served, tmp_path: Path) -> None:
    lines = f"{server.variables['TENCENTCLOUD_SECRET_ID']}\nanother\n"
    arguments = ["auth", "login", "--profile", "new", "--endpoint", server.endpoint, "--store", "file"]
    passphrase = tmp_path / "pass.txt"
    passphrase.write_text("correct horse battery\n")
    refused = kmstool(*arguments, "--passphrase-file", passphrase, stdin=lines, exit_code=4)
    assert hint(refused).startswith("the SecretKey is not that of ")
