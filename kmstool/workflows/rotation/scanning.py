"""Where ciphertexts stand below folders and files, by their form alone: no KMS is asked."""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kmstool.api import context as contexts
from kmstool.envelope.armor import BEGIN
from kmstool.envelope.header import MAGIC
from kmstool.envelope.stanzas import KEY_ID, REGION, TENCENT_KMS
from kmstool.errors import InputError, KmsToolError, NetworkError
from kmstool.forms import texts
from kmstool.server.seed import toml
from kmstool.storage import objects
from kmstool.storage.places import ObjectUrl, Place
from kmstool.storage.stores import Stat
from kmstool.system import descriptors
from kmstool.workflows.rotation.contents import LocalFile, RemoteObject, Replaceable, content_at
from kmstool.workflows.rotation.headers import recipients_of, unarmored_header
from kmstool.workflows.rotation.plan import ContextRule, Item, Kind, LeftOut, ScanOptions
from kmstool.workflows.rotation.tokens import MAX_TEXT_BYTES, Token, find_old_tokens, find_tokens, is_text
from kmstool.workflows.tree_folders import header_name

NEVER = (".git", ".hg", ".svn")
_OWN = (".journal", ".journal.lock", ".journal-journal")
_MAX_RULES_BYTES = 2**20
_LOOKS = 16
"""Objects that are looked into at once."""
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

    def files(self, roots: Sequence[Place]) -> Iterator[FoundFile]:
        """Yield the files with ciphertexts, in the order of their paths."""
        for root in roots:
            if isinstance(root, ObjectUrl):
                yield from self._objects(root)
                continue
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

    def _objects(self, root: ObjectUrl) -> Iterator[FoundFile]:
        """Look into the objects below a root, many at a time: each waits for the store."""
        alone = objects.stat(root)
        listed = iter([("", alone)]) if alone else without_payloads(objects.listed(root))

        def look(one: tuple[str, Stat]) -> FoundFile | LeftOut | None:
            name, facts = one
            url = root / name if name else root
            if set(name.split("/")) & set(NEVER) or not self._wants(name or root.name):
                return None
            return self._looked_at(RemoteObject(url, facts), str(url), name or root.name, facts.size)

        with ThreadPoolExecutor(_LOOKS) as pool:
            while window := list(itertools.islice(listed, _LOOKS * 16)):
                for result in pool.map(look, window):
                    if isinstance(result, LeftOut):
                        self.left_out.append(result)
                    elif result:
                        yield result

    def manifest(self, path: Place) -> FoundFile:
        """Read a manifest of JSON Lines; raise `InputError` that names the line for what is none."""
        data = content_at(path).whole()
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
        stem, suffix = os.path.splitext(path.name)
        target = path.with_name(f"{stem}.{'migrated' if self.options.old_form else 'rotated'}{suffix}")
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
        self.left_out.append(_unread(str(error.filename), error))

    def _looked_into(self, path: Path, name: str) -> Iterator[FoundFile]:
        try:
            status = path.lstat()
            reason = self._reason_to_leave(name, status)
            if reason:
                if reason != "-":
                    self.left_out.append(LeftOut(str(path), reason))
                return
        except OSError as error:
            self.left_out.append(_unread(str(path), error))
            return
        result = self._looked_at(LocalFile(path), str(path), name, status.st_size)
        if isinstance(result, LeftOut):
            self.left_out.append(result)
        elif result:
            yield result

    def _looked_at(self, source: Replaceable, path: str, name: str, size: int) -> FoundFile | LeftOut | None:
        try:
            file = self._ciphertexts(source, path, name, size)
        except OSError as error:
            return _unread(path, error)
        except NetworkError:
            raise
        except KmsToolError as error:
            return LeftOut(path, error.message, failed=True)
        return file if file and file.items else None

    def _wants(self, name: str) -> bool:
        return self.options.wants(name) and not name.endswith(_OWN)

    def _reason_to_leave(self, name: str, status: os.stat_result) -> str:
        """Return why a file is left out, a dash where that is not worth telling, empty where it is not."""
        if not self._wants(name):
            return "-"
        if stat.S_ISLNK(status.st_mode):
            return "a symbolic link"
        if not stat.S_ISREG(status.st_mode):
            return "a special file"
        if status.st_nlink > 1 and not self.options.hard_links:
            return "it has several names (hard links)"
        return ""

    def _ciphertexts(self, source: Replaceable, path: str, name: str, size: int) -> FoundFile | None:
        context = self.options.context_of(name)
        if any(fnmatch.fnmatch(name, glob) for glob in self.options.asymmetric):
            data = source.whole()
            item = Item(0, len(data))
            return FoundFile(path, Kind.ASYMMETRIC, hashlib.sha256(data).hexdigest(), (FoundItem(item, ""),))
        start = source.start()
        # An envelope of ours has no recipient of 2017.
        if start.startswith(MAGIC) and not self.options.old_form:
            return self._envelope(path, source.header(), Kind.ENVELOPE)
        if start.lstrip().startswith(BEGIN) and not self.options.old_form:
            if size > MAX_TEXT_BYTES:
                raise InputError(f"an envelope in armor of more than {MAX_TEXT_BYTES:,} bytes")
            data = source.whole()
            file = self._envelope(path, unarmored_header(data), Kind.ARMOR)
            return FoundFile(file.path, file.kind, hashlib.sha256(data).hexdigest(), file.items)
        if size > MAX_TEXT_BYTES or b"\0" in start:
            return None
        # Most files are not larger than that.
        data = start if size == len(start) else source.whole()
        if not is_text(data) or data.startswith(_NO_BLOBS):
            return None
        items = tuple(
            FoundItem(Item(token.start, token.end, context, context, encoded=token.encoded), token.blob)
            for token in self._tokens(data)
        )
        return FoundFile(path, Kind.TEXT, hashlib.sha256(data).hexdigest(), items)

    def _envelope(self, path: str, head: bytes, kind: Kind) -> FoundFile:
        parsed = recipients_of(head)
        items = tuple(
            FoundItem(
                Item(number, number + 1, parsed.prologue.context, parsed.prologue.context, stanza.text(KEY_ID)),
                stanza.wrapped.decode("ascii", "replace"),
            )
            for number, stanza in enumerate(parsed.stanzas)
            if stanza.kind == TENCENT_KMS and stanza.text(REGION) == self.region
        )
        return FoundFile(path, kind, hashlib.sha256(head).hexdigest(), items)


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


def without_payloads(listed: Iterator[tuple[str, Stat]]) -> Iterator[tuple[str, Stat]]:
    """Yield what is listed without the payloads whose headers follow: there is nothing to move in them."""
    last: tuple[str, Stat] | None = None
    for one in listed:
        if last and one[0] != header_name(last[0]):
            yield last
        last = one
    if last:
        yield last


def _unread(path: str, error: OSError) -> LeftOut:
    return LeftOut(path, f"it cannot be read: {(error.strerror or '').lower()}", failed=True)


def _manifest_item(path: Place, number: int, line: bytes, position: int) -> FoundItem:
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


def _context(value: object, path: Place, number: int) -> str:
    """Return the text of a context in a manifest: pairs, or the exact text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values()):
        return contexts.canonical(value)
    raise InputError(f"{path}, line {number}: its context is neither pairs nor a text")
