"""`kmstool rotate plan`: look for what is under a key, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, progress, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.params import KEY, ContextWords
from kmstool.cli.session.session import Session, takes
from kmstool.errors import PartialError, UsageError
from kmstool.storage.places import parse_place

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.rotation.plan import ContextRule, Plan, ScanOptions


@dataclass(frozen=True)
class PlanWords(ContextWords):
    """What is looked for, where, and where the plan goes."""

    from_key: KeyAddress
    to_key: KeyAddress | None
    paths: tuple[str, ...]
    out: str
    force: bool
    encoded: bool
    contexts: str | None
    manifests: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    asymmetric: tuple[str, ...]
    hard_links: bool
    no_probe: bool


@click.command(cls=options.Command, example="kmstool rotate plan --from demo --to demo-2 secrets -o plan.json")
@click.option("--from", "from_key", type=KEY, required=True, metavar="KEY", help="Key that the ciphertexts are under.")
@click.option("--to", "to_key", type=KEY, metavar="KEY", help="Key to move them to. Default: its newest version.")
@options.file_target("-o", "--out", required=True, help="Write the plan here.")
@click.option("--force", is_flag=True, help="Replace an existing plan.")
@click.option("--base64", "encoded", is_flag=True, help="Find blobs in base64 once more, as in a Kubernetes Secret.")
@options.encryption_context_option
@options.file_option("--contexts", help="TOML of globs and the contexts of the blobs in such files.")
@click.option(
    "--manifest", "manifests", multiple=True, metavar="FILE", help="JSON Lines with id, blob and context; repeatable."
)
@click.option("--include", multiple=True, metavar="GLOB", help="Look into such files only; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Do not look into such files; repeatable.")
@click.option("--asymmetric", multiple=True, metavar="GLOB", help="Such files are RSA or SM2 ciphertexts; repeatable.")
@click.option("--hard-links", is_flag=True, help="Replace files with several names too: the others stay as they are.")
@click.option("--no-probe", is_flag=True, help="Do not ask KMS where each blob stands.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@takes(PlanWords)
def plan(session: Session, wanted: PlanWords) -> None:
    """Look for what is under a key, and change nothing.

    PATH is a folder or a file. Links, special files and files with several names are left
    out and counted. KMS says under which key each blob is, and no plaintext leaves it.
    The plan is JSON to be read and reviewed; kmstool rotate apply does it.
    """
    from kmstool.workflows.rotation.jobs import plan_rotation

    if not wanted.paths and not wanted.manifests:
        raise UsageError("nothing is named to look through", hint="name folders, files or a --manifest FILE")
    with progress.bar(session, "looking", None, of_bytes=False) as advance:

        def done(count: int) -> None:
            session.deadline.renew()
            advance(count)

        new_plan = plan_rotation(
            session.connections,
            wanted.from_key,
            wanted.to_key,
            roots=tuple(map(parse_place, wanted.paths)),
            manifests=tuple(map(parse_place, wanted.manifests)),
            scan=_scan(wanted),
            probe=not wanted.no_probe,
            done=done,
        )
    write_plan(session, new_plan, wanted.out, force=wanted.force)


def write_plan(session: Session, new_plan: Plan, out: str, *, force: bool) -> None:
    """Write a plan and show what is in it; raise `PartialError` if there is something that nobody could look at."""
    from kmstool.workflows.rotation.plan_files import encode_plan

    outputs.write(session, "".join(encode_plan(new_plan)).encode(), out, force=force)
    _print(session, new_plan, out)
    failed = [one for one in new_plan.left_out if one.failed]
    for one in failed[:20]:
        session.warn(f"{one.path}: {one.reason}")
    if failed:
        raise PartialError(f"{len(failed)} items or files could not be looked at; the plan lists them")


def context_rules(wanted: ContextWords, file: str | None) -> tuple[ContextRule, ...]:
    """Return the contexts of files: those of a file of rules, and then the one of all others."""
    from kmstool.api.context import text_of
    from kmstool.workflows.rotation.plan import ContextRule
    from kmstool.workflows.rotation.scanning import read_context_rules

    rules = read_context_rules(Path(file)) if file else ()
    context = wanted.encryption_context
    return (*rules, ContextRule("*", text_of(context))) if context else rules


def _scan(wanted: PlanWords) -> ScanOptions:
    from kmstool.workflows.rotation.plan import ScanOptions

    return ScanOptions(
        encoded=wanted.encoded,
        contexts=context_rules(wanted, wanted.contexts),
        include=wanted.include,
        exclude=wanted.exclude,
        asymmetric=wanted.asymmetric,
        hard_links=wanted.hard_links,
    )


_COLUMNS = (Column("KEY ID"), Column("KIND"), Column("ITEMS"))


def _print(session: Session, new_plan: Plan, out: str) -> None:
    counts = sorted(new_plan.counts().items())
    answer = {
        "Plan": out,
        "PlanId": new_plan.plan_id,
        "From": new_plan.from_key,
        "To": new_plan.to_key,
        "Items": new_plan.items,
        "Files": len(new_plan.files),
        "LeftOut": len(new_plan.left_out),
        "ByKey": [{"KeyId": key, "Kind": kind, "Items": count} for (key, kind), count in counts],
    }

    def text() -> None:
        tables.show(session, _COLUMNS, [(key, kind, f"{n:,}") for (key, kind), n in counts])
        session.note(
            f"{new_plan.items:,} items in {len(new_plan.files):,} files are to be moved, {len(new_plan.left_out):,} are left out"
        )

    outputs.print_answer(session, answer, text)
