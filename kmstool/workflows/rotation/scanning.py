"""Where ciphertexts stand below folders and files, by their form alone: no KMS is asked."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmstool.api import context as contexts
from kmstool.envelope.armor import BEGIN
from kmstool.envelope.header import MAGIC
from kmstool.envelope.stanzas import KEY_ID, REGION, TENCENT_KMS
from kmstool.errors import InputError, KmsToolError
from kmstool.forms import texts
from kmstool.server.seed import toml
from kmstool.system import descriptors
from kmstool.workflows.rotation.headers import read_header_bytes, recipients_of, unarmored_header
from kmstool.workflows.rotation.plan import ContextRule, Item, Kind, LeftOut, ScanOptions
from kmstool.workflows.rotation.tokens import MAX_TEXT_BYTES, Token, find_old_tokens, find_tokens, is_text

NEVER = (".git", ".hg", ".svn")
_OWN = (".journal", ".journal.lock", ".journal-journal")
_MAX_RULES_BYTES = 2**20
# Plans, and envelopes where blobs of 2017 are looked for.
_NO_BLOBS = (b'{\n "format": "kmstool-plan-', MAGIC, BEGIN)


@dataclass(frozen=True, slots=True)
class FoundItem:
    """A ciphertext and where it stands; of a recipient of an envelope the key is what its record says."""

    item: Item
    blob: str


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file with ciphertexts."""

    path: str
    kind: Kind
    digest: str
    items: tuple[FoundItem, ...]
    target: str = ""


@dataclass(slots=True)
class Scan:
    """A walk over roots; `left_out` is what was not looked into, and why."""

    options: ScanOptions
    region: str
    left_out: list[LeftOut] = field(default_factory=list)

    def files(self, roots: Sequence[Path]) -> Iterator[FoundFile]:
        """Yield the files with ciphertexts, in the order of their paths."""
        for root in roots:
            if not root.is_dir():
                yield from self._looked_into(root, root.name)
                continue
            for base, folders, names in os.walk(root, onerror=self._unread):
                for name in sorted(set(folders) & set(NEVER)):
                    self.left_out.append(LeftOut(os.path.join(base, name), "a folder of a version control system"))
                folders[:] = sorted(name for name in folders if name not in NEVER)
                for name in list(folders):
                    if os.path.islink(os.path.join(base, name)):
                        self.left_out.append(LeftOut(os.path.join(base, name), "a symbolic link"))
                for name in sorted(names):
                    path = Path(base, name)
                    yield from self._looked_into(path, os.path.relpath(path, root))

    def manifest(self, path: Path) -> FoundFile:
        """Read a manifest of JSON Lines; raise `InputError` that names the line for what is none."""
        data = _read(path)
        if not is_text(data):
            raise InputError(f"the manifest {path} is no text of at most {MAX_TEXT_BYTES:,} bytes")
        items: list[FoundItem] = []
        position = 0
        for number, line in enumerate(data.split(b"\n"), 1):
            if line.strip():
                one = _manifest_item(path, number, line, position)
                if self._tokens(one.blob.encode(), anywhere=True):
                    items.append(one)
                else:
                    self.left_out.append(LeftOut(f"{path}, line {number}", self._other_form))
            position += len(line) + 1
        target = path.with_name(f"{path.stem}.{'migrated' if self.options.old_form else 'rotated'}{path.suffix}")
        return FoundFile(str(path), Kind.MANIFEST, hashlib.sha256(data).hexdigest(), tuple(items), str(target))

    @property
    def _other_form(self) -> str:
        return "a blob of today" if self.options.old_form else "a blob of the KMS of 2017"

    def _tokens(self, data: bytes, *, anywhere: bool = False) -> list[Token]:
        if self.options.old_form:
            anywhere = anywhere or self.options.old_form == "any"
            return find_old_tokens(data, encoded=self.options.encoded, anywhere=anywhere)
        return find_tokens(data, encoded=self.options.encoded)

    def _unread(self, error: OSError) -> None:
        reason = f"it cannot be read: {(error.strerror or '').lower()}"
        self.left_out.append(LeftOut(str(error.filename), reason, failed=True))

    def _looked_into(self, path: Path, name: str) -> Iterator[FoundFile]:
        try:
            status = path.lstat()
            reason = self._reason_to_leave(path, name, status)
            if reason:
                if reason != "-":
                    self.left_out.append(LeftOut(str(path), reason))
                return
            file = self._ciphertexts(path, name, status)
        except OSError as error:
            error.filename = str(path)
            self._unread(error)
            return
        except KmsToolError as error:
            self.left_out.append(LeftOut(str(path), error.message, failed=True))
            return
        if file and file.items:
            yield file

    def _reason_to_leave(self, path: Path, name: str, status: os.stat_result) -> str:
        """Return why a file is left out, a dash where that is not worth telling, empty where it is not."""
        if not self.options.wants(name) or path.name.endswith(_OWN):
            return "-"
        if stat.S_ISLNK(status.st_mode):
            return "a symbolic link"
        if not stat.S_ISREG(status.st_mode):
            return "a special file"
        if status.st_nlink > 1 and not self.options.hard_links:
            return "it has several names (hard links)"
        return ""

    def _ciphertexts(self, path: Path, name: str, status: os.stat_result) -> FoundFile | None:
        context = self.options.context_of(name)
        if any(fnmatch.fnmatch(name, glob) for glob in self.options.asymmetric):
            data = _read(path)
            item = Item(0, len(data))
            return FoundFile(str(path), Kind.ASYMMETRIC, hashlib.sha256(data).hexdigest(), (FoundItem(item, ""),))
        start = descriptors.read_file(path, 4096)
        # An envelope of ours has no recipient of 2017.
        if start.startswith(MAGIC) and not self.options.old_form:
            return self._envelope(path, read_header_bytes(path), Kind.ENVELOPE)
        if start.lstrip().startswith(BEGIN) and not self.options.old_form:
            if status.st_size > MAX_TEXT_BYTES:
                raise InputError(f"an envelope in armor of more than {MAX_TEXT_BYTES:,} bytes")
            data = _read(path)
            file = self._envelope(path, unarmored_header(data), Kind.ARMOR)
            return FoundFile(file.path, file.kind, hashlib.sha256(data).hexdigest(), file.items)
        if status.st_size > MAX_TEXT_BYTES or b"\0" in start:
            return None
        data = _read(path)
        if not is_text(data) or data.startswith(_NO_BLOBS):
            return None
        items = tuple(
            FoundItem(Item(token.start, token.end, context, context, encoded=token.encoded), token.blob)
            for token in self._tokens(data)
        )
        return FoundFile(str(path), Kind.TEXT, hashlib.sha256(data).hexdigest(), items)

    def _envelope(self, path: Path, head: bytes, kind: Kind) -> FoundFile:
        parsed = recipients_of(head)
        items = tuple(
            FoundItem(
                Item(number, number + 1, parsed.prologue.context, parsed.prologue.context, stanza.text(KEY_ID)),
                stanza.wrapped.decode("ascii", "replace"),
            )
            for number, stanza in enumerate(parsed.stanzas)
            if stanza.kind == TENCENT_KMS and stanza.text(REGION) == self.region
        )
        return FoundFile(str(path), kind, hashlib.sha256(head).hexdigest(), items)


