"""Many small secrets in one process: JSON Lines in, JSON Lines out, in the same order, with many calls in flight.

Memory does not grow with the input, which may never end: as many lines are read ahead as calls are in flight.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Queue
from typing import Any, Protocol

from kmstool import documents
from kmstool.api import protocol
from kmstool.errors import InputError, KmsToolError
from kmstool.kms.client import KmsClient
from kmstool.workflows.connections import Connections, KeyPlace
from kmstool.workflows.many import ends_all

MAX_LINE_BYTES = 2**20
IN_FLIGHT = 16

Fields = Mapping[str, Any]
Operation = Callable[[Fields], dict[str, Any]]
"""Makes the fields of an output line from those of an input line; several threads call it at once."""

_AHEAD = 2
# What lines of an earlier batch have, and nobody reads.
_OWN = {"key_id", "changed"}
_TEXT, _BYTES = "plaintext", "plaintext_base64"


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one line: the fields to print, or the error in their place; `line_id` is that of the input."""

    number: int
    line_id: object
    fields: Fields = field(default_factory=dict)
    error: KmsToolError | None = None


class Runner(Protocol):
    """What does the lines of a batch; `ahead` of them keep it busy."""

    @property
    def ahead(self) -> int:
        """How many lines are read before the first one is through."""
        ...

    def submit(self, number: int, line: bytes) -> Future[Line]:
        """Begin a line; its future fails only with what fails for all others too."""
        ...

    def close(self) -> None:
        """Begin nothing more."""
        ...


class _Threads:
    """Does lines by threads of this process, each with a call to KMS at once."""

    def __init__(self, operation: Operation, in_flight: int) -> None:
        self._operation, self.ahead = operation, in_flight * _AHEAD
        self._pool = ThreadPoolExecutor(in_flight)

    def submit(self, number: int, line: bytes) -> Future[Line]:
        return self._pool.submit(do_line, number, line, self._operation)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


def run_batch(
    lines: Iterable[bytes], operation: Operation, *, in_flight: int = IN_FLIGHT, runner: Runner | None = None
) -> Iterator[Line]:
    """Yield what comes of each line, in order; a failure of one does not keep the others from it.

    A runner does the operation elsewhere.

    A line is a JSON object with an optional `id` of any kind; empty lines are passed over. Raises what fails for
    all other lines too, such as a KMS that cannot be reached, when the lines before it were given.
    """
    doing = runner or _Threads(operation, in_flight)
    ahead: Queue[Future[Line] | BaseException | None] = Queue(doing.ahead)
    stopped = threading.Event()
    # Whoever reads an endless input stands in that read when the job ends.
    threading.Thread(target=_read, args=(lines, doing, ahead, stopped), daemon=True).start()
    try:
        while (following := ahead.get()) is not None:
            if isinstance(following, BaseException):
                raise following
            result = following.result()
            if result.error is not None and ends_all(result.error):
                raise result.error
            yield result
    finally:
        stopped.set()
        while not ahead.empty():
            ahead.get_nowait()
        doing.close()


def _read(
    lines: Iterable[bytes],
    doing: Runner,
    ahead: Queue[Future[Line] | BaseException | None],
    stopped: threading.Event,
) -> None:
    """Let workers do the lines as they come, and wait while too many are ahead of what was given."""
    end: BaseException | None = None
    try:
        for number, line in enumerate(lines, 1):
            if stopped.is_set():
                return
            if line.strip():
                ahead.put(doing.submit(number, line))
    except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
        end = error
    ahead.put(end)


