"""Out of the KMS of 2017: its blobs are opened there and encrypted under a key of today, where they stand.

A plan and a journal as those of a rotation. A data key is a blob like any other: what it encrypts stays as it is.
Nothing of the old KMS is ever changed.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from kmstool.api.cmk_rules import KeyAddress
from kmstool.errors import InputError, IntegrityError, NotFoundError
from kmstool.kms.beta.client import BetaClient
from kmstool.kms.client import KmsClient
from kmstool.storage.places import Place, absolute
from kmstool.workflows.beta_connections import beta_client
from kmstool.workflows.connections import Connections
from kmstool.workflows.keeping import kept
from kmstool.workflows.many import Workers
from kmstool.workflows.reconnecting import workers_kms
from kmstool.workflows.rotation.applying import Applier, ApplyOptions, Progress
from kmstool.workflows.rotation.jobs import ignore_count, ignore_message
from kmstool.workflows.rotation.journal import journal_path, locked_journal
from kmstool.workflows.rotation.movers_there import MoverThere
from kmstool.workflows.rotation.moving import Mover, Standing, check_same
from kmstool.workflows.rotation.plan import Item, Plan, ScanOptions
from kmstool.workflows.rotation.planning import WORKERS, PlanRequest, make_plan

MIGRATION = "migration"

_SOURCE = "2017:"


@dataclass(frozen=True, slots=True)
class BetaMover:
    """From whatever key of the KMS of 2017 to a key of today: the plaintext passes through this machine's memory."""

    old: BetaClient
    new: KmsClient
    to_key: str

    def stands(self, blob: str, item: Item) -> Standing:
        """Let the old KMS open the blob, which is the only way to know that it is one; what is in it is dropped."""
        return Standing(self.old.decrypt(blob, item.context).key_id, due=True)

    def move(self, blob: str, item: Item) -> str:
        """Decrypt there and encrypt here; raise `IntegrityError` if the blob is under another key than the plan says."""
        opened = self.old.decrypt(blob, item.context)
        if item.key_id and opened.key_id != item.key_id:
            raise IntegrityError(f"it is under the key {opened.key_id}, not under that of the plan")
        if not opened.plaintext:
            raise InputError("it holds an empty text, which the KMS of today does not encrypt")
        return self.new.encrypt(self.to_key, opened.plaintext, item.to_context).ciphertext_blob

    def check(self, old: str, new: str, item: Item) -> None:
        """Open both, and compare them by digest."""
        before = self.old.decrypt(old, item.context)
        after = self.new.decrypt(new, item.to_context)
        if after.key_id != self.to_key:
            raise IntegrityError(f"the new blob is under the key {after.key_id}, not under that of the plan")
        check_same(before.plaintext, after.plaintext, "blob")


@dataclass(frozen=True, slots=True)
class BetaMoverThere(MoverThere):
    """`BetaMover` in a worker, whose memory the plaintext passes through."""

    old_region: str
    old_profile: str | None

    def mover(self) -> Mover:
        """Return the mover of this process."""
        connections = self.kms.connections()
        old = kept(self.kms.job, (self, "old"), lambda: beta_client(connections, self.old_region, self.old_profile))
        return BetaMover(old, self.kms.client(self.region), self.to_key)


def plan_migration(
    kms: Connections,
    to_key: KeyAddress | str,
    *,
    old_profile: str | None = None,
    old_region: str | None = None,
    roots: tuple[Place, ...] = (),
    manifests: tuple[Place, ...] = (),
    scan: ScanOptions | None = None,
    workers: int = WORKERS,
    done: Callable[[int], None] = ignore_count,
) -> Plan:
    """Return the plan that moves blobs of the KMS of 2017 to a key of today; their contexts stay unless it is said.

    The old KMS is asked for every blob. It is that of the region of the key, unless another one is named. Raises
    `InputError` for a region in which it never was.
    """
    target = kms.key(to_key)
    region = old_region or (kms.region(kms.profile(old_profile)) if old_profile else target.region)
    chosen = scan or ScanOptions()
    request = PlanRequest(
        job=MIGRATION,
        region=target.region,
        from_key=_SOURCE + region,
        to_key=target.key_id,
        roots=tuple(map(absolute, roots)),
        manifests=tuple(map(absolute, manifests)),
        scan=chosen if chosen.old_form else replace(chosen, old_form="file"),
        any_key=True,
    )
    mover = BetaMover(beta_client(kms, region, old_profile), target.client, target.key_id)
    return make_plan(request, mover, workers=workers, done=done)


def apply_migration(
    kms: Connections,
    plan: Plan,
    path: Path,
    options: ApplyOptions | None = None,
    *,
    old_profile: str | None = None,
    executor: Executor | None = None,
    warn: Callable[[str], None] = ignore_message,
    done: Callable[[int], None] = ignore_count,
) -> Progress:
    """Do what a plan in the file `path` says, or go on with it; its journal is beside it.

    Raises `PartialError` for files that failed, `OutputError` while another process applies it, `InputError` for
    the plan of another job, or of a KMS that has not the keys of this one.
    """
    if plan.job != MIGRATION:
        raise InputError(f"the plan is that of a {plan.job}")
    chosen = options or ApplyOptions()
    old, new = beta_client(kms, plan.from_key.removeprefix(_SOURCE), old_profile), kms.client(plan.region)
    _check_keys(plan, old, new)
    mover: Mover = BetaMover(old, new, plan.to_key)
    if isinstance(executor, Workers):
        there = workers_kms(executor, kms.options)
        mover = BetaMoverThere(
            there, plan.region, plan.from_key, plan.to_key, plan.from_key.removeprefix(_SOURCE), old_profile
        )
    with locked_journal(journal_path(path, chosen.shard), plan.plan_id) as journal:
        return Applier(plan, journal, lambda _: mover, chosen, warn, done, executor).run()


def _check_keys(plan: Plan, old: BetaClient, new: KmsClient) -> None:
    try:
        new.describe_key(plan.to_key)
    except NotFoundError as error:
        raise InputError(f"the plan is for another KMS: this one has no key {plan.to_key} in {plan.region}") from error
    for key_id in sorted({item.key_id for file in plan.files for item in file.items if item.key_id}):
        try:
            old.key(key_id)
        except NotFoundError as error:
            raise InputError(f"the plan is of another KMS of 2017: this one has no key {key_id}") from error
