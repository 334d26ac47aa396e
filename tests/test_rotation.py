"""Rotation: every item exactly once in effect, every other byte as it was, whatever strikes in between."""

import base64
import json
import os
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kmstool.errors import InputError, IntegrityError, KmsToolError, LimitError, NetworkError, OutputError, PartialError
from kmstool.kms.client import KmsClient
from kmstool.kms.cmk_recipients import CmkRecipient
from kmstool.kms.transport.pool import PooledTransport
from kmstool.server.app import EmbeddedKms
from kmstool.system import atomic
from kmstool.workflows.connections import connect
from kmstool.workflows.envelopes import EncryptOptions, decrypt, encrypt
from kmstool.workflows.rotation import journal, tokens
from kmstool.workflows.rotation.applying import Applier, ApplyOptions
from kmstool.workflows.rotation.jobs import apply_rotation, finish_rotation, plan_rotation
from kmstool.workflows.rotation.journal import Journal, journal_path, locked_journal
from kmstool.workflows.rotation.moving import KeyMover
from kmstool.workflows.rotation.plan import ContextRule, Kind, Plan, ScanOptions
from kmstool.workflows.rotation.plan_files import encode_plan, read_plan
from kmstool.workflows.rotation.planning import PlanRequest, make_plan
from kmstool.workflows.rotation.status import page, read_status
from kmstool.workflows.rotation.undoing import roll_back
from kmstool.workflows.shards import in_shard
from tests.program import kmstool
from tests.striking import killed_everywhere

ROOT = Path(__file__).parents[1]
REGION = "ap-guangzhou"
FORMS: tuple[Callable[[str, str], bytes], ...] = (
    lambda name, blob: f"# {name}\r\n{name}={blob}\r\n".encode(),
    lambda name, blob: f'  {name}: "{blob}"  # kept\n'.encode(),
    lambda name, blob: json.dumps({name: blob}, indent=3).encode() + b"\n",
    lambda name, blob: f"{name} = '{blob}';\t".encode(),
)


def shared(kms: EmbeddedKms) -> PooledTransport:
    """The same store for several threads."""
    return PooledTransport(lambda: EmbeddedKms(kms.store.folder))


class Counting:
    """A KMS that counts what it is asked."""

    def __init__(self, kms: EmbeddedKms) -> None:
        self.kms = shared(kms)
        self.calls: Counter[str] = Counter()
        self.moved: Counter[str] = Counter()

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls[action] += 1
        if action == "ReEncrypt" and "DestinationKeyId" in params:
            self.moved[params["CiphertextBlob"]] += 1
        return self.kms.call(action, params)


@pytest.fixture(autouse=True)
def here(workplace: Path) -> Path:
    return workplace


@pytest.fixture
def keys(kms: EmbeddedKms) -> dict[str, str]:
    return {alias: str(kms.call("CreateKey", {"Alias": alias})["KeyId"]) for alias in ("old", "new", "third")}


def blob_of(kms: EmbeddedKms, key_id: str, text: str, context: str = "") -> str:
    params = {"KeyId": key_id, "Plaintext": base64.b64encode(text.encode()).decode()}
    return str(kms.call("Encrypt", params | ({"EncryptionContext": context} if context else {}))["CiphertextBlob"])


