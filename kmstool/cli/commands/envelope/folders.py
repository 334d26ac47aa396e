"""What the commands for envelopes take when FILE is a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import clusters, options, shards
from kmstool.cli.params import ContextWords
from kmstool.cli.session.session import Session
from kmstool.cli.shards import Shard
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.tree_opening import TreeDecryptOptions


def manifest_option(text: str) -> Callable[[options.Decorated], options.Decorated]:
    """Add `--no-manifest`."""
    return click.option("--no-manifest", is_flag=True, help=f"With --recursive: {text[0].lower()}{text[1:]}")


def opening_options(command: options.Decorated) -> options.Decorated:
    """Add what folders of envelopes are opened with, and who opens them."""
    add = manifest_option("Do not look for what is missing or extra.")
    path = click.option("--ignore-path", is_flag=True, help="With --recursive: files may have been moved or renamed.")
    return path(add(shards.folder_shard_option(clusters.dask_option(command))))


@dataclass(frozen=True)
class OpeningWords(ContextWords):
    """Which envelope, or folder of them, is opened, and by whom."""

    keys: tuple[KeyAddress, ...]
    private_keys: tuple[str, ...]
    detached: str | None
    recursive: bool
    ignore_path: bool
    no_manifest: bool
    shard: Shard | None
    dask: str | None
    file: str | None


def refuse_without_folder(wanted: OpeningWords) -> None:
    """Raise `UsageError` for options of folders where FILE is none."""
    of_folders = {"ignore-path": wanted.ignore_path, "no-manifest": wanted.no_manifest}
    for option, chosen in {**of_folders, "dask": wanted.dask, "shard": wanted.shard}.items():
        if chosen and not wanted.recursive:
            raise UsageError(f"--{option} goes with --recursive only")


def opening(
    session: Session, wanted: OpeningWords, of_one_file: Mapping[str, object], *, force: bool = False
) -> TreeDecryptOptions:
    """Return how a folder is opened; raise `UsageError` where one of the other options, by name, was given."""
    from kmstool.workflows.tree_opening import TreeDecryptOptions

    if wanted.dask is not None:
        clusters.refuse_private_keys(wanted.private_keys)
    for option, value in of_one_file.items():
        if value not in (None, False, {}):
            raise UsageError(f"--recursive and {option} exclude each other")
    if wanted.shard and wanted.ignore_path:
        raise UsageError("--shard and --ignore-path exclude each other: a share is that of a name")
    shards.take_share(session, wanted.shard)
    return TreeDecryptOptions(
        ignore_path=wanted.ignore_path,
        manifest=not wanted.no_manifest,
        replace=force,
        spared=tuple(map(Path, wanted.private_keys)),
        shard=wanted.shard,
    )
