"""A rotation over an object store: headers and blobs move, payloads do not, and nothing of another writer is lost."""

import json
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from kmstool.workflows.rotation.contents import content_at
from tests.envelopes import done, key_id, make_keys
from tests.object_store import ObjectStore
from tests.program import kmstool

ROOT = "s3://bucket/company"
PLAN = ("rotate", "plan", "--from", "demo", "--to", "other", ROOT, "-o", "plan.json")


@pytest.fixture(autouse=True)
def company(kms: EmbeddedKms, workplace: Path, s3: ObjectStore) -> str:
    """Put a large envelope, a blob and a file with blobs into a store; return the text with the blob."""
    make_keys(kms)
    Path("big").write_bytes(bytes(4 * 2**20))
    done("encrypt", "--key", "demo", "big", "-o", f"{ROOT}/big.kte")
    blob = kmstool("encrypt", "--key", "demo", stdin="secret").out
    s3.put("company/one.blob", blob.encode())
    text = f"# kept\nA={blob.strip()}\nB={blob.strip()}\r\n"
    s3.put("company/sub/.env", text.encode())
    s3.put("company/empty/", b"")
    s3.wire.reset()
    return text


def test_a_rotation_moves_kilobytes(kms: EmbeddedKms, s3: ObjectStore, company: str) -> None:
    payload = s3.get("company/big.kte")
    assert "4 items in 3 files are to be moved" in kmstool(*PLAN).err
    assert "4 items in 3 files were moved" in kmstool("rotate", "apply", "plan.json").err
    assert s3.wire.sent + s3.wire.received < 100_000
    assert s3.get("company/big.kte") == payload
    done("verify", f"{ROOT}/big.kte", "--key", "other")
    assert kmstool("decrypt", stdin=s3.get("company/one.blob")).out == "secret"
    assert s3.get("company/sub/.env").decode().startswith("# kept\nA=")
    assert company not in s3.get("company/sub/.env").decode()
    assert kmstool("rotate", "status", "plan.json", "--format", "json").json["Done"] == 4
    assert "0 items in 0 files were moved, and 3 files were done before" in kmstool("rotate", "apply", "plan.json").err
    del kms


def test_what_was_moved_is_put_back_or_forgotten(kms: EmbeddedKms, s3: ObjectStore, company: str) -> None:
    before = {name: s3.get(name) for name in s3.names()}
    kmstool(*PLAN)
    kmstool("rotate", "apply", "plan.json")
    kmstool("rotate", "rollback", "plan.json", "--yes")
    done("verify", f"{ROOT}/big.kte", "--key", "demo")
    after = {name: s3.get(name) for name in s3.names()}
    assert {name for name in before if before[name] != after[name]} <= {"company/big.kte-header"}
    assert content_at(f"{ROOT}/sub/.env").whole().decode() == company
    kmstool("rotate", "apply", "plan.json")
    kmstool("rotate", "finish", "plan.json", "--yes")
    assert not list(Path().glob("*.journal"))
    assert key_id(kms, "demo") not in str([s3.get(name) for name in s3.names() if name.endswith("-header")])
    assert s3.get("company/sub/.env").decode() != company


def test_what_somebody_changed_stays(s3: ObjectStore) -> None:
    kmstool(*PLAN)
    s3.put("company/sub/.env", b"C=3\n")
    ran = kmstool("rotate", "apply", "plan.json", exit_code=9)
    assert f"{ROOT}/sub/.env: it changed since the plan was made" in ran.err
    assert s3.get("company/sub/.env") == b"C=3\n"
    done("verify", f"{ROOT}/big.kte", "--key", "other")


def test_an_object_that_is_replaced_between_reading_and_writing_stays(
    s3: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another writer, whose content has the same length and comes after the last look."""
    from kmstool.storage import objects

    kmstool(*PLAN)
    write = objects.write

    def late(url: objects.ObjectUrl, data: bytes, **how: object) -> None:
        s3.put(url.path.partition("/")[2], b"of somebody else")
        write(url, data, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(objects, "write", late)
    ran = kmstool("rotate", "apply", "plan.json", exit_code=9)
    assert f"{ROOT}/one.blob was replaced by another process" in ran.err
    assert s3.get("company/one.blob") == b"of somebody else"


def test_a_manifest_in_a_store_gets_a_new_one_beside_it(s3: ObjectStore) -> None:
    line = json.dumps({"id": 1, "blob": s3.get("company/one.blob").decode().strip()})
    s3.put("table.jsonl", line.encode() + b"\n")
    kmstool(
        "rotate", "plan", "--from", "demo", "--to", "other", "--manifest", "s3://bucket/table.jsonl", "-o", "m.json"
    )
    kmstool("rotate", "apply", "m.json")
    assert s3.get("table.jsonl") == line.encode() + b"\n"
    blob = json.loads(s3.get("table.rotated.jsonl"))["blob"]
    assert kmstool("decrypt", stdin=blob).out == "secret"


def test_a_store_that_ends_leaves_a_plan_that_goes_on(s3: ObjectStore) -> None:
    kmstool(*PLAN)
    s3.wire.cut_after = s3.wire.sent + 4000
    assert kmstool("rotate", "apply", "plan.json", exit_code=None).exit_code in (7, 9)
    s3.wire.reset()
    kmstool("rotate", "apply", "plan.json")
    assert kmstool("rotate", "status", "plan.json", "--format", "json").json["Done"] == 4
