"""Plans as files: one reviewable JSON object, written a file a line and read strictly.

Format `kmstool-plan-1`; docs/plan.schema.json is its JSON Schema. Ciphertexts are not in it, only where they
stand and the SHA-256 of what is there.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from kmstool import documents
from kmstool.errors import InputError
from kmstool.system import descriptors
from kmstool.workflows.rotation.plan import ContextRule, Item, Kind, LeftOut, OldForm, Plan, PlannedFile, ScanOptions

FORMAT = "kmstool-plan-1"
MAX_BYTES = 2**31

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)


def encode_plan(plan: Plan) -> Iterator[str]:
    """Yield the JSON text of a plan, a file a line."""
    head = {
        "format": FORMAT,
        "id": plan.plan_id,
        "job": plan.job,
        "created": plan.created_unix,
        "region": plan.region,
        "from": plan.from_key,
        "to": plan.to_key,
        "roots": list(plan.roots),
        "scan": _scan_fields(plan.scan),
    }
    yield json.dumps(head, indent=1)[:-2] + ',\n "files": ['
    yield from _lines(_file_fields(file) for file in plan.files)
    yield '],\n "left_out": ['
    yield from _lines(
        {"path": one.path, "reason": one.reason, **({"failed": True} if one.failed else {})} for one in plan.left_out
    )
    yield "]\n}\n"


def read_plan(path: Path) -> Plan:
    """Read a plan; raise `InputError` that names what is wrong for one that was edited into nonsense."""
    try:
        data = descriptors.read_file(path, MAX_BYTES + 1) if path.stat().st_size <= MAX_BYTES else b""
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or '').lower()}") from error
    try:
        fields = json.loads(data, object_pairs_hook=documents.read_members)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no plan: it is not JSON") from error
    if not isinstance(fields, dict) or "format" not in fields:
        raise InputError(f"{path} is no plan")
    if fields["format"] != FORMAT:
        raise InputError(f"{path} is a plan of the format {str(fields['format'])[:40]!r}; this kmstool reads {FORMAT}")
    try:
        return _decode(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the plan {path} was changed by hand into what none is: {error}") from error


def _decode(fields: dict[str, Any]) -> Plan:
    known = {"format", "id", "job", "created", "region", "from", "to", "roots", "scan", "files", "left_out"}
    if set(fields) != known:
        raise ValueError(f"its fields are {', '.join(sorted(fields))[:200]}")
    if not _ID.fullmatch(_text(fields, "id")):
        raise ValueError("the id is none")
    files = tuple(_decode_file(one, number) for number, one in enumerate(_list(fields, "files")))
    if len({file.path for file in files}) != len(files):
        raise ValueError("a file is listed twice")
    left_out = tuple(
        LeftOut(_text(one, "path"), _text(one, "reason"), one.get("failed") is True)
        for one in _list(fields, "left_out")
    )
    return Plan(
        plan_id=_text(fields, "id"),
        job=_text(fields, "job"),
        created_unix=_number(fields, "created"),
        region=_text(fields, "region"),
        from_key=_text(fields, "from"),
        to_key=_text(fields, "to"),
        roots=tuple(str(root) for root in _list(fields, "roots")),
        scan=_decode_scan(fields["scan"]),
        files=files,
        left_out=left_out,
    )


def _decode_file(fields: Any, number: int) -> PlannedFile:
    try:
        path, digest = _text(fields, "path"), _text(fields, "sha256")
        items = tuple(_decode_item(one) for one in _list(fields, "items"))
        kind = Kind(_text(fields, "kind"))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"file {number + 1}: {error}") from error
    in_order = all(one.end <= after.start for one, after in itertools.pairwise(items))
    if not path or not _DIGEST.fullmatch(digest) or not items or not in_order:
        raise ValueError(f"file {number + 1}, {path[:200]!r}: its digest or its items are none")
    return PlannedFile(path, kind, digest, items, str(fields.get("target", "")))


def _decode_item(fields: Any) -> Item:
    start, end = _number(fields, "start"), _number(fields, "end")
    if not 0 <= start < end <= MAX_BYTES:
        raise ValueError(f"an item from {start} to {end}")
    texts = {name: str(fields.get(name, "")) for name in ("context", "to_context", "key")}
    return Item(start, end, texts["context"], texts["to_context"], texts["key"], fields.get("encoded") is True)


def _decode_scan(fields: Any) -> ScanOptions:
    rules = tuple(ContextRule(str(glob), str(context)) for glob, context in _list(fields, "contexts"))
    globs = {name: tuple(str(glob) for glob in _list(fields, name)) for name in ("include", "exclude", "asymmetric")}
    flags = {name: fields[name] is True for name in ("encoded", "hard_links")}
    old_form: OldForm | None = next((form for form in get_args(OldForm) if form == fields.get("old_form", "")), None)
    if old_form is None:
        raise ValueError("there is no such form of old blobs")
    return ScanOptions(
        encoded=flags["encoded"],
        contexts=rules,
        include=globs["include"],
        exclude=globs["exclude"],
        asymmetric=globs["asymmetric"],
        hard_links=flags["hard_links"],
        old_form=old_form,
    )


def _scan_fields(scan: ScanOptions) -> dict[str, Any]:
    return {
        "encoded": scan.encoded,
        "contexts": [[rule.glob, rule.context] for rule in scan.contexts],
        "include": list(scan.include),
        "exclude": list(scan.exclude),
        "asymmetric": list(scan.asymmetric),
        "hard_links": scan.hard_links,
        **({"old_form": scan.old_form} if scan.old_form else {}),
    }


def _file_fields(file: PlannedFile) -> dict[str, Any]:
    fields: dict[str, Any] = {"path": file.path, "kind": file.kind.value, "sha256": file.digest}
    if file.target:
        fields["target"] = file.target
    return {**fields, "items": [_item_fields(item) for item in file.items]}


def _item_fields(item: Item) -> dict[str, Any]:
    fields: dict[str, Any] = {"start": item.start, "end": item.end}
    texts = {"context": item.context, "to_context": item.to_context, "key": item.key_id}
    fields |= {name: value for name, value in texts.items() if value}
    return {**fields, **({"encoded": True} if item.encoded else {})}


def _lines(objects: Iterator[dict[str, Any]]) -> Iterator[str]:
    separator = "\n  "
    for one in objects:
        yield separator + json.dumps(one, ensure_ascii=True)
        separator = ",\n  "


def _text(fields: Any, name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _number(fields: Any, name: str) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is no number")
    return value


def _list(fields: Any, name: str) -> list[Any]:
    value = fields[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is no list")
    return value