def opened(kms: EmbeddedKms, blob: str, context: str = "") -> tuple[str, str]:
    params = {"CiphertextBlob": blob} | ({"EncryptionContext": context} if context else {})
    answer = kms.call("Decrypt", params)
    return str(answer["KeyId"]), base64.b64decode(answer["Plaintext"]).decode()


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_tree(kms: EmbeddedKms, keys: Mapping[str, str], folder: Path, blobs: int, envelopes: int) -> None:
    """Blobs as files, in text of many forms and in Kubernetes Secrets, and envelopes, on three keys."""
    folder.mkdir()
    aliases = list(keys)
    for number in range(blobs):
        key_id = keys[aliases[number % 3 and 2 * (number % 5 == 0)]]
        blob = blob_of(kms, key_id, f"secret {number}")
        place = folder / f"{number % 7}"
        place.mkdir(exist_ok=True)
        if number % 4 == 0:
            (place / f"{number}.blob").write_text(blob + "\n" * (number % 8 == 0))
        elif number % 4 == 3:
            text = base64.b64encode((blob + "\n").encode()).decode()
            (place / f"{number}.yaml").write_text(f"kind: Secret\ndata:\n  it: {text}\n")
        else:
            with (place / f"many-{number % 50}.conf").open("ab") as file:
                file.write(FORMS[number % len(FORMS)](f"name{number}", blob))
    for number in range(envelopes):
        recipients = [CmkRecipient(KmsClient(kms), keys["old"], REGION)]
        if number % 3 == 0:
            recipients.append(CmkRecipient(KmsClient(kms), keys["third"], REGION))
        how = EncryptOptions(armor=number % 4 == 1, reserve=number % 4 == 2)
        detached = folder / f"{number}.head" if number % 4 == 3 else None
        (folder / "source").write_bytes(f"plain {number}".encode())
        encrypt(folder / "source", folder / f"{number}.kte", recipients, how, detached=detached)
    (folder / "source").unlink()


def request_of(keys: Mapping[str, str], folder: Path, **settings: Any) -> PlanRequest:
    scan = ScanOptions(encoded=True)
    return PlanRequest(
        **{"region": REGION, "from_key": keys["old"], "to_key": keys["new"], "roots": (folder,), "scan": scan}
        | settings
    )


def written_plan(made: Plan, path: Path = Path("plan.json")) -> Path:
    atomic.write(path, "".join(encode_plan(made)).encode(), replace=True)
    return path.absolute()


