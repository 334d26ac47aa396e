"""Makes the plan of a rotation: what stands under which key, asked of KMS without a plaintext leaving it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice

from kmstool.errors import AccessError, IntegrityError, ServiceError
from kmstool.storage.places import Place
from kmstool.workflows.many import ends_all
from kmstool.workflows.rotation.moving import Mover, Standing
from kmstool.workflows.rotation.plan import Item, Kind, LeftOut, Plan, PlannedFile, ScanOptions, new_plan_id
from kmstool.workflows.rotation.scanning import FoundFile, FoundItem, Scan

WORKERS = 16
_WINDOW_FILES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What is to be moved: `roots` are folders and files, `manifests` JSON Lines; keys are ids in `region`.

    Without `probe` KMS is not asked, and what is under which key shows when the plan is applied. With `any_key`
    what is under other keys moves too, and `from_key` names what they have in common.
    """

    job: str = "rotation"
    region: str
    from_key: str
    to_key: str
    roots: tuple[Place, ...] = ()
    manifests: tuple[Place, ...] = ()
    scan: ScanOptions
    probe: bool = True
    any_key: bool = False


def make_plan(
    request: PlanRequest,
    mover: Mover,
    *,
    workers: int = WORKERS,
    executor: Executor | None = None,
    done: Callable[[int], None] | None = None,
) -> Plan:
    """Look through all roots and return what is to be done. Nothing is changed.

    Raises what keeps KMS from being asked at all, such as `NetworkError`; a blob that does not open is left out
    and listed.
    """
    scan = Scan(request.scan, request.region)
    files: list[PlannedFile] = []
    with nullcontext(executor) if executor else ThreadPoolExecutor(workers) as pool:
        files_found = _found(scan, request)
        while batch := list(islice(files_found, _WINDOW_FILES)):
            asked = [(file, _asked(file, request, mover, pool)) for file in batch]
            for file, answers in asked:
                planned = _planned(file, answers, request, scan.left_out)
                if done:
                    done(len(file.items))
                if planned.items:
                    files.append(planned)
    return Plan(
        plan_id=new_plan_id(secrets.token_bytes(32)),
        job=request.job,
        created_unix=int(time.time()),
        region=request.region,
        from_key=request.from_key,
        to_key=request.to_key,
        roots=tuple(map(str, request.roots)),
        scan=request.scan,
        files=tuple(files),
        left_out=tuple(scan.left_out),
    )


def _found(scan: Scan, request: PlanRequest) -> Iterator[FoundFile]:
    seen: set[str] = {str(path) for path in request.manifests}
    for path in request.manifests:
        yield scan.manifest(path)
    for file in scan.files(request.roots):
        if file.path not in seen:
            seen.add(file.path)
            yield file


def _asked(file: FoundFile, request: PlanRequest, mover: Mover, pool: Executor) -> list[Standing | Future[Standing]]:
    """Return where each item stands, or will be known to stand."""
    return [_standing(file, one, request, mover, pool) for one in file.items]


def _standing(
    file: FoundFile, one: FoundItem, request: PlanRequest, mover: Mover, pool: Executor
) -> Standing | Future[Standing]:
    # The record of a recipient says its key, and applying the plan holds KMS to it.
    stated = file.kind in (Kind.ENVELOPE, Kind.ARMOR)
    if stated and (one.item.key_id != request.from_key or request.from_key != request.to_key or not request.probe):
        return Standing(one.item.key_id, due=True)
    if not request.probe or file.kind is Kind.ASYMMETRIC:
        return Standing(request.from_key, due=True)
    return pool.submit(mover.stands, one.blob, one.item)


def _planned(
    file: FoundFile,
    answers: Sequence[Standing | Future[Standing]],
    request: PlanRequest,
    left_out: list[LeftOut],
) -> PlannedFile:
    items: list[Item] = []
    for one, answer in zip(file.items, answers, strict=True):
        where = f"{file.path}:{one.item.start}"
        try:
            standing = answer.result() if isinstance(answer, Future) else answer
        except (IntegrityError, AccessError, ServiceError) as error:
            if ends_all(error):
                raise
            # Most of what is base64 is no blob.
            guessed = request.scan.old_form == "any" and isinstance(error, IntegrityError)
            left_out.append(LeftOut(where, error.message, failed=not guessed))
            continue
        if standing.key_id != request.from_key and not request.any_key:
            left_out.append(LeftOut(where, f"under the key {standing.key_id}"))
        elif not standing.due:
            left_out.append(LeftOut(where, "on the newest version already"))
        else:
            items.append(replace(one.item, key_id=standing.key_id if request.probe else ""))
    return PlannedFile(file.path, file.kind, file.digest, tuple(items), file.target)
