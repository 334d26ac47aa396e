"""`kmstool migrate plan`: look for blobs of 2017, and change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.rotate.plan import context_rules, write_plan
from kmstool.cli.io import progress
from kmstool.cli.params import KEY, Choice, ContextWords
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError
from kmstool.storage.places import parse_place

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.rotation.plan import OldForm


@dataclass(frozen=True)
class PlanWords(ContextWords):
    """What is looked for, where, of which old KMS, and where the plan goes."""

    to_key: KeyAddress
    paths: tuple[str, ...]
    out: str
    force: bool
    old_profile: str | None
    old_region: str | None
    old_form: OldForm
    encoded: bool
    contexts: str | None
    manifests: tuple[str, ...]
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    hard_links: bool


@click.command(cls=options.Command, example="kmstool migrate plan --to demo secrets -o plan.json")
@click.option("--to", "to_key", type=KEY, required=True, metavar="KEY", help="Key of today to move them to.")
@options.file_target("-o", "--out", required=True, help="Write the plan here.")
@click.option("--force", is_flag=True, help="Replace an existing plan.")
@click.option("--old-profile", metavar="NAME", help="Profile that opens the old blobs. Default: the one in use.")
@click.option("--old-region", metavar="REGION", help="Region of the old KMS. Default: that of its profile or the key.")
@click.option("--old-form", type=Choice(["file", "any"]), default="file", show_default=True,
              metavar="file|any", help="Files that are one blob, or all base64 in texts: the old KMS gets to see it.")  # fmt: skip
@click.option("--base64", "encoded", is_flag=True, help="Find blobs in base64 once more, as in a Kubernetes Secret.")
@options.encryption_context_option
@options.file_option("--contexts", help="TOML of globs and the contexts of the blobs in such files.")
@click.option(
    "--manifest", "manifests", multiple=True, metavar="FILE", help="JSON Lines with id, blob and context; repeatable."
)
@click.option("--include", multiple=True, metavar="GLOB", help="Look into such files only; repeatable.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Do not look into such files; repeatable.")
@click.option("--hard-links", is_flag=True, help="Replace files with several names too: the others stay as they are.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@takes(PlanWords)
def plan(session: Session, wanted: PlanWords) -> None:
    """Look for blobs of 2017, and change nothing.

    PATH is a folder or a file. By their form alone old blobs are base64 like any other, so
    the old KMS is asked to open each: with --old-form any it gets all base64 in texts,
    whatever that is. Contexts stay as they are; a manifest may give others (to_context).
    """
    from kmstool.workflows.migration import plan_migration
    from kmstool.workflows.rotation.plan import ScanOptions

    if not wanted.paths and not wanted.manifests:
        raise UsageError("nothing is named to look through", hint="name folders, files or a --manifest FILE")
    scan = ScanOptions(
        encoded=wanted.encoded,
        contexts=context_rules(wanted, wanted.contexts),
        include=wanted.include,
        exclude=wanted.exclude,
        hard_links=wanted.hard_links,
        old_form=wanted.old_form,
    )
    with progress.bar(session, "looking", None, of_bytes=False) as advance:

        def done(count: int) -> None:
            session.deadline.renew()
            advance(count)

        new_plan = plan_migration(
            session.connections,
            wanted.to_key,
            old_profile=wanted.old_profile,
            old_region=wanted.old_region,
            roots=tuple(map(parse_place, wanted.paths)),
            manifests=tuple(map(parse_place, wanted.manifests)),
            scan=scan,
            done=done,
        )
    write_plan(session, new_plan, wanted.out, force=wanted.force)