class Inline(Executor):
    """Does each thing when it is submitted, in the same thread, so that calls to the system come in one order."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except KmsToolError as error:
            future.set_exception(error)
        return future


def applied(
    made: Plan,
    path: Path,
    mover: KeyMover,
    *,
    workers: int = 2,
    shard: tuple[int, int] | None = None,
    executor: Executor | None = None,
) -> None:
    with locked_journal(journal_path(path, shard), made.plan_id) as open_journal:
        how = ApplyOptions(workers=workers, shard=shard)
        Applier(made, open_journal, lambda _: mover, how, lambda _: None, lambda _: None, executor).run()


def blobs_in(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".kte", ".head"):
            found += [token.blob for token in tokens.find_tokens(path.read_bytes(), encoded=True)]
    return found


def without_blobs(folder: Path) -> dict[str, bytes]:
    """Every byte of all text files but the blobs."""
    rest = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".kte", ".head"):
            data = path.read_bytes()
            changes = [
                tokens.Replacement(one.start, data[one.start : one.end], b"")
                for one in tokens.find_tokens(data, encoded=True)
            ]
            rest[str(path)] = tokens.replace_tokens(data, changes)
    return rest


def test_a_tree_moves_whole_and_comes_back_byte_for_byte(kms: EmbeddedKms, keys: dict[str, str]) -> None:
    """Blobs and envelopes on three keys: each moves once, and every other byte stays."""
    tree = Path("tree")
    make_tree(kms, keys, tree, 500, 50)
    before, rest = content(tree), without_blobs(tree)
    plaintexts = [opened(kms, blob)[1] for blob in blobs_in(tree)]
    counting = Counting(kms)
    mover = KeyMover(KmsClient(counting), keys["old"], keys["new"])
    made = make_plan(request_of(keys, tree), mover)
    assert content(tree) == before, "a plan changes nothing"
    path = written_plan(made)
    assert read_plan(path) == made
    applied(made, path, mover, workers=8)
    after = blobs_in(tree)
    assert [opened(kms, blob)[1] for blob in after] == plaintexts
    assert {opened(kms, blob)[0] for blob in after} == {keys["new"], keys["third"]}
    assert without_blobs(tree) == rest
    assert set(counting.moved.values()) == {1}, "none was moved twice"
    applied(made, path, mover)
    assert set(counting.moved.values()) == {1}
    kms.call("DisableKey", {"KeyId": keys["old"]})
    identities = connect("local").identities()
    for number in range(50):
        out = bytearray()
        head = tree / f"{number}.head"
        decrypt(tree / f"{number}.kte", out.extend, identities, detached=head if head.exists() else None)
        assert bytes(out) == f"plain {number}".encode()
    undone = roll_back(made, path, pytest.fail)
    assert undone.files == len(made.files)
    assert content(tree) == before


def test_what_is_killed_anywhere_goes_on(kms: EmbeddedKms, keys: dict[str, str], tmp_path: Path) -> None:
    """At every write, fsync, rename and link of the journal and of a file: nothing is lost, and nothing is half."""
    tree = tmp_path / "small" / "tree"
    tree.parent.mkdir()
    make_tree(kms, keys, tree, 6, 4)
    mover = KeyMover(KmsClient(shared(kms)), keys["old"], keys["new"])
    calls = ("pwrite64", "write", "fdatasync", "fsync", "rename", "linkat", "unlink")

    def work(folder: Path) -> None:
        plan = folder / "plan.json"
        if not plan.exists():
            written_plan(make_plan(request_of(keys, folder / "tree"), mover, executor=Inline()), plan)
        applied(read_plan(plan), plan, mover, executor=Inline())

    plaintexts = sorted(opened(kms, blob)[1] for blob in blobs_in(tree))
    struck = 0
    for folder in killed_everywhere(tree.parent, tmp_path / "scratch", work, calls, most=6):
        struck += 1
        work(folder)
        assert sorted(opened(kms, blob)[1] for blob in blobs_in(folder / "tree")) == plaintexts
        made = read_plan(folder / "plan.json")
        assert all(entry.state is journal.State.DONE for entry in entries(folder / "plan.json", made))
        for name in content(folder / "tree"):
            assert not Path(name).name.startswith(".kmstool-")
        shutil.rmtree(folder)
    assert struck >= 20


def entries(path: Path, made: Plan) -> list[journal.Entry]:
    open_journal = Journal(journal_path(path), made.plan_id, write=False)
    try:
        return list(open_journal.entries())
    finally:
        open_journal.close()


@pytest.fixture
def small(kms: EmbeddedKms, keys: dict[str, str]) -> tuple[Plan, Path, KeyMover]:
    """A tree of a few blobs, its plan and what moves them."""
    make_tree(kms, keys, Path("tree"), 12, 4)
    mover = KeyMover(KmsClient(shared(kms)), keys["old"], keys["new"])
    made = make_plan(request_of(keys, Path("tree").absolute()), mover)
    return made, written_plan(made), mover


def test_a_file_that_changed_since_the_plan_stays_as_it_is(small: tuple[Plan, Path, KeyMover]) -> None:
    made, path, mover = small
    first = next(file for file in made.files if file.kind is Kind.TEXT)
    Path(first.path).write_bytes(Path(first.path).read_bytes() + b" # mine")
    changed = Path(first.path).read_bytes()
    with pytest.raises(PartialError, match=f"1 of {len(made.files)} files"):
        applied(made, path, mover)
    assert Path(first.path).read_bytes() == changed
    status = read_status(made, [journal_path(path)])
    assert status.faults == {first.path: "it changed since the plan was made"}
    assert status.done + status.left + status.failed == made.items


def test_a_file_that_changed_since_it_moved_is_not_rolled_back(small: tuple[Plan, Path, KeyMover]) -> None:
    made, path, mover = small
    applied(made, path, mover)
    moved = next(file for file in made.files if file.kind is Kind.TEXT)
    Path(moved.path).write_bytes(b"mine")
    said: list[str] = []
    with pytest.raises(PartialError, match="1 files were not put back"):
        roll_back(made, path, said.append)
    assert Path(moved.path).read_bytes() == b"mine"
    assert said == [f"{moved.path}: somebody changed it since it was moved; it is left as it is"]


def test_two_applies_of_one_plan(small: tuple[Plan, Path, KeyMover]) -> None:
    made, path, mover = small
    with locked_journal(journal_path(path), made.plan_id), pytest.raises(OutputError, match="by another process"):
        applied(made, path, mover)


def test_shards_need_no_coordinator(small: tuple[Plan, Path, KeyMover]) -> None:
    made, path, mover = small
    for number in (1, 2, 3):
        applied(made, path, mover, shard=(number, 3))
    status = read_status(made, journal.journals_of(path))
    assert (status.done, status.left) == (made.items, 0)
    assert [sum(in_shard(file.path, (number, 3)) for number in (1, 2, 3)) for file in made.files] == [1] * len(
        made.files
    )


@pytest.mark.parametrize("failure", [NetworkError("gone"), LimitError("slow", kms_code="RequestLimitExceeded")])
def test_what_fails_for_all_ends_the_run_and_is_taken_up(
    failure: KmsToolError, small: tuple[Plan, Path, KeyMover]
) -> None:
    made, path, mover = small
    left = 5

    class Dying:
        def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
            nonlocal left
            left -= 1
            if left < 0:
                raise failure
            return mover.client._transport.call(action, params)

    with pytest.raises(type(failure)):
        applied(made, path, KeyMover(KmsClient(Dying()), mover.from_key, mover.to_key), workers=1)
    assert all(entry.state is not journal.State.FAILED for entry in entries(path, made))
    applied(made, path, mover)
    assert read_status(made, [journal_path(path)]).done == made.items


def test_a_kms_that_gives_another_secret_is_found_before_it_is_written(
    small: tuple[Plan, Path, KeyMover], kms: EmbeddedKms
) -> None:
    made, path, mover = small
    before = content(Path("tree"))

    inner, another = shared(kms), blob_of(kms, mover.to_key, "another")

    class Swapping:
        def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
            answer = inner.call(action, params)
            if action == "ReEncrypt":
                answer["CiphertextBlob"] = another
            return answer

    with pytest.raises(PartialError):
        applied(made, path, KeyMover(KmsClient(Swapping()), mover.from_key, mover.to_key))
    assert content(Path("tree")) == before


NONSENSE: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("version", lambda plan: plan | {"format": "kmstool-plan-9"}, "is a plan of the format 'kmstool-plan-9'"),
    ("field", lambda plan: plan | {"more": 1}, "its fields are"),
    ("items", lambda plan: plan | {"files": [plan["files"][0] | {"items": [{"start": 5, "end": 2}]}]}, "from 5 to 2"),
    ("digest", lambda plan: plan | {"files": [plan["files"][0] | {"sha256": "x"}]}, "its digest or its items"),
    ("kind", lambda plan: plan | {"files": [plan["files"][0] | {"kind": "x"}]}, "file 1"),
    ("twice", lambda plan: plan | {"files": [plan["files"][0]] * 2}, "listed twice"),
    ("list", lambda plan: [plan], "is no plan"),
]


@pytest.mark.parametrize(("change", "reason"), [row[1:] for row in NONSENSE], ids=[row[0] for row in NONSENSE])
def test_a_plan_that_was_edited_into_nonsense(
    change: Callable[[dict[str, Any]], Any], reason: str, small: tuple[Plan, Path, KeyMover]
) -> None:
    _, path, _ = small
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    ran = kmstool("rotate", "apply", str(path), exit_code=3)
    assert reason in ran.err


def test_a_plan_has_the_form_that_its_schema_says(small: tuple[Plan, Path, KeyMover]) -> None:
    _, path, _ = small
    schema = json.loads((ROOT / "docs" / "plan.schema.json").read_text())
    jsonschema.validate(json.loads(path.read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(path.read_text()) | {"more": 1}, schema)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100000, b'{"format": "a", "format": "b"}'])
def test_what_is_no_plan(data: bytes) -> None:
    Path("plan.json").write_bytes(data)
    assert "is no plan" in kmstool("rotate", "status", "plan.json", exit_code=3).err


def test_a_plan_of_another_store(small: tuple[Plan, Path, KeyMover], tmp_path: Path) -> None:
    _, path, _ = small
    elsewhere = str(tmp_path / "elsewhere")
    ran = kmstool("rotate", "apply", str(path), KMSTOOL_LOCAL_HOME=elsewhere, exit_code=3)
    assert "the plan is for another KMS" in ran.err


def test_a_journal_that_is_damaged_or_of_another_plan(small: tuple[Plan, Path, KeyMover]) -> None:
    made, path, mover = small
    applied(made, path, mover)
    other = written_plan(replace(made, plan_id="0" * 32), Path("other.json"))
    shutil.copy(journal_path(path), journal_path(other))
    assert "is that of another plan" in kmstool("rotate", "status", str(other), exit_code=3).err
    journal_path(path).write_bytes(b"no database at all" * 100)
    assert "is damaged" in kmstool("rotate", "apply", str(path), exit_code=5).err


def test_a_manifest_moves_into_a_new_one(kms: EmbeddedKms, keys: dict[str, str]) -> None:
    """Contexts by line, others on the new blob; the old manifest is never touched."""
    lines = [
        {"id": 1, "blob": blob_of(kms, keys["old"], "one", '{"a":"b"}'), "context": {"a": "b"}},
        {
            "id": "zwei",
            "blob": blob_of(kms, keys["old"], "two", '{"a": "b"}'),
            "context": '{"a": "b"}',
            "to_context": {"c": "d"},
        },
        {"id": None, "blob": blob_of(kms, keys["third"], "three")},
    ]
    Path("column.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    before = Path("column.jsonl").read_bytes()
    kmstool("rotate", "plan", "--from", "old", "--to", "new", "--manifest", "column.jsonl", "-o", "plan.json")
    kmstool("rotate", "apply", "plan.json")
    assert Path("column.jsonl").read_bytes() == before
    moved = [json.loads(line) for line in Path("column.rotated.jsonl").read_text().splitlines()]
    assert opened(kms, moved[0]["blob"], '{"a":"b"}') == (keys["new"], "one")
    assert opened(kms, moved[1]["blob"], '{"c":"d"}') == (keys["new"], "two")
    assert moved[2] == lines[2]
    kmstool("rotate", "rollback", "plan.json", "--yes")
    assert not Path("column.rotated.jsonl").exists()
    Path("column.jsonl").write_text('{"id": 1}\n')
    ran = kmstool("rotate", "plan", "--from", "old", "--manifest", "column.jsonl", "-o", "next.json", exit_code=3)
    assert "column.jsonl, line 1: it is no JSON object with a blob" in ran.err


def test_contexts_by_path(kms: EmbeddedKms, keys: dict[str, str]) -> None:
    """An item whose context is wrong is reported, never guessed."""
    for name, context in (("billing", '{"app":"billing"}'), ("shop", '{"app":"shop"}')):
        Path("tree", name).mkdir(parents=True)
        Path("tree", name, "it.blob").write_text(blob_of(kms, keys["old"], name, context))
    Path("rules.toml").write_text('["billing/*"]\napp = "billing"\n')
    ran = kmstool(
        "rotate",
        "plan",
        "--from",
        "old",
        "--to",
        "new",
        "--contexts",
        "rules.toml",
        "tree",
        "-o",
        "plan.json",
        exit_code=9,
    )
    assert "shop/it.blob:0:" in ran.err
    made = read_plan(Path("plan.json").absolute())
    assert [Path(file.path).parent.name for file in made.files] == ["billing"]
    assert made.scan.contexts == (ContextRule("billing/*", '{"app":"billing"}'),)
    kmstool("rotate", "apply", "plan.json")
    assert opened(kms, Path("tree/billing/it.blob").read_text(), '{"app":"billing"}') == (keys["new"], "billing")


def test_the_newest_version_of_the_same_key(kms: EmbeddedKms, keys: dict[str, str]) -> None:
    Path("it.blob").write_text(blob_of(kms, keys["old"], "text"))
    assert (
        kmstool("rotate", "plan", "--from", "old", "it.blob", "-o", "none.json", "--format", "json").json["Items"] == 0
    )
    kms.call("EnableKeyRotation", {"KeyId": keys["old"]})
    kms.call("RotateKey", {"KeyId": keys["old"]})
    assert (
        kmstool("rotate", "plan", "--from", "old", "it.blob", "-o", "plan.json", "--format", "json").json["Items"] == 1
    )
    before = Path("it.blob").read_text()
    kmstool("rotate", "apply", "plan.json")
    assert Path("it.blob").read_text() != before
    assert opened(kms, Path("it.blob").read_text()) == (keys["old"], "text")
    kmstool("rotate", "finish", "plan.json", "--yes")
    assert not list(Path().glob("plan.json.*"))


def test_finish_keeps_the_way_back_while_anything_is_left(
    small: tuple[Plan, Path, KeyMover], kms: EmbeddedKms, keys: dict[str, str]
) -> None:
    made, path, mover = small
    applied(made, path, mover)
    Path("tree/late.blob").write_text(blob_of(kms, keys["old"], "late"))
    ran = kmstool("rotate", "finish", str(path), "--yes", exit_code=9)
    assert "late.blob: 1 are under the old key" in ran.err
    assert journal_path(path).exists()
    Path("tree/late.blob").unlink()
    kmstool("rotate", "finish", str(path), "--yes")
    assert not journal_path(path).exists()


def test_finish_forgets_nothing_of_another_job(small: tuple[Plan, Path, KeyMover]) -> None:
    """What is left of a migration it cannot tell: it would take away the way back."""
    made, path, mover = small
    applied(made, path, mover)
    written_plan(replace(made, job="migration"), path)
    assert "the plan is that of a migration" in kmstool("rotate", "finish", str(path), "--yes", exit_code=3).err
    assert journal_path(path).exists()


def test_what_is_left_out(kms: EmbeddedKms, keys: dict[str, str]) -> None:
    tree = Path("tree")
    (tree / ".git").mkdir(parents=True)
    blob = blob_of(kms, keys["old"], "text")
    for name in (".git/it", "it", "twice", "other.txt"):
        (tree / name).write_text(blob)
    os.link(tree / "twice", tree / "again")
    (tree / "link").symlink_to("it")
    os.mkfifo(tree / "pipe")
    (tree / "binary").write_bytes(b"\0" + blob.encode())
    kmstool("rotate", "plan", "--from", "old", "--to", "new", "tree", "-o", "plan.json", "--exclude", "*.txt")
    made = read_plan(Path("plan.json").absolute())
    assert [Path(file.path).name for file in made.files] == ["it"]
    reasons = {Path(one.path).name: one.reason for one in made.left_out}
    assert reasons == {
        ".git": "a folder of a version control system",
        "link": "a symbolic link",
        "pipe": "a special file",
        "twice": "it has several names (hard links)",
        "again": "it has several names (hard links)",
    }


def test_dry_runs_change_nothing(small: tuple[Plan, Path, KeyMover], tmp_path: Path) -> None:
    _, path, _ = small
    before, store = content(Path()), content(tmp_path / "store")
    kmstool("rotate", "plan", "--from", "old", "--to", "new", "tree", "-o", "other.json", "--dry-run")
    for command in (("apply",), ("finish", "--yes"), ("rollback", "--yes")):
        kmstool("rotate", command[0], str(path), *command[1:], "--dry-run")
    assert (content(Path()), content(tmp_path / "store")) == (before, store)


def test_the_status_as_text_as_an_object_and_as_a_page(small: tuple[Plan, Path, KeyMover]) -> None:
    made, path, mover = small
    applied(made, path, mover)
    assert f"items:       {made.items} in {len(made.files)} files" in kmstool("rotate", "status", str(path)).out
    answer = kmstool("rotate", "status", str(path), "--html", "status.html", "--format", "json").json
    assert (answer["Done"], answer["Left"], answer["Failed"]) == (made.items, 0, 0)
    text = Path("status.html").read_text()
    assert "100.0 % moved" in text
    assert "<script" not in text
    assert "://" not in text
    hostile = replace(made, from_key="<script>alert(1)</script>")
    assert "<script" not in page(read_status(hostile, []))


def test_an_asymmetric_ciphertext_moves_where_it_is_named(kms: EmbeddedKms) -> None:
    for alias in ("rsa-old", "rsa-new"):
        kms.call("CreateKey", {"Alias": alias, "KeyUsage": "ASYMMETRIC_DECRYPT_RSA_2048"})
    Path("secret").write_bytes(b"text")
    kmstool("asymmetric", "encrypt", "--key", "rsa-old", "secret", "-o", "it.rsa")
    before = Path("it.rsa").read_bytes()
    kmstool(
        "rotate", "plan", "--from", "rsa-old", "--to", "rsa-new", "--asymmetric", "*.rsa", "it.rsa", "-o", "plan.json"
    )
    kmstool("rotate", "apply", "plan.json")
    assert kmstool("asymmetric", "decrypt", "--key", "rsa-new", "it.rsa").stdout == b"text"
    kmstool("rotate", "rollback", "plan.json", "--yes")
    assert Path("it.rsa").read_bytes() == before


def test_from_python(small: tuple[Plan, Path, KeyMover]) -> None:
    """What docs/python.md says: a plan, applied and finished."""
    connections = connect("local")
    made = plan_rotation(connections, "old", "new", roots=(Path("tree"),), scan=ScanOptions(encoded=True))
    path = written_plan(made)
    assert apply_rotation(connections, made, path).items == made.items
    assert finish_rotation(connections, made, path) == len(made.files)


@pytest.mark.parametrize("seed", range(20))
def test_replacing_and_back_is_nothing(seed: int) -> None:
    generator = random.Random(seed)
    blob = "-k-".join(["QUJD", "REVG", "R0hJ"])
    parts = [generator.choice(["x=", '"', "\r\n", "# ä", "-k", "=="]) for _ in range(20)]
    data = "".join(part + blob + "\n" for part in parts).encode()
    places = tokens.find_tokens(data)
    changes = [
        tokens.Replacement(one.start, data[one.start : one.end], b"n" * generator.randrange(9)) for one in places
    ]
    changed = tokens.replace_tokens(data, changes)
    assert len(places) >= 15
    assert tokens.replace_tokens(changed, tokens.reverse(changes)) == data
    with suppress(InputError), pytest.raises(InputError):
        tokens.replace_tokens(b"?" + data, changes)


def test_a_full_disk_leaves_the_journal_whole(
    small: tuple[Plan, Path, KeyMover], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, path, _ = small
    with locked_journal(journal_path(path), made.plan_id):
        pass
    broken = sqlite3.OperationalError("database or disk is full")
    monkeypatch.setattr(broken, "sqlite_errorname", "SQLITE_FULL", raising=False)
    with pytest.raises(OutputError, match="the disk is full"), journal._translated(path):
        raise broken
    damaged = sqlite3.DatabaseError("malformed")
    monkeypatch.setattr(damaged, "sqlite_errorname", "SQLITE_CORRUPT", raising=False)
    with pytest.raises(IntegrityError), journal._translated(path):
        raise damaged
