"""Migration: what the KMS of 2017 encrypted is under a key of today, where it stood, and every other byte as it was."""

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from kmstool.api import beta
from kmstool.crypto import aead
from kmstool.errors import InputError, IntegrityError, LimitError, PartialError
from kmstool.kms.beta.client import BetaClient
from kmstool.kms.client import KmsClient
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.beta.service import EmbeddedBeta
from kmstool.server.tables.faults import FaultRule
from kmstool.system import atomic
from kmstool.workflows.connections import connect
from kmstool.workflows.migration import BetaMover, apply_migration, plan_migration
from kmstool.workflows.rotation import tokens
from kmstool.workflows.rotation.plan import ContextRule, Item, Plan, ScanOptions
from kmstool.workflows.rotation.plan_files import encode_plan, read_plan
from kmstool.workflows.rotation.undoing import roll_back
from tests.program import kmstool
from tests.served import serving

ROOT = Path(__file__).parents[1]
REGION, SHANGHAI = "ap-guangzhou", "ap-shanghai"
SECRETS, ENVELOPES = 60, 15
ALL = SECRETS + ENVELOPES
CERTIFICATE = base64.b64encode(bytes(range(200))).decode()


class Old:
    """The KMS of 2017 of the test, with one key, which counts what it is asked."""

    def __init__(self, kms: EmbeddedKms, region: str = REGION) -> None:
        self.calls: Counter[str] = Counter()
        self._inner = EmbeddedBeta(kms, region)
        self.client = BetaClient(self)
        self.key_id = self.client.create_key(f"old in {region}").key_id

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls[action] += 1
        return self._inner.call(action, params)

    def blob(self, text: str, context: Mapping[str, str] | str = "") -> str:
        return self.client.encrypt(self.key_id, text.encode(), context).ciphertext_blob

    def opened(self, blob: str, context: Mapping[str, str] | str = "") -> str:
        return self.client.decrypt(blob, context).plaintext.decode()


@pytest.fixture(autouse=True)
def here(workplace: Path) -> Path:
    return workplace


@pytest.fixture
def old(kms: EmbeddedKms) -> Old:
    return Old(kms)


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    return str(kms.call("CreateKey", {"Alias": "new"})["KeyId"])


@pytest.fixture
def new(kms: EmbeddedKms, key_id: str) -> KmsClient:
    return KmsClient(kms)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written(made: Plan, path: Path = Path("plan.json")) -> Path:
    atomic.write(path, "".join(encode_plan(made)).encode(), replace=True)
    return path.absolute()


def plan(*roots: Path, **settings: Any) -> Plan:
    form = settings.pop("form", "file")
    scan = ScanOptions(old_form=form, **settings.pop("scan", {}))
    return plan_migration(connect("local"), "new", roots=roots, scan=scan, **settings)


def test_secrets_and_wrapped_data_keys_move_and_nothing_else_changes(
    old: Old, new: KmsClient, key_id: str, here: Path
) -> None:
    """Secrets and envelopes with contexts; a second run does nothing, and the old KMS stays as it was."""
    tree = here / "tree"
    secrets: dict[str, tuple[str, str]] = {}
    for number in range(SECRETS):
        place = tree / f"app-{number % 5}"
        place.mkdir(parents=True, exist_ok=True)
        context = f'{{"app":"{number % 5}"}}' if number % 5 else ""
        name = f"app-{number % 5}/{number}.secret"
        secrets[name] = (f"secret {number}", context)
        (tree / name).write_text(old.blob(f"secret {number}", context) + "\n" * (number % 2))
    sealed: dict[str, bytes] = {}
    for number in range(ENVELOPES):
        made = old.client.generate_data_key(old.key_id, "AES_256", {"of": "envelopes"})
        folder = tree / "envelopes" / f"{number}"
        folder.mkdir(parents=True)
        sealed[str(folder)] = aead.seal("AES_256", made.plaintext, f"data {number}".encode(), b"")
        (folder / "data").write_bytes(sealed[str(folder)])
        (folder / "data.key").write_text(made.ciphertext_blob)
    (tree / "README").write_text(f"see {CERTIFICATE}\n")
    before, stored = content(tree), old.client.key(old.key_id)
    rules = (
        ContextRule("envelopes/*", '{"of":"envelopes"}'),
        *(ContextRule(f"app-{n}/*", f'{{"app":"{n}"}}') for n in range(1, 5)),
    )
    made = plan(tree, scan={"contexts": rules})
    assert (made.items, len(made.files), made.left_out, made.job) == (ALL, ALL, (), "migration")
    assert content(tree) == before
    progress = apply_migration(connect("local"), made, written(made))
    assert (progress.items, progress.failed) == (ALL, 0)
    for name, (text, context) in secrets.items():
        data = (tree / name).read_text()
        opened = new.decrypt(data.strip(), context)
        assert (opened.key_id, opened.plaintext.decode()) == (key_id, text)
        assert data.endswith("\n") == before[name].endswith(b"\n")
    for number, folder in enumerate(sealed):
        assert (Path(folder) / "data").read_bytes() == sealed[folder]
        dek = new.decrypt((Path(folder) / "data.key").read_text(), '{"of":"envelopes"}').plaintext
        assert aead.unseal("AES_256", dek, sealed[folder], b"") == f"data {number}".encode()
    assert content(tree)["README"] == before["README"]
    assert old.client.key(old.key_id) == stored
    again = plan(tree, scan={"contexts": rules})
    assert (again.items, again.left_out) == (0, ())
    assert apply_migration(connect("local"), made, written(made)).before == ALL
    assert roll_back(made, Path("plan.json").absolute(), print).files == ALL
    assert content(tree) == before


