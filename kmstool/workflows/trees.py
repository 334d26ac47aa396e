"""Whole folders of envelopes: one data key for many small files, and a sealed list of what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from kmstool.envelope.manifest import BELONGS, NAME
from kmstool.errors import KmsToolError
from kmstool.storage.places import Place
from kmstool.workflows.changes import Changes
from kmstool.workflows.envelopes import SUFFIX, Identities, Recipients
from kmstool.workflows.folders import Begin, FolderFiles, FolderReport, Report, expect_nothing, say_nothing, walk
from kmstool.workflows.many import Done, Outcome, run_in_order, run_many, run_threads
from kmstool.workflows.shards import Shard, in_shard
from kmstool.workflows.tree_opening import TreeDecryptOptions, TreeOpener
from kmstool.workflows.tree_sealing import TreeEncryptOptions, TreeSealer, manifest_of


@dataclass(frozen=True, slots=True)
class TreeCount:
    """How many files of a folder were done, and how many of them had been done before."""

    files: int
    kept: int = 0


def encrypt_tree(
    source: Place,
    target: Place,
    recipients: Recipients,
    identities: Identities = (),
    options: TreeEncryptOptions | None = None,
    *,
    executor: Executor | None = None,
    report: Report = say_nothing,
    warn: Report = say_nothing,
    begin: Begin = expect_nothing,
    done: Done | None = None,
    changes: Changes | None = None,
) -> TreeCount | None:
    """Encrypt every regular file below a folder into another folder, under the same names with .kte.

    An envelope that is there already is kept if it is that of the file as it is now. `identities` open the
    manifest of a run before this one. Raises `PartialError` when all others are through for files that failed,
    of which `warn` was told. Returns None in a dry run.
    """
    options = options or TreeEncryptOptions()
    files = share_of(walk(source, report), options.shard)
    sealer = TreeSealer(source, target, recipients, options)
    sealer.prepare()
    outcome = FolderReport(warn, source, "encrypted")

    def run() -> TreeCount:
        begin(len(files.paths))
        if executor is None and (options.dek_per_file or sealer.source.is_remote or sealer.target.is_remote):
            outcomes = run_threads(sealer, files.paths, done)
        else:
            outcomes = run_many(sealer, files.paths, executor, done)
        outcome.add_outcomes(len(files.paths), files.unread, outcomes)
        if options.manifest and options.shard is None:
            _list_all(sealer, [*files.unread, *outcomes], identities, outcome)
        outcome.check()
        kept = sum(one.kept for one in outcomes)
        return TreeCount(len(outcomes) - kept, kept)

    return _run_or_tell(run, changes, files, outcome, "encrypt", target)


def decrypt_tree(
    source: Place,
    target: Place,
    identities: Identities,
    options: TreeDecryptOptions | None = None,
    *,
    executor: Executor | None = None,
    report: Report = say_nothing,
    warn: Report = say_nothing,
    begin: Begin = expect_nothing,
    done: Done | None = None,
    changes: Changes | None = None,
) -> TreeCount | None:
    """Open every .kte below a folder into another folder, under the same names without .kte.

    Raises `PartialError` when all others are through for envelopes that failed, lack or are extra, of which
    `warn` was told. Returns None in a dry run.
    """
    opener = TreeOpener(source, target, identities, options or TreeDecryptOptions())
    opener.prepare()
    files, outcome = _envelopes(source, report, opener.options), FolderReport(warn, source, "decrypted")

    def run() -> TreeCount:
        begin(len(files.paths))
        return _open_all(opener, files, outcome, executor, done)

    return _run_or_tell(run, changes, files, outcome, "decrypt", target)


def verify_tree(
    source: Place,
    identities: Identities,
    options: TreeDecryptOptions | None = None,
    *,
    executor: Executor | None = None,
    report: Report = say_nothing,
    warn: Report = say_nothing,
    begin: Begin = expect_nothing,
    done: Done | None = None,
) -> TreeCount:
    """Authenticate every .kte below a folder, and what the manifest says of all; raise as `decrypt_tree` does."""
    opener = TreeOpener(source, None, identities, options or TreeDecryptOptions())
    files = _envelopes(source, report, opener.options)
    begin(len(files.paths))
    return _open_all(opener, files, FolderReport(warn, source, "verified"), executor, done)


def share_of(files: FolderFiles, shard: Shard | None) -> FolderFiles:
    """Return the files of a shard: by their names without .kte, so that a file stays with its shard."""
    return replace(files, paths=[path for path in files.paths if in_shard(path.removesuffix(SUFFIX), shard)])


def _run_or_tell(
    run: Callable[[], TreeCount],
    changes: Changes | None,
    files: FolderFiles,
    outcome: FolderReport,
    verb: str,
    target: Place,
) -> TreeCount | None:
    count = (changes or Changes()).run(run, f"{verb} {len(files.paths)} files into {target}")
    if count is None:
        outcome.add_outcomes(len(files.paths), files.unread, ())
        outcome.check()
    return count


def _list_all(sealer: TreeSealer, outcomes: Sequence[Outcome], identities: Identities, outcome: FolderReport) -> None:
    try:
        sealer.write_manifest(outcomes, identities() if callable(identities) else identities, outcome.warn)
    except KmsToolError as error:
        outcome.warn(f"the manifest: {error.message}")
        outcome.wrong.append("the manifest was not written")


def _envelopes(source: Place, report: Report, options: TreeDecryptOptions) -> FolderFiles:
    files = share_of(walk(source, report, SUFFIX), options.shard)
    return replace(files, paths=[path for path in files.paths if path != NAME + SUFFIX])


def _open_all(
    opener: TreeOpener, files: FolderFiles, outcome: FolderReport, executor: Executor | None, done: Done | None
) -> TreeCount:
    """Open all that belongs to the folder; raise `PartialError` if one fails, lacks or is extra."""
    if opener.options.manifest:
        opener.manifest = manifest_of(opener.source, opener.identities)
    extra = set()
    if opener.manifest and not opener.options.ignore_path:
        extra = {path for path in files.paths if path.removesuffix(SUFFIX) not in opener.manifest.files}
    paths = [path for path in files.paths if path not in extra]
    # The first one alone: most often its DEK is that of all.
    outcomes = run_in_order(opener, paths[:1], done)
    if executor is None and (opener.source.is_remote or (opener.target is not None and opener.target.is_remote)):
        # Each waits for the store, whose connections no fork can share.
        outcomes += run_threads(opener, paths[1:], done)
    else:
        outcomes += run_many(opener, paths[1:], executor, done)
    outcome.add_outcomes(len(files.paths), files.unread, outcomes)
    outcome.add_names(extra, "it is extra: the manifest does not list it", "extra")
    if opener.options.manifest:
        _tell_missing(opener, files, outcomes, outcome)
    outcome.check()
    kept = sum(one.kept for one in outcomes)
    return TreeCount(len(paths) - kept, kept)


def _tell_missing(opener: TreeOpener, files: FolderFiles, outcomes: Sequence[Outcome], outcome: FolderReport) -> None:
    """Tell what the manifest lists and is not there, or that there is no manifest."""
    listed = opener.manifest
    if listed is None and any(one.word == BELONGS for one in outcomes):
        outcome.wrong.append(
            f"{NAME}{SUFFIX} is missing, which the files say there is: what else is missing is not known"
        )
    elif listed is None and not files.paths and opener.options.shard is None:
        # Who takes all away takes the manifest too; of a folder without files there would be one.
        outcome.wrong.append(f"{opener.source.root} has neither an envelope nor a manifest")
    elif listed is None:
        outcome.warn("the folder has no manifest: files that are missing or extra are not noticed")
    elif opener.options.ignore_path:
        missing = listed.missing_anywhere([one.digest for one in outcomes])
        outcome.add_names(missing, "it is missing, or was not opened", "missing")
    else:
        missing = listed.missing([path.removesuffix(SUFFIX) for path in files.paths])
        missing = [path for path in missing if in_shard(path, opener.options.shard)]
        outcome.add_names(missing, "it is missing: the manifest lists it", "missing")
