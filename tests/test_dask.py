"""Jobs on the workers of Dask: the same results as without, nothing secret in any message, and an end that is told."""

import base64
import json
import pickle
import re
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kmstool.envelope import header
from kmstool.errors import ArgumentError, KmsToolError, NetworkError, WorkersKilledError
from kmstool.server.app import EmbeddedKms
from kmstool.workflows import clusters
from kmstool.workflows.clusters import Cluster, check_address, perform
from kmstool.workflows.connections import connect
from kmstool.workflows.grouping import TOGETHER, Grouped
from kmstool.workflows.many import Outcome, Workers, run_many
from tests.dask_cluster import DaskCluster, dask_cluster
from tests.envelopes import tree_of
from tests.program import TIMEOUT_SECONDS, kmstool, started, until
from tests.served import serving

PASSPHRASE = "canary-passphrase-71c9"
PLAINTEXT = "canary-plaintext-5d02"
FILES = 120


@dataclass(frozen=True)
class Place:
    """A store that is served, a scheduler, and two workers with homes of their own: one has the store, one a credential."""

    store: Path
    cluster: DaskCluster
    secret_key: str

    @property
    def kms(self) -> EmbeddedKms:
        return EmbeddedKms(self.store)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("dask")
    with serving(folder) as served:
        environ = {**served.environ, "KMSTOOL_PROFILE": "local"}
        for alias in ("demo", "other"):
            kmstool("key", "create", "--alias", alias, env=environ)
        secret_id, secret_key = (served.variables[f"TENCENTCLOUD_SECRET_{part}"] for part in ("ID", "KEY"))
        (folder / "passphrase").write_text(PASSPHRASE)
        (folder / "passphrase").chmod(0o600)
        (folder / "away").mkdir(mode=0o700)
        away = {"HOME": str(folder / "away"), "KMSTOOL_PASSPHRASE_FILE": str(folder / "passphrase")}
        kept = ("--store", "file", "--passphrase-file", str(folder / "passphrase"), "--endpoint", served.endpoint)
        login = ("auth", "login", "--profile", "work", *kept)
        kmstool(*login, env={**served.environ, **away}, stdin=f"{secret_id}\n{secret_key}\n")
        near = {"HOME": str(folder), "KMSTOOL_PROFILE": "local", "KMSTOOL_LOCAL_HOME": str(folder / "store")}
        with dask_cluster(folder, near=near, away=away) as cluster:
            yield Place(folder / "store", cluster, secret_key)


