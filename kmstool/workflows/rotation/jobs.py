"""A rotation as a Python program or the command line runs it: plan, apply, finish, with the keys of a KMS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import cache
from pathlib import Path

from kmstool.api.cmk_rules import KeyAddress
from kmstool.errors import InputError, NotFoundError
from kmstool.storage.places import Place, absolute, parse_place
from kmstool.words import OAEP_SHA_256, EncryptionAlgorithm
from kmstool.workflows.connections import Connections, KeyPlace
from kmstool.workflows.many import Workers
from kmstool.workflows.rotation.applying import Applier, ApplyOptions, Progress
from kmstool.workflows.rotation.journal import journal_path, locked_journal
from kmstool.workflows.rotation.moving import AsymmetricMover, KeyMover, Mover
from kmstool.workflows.rotation.plan import Kind, Plan, PlannedFile, ScanOptions
from kmstool.workflows.rotation.planning import WORKERS, PlanRequest, make_plan
from kmstool.workflows.rotation.undoing import finish

ROTATION = "rotation"


def ignore_count(_: int) -> None:
    """Show no progress."""


def ignore_message(_: str) -> None:
    """Report nothing."""


def plan_rotation(
    kms: Connections,
    from_key: KeyAddress | str,
    to_key: KeyAddress | str | None = None,
    *,
    roots: tuple[Place, ...] = (),
    manifests: tuple[Place, ...] = (),
    scan: ScanOptions | None = None,
    probe: bool = True,
    workers: int = WORKERS,
    done: Callable[[int], None] = ignore_count,
) -> Plan:
    """Return the plan that moves what is under one key to another, or to the newest version of the same one.

    Raises `InputError` for keys of two regions: inside KMS nothing gets from one to the other.
    """
    source = kms.key(from_key)
    target = source if to_key is None else kms.key(to_key)
    if source.region != target.region:
        raise InputError(f"the keys are in {source.region} and {target.region}: a rotation stays within a region")
    request = PlanRequest(
        job=ROTATION,
        region=source.region,
        from_key=source.key_id,
        to_key=target.key_id,
        roots=tuple(map(absolute, roots)),
        manifests=tuple(map(absolute, manifests)),
        scan=scan or ScanOptions(),
        probe=probe,
    )
    return make_plan(request, _key_mover(source, target.key_id), workers=workers, done=done)


def apply_rotation(
    kms: Connections,
    plan: Plan,
    path: Path,
    options: ApplyOptions | None = None,
    *,
    algorithm: EncryptionAlgorithm = OAEP_SHA_256,
    executor: Executor | None = None,
    warn: Callable[[str], None] = ignore_message,
    done: Callable[[int], None] = ignore_count,
) -> Progress:
    """Do what a plan in the file `path` says, or go on with it; its journal is beside it.

    An executor calls KMS; `Workers` on other machines do so by their own credentials. Raises `PartialError` for files that failed, `OutputError` while another process applies it, `InputError` for
    the plan of another KMS or another job.
    """
    chosen = options or ApplyOptions()
    movers = _movers(kms, plan, algorithm)
    if isinstance(executor, Workers):
        movers = _movers_there(kms, plan, algorithm, executor)
    with locked_journal(journal_path(path, chosen.shard), plan.plan_id) as journal:
        return Applier(plan, journal, movers, chosen, warn, done, executor).run()


def finish_rotation(kms: Connections, plan: Plan, path: Path, *, warn: Callable[[str], None] = ignore_message) -> int:
    """Forget what a rollback needs, after looking whether anything is left on the old key; see `undoing.finish`.

    Raises `InputError` for the plan of another job, of which it cannot tell what is left.
    """
    _check_job(plan)
    client = kms.client(plan.region)
    mover = KeyMover(client, plan.from_key, plan.to_key)

    def is_left() -> Iterator[str]:
        request = PlanRequest(
            region=plan.region,
            from_key=plan.from_key,
            to_key=plan.to_key,
            roots=tuple(map(parse_place, plan.roots)),
            scan=replace(plan.scan, asymmetric=()),
        )
        for file in make_plan(request, mover).files:
            yield f"{file.path}: {len(file.items)} are under the old key"

    return finish(plan, path, is_left, warn)


def _check_job(plan: Plan) -> None:
    if plan.job != ROTATION:
        raise InputError(f"the plan is that of a {plan.job}")


def _key_mover(source: KeyPlace, to_key: str) -> Mover:
    return KeyMover(source.client, source.key_id, to_key)


def _movers(kms: Connections, plan: Plan, algorithm: EncryptionAlgorithm) -> Callable[[PlannedFile], Mover]:
    _check_job(plan)
    client = kms.client(plan.region)
    for key_id in {plan.from_key, plan.to_key}:
        try:
            client.describe_key(key_id)
        except NotFoundError as error:
            raise InputError(f"the plan is for another KMS: this one has no key {key_id} in {plan.region}") from error
    symmetric = KeyMover(client, plan.from_key, plan.to_key)
    if not any(file.kind is Kind.ASYMMETRIC for file in plan.files):
        return lambda _: symmetric
    public_key = client.public_key(plan.to_key).public_key
    asymmetric = AsymmetricMover(client, plan.from_key, plan.to_key, public_key, algorithm)
    return lambda file: asymmetric if file.kind is Kind.ASYMMETRIC else symmetric


def _movers_there(
    kms: Connections, plan: Plan, algorithm: EncryptionAlgorithm, workers: Workers
) -> Callable[[PlannedFile], Mover]:
    # Most rotations need nothing of it.
    from kmstool.workflows.reconnecting import workers_kms  # noqa: PLC0415
    from kmstool.workflows.rotation.movers_there import AsymmetricMoverThere, KeyMoverThere  # noqa: PLC0415

    @cache
    def mover(kind: Kind) -> Mover:
        there = workers_kms(workers, kms.options)
        if kind is Kind.ASYMMETRIC:
            return AsymmetricMoverThere(there, plan.region, plan.from_key, plan.to_key, algorithm)
        return KeyMoverThere(there, plan.region, plan.from_key, plan.to_key)

    return lambda file: mover(file.kind)
