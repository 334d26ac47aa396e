"""The lines of a batch for workers on other machines, who call KMS; their plaintexts go there and back encrypted.

KMS makes one key for the messages of a job, and only who may ask it to decrypt that key can read them: no scheduler, no
log and no memory that a worker writes to disk.
"""

from __future__ import annotations

import json
import pickle
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from kmstool import words
from kmstool.api.cmk_rules import KeyAddress
from kmstool.crypto import aead
from kmstool.errors import InputError, KmsToolError
from kmstool.workflows.batches import Batch, Line, Operation, do_line
from kmstool.workflows.connections import Connections
from kmstool.workflows.grouping import Grouped
from kmstool.workflows.keeping import kept
from kmstool.workflows.many import Workers
from kmstool.workflows.reconnecting import WorkerKms, workers_kms

BatchOperation = Literal["encrypt", "decrypt", "reencrypt"]

_CONTEXT = {"kmstool": "messages of a batch"}
# What a line of ciphertexts has; all else of it stays here.
_OF_CIPHERTEXTS = frozenset({"id", "ciphertext", "context", "to_context", "key"})
_OWN = frozenset({"key_id", "changed"})


@dataclass(frozen=True, slots=True)
class BatchThere:
    """A batch in a worker; `blob` is the key of its messages, which KMS opens, empty where they hold no plaintext."""

    kms: WorkerKms
    operation: BatchOperation
    key: str | None
    blob: str = ""
    region: str | None = None
    profile: str | None = None

    def messages(self) -> Messages:
        """Return what reads and writes the messages, which asks KMS once in a process."""
        if not self.blob:
            return Messages(None)
        client = self.kms.client(self.region, self.profile)
        return kept(self.kms.job, (self, "messages"), lambda: Messages(client.decrypt(self.blob, _CONTEXT).plaintext))

    def run(self, fields: Any) -> dict[str, Any]:
        """Do the operation for one line."""
        connections = self.kms.connections()
        connections.deadline.renew()
        batch = kept(self.kms.job, (self, "batch"), lambda: Batch(connections, self.key))
        operations: dict[BatchOperation, Operation] = {
            "encrypt": batch.encrypt, "decrypt": batch.decrypt, "reencrypt": batch.reencrypt,
        }  # fmt: skip
        return operations[self.operation](fields)


class Messages:
    """Encrypts what is sent; without a key it is sent as it is."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def close(self, data: bytes, where: str) -> bytes:
        """Encrypt a message, bound to where it belongs in the job."""
        return data if self._key is None else aead.seal(words.AES_256, self._key, data, where.encode())

    def open(self, data: bytes, where: str) -> bytes:
        """Decrypt it; raise `IntegrityError` for another one."""
        return data if self._key is None else aead.unseal(words.AES_256, self._key, data, where.encode())


class WorkersRunner:
    """Does the lines of a batch by workers."""

    def __init__(self, workers: Workers, there: BatchThere, messages: Messages) -> None:
        self._calls, self._there, self._messages = Grouped(workers), there, messages
        self.ahead = self._calls.ahead

    def submit(self, number: int, line: bytes) -> Future[Line]:
        """Send a line."""
        answer: Future[Line] = Future()
        try:
            sent = line if self._there.blob else _of_ciphertexts(number, line)
        except KmsToolError as error:
            answer.set_result(Line(number, None, error=error))
            return answer
        future = self._calls.submit(do_sent, self._there, number, self._messages.close(sent, f"{number} there"))
        future.add_done_callback(lambda done: self._give(number, done, answer))
        return answer

    def close(self) -> None:
        """Begin nothing more: what waits is dropped with the workers."""

    def _give(self, number: int, done: Future[bytes], answer: Future[Line]) -> None:
        try:
            answer.set_result(pickle.loads(self._messages.open(done.result(), f"{number} back")))  # noqa: S301 - it is ours
        except KmsToolError as error:
            answer.set_result(Line(number, None, error=error))
        except Exception as error:  # noqa: BLE001 - it is raised where the line is waited for
            answer.set_exception(error)


def runner_of(workers: Workers, connections: Connections, operation: BatchOperation, key: str | None) -> WorkersRunner:
    """Return what does a batch by workers. Raises `InputError` where no key is named that can encrypt its messages."""
    kms = workers_kms(workers, connections.options)
    if operation == "reencrypt":
        return WorkersRunner(workers, BatchThere(kms, operation, key), Messages(None))
    address = KeyAddress.parse(key or connections.default_key())
    where = connections.key(address)
    data_key = where.client.generate_data_key(where.key_id, words.AES_256, _CONTEXT)
    pinned = str(KeyAddress(where.key_id, where.region, address.profile))
    there = BatchThere(kms, operation, pinned if key else None, data_key.ciphertext_blob, where.region, address.profile)
    return WorkersRunner(workers, there, Messages(data_key.plaintext))


def do_sent(there: BatchThere, number: int, sent: bytes) -> bytes:
    """Do a line in a worker."""
    messages = there.messages()
    line = do_line(number, messages.open(sent, f"{number} there"), there.run)
    return messages.close(pickle.dumps(line), f"{number} back")


def _of_ciphertexts(number: int, line: bytes) -> bytes:
    """Return a line without what a worker need not see; raise `InputError` for one that holds anything else."""
    fields = do_line(number, line, dict)
    if fields.error is not None:
        raise fields.error
    unknown = sorted(set(fields.fields) - _OF_CIPHERTEXTS - _OWN)
    if unknown:
        raise InputError(f"{unknown[0]!r} is no field of such a line")
    known = {name: value for name, value in fields.fields.items() if name in _OF_CIPHERTEXTS}
    return json.dumps({**known, **({} if fields.line_id is None else {"id": fields.line_id})}).encode()
