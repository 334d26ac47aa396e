"""Batches: JSON Lines in and out, in order; one line's failure is its own, and memory does not grow."""

import base64
import itertools
import json
import threading
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import InputError, LimitError, NetworkError
from kmstool.server.app import EmbeddedKms
from kmstool.workflows.batches import MAX_LINE_BYTES, run_batch
from tests.program import kmstool, started


@pytest.fixture(autouse=True)
def keys(kms: EmbeddedKms, workplace: Path) -> dict[str, str]:
    return {alias: str(kms.call("CreateKey", {"Alias": alias})["KeyId"]) for alias in ("demo", "other")}


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def in_lines(*objects: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def test_a_thousand_secrets_go_and_come_back_in_order(keys: dict[str, str]) -> None:
    secrets = [{"id": number, "plaintext": f"secret {number}"} for number in range(1000)]
    ran = kmstool("batch", "encrypt", "--key", "demo", stdin=in_lines(*secrets))
    blobs = lines_of(ran.out)
    assert [line["id"] for line in blobs] == list(range(1000))
    assert {line["key_id"] for line in blobs} == {keys["demo"]}
    moved = kmstool("batch", "reencrypt", "--key", "other", stdin=ran.stdout)
    assert {(line["key_id"], line["changed"]) for line in lines_of(moved.out)} == {(keys["other"], True)}
    plain = lines_of(kmstool("batch", "decrypt", stdin=moved.stdout).out)
    assert [(line["id"], line["plaintext"]) for line in plain] == [(one["id"], one["plaintext"]) for one in secrets]


def test_lines_have_keys_contexts_and_bytes_of_their_own(keys: dict[str, str]) -> None:
    raw = base64.b64encode(b"\xff\x00").decode()
    text = in_lines(
        {"id": {"any": ["thing"]}, "plaintext_base64": raw, "key": "other", "context": {"a": "b"}},
        {"plaintext": "ä", "context": '{"a": "b"}'},
    )
    first, second = lines_of(kmstool("batch", "encrypt", "--key", "demo", stdin=text).out)
    assert (first["id"], first["key_id"]) == ({"any": ["thing"]}, keys["other"])
    assert "id" not in second
    back = in_lines({**first, "context": {"a": "b"}}, {**second, "context": '{"a": "b"}'}, second)
    ran = kmstool("batch", "decrypt", stdin=back, exit_code=9)
    one, two, three = lines_of(ran.out)
    assert (one["plaintext_base64"], two["plaintext"]) == (raw, "ä")
    assert (three["error"]["exit"], three["error"]["code"]) == (5, "IntegrityError")
    assert "1 of 3 lines failed" in ran.err


BAD: list[tuple[str, str]] = [
    ("nonsense", "line 1 is no JSON object"),
    ("[]", "line 1 is no JSON object"),
    ("[" * 100_000, "line 1 is no JSON object"),
    ('{"id": 1, "id": 2}', "line 1 is no JSON object"),
    ("{}", "a line has either plaintext or plaintext_base64"),
    ('{"plaintext": 1}', "plaintext is no text"),
    ('{"plaintext": "a", "plaintext_base64": "YQ=="}', "a line has either"),
    ('{"plaintext_base64": "?"}', "plaintext_base64 cannot be read"),
    ('{"plaintext": "\\ud800"}', "plaintext cannot be read"),
    ('{"plaintext": "a", "context": 1}', "context is neither pairs of texts nor a text"),
    ('{"plaintext": "a", "key": ""}', "key is no text"),
    ('{"plaintext": "a", "key": "none"}', "there is no key"),
    ('{"plaintext": "a", "more": 1}', "'more' is no field of such a line"),
    ('{"plaintext": "' + "a" * 5000 + '"}', "the plaintext is 5,000 bytes"),
    ('{"plaintext": "' + "a" * 2 * MAX_LINE_BYTES + '"}', "line 1 has more than"),
]


@pytest.mark.parametrize(("line", "reason"), BAD, ids=[row[1][:24] for row in BAD])
def test_a_line_that_is_none_has_an_error_in_its_place(line: str, reason: str) -> None:
    ran = kmstool("batch", "encrypt", "--key", "demo", stdin=line + '\n\n{"id": 2, "plaintext": "b"}', exit_code=9)
    bad, good = lines_of(ran.out)
    assert reason in bad["error"]["message"]
    assert good["id"] == 2


def test_what_fails_for_all_ends_the_batch() -> None:
    for failure in (NetworkError("gone"), LimitError("slow", kms_code="RequestLimitExceeded")):

        def fail(fields: Mapping[str, Any], failure: Exception = failure) -> dict[str, Any]:
            if fields["number"] == 3:
                raise failure
            return {"number": fields["number"]}

        results = run_batch((b'{"number": %d}' % number for number in itertools.count()), fail, in_flight=2)
        assert [next(results).fields["number"] for _ in range(3)] == [0, 1, 2]
        with pytest.raises(type(failure)):
            next(results)


def test_a_fault_of_the_input_comes_after_the_lines_before_it() -> None:
    def lines() -> Iterator[bytes]:
        yield b"{}"
        raise InputError("cut")

    results = run_batch(lines(), dict, in_flight=1)
    assert next(results).number == 1
    with pytest.raises(InputError):
        next(results)


def test_an_endless_input_is_read_no_faster_than_it_is_done() -> None:
    """A million lines would not fit ahead: what was read is what was done, and a few more."""
    read = 0

    def lines() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b'{"id": 1}'

    gate = threading.Semaphore(0)

    def wait(fields: Mapping[str, Any]) -> dict[str, Any]:
        gate.acquire()
        return {}

    results = run_batch(lines(), wait, in_flight=1)
    for done in range(1, 50):
        gate.release()
        next(results)
        assert read <= done + 8
    gate.release(100)
    results.close()


def test_memory_does_not_grow_with_the_input() -> None:
    def peak(count: int) -> int:
        tracemalloc.start()
        for _ in run_batch((b'{"text": "%s"}' % (b"a" * 1000) for _ in range(count)), dict, in_flight=4):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(3000) < 2 * peak(300) + 100_000


def test_a_line_is_answered_while_the_next_one_is_waited_for() -> None:
    with started("batch", "encrypt", "--key", "demo") as process:
        assert process.stdin
        assert process.stdout
        for number in range(3):
            process.stdin.write(b'{"id": %d, "plaintext": "a"}\n' % number)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(60) == 0
