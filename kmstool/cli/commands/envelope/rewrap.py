"""`kmstool envelope rewrap`: other recipients for envelopes, whose payload stays as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import clusters, envelope_files, envelope_folders, options, recipients, several, shards
from kmstool.cli.io import outputs
from kmstool.cli.params import KEY
from kmstool.cli.session.session import Session, takes
from kmstool.cli.shards import Shard
from kmstool.errors import UsageError
from kmstool.storage.places import parse_place

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.rewrapping import Way, Wrap

_CALLS = 16


@dataclass(frozen=True)
class RewrapWords:
    """Which envelopes get which recipients, and who opens them."""

    names: tuple[str, ...]
    keys: tuple[KeyAddress, ...]
    sources: tuple[KeyAddress, ...]
    private_keys: tuple[str, ...]
    server_side: bool
    payload: str | None
    recursive: bool
    shard: Shard | None
    dask: str | None


@click.command(cls=options.Command, example="kmstool envelope rewrap big.tar.kte --to demo-2")
@click.option(
    "--to",
    "keys",
    type=KEY,
    multiple=True,
    required=True,
    metavar="KEY",
    help="New recipient (repeatable); replaces all existing ones.",
)
@click.option(
    "--from",
    "sources",
    type=KEY,
    multiple=True,
    metavar="KEY",
    help="Open or move only what is under this key; repeatable.",
)
@click.option(
    "--identity",
    "private_keys",
    multiple=True,
    metavar="FILE",
    help="RSA private key in PEM that opens them; repeatable.",
)
@click.option(
    "--server-side", is_flag=True, help="With --from: KMS re-encrypts the data key, which needs no right to decrypt."
)
@options.file_option("--payload", help="Payload of a detached header, to check the data key with.")
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; every envelope in it gets the recipients.")
@shards.folder_shard_option
@clusters.dask_option
@click.argument("names", metavar="FILE...", nargs=-1, required=True)
@takes(RewrapWords)
def rewrap(session: Session, wanted: RewrapWords) -> None:
    """Give envelopes other recipients.

    The payload is not touched. Where the header has room, the file is changed in place,
    else a copy replaces it; a crash leaves the old or the new one. This does not revoke
    access: earlier copies still open with the old keys.

    Anybody who can write a file can put a foreign secret in place of its data key. What is
    moved with --server-side is therefore opened and compared with the payload before it is
    written. Without the right to decrypt, or without the payload of a detached header, only
    the key is known that it was under: then rewrap only files that nobody else could write.

    A folder that was not finished is finished by the same command again: envelopes whose
    recipients are those already are passed over.
    """
    if wanted.payload is not None and len(wanted.names) > 1:
        raise UsageError("--payload is that of a single header", hint="rewrap detached headers one by one")
    if wanted.payload is not None and wanted.recursive:
        raise UsageError("--recursive and --payload exclude each other")
    for option, chosen in (("dask", wanted.dask), ("shard", wanted.shard)):
        if chosen and not wanted.recursive:
            raise UsageError(f"--{option} goes with --recursive only")
    if wanted.recursive:
        _rewrap_folders(session, wanted)
        return
    wrap = _wrapper(session, wanted)

    def act(name: str) -> Way | None:
        return _rewrap(session, name, wrap, wanted.payload)

    for name, way in several.one_by_one(session, wanted.names, act, "envelopes were not rewrapped"):
        if way is not None:
            session.note(f"{name} has other recipients now ({way.value})")
    outputs.print_answer(session, {"Rewrapped": list(wanted.names)}, lambda: None)


def _rewrap_folders(session: Session, wanted: RewrapWords) -> None:
    from kmstool.workflows.tree_rewrapping import rewrap_tree

    hint = "kmstool envelope rewrap -r DIR --to KEY"
    folders = [envelope_folders.named_folder(name, hint=hint) for name in wanted.names]
    shards.take_share(session, wanted.shard)
    if wanted.dask is not None:
        clusters.refuse_private_keys(wanted.private_keys)
    targets = [recipients.cmk(session, key) for key in wanted.keys]
    wrap = _wrapper(session, wanted)
    with clusters.workers(session, wanted.dask, calls=_CALLS) as pool, session.reports("rewrapping") as reports:
        if pool is not None:
            wrap = clusters.wrap_for(session, pool, wrap, wanted.keys, wanted.sources, in_kms=wanted.server_side)
        counts = [
            rewrap_tree(folder, targets, wrap, executor=pool, shard=wanted.shard, changes=session.changes, **reports)
            for folder in folders
        ]
    files, kept = sum(count.files for count in counts), sum(count.kept for count in counts)
    had_them = f", and {kept} had them already" if kept else ""
    answer = {"Rewrapped": files, "Kept": kept}
    outputs.print_answer(session, answer, lambda: session.note(f"{files} envelopes have other recipients{had_them}"))


def _rewrap(session: Session, name: str, wrap: Wrap, payload: str | None) -> Way | None:
    from kmstool.workflows import rewrapping

    if payload is not None:
        with envelope_files.source_of(payload) as source:
            return rewrapping.rewrap(parse_place(name), wrap, payload=source, changes=session.changes)
    try:
        return rewrapping.rewrap(parse_place(name), wrap, changes=session.changes)
    except rewrapping.PayloadMissingError as error:
        raise UsageError(
            error.message,
            hint="name it with --payload FILE, or let KMS move the data key: add --server-side and --from KEY",
        ) from error


def _wrapper(session: Session, wanted: RewrapWords) -> Wrap:
    """Return what makes the new list of recipients of an envelope; raise `UsageError` for options without effect."""
    from kmstool.workflows import rewrapping

    if wanted.server_side and wanted.private_keys:
        raise UsageError("--server-side and --identity exclude each other")
    if wanted.server_side and not wanted.sources:
        raise UsageError(
            "--server-side moves only what is under a key that you name",
            hint="add --from KEY; see whose it is: kmstool envelope inspect FILE",
        )
    targets = [recipients.cmk(session, key) for key in wanted.keys]
    if wanted.server_side:
        sources = [recipients.cmk(session, key) for key in wanted.sources]
        return rewrapping.wrap_in_kms(sources, targets, session.warn)
    return rewrapping.wrap_here(targets, recipients.identities_of(session, wanted.sources, wanted.private_keys)())
