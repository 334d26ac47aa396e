"""A damaged rule is damage of the store, for the commands and for the served KMS, and no unexpected error."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import IntegrityError
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import faults
from kmstool.server.tables.faults import FaultRule
from tests.program import kmstool
from tests.served import serving
from tests.stores import on_store

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
    refused = on_store(kms.store.folder, "local", "faults", "list", exit_code=5)
    assert refused.out == ""
    assert "kmstool local faults clear" in refused.err
    on_store(kms.store.folder, "local", "faults", "clear")
    on_store(kms.store.folder, "local", "faults", "list")


def _fields(rule: FaultRule) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(rule)


def test_the_served_kms_answers_and_goes_on(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        environ = {**served.environ, **served.variables}
        words = ("--endpoint", served.endpoint, "--retries", "0", "key", "list")
        kmstool(*words, env=environ)
        with contextlib.closing(sqlite3.connect(tmp_path / "store" / "kms.sqlite3")) as db:
            db.execute("INSERT INTO fault (rule) VALUES ('{')")
            db.commit()
        for _ in range(2):
            refused = kmstool(*words, env=environ, exit_code=6)
            assert refused.out == ""
            assert "InternalError" in refused.err
        served.run("local", "faults", "clear")
        kmstool(*words, env=environ)