@dataclass(slots=True)
class Batch:
    """The operations, with the keys that lines name; `key` is for lines that name none."""

    kms: Connections
    key: str | None = None
    _places: dict[str | None, KeyPlace] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def encrypt(self, fields: Fields) -> dict[str, Any]:
        """Encrypt `plaintext` or `plaintext_base64` under `key`, with `context`."""
        _check(fields, {_TEXT, _BYTES, "context", "key"})
        key = self._place(fields)
        answer = key.client.encrypt(key.key_id, _plaintext(fields), _context(fields, "context"))
        return {"ciphertext": answer.ciphertext_blob, "key_id": answer.key_id}

    def decrypt(self, fields: Fields) -> dict[str, Any]:
        """Decrypt `ciphertext` with `context`: to `plaintext` where it is text, else to `plaintext_base64`."""
        _check(fields, {"ciphertext", "context", "key"})
        answer = self._client(fields).decrypt(_text(fields, "ciphertext"), _context(fields, "context"))
        try:
            plain = {_TEXT: answer.plaintext.decode()}
        except UnicodeDecodeError:
            plain = {_BYTES: protocol.encode(answer.plaintext)}
        return {**plain, "key_id": answer.key_id}

    def reencrypt(self, fields: Fields) -> dict[str, Any]:
        """Move `ciphertext` to `key`, else to the newest version of its own; `to_context` is that of the new one."""
        _check(fields, {"ciphertext", "context", "to_context", "key"})
        named = fields.get("key") is not None or self.key is not None
        key = self._place(fields) if named else None
        context = _context(fields, "context")
        answer = self._client(fields).re_encrypt(
            _text(fields, "ciphertext"),
            to_key_id=key.key_id if key else None,
            source_context=context,
            destination_context=_context(fields, "to_context") if "to_context" in fields else context,
        )
        return {"ciphertext": answer.ciphertext_blob, "key_id": answer.key_id, "changed": answer.changed}

    def _client(self, fields: Fields) -> KmsClient:
        """Return the client of a key that is named, else the one of the profile in use."""
        if fields.get("key") is None and self.key is None:
            with self._lock:
                return self.kms.client()
        return self._place(fields).client

    def _place(self, fields: Fields) -> KeyPlace:
        name = fields.get("key")
        if name is not None and (not isinstance(name, str) or not name):
            raise InputError("key is no text")
        wanted = name or self.key
        with self._lock:
            if wanted not in self._places:
                self._places[wanted] = self.kms.key(wanted)
            return self._places[wanted]


def do_line(number: int, line: bytes, operation: Operation) -> Line:
    """Return what an operation makes of a line, or its error."""
    line_id: object = None
    try:
        fields = _parse(number, line)
        line_id = fields.get("id")
        return Line(number, line_id, operation({name: fields[name] for name in fields if name != "id"}))
    except KmsToolError as error:
        return Line(number, line_id, error=error)


def _parse(number: int, line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise InputError(f"line {number} has more than {MAX_LINE_BYTES:,} bytes")
    try:
        fields = json.loads(line, object_pairs_hook=documents.read_members)
    except (ValueError, RecursionError) as error:
        raise InputError(f"line {number} is no JSON object") from error
    if not isinstance(fields, dict):
        raise InputError(f"line {number} is no JSON object")
    return fields


def _check(fields: Fields, known: set[str]) -> None:
    unknown = sorted(set(fields) - known - _OWN)
    if unknown:
        raise InputError(f"{unknown[0]!r} is no field of such a line; there are {', '.join(sorted(known | {'id'}))}")


def _plaintext(fields: Fields) -> bytes:
    if (_TEXT in fields) == (_BYTES in fields):
        raise InputError(f"a line has either {_TEXT} or {_BYTES}")
    text = _text(fields, _TEXT if _TEXT in fields else _BYTES)
    try:
        return text.encode() if _TEXT in fields else protocol.decode(text)
    except ValueError as error:
        raise InputError(f"{_TEXT if _TEXT in fields else _BYTES} cannot be read") from error


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise InputError(f"{name} is no text" if name in fields else f"a line needs {name}")
    return value


def _context(fields: Fields, name: str) -> Mapping[str, str] | str:
    """Return a context as pairs, or the exact text that KMS got."""
    value = fields.get(name)
    if value is None:
        return {}
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
        return value
    raise InputError(f"{name} is neither pairs of texts nor a text")