def read_context_rules(path: Path) -> tuple[ContextRule, ...]:
    """Read a TOML file of globs and contexts, which are tables of pairs or the exact text; raise `InputError`."""
    try:
        data = descriptors.read_file(path, _MAX_RULES_BYTES + 1)
        if len(data) > _MAX_RULES_BYTES:
            raise InputError(f"{path} has more than {_MAX_RULES_BYTES:,} bytes")
        tables = toml.parse(texts.whole(data, str(path)), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or '').lower()}") from error
    rules = []
    for glob, pairs in tables.items():
        table = isinstance(pairs, dict) and all(isinstance(value, str) for value in pairs.values())
        if not (table or isinstance(pairs, str)):
            raise InputError(f"{path}: [{glob}] is no table of texts")
        rules.append(ContextRule(glob, contexts.text_of(pairs)))
    return tuple(rules)


def _manifest_item(path: Path, number: int, line: bytes, position: int) -> FoundItem:
    try:
        fields: Any = json.loads(line)
        blob = fields["blob"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise InputError(f"{path}, line {number}: it is no JSON object with a blob") from error
    if not isinstance(blob, str) or line.count(blob.encode()) != 1 or not _is_blob(blob):
        raise InputError(f"{path}, line {number}: its blob is none")
    start = position + line.index(blob.encode())
    context = _context(fields.get("context"), path, number)
    to_context = _context(fields["to_context"], path, number) if "to_context" in fields else context
    return FoundItem(Item(start, start + len(blob), context, to_context), blob)


def _is_blob(text: str) -> bool:
    data = text.encode()
    return any((0, len(data)) == (one.start, one.end) for one in (*find_tokens(data), *find_old_tokens(data)))


def _context(value: object, path: Path, number: int) -> str:
    """Return the text of a context in a manifest: pairs, or the exact text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values()):
        return contexts.canonical(value)
    raise InputError(f"{path}, line {number}: its context is neither pairs nor a text")


def _read(path: Path) -> bytes:
    # Not through a link: what was looked at is what is read.
    return descriptors.read_file(path, MAX_TEXT_BYTES + 1, os.O_NOFOLLOW)