FORMS: tuple[Callable[[str], bytes], ...] = (
    lambda blob: f"# comment\r\nSECRET={blob}\r\nOTHER=1\r\n".encode(),
    lambda blob: f'a:\n  b: "{blob}"  # kept\n'.encode(),
    lambda blob: json.dumps({"a": blob, "b": CERTIFICATE}, indent=3).encode(),
    lambda blob: f"kind: Secret\ndata:\n  it: {base64.b64encode((blob + chr(10)).encode()).decode()}\n".encode(),
)


def test_blobs_in_texts_move_where_the_old_kms_may_see_all_base64(old: Old, new: KmsClient, here: Path) -> None:
    tree = here / "tree"
    tree.mkdir()
    for number, form in enumerate(FORMS):
        (tree / f"{number}.txt").write_bytes(form(old.blob(f"secret {number}")))
    before = content(tree)
    assert plan(tree).items == 0
    made = plan(tree, form="any", scan={"encoded": True})
    assert made.items == 4
    place = before["2.txt"].index(CERTIFICATE.encode())
    assert [(Path(one.path).name, one.failed) for one in made.left_out] == [(f"2.txt:{place}", False)]
    apply_migration(connect("local"), made, written(made))
    for number, form in enumerate(FORMS):
        data = (tree / f"{number}.txt").read_bytes()
        [token] = tokens.find_tokens(data, encoded=True)
        assert new.decrypt(token.blob, {}).plaintext == f"secret {number}".encode()
        assert data == form(token.blob)
    assert plan(tree, form="any", scan={"encoded": True}).items == 0


def test_a_manifest_brings_contexts_and_what_has_moved_is_left_out(old: Old, new: KmsClient, here: Path) -> None:
    moved = new.encrypt(next(key.key_id for key in new.list_keys()), b"moved", {}).ciphertext_blob
    lines = [
        {"id": 1, "blob": old.blob("one", '{"a":"b"}'), "context": {"a": "b"}, "to_context": {"c": "d"}},
        {"id": 2, "blob": old.blob("two", '{ "a": "b" }'), "context": '{ "a": "b" }'},
        {"id": 3, "blob": moved},
        {"id": 4, "blob": old.blob("four")},
    ]
    manifest = here / "column.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    made = plan(manifests=(manifest,))
    assert (made.items, [one.path for one in made.left_out]) == (3, [f"{manifest}, line 3"])
    apply_migration(connect("local"), made, written(made))
    after = [json.loads(line) for line in (here / "column.migrated.jsonl").read_text().splitlines()]
    assert [line["id"] for line in after] == [1, 2, 3, 4]
    assert new.decrypt(after[0]["blob"], {"c": "d"}).plaintext == b"one"
    assert new.decrypt(after[1]["blob"], '{ "a": "b" }').plaintext == b"two"
    assert after[2]["blob"] == moved
    assert new.decrypt(after[3]["blob"], {}).plaintext == b"four"


