"""A damaged rule is damage of the store, for the commands and for the served KMS, and no unexpected error."""

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import IntegrityError
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import faults
from kmstool.server.tables.faults import FaultRule
from tests.conftest import PROGRAM
from tests.served import serving

DAMAGED = [
    "", "{", "[]", "[1]", "null", "1", '"text"', "NaN", "{}}", "[" * 100_000, '{"number": 7}', '{"unknown": 1}',
    '{"action": 1}', '{"action": null}', '{"nth": "1"}', '{"nth": -1}', '{"nth": 1.5}', '{"nth": true}',
    '{"probability": "1"}', '{"probability": 2}', '{"probability": NaN}', '{"probability": null}',
    '{"after": 1}', '{"delay_seconds": -1}', '{"delay_seconds": Infinity}', '{"delay_seconds": 1e300}',
    '{"http_status": 99}', '{"http_status": 1000}', '{"http_status": true}', '{"code": ["a"]}', '{"drop": "yes"}',
]  # fmt: skip


def put(kms: EmbeddedKms, rule: object) -> None:
    with kms.store.transaction(write=True) as db:
        db.execute("INSERT INTO fault (rule) VALUES (?)", (rule,))


def rules(kms: EmbeddedKms) -> list[FaultRule]:
    with kms.store.transaction() as db:
        return faults.load(db)


@pytest.mark.parametrize("rule", [*DAMAGED, b"{}", b"\xff", 7, 0.5], ids=lambda rule: repr(rule)[:30])
def test_a_damaged_rule_is_damage(kms: EmbeddedKms, rule: object) -> None:
    put(kms, rule)
    if rule == b"{}":
        # JSON reads bytes too; what it says is a rule.
        assert rules(kms) == [FaultRule(number=1)]
        return
    with pytest.raises(IntegrityError, match="fault rule 1 is damaged"):
        rules(kms)


@pytest.mark.parametrize(
    "rule", [FaultRule(), FaultRule(action="Encrypt", nth=3, code="x", after=True), FaultRule(delay_seconds=2)]
)
def test_what_is_added_is_found_again(kms: EmbeddedKms, rule: FaultRule) -> None:
    with kms.store.transaction(write=True) as db:
        number = faults.add(db, rule)
    assert rules(kms) == [FaultRule(**{**_fields(rule), "number": number})]


def test_the_commands_say_so_and_the_way_out_works(kms: EmbeddedKms) -> None:
    put(kms, "{")
    environ = os.environ | {"KMSTOOL_LOCAL_HOME": str(kms.store.folder)}

    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        command = [*PROGRAM, "local", "faults", *words]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)

    refused = run("list")
    assert (refused.returncode, refused.stdout) == (5, ""), refused
    assert "kmstool local faults clear" in refused.stderr
    assert run("clear").returncode == 0
    assert run("list").returncode == 0


def _fields(rule: FaultRule) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(rule)


def test_the_served_kms_answers_and_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        environ = {**served.environ, **served.variables}
        command = [*PROGRAM, "--endpoint", served.endpoint, "--retries", "0", "key", "list"]

        def ask() -> "subprocess.CompletedProcess[str]":
            return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)

        assert ask().returncode == 0
        with contextlib.closing(sqlite3.connect(tmp_path / "store" / "kms.sqlite3")) as db:
            db.execute("INSERT INTO fault (rule) VALUES ('{')")
            db.commit()
        for _ in range(2):
            refused = ask()
            assert (refused.returncode, refused.stdout) == (6, ""), refused
            assert "InternalError" in refused.stderr
        served.run("local", "faults", "clear")
        assert ask().returncode == 0