@pytest.fixture
def place(shared: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Work in an empty folder with the local store, as the one who begins jobs."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(shared.store))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    monkeypatch.setattr(clusters, "_CONNECT_SECONDS", 1)
    return shared


def make_tree(count: int = FILES) -> dict[str, bytes]:
    for number in range(count):
        path = Path("tree", str(number % 5), f"{number}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{PLAINTEXT} {number}")
    return tree_of("tree")


def deks_of(kms: EmbeddedKms, folder: str) -> set[bytes]:
    """Return the data keys of all envelopes below a folder."""
    blobs = set()
    for path in Path(folder).rglob("*.kte"):
        data = path.read_bytes()
        blobs |= {stanza.wrapped.decode() for stanza in header.parse(data[: header.needed_bytes(data[:36])]).stanzas}
    return {base64.b64decode(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"]) for blob in blobs}


def forms_of(secret: bytes) -> list[bytes]:
    """Return a secret as it could stand in a message."""
    shifted = [base64.b64encode(b"\0" * number + secret)[4:-4] for number in range(3)]
    return [secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret), *shifted]


def test_a_tree_goes_through_workers_and_no_secret_through_a_message(place: Place) -> None:
    """Encrypted, verified, decrypted and rewrapped by both workers; each has asked for one data key of its own."""
    before, dask = make_tree(), ("--dask", place.cluster.address)
    ran = kmstool("envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", *dask)
    assert f"{FILES} files were encrypted" in ran.err
    assert (
        f"and {FILES} were there already"
        in kmstool("envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", *dask).err
    )
    deks = deks_of(place.kms, "sealed")
    # Those of the two workers, and that of the manifest.
    assert len(deks) == 3
    assert kmstool("envelope", "verify", "-r", "sealed", *dask).out == f"{FILES} envelopes valid\n"
    assert kmstool("envelope", "verify", "-r", "sealed").out == f"{FILES} envelopes valid\n"
    kmstool("envelope", "decrypt", "-r", "sealed", "-o", "opened", *dask)
    assert tree_of("opened") == before
    assert f"{FILES + 1} envelopes" in kmstool("envelope", "rewrap", "-r", "sealed", "--to", "other", *dask).err
    back = ("envelope", "rewrap", "-r", "sealed", "--to", "demo", "--from", "other", "--server-side", *dask)
    assert f"{FILES + 1} envelopes" in kmstool(*back).err
    assert f"and {FILES + 1} had them already" in kmstool(*back).err
    kmstool("envelope", "decrypt", "-r", "sealed", "-o", "opened-2", "--key", "demo")
    assert tree_of("opened-2") == before
    messages, logs = place.cluster.messages, place.cluster.left_behind
    # The search would find what is there.
    assert b"TreeSealer" in messages
    assert b"0/10.txt" in messages
    secrets = [*deks, PASSPHRASE.encode(), PLAINTEXT.encode(), place.secret_key.encode()]
    assert not [form for secret in secrets for form in forms_of(secret) if form in messages or form in logs]


def test_a_worker_that_is_killed_costs_nothing_but_time(place: Place) -> None:
    """Its files are made by the others; those it had made already are kept, so that none is there twice."""
    before = make_tree()
    near = {"HOME": str(place.store.parent), "KMSTOOL_PROFILE": "local", "KMSTOOL_LOCAL_HOME": str(place.store)}
    doomed = place.cluster.start_worker("doomed", {**near, "KMSTOOL_TEST_DIE_AT": "3"})
    place.cluster.wait_for("doomed")
    kmstool("envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--dask", place.cluster.address)
    assert doomed.wait(TIMEOUT_SECONDS) == -signal.SIGKILL
    assert len(tree_of("sealed")) == FILES + 1
    kmstool("envelope", "decrypt", "-r", "sealed", "-o", "opened")
    assert tree_of("opened") == before


def test_a_job_that_is_stopped_says_how_far_it_got_and_goes_on(place: Place) -> None:
    make_tree(800)
    dask = ("--dask", place.cluster.address)
    line = ("envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", *dask)
    with started(*line) as process:
        until(lambda: len(list(Path("sealed").rglob("*.kte"))) >= 50 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == -signal.SIGINT
    assert re.search(rb"stopped: [0-9,]+ of 800 files are done; the same command goes on", err)
    assert b"Traceback" not in err
    assert b"distributed" not in err
    assert re.search("and [0-9]+ were there already", kmstool(*line).err)
    assert kmstool("envelope", "verify", "-r", "sealed", *dask).out == "800 envelopes valid\n"


def test_processes_of_this_machine_are_reached_by_nobody_else(place: Place) -> None:
    """`local:N` makes workers with certificates of their own, for the time of the command."""
    make_tree(3)
    kmstool("envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--dask", "local:2", process=True)
    kmstool("envelope", "verify", "-r", "sealed")
    with Cluster("local:1") as cluster:
        assert cluster._client.scheduler.address.startswith("tls://127.0.0.1:")
        assert cluster._cluster.security.require_encryption
        with pytest.raises(NetworkError):
            Cluster("tcp://" + cluster._client.scheduler.address.partition("://")[2]).submit(len, ())


def test_a_plan_is_done_by_workers_who_get_and_give_ciphertexts(place: Place) -> None:
    """The journal and the files are here: what a file holds beside its ciphertexts goes nowhere."""
    Path("tree").mkdir()
    with closing(place.kms) as kms:
        ids = {name: connect("local").key(name).key_id for name in ("demo", "other")}
        for number in range(40):
            secret = base64.b64encode(f"{PLAINTEXT} {number}".encode()).decode()
            blob = kms.call("Encrypt", {"KeyId": ids["demo"], "Plaintext": secret})["CiphertextBlob"]
            Path("tree", f"{number}.env").write_text(f"# {PLAINTEXT}\nPASSWORD={blob}\n")
        kmstool("rotate", "plan", "--from", "demo", "--to", "other", "tree", "-o", "plan.json")
        before = len(place.cluster.messages)
        ran = kmstool("rotate", "apply", "plan.json", "--dask", place.cluster.address, "--verify", "sample:2")
        assert "40 items in 40 files were moved" in ran.err
        assert "40 files were done before" in kmstool("rotate", "apply", "plan.json", "--dask", "tcp://127.0.0.1:9").err
        for number in range(40):
            blob = Path("tree", f"{number}.env").read_text().partition("=")[2].strip()
            answer = kms.call("Decrypt", {"CiphertextBlob": blob})
            assert answer["KeyId"] == ids["other"]
            assert base64.b64decode(answer["Plaintext"]) == f"{PLAINTEXT} {number}".encode()
    messages = place.cluster.messages[before:]
    assert b"KeyMoverThere" in messages
    assert not [form for form in forms_of(PLAINTEXT.encode()) if form in messages]


def test_a_batch_goes_through_workers_and_its_plaintexts_through_no_message(place: Place) -> None:
    dask, before = ("--dask", place.cluster.address), len(place.cluster.messages)
    lines = "".join(json.dumps({"id": number, "plaintext": f"{PLAINTEXT} {number}"}) + "\n" for number in range(200))
    ran = kmstool("batch", "encrypt", "--key", "demo", *dask, stdin=lines + "nonsense\n", exit_code=9)
    assert "1 of 201 lines failed" in ran.err
    blobs = ran.out.splitlines()[:200]
    moved = kmstool("batch", "reencrypt", "--key", "other", *dask, stdin="\n".join(blobs)).out.splitlines()
    assert {json.loads(line)["changed"] for line in moved} == {True}
    plain = kmstool("batch", "decrypt", "--key", "demo", *dask, stdin="\n".join(moved)).out.splitlines()
    assert [json.loads(line)["id"] for line in plain] == list(range(200))
    assert [json.loads(line)["plaintext"] for line in plain] == [f"{PLAINTEXT} {number}" for number in range(200)]
    assert plain == kmstool("batch", "decrypt", stdin="\n".join(moved)).out.splitlines()
    wrong = kmstool("batch", "reencrypt", "--key", "other", *dask, stdin=lines.splitlines()[0], exit_code=9)
    assert "'plaintext' is no field of such a line" in wrong.out
    messages = place.cluster.messages[before:]
    assert b"BatchThere" in messages
    assert not [form for form in forms_of(PLAINTEXT.encode()) if form in messages or form in place.cluster.left_behind]


# Without Dask.


class Inline(Workers):
    """Workers that are this process, and are killed by what is called poison."""

    def __init__(self, slots: int = 2) -> None:
        self.job, self.slots, self.processes = "inline", slots, 1
        self.sent: list[int] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.sent.append(len(args[-1]))
        if "poison" in str(args[-1]):
            future.set_exception(WorkersKilledError("killed"))
        else:
            future.set_result(function(*args))
        return future


class Echo:
    def __call__(self, path: str) -> Outcome:
        return Outcome(path, "made")

    def forked(self) -> None: ...


def test_what_kills_every_worker_is_reported_alone() -> None:
    paths = [*map(str, range(100)), "poison", *map(str, range(100, 150))]
    outcomes = run_many(Echo(), paths, Inline())
    assert [one.path for one in outcomes] == paths
    assert [(one.path, one.fault) for one in outcomes if one.fault] == [("poison", "killed")]


class Late(Future[Any]):
    """Does its work when somebody asks for the result."""

    open, most = 0, 0

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._work = work
        Late.open += 1
        Late.most = max(Late.most, Late.open)

    def result(self, timeout: float | None = None) -> Any:
        Late.open -= 1
        return self._work()


def test_a_few_batches_are_on_their_way_however_many_files_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Inline, "submit", lambda _, function, *args: Late(lambda: function(*args)))
    paths = [str(number) for number in range(20_000)]
    assert [one.path for one in run_many(Echo(), paths, Inline(slots=2))] == paths
    assert (Late.open, Late.most) == (0, 8)


def test_calls_go_together_while_all_workers_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[Future[Any], Callable[[], Any], int]] = []

    def submit(_: Workers, function: Callable[..., Any], calls: list[Any]) -> Future[Any]:
        future: Future[Any] = Future()
        sent.append((future, lambda: function(calls), len(calls)))
        return future

    monkeypatch.setattr(Inline, "submit", submit)
    grouped = Grouped(Inline(slots=2))
    futures = [grouped.submit(divmod, 100, number) for number in range(1, 40)]
    assert [size for *_, size in sent] == [1, 1]
    assert futures[10].cancel()
    for future, work, _ in sent:
        future.set_result(work())
    assert [size for *_, size in sent] == [1, 1, TOGETHER, TOGETHER, 4]
    assert [one.result() for one in futures if not one.cancelled()] == [divmod(100, n) for n in range(1, 40) if n != 11]


def test_a_call_that_kills_workers_does_not_fail_those_it_was_sent_with() -> None:
    grouped = Grouped(Inline(slots=1))
    grouped._sent = 1
    futures = [grouped.submit(str, word) for word in ("a", "poison", "b")]
    grouped._ended()
    assert [future.exception() is None for future in futures] == [True, False, True]


@pytest.mark.parametrize("error", [KmsToolError("told"), ValueError("canary")])
def test_an_error_in_a_worker_is_a_value_without_the_text_of_what_is_no_error_of_ours(error: Exception) -> None:
    answer = perform(pickle.dumps((_raise, (error,), {})))
    assert isinstance(answer.error, KmsToolError)
    assert answer.error.message == ("told" if isinstance(error, KmsToolError) else "a worker failed: ValueError")


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("word", ["local:1", "local:256", "tcp://host:8786", "tls://[::1]:8786"])
def test_addresses(word: str) -> None:
    assert check_address(word) == word


@pytest.mark.parametrize(
    "word", ["", "local:", "local:0", "local:257", "local:-1", "local:x", "host:8786", "tcp://", "ucx://a:1", "tcp://a"]
)
def test_what_is_no_address(word: str) -> None:
    with pytest.raises(ArgumentError):
        check_address(word)
    kmstool("envelope", "verify", "-r", ".", "--dask", word, exit_code=2)


def test_options_that_exclude_each_other(place: Place) -> None:
    make_tree(1)
    for line in (
        ("encrypt", "tree/0/0.txt"),
        ("decrypt", "a.kte"),
        ("verify", "a.kte"),
        ("rewrap", "a.kte", "--to", "demo"),
    ):
        assert "--dask goes with --recursive only" in kmstool("envelope", *line, "--dask", "local:1", exit_code=2).err
    for line in (
        ("decrypt", "-r", "tree", "-o", "opened"),
        ("verify", "-r", "tree"),
        ("rewrap", "-r", "tree", "--to", "demo"),
    ):
        ran = kmstool("envelope", *line, "--identity", "key.pem", "--dask", "local:1", exit_code=2)
        assert "a private key is not sent to workers" in ran.err


def test_no_scheduler(place: Place) -> None:
    make_tree(1)
    ran = kmstool(
        "envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--dask", "tcp://127.0.0.1:9", exit_code=7
    )
    assert "no workers answer at tcp://127.0.0.1:9" in ran.err
    assert not Path("sealed").exists()
    kmstool(
        "envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--dask", "tcp://127.0.0.1:9", "--dry-run"
    )


def test_dask_is_not_installed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(1)
    monkeypatch.setitem(sys.modules, "distributed", None)
    ran = kmstool(
        "envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--dask", "local:1", exit_code=3
    )
    assert "Dask is not installed" in ran.err
    assert "pip install 'kmstool[dask]'" in ran.err