def test_what_does_not_open_is_named_and_left(old: Old, kms: EmbeddedKms, new: KmsClient, here: Path) -> None:
    other = Old(kms, SHANGHAI)
    tree = here / "tree"
    tree.mkdir()
    good, wrong, foreign, disabled = (tree / name for name in ("a-good", "b-wrong", "c-foreign", "d-disabled"))
    second = old.client.create_key("second").key_id
    good.write_text(old.blob("good"))
    wrong.write_text(old.blob("wrong", {"a": "b"}))
    foreign.write_text(other.blob("foreign"))
    disabled.write_text(old.client.encrypt(second, b"disabled", {}).ciphertext_blob)
    old.client.disable(second)
    before = content(tree)
    ran = kmstool("migrate", "plan", "--to", "new", str(tree), "-o", "plan.json", exit_code=9)
    made = read_plan(Path("plan.json"))
    assert [Path(file.path).name for file in made.files] == ["a-good"]
    reasons = {Path(one.path).name.split(":")[0]: one.reason for one in made.left_out}
    assert "encryptionContext differs" in reasons["b-wrong"]
    assert "there is no key" in reasons["c-foreign"]
    assert "its state is Disabled" in reasons["d-disabled"]
    assert all(name in ran.err for name in reasons)
    kmstool("migrate", "apply", "plan.json")
    assert {name: data for name, data in content(tree).items() if name != "a-good"} == {
        name: data for name, data in before.items() if name != "a-good"
    }


