"""The kit of envelopes with one flaw each: every way to read one makes of a file what its header says, and no more.

docs/envelope-format.md describes the files, for other implementations too.
"""

import hashlib
import io
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from kmstool.envelope import engine, sealing, workers
from kmstool.envelope.floe import Floe
from kmstool.envelope.recipients import unlock
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.errors import AccessError, ArgumentError, InputError, IntegrityError, KmsToolError
from kmstool.kms.answers import Plaintext
from kmstool.kms.cmk_recipients import CmkIdentity
from kmstool.workflows.sources import unarmored
from tests import envelope_kit

EXPECTED: dict[str, type[KmsToolError] | None] = {
    "success": None,
    "malformed": InputError,
    "altered": IntegrityError,
    "no match": AccessError,
    "misuse": ArgumentError,
}
NAMES = sorted(path.name for path in envelope_kit.FOLDER.iterdir())


@dataclass(frozen=True)
class Case:
    """A file of the kit, taken apart."""

    expect: str
    answers: dict[str, tuple[str, bytes]]
    released: int
    sha256: str
    parts: tuple[bytes, ...]

    @classmethod
    def read(cls, name: str) -> "Case":
        head, _, data = (envelope_kit.FOLDER / name).read_bytes().partition(b"\n\n")
        lines = [line.split(": ", 1) for line in head.decode().splitlines()]
        found = dict(lines)
        words = [value.split(" ") for line, value in lines if line == "answer"]
        answers = {
            blob: (key_id, bytes.fromhex(dek))
            for blob, key_id, dek in (item + [""] * (3 - len(item)) for item in words)
        }
        border = int(found["header"]) if "header" in found else None
        parts = (data,) if border is None else (data[:border], data[border:])
        return cls(found["expect"], answers, int(found["released"]), found["sha256"], parts)


class Answers:
    """A KMS that opens the blobs of one file, as the file says."""

    def __init__(self, case: Case) -> None:
        self._answers = case.answers

    def decrypt(self, blob: str, context: str) -> Plaintext:
        if blob not in self._answers:
            raise IntegrityError("the blob was altered", kms_code="InvalidParameterValue.InvalidCiphertext")
        key_id, dek = self._answers[blob]
        return Plaintext(key_id=key_id, plaintext=dek, answer={})


def unlocked(case: Case, opened: OpenedEnvelope) -> Floe:
    identity = CmkIdentity(lambda _: Answers(case))  # type: ignore[arg-type, return-value]
    return unlock(opened.header, opened.floe_header, [identity])[0]


def through_a_pipe(case: Case, folder: Path, out: bytearray) -> None:
    """Open it in order, out of its armor if it has one; with several threads, one that fails can stop an earlier one."""
    sources = [Source(io.BytesIO(part).readinto) for part in case.parts]
    head = unarmored(sources[0]) if len(sources) == 1 else sources[0]
    opened = sealing.open_envelope(head, *sources[1:])
    sealing.unseal_stream(opened, unlocked(case, opened), out.extend, lambda _: None)


def from_a_file(case: Case, folder: Path, out: bytearray) -> None:
    """Open it at all places at once into a file, of which nothing is used after a failure."""
    with ExitStack() as stack:
        sources = []
        for number, part in enumerate(case.parts):
            path = folder / f"part-{number}"
            path.write_bytes(part)
            sources.append(Source.of(stack.enter_context(path.open("rb", buffering=0)).fileno()))
        head = unarmored(sources[0]) if len(sources) == 1 else sources[0]
        opened = sealing.open_envelope(head, *sources[1:])
        with (folder / "opened").open("wb+") as target:
            sealing.unseal(opened, unlocked(case, opened), target.fileno(), lambda _: None)
        out += (folder / "opened").read_bytes()


WAYS = [through_a_pipe, from_a_file]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_its_header_says(
    name: str,
    way: Callable[[Case, Path, bytearray], None],
    threads: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (engine, workers):
        monkeypatch.setattr(module, "threads_for", lambda _: threads)
    case = Case.read(name)
    wanted = EXPECTED[case.expect]
    out = bytearray()
    if wanted is None:
        way(case, tmp_path, out)
    else:
        with pytest.raises(KmsToolError) as failure:
            way(case, tmp_path, out)
        assert type(failure.value) is wanted
    if way is through_a_pipe and threads > 1 and wanted is not None:
        assert len(out) <= case.released
    elif way is through_a_pipe or wanted is None:
        assert (len(out), hashlib.sha256(out).hexdigest()) == (case.released, case.sha256)
    else:
        assert out == b""


def test_the_kit_is_what_its_script_writes() -> None:
    """A file is never changed by hand: python -m tests.envelope_kit writes all of them."""
    written = {path.name: content for path, content in envelope_kit.files()}
    assert sorted(written) == NAMES
    for name, content in written.items():
        assert (envelope_kit.FOLDER / name).read_bytes() == content, name


def test_the_kit_is_large_and_has_one_flaw_a_file() -> None:
    """No two files say the same of the same bytes."""
    found = [(envelope_kit.FOLDER / name).read_bytes() for name in NAMES]
    assert len(NAMES) >= 150
    assert len({content.partition(b"\n\n")[2] for content in found}) == len(found)