def test_a_run_that_was_stopped_goes_on_and_moves_nothing_twice(
    old: Old, kms: EmbeddedKms, new: KmsClient, key_id: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = here / "tree"
    tree.mkdir()
    for number in range(30):
        (tree / f"{number:02}").write_text(old.blob(f"secret {number}"))
    made, moved = plan(tree), Counter[str]()
    path = written(made)
    move, left = BetaMover.move, [12]

    def counted(self: BetaMover, blob: str, item: Item) -> str:
        left[0] -= 1
        if left[0] == 0:
            raise LimitError("too many", kms_code="4400")
        moved[blob] += 1
        return move(self, blob, item)

    monkeypatch.setattr(BetaMover, "move", counted)
    with pytest.raises(LimitError):
        apply_migration(connect("local"), made, path)
    apply_migration(connect("local"), made, path)
    assert set(moved.values()) == {1}
    assert len(moved) == 30
    assert {new.decrypt(data.decode(), {}).plaintext for data in content(tree).values()} == {
        f"secret {number}".encode() for number in range(30)
    }


def test_a_new_blob_that_holds_something_else_is_not_written(
    old: Old, new: KmsClient, key_id: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "it").write_text(old.blob("a secret"))
    before, made = (here / "it").read_bytes(), plan(here / "it")
    monkeypatch.setattr(BetaMover, "move", lambda *_: new.encrypt(key_id, b"another", {}).ciphertext_blob)
    with pytest.raises(PartialError):
        apply_migration(connect("local"), made, written(made))
    assert (here / "it").read_bytes() == before


def test_the_mover_holds_the_old_kms_to_the_plan(old: Old, new: KmsClient, key_id: str) -> None:
    mover, blob = BetaMover(old.client, new, key_id), old.blob("a secret")
    with pytest.raises(IntegrityError, match="not under that of the plan"):
        mover.move(blob, Item(0, 1, key_id="kms-00000000"))
    with pytest.raises(IntegrityError, match="the new blob is under the key"):
        BetaMover(old.client, new, "6f6e2a6c-e7ca-11f1-8000-525400000001").check(
            blob, new.encrypt(key_id, b"a secret", {}).ciphertext_blob, Item(0, 1)
        )


def test_a_plan_of_another_kms_or_job_is_refused(
    old: Old, new: KmsClient, key_id: str, here: Path, tmp_path: Path
) -> None:
    (here / "it").write_text(old.blob("a secret"))
    path = written(plan(here / "it"))
    elsewhere = {"KMSTOOL_LOCAL_HOME": str(tmp_path / "elsewhere")}
    ran = kmstool("migrate", "apply", str(path), exit_code=3, **elsewhere)
    assert f"has no key {key_id}" in ran.err
    seed = tmp_path / "seed.toml"
    seed.write_text(f'[[key]]\nid = "{key_id}"\nalias = "new"\n')
    kmstool("local", "seed", str(seed), **elsewhere)
    ran = kmstool("migrate", "apply", str(path), exit_code=3, **elsewhere)
    assert f"this one has no key {old.key_id}" in ran.err
    text = path.read_text().replace('"job": "migration"', '"job": "rotation"')
    Path("other.json").write_text(text)
    assert "is that of a rotation" in kmstool("migrate", "apply", "other.json", exit_code=3).err
    Path("other.json").write_text(path.read_text().replace('"old_form": "file"', '"old_form": "some"'))
    assert "no such form of old blobs" in kmstool("migrate", "apply", "other.json", exit_code=3).err


def test_a_plan_keeps_to_its_schema_and_a_dry_run_changes_nothing(
    old: Old, kms: EmbeddedKms, new: KmsClient, here: Path
) -> None:
    (here / "tree").mkdir()
    (here / "tree" / "it").write_text(old.blob("a secret"))
    made = plan(here / "tree", form="any", scan={"contexts": (ContextRule("x", '{"a":"b"}'),)})
    path = written(made)
    jsonschema.validate(json.loads(path.read_text()), json.loads((ROOT / "docs" / "plan.schema.json").read_text()))
    assert read_plan(path) == made
    before, stored = content(here / "tree"), kms.store.save()
    ran = kmstool("migrate", "apply", str(path), "--dry-run")
    assert "move 1 items in 1 files" in ran.out + ran.err
    assert (content(here / "tree"), kms.store.save()) == (before, stored)
    assert not list(here.glob("*.journal*"))


def test_nothing_to_look_through_and_no_such_region_are_said(new: KmsClient) -> None:
    assert "nothing is named" in kmstool("migrate", "plan", "--to", "new", "-o", "plan.json", exit_code=2).err
    with pytest.raises(InputError, match="was not in ap-singapore"):
        plan_migration(connect("local"), "new", old_region="ap-singapore")


# Over HTTP.


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield {**server.variables, "KMSTOOL_LOCAL_HOME": str(server.folder / "store"), "KMSTOOL_PROFILE": "environment"}


def test_a_served_kms_is_both_and_throttles(
    variables: dict[str, str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the credentials of the environment, over the network; one request comes too soon."""
    monkeypatch.delenv("KMSTOOL_PROFILE")
    with closing(EmbeddedKms(Path(variables["KMSTOOL_LOCAL_HOME"]))) as kms:
        old = Old(kms)
        kms.call("CreateKey", {"Alias": "new"})
        for number in range(5):
            (here / f"{number}.blob").write_text(old.blob(f"secret {number}"))
        admin.add_fault(kms, FaultRule(action="Decrypt", nth=3, code="RequestLimitExceeded"))
        chosen = {name: value for name, value in variables.items() if name != "KMSTOOL_PROFILE"}
        kmstool("migrate", "plan", "--to", "new", "--include", "*.blob", str(here), "-o", "plan.json", **chosen)
        kmstool("migrate", "apply", "plan.json", **chosen)
        admin.clear_faults(kms)
        opened = {KmsClient(kms).decrypt(path.read_text(), {}).plaintext for path in here.glob("*.blob")}
    assert opened == {f"secret {number}".encode() for number in range(5)}


# The form of old blobs.


def test_an_old_blob_is_told_by_its_form(old: Old, new: KmsClient, key_id: str) -> None:
    blob, today = old.blob("a"), new.encrypt(key_id, b"a", {}).ciphertext_blob
    assert beta.is_blob(blob)
    assert not any(
        beta.is_blob(text) for text in (today, blob[:-1], "", "hunter2", blob + "\n", blob.replace("a", "-", 1))
    )
    data = f"x={blob}\n{today}\n'{blob}'{hashlib.sha256(b'').hexdigest()}\n".encode()
    found = [data[one.start : one.end].decode() for one in tokens.find_old_tokens(data)]
    assert found == [blob, blob]
    assert tokens.find_old_tokens(data, anywhere=False) == []
    assert [one.blob for one in tokens.find_old_tokens(f"{blob}\r\n".encode(), anywhere=False)] == [blob]
    assert tokens.find_old_tokens(f" {blob}".encode(), anywhere=False) == []


@pytest.mark.parametrize("code", ["4100", "4104", "4105", "4300", "4400", "6000", "6200"])
def test_a_code_that_concerns_all_ends_a_run(code: str) -> None:
    assert beta.concerns_all(code)


@pytest.mark.parametrize("code", ["", "4000", "4500", "4560", "4580", "5000", "AuthFailure"])
def test_a_code_of_one_blob_does_not(code: str) -> None:
    assert not beta.concerns_all(code)
