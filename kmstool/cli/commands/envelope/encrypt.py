"""`kmstool envelope encrypt`: put a file or stream into an envelope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import clusters, envelope_files, envelope_folders, key_words, options, recipients, shards
from kmstool.cli.commands.envelope import folders
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import KEY, PUBLIC_KEY, Choice, ContextWords
from kmstool.cli.session.session import Session, takes
from kmstool.cli.shards import Shard
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.cli.params import PublicKeyFile
    from kmstool.envelope.recipients import Recipient
    from kmstool.workflows.envelopes import EncryptOptions

_CALLS = 16


@dataclass(frozen=True)
class EncryptWords(ContextWords, outputs.FileNamed):
    """What is put into which envelope, and for whom."""

    keys: tuple[KeyAddress, ...]
    public_keys: tuple[PublicKeyFile, ...]
    data_key: KeyAddress | None
    facts: Mapping[str, str]
    suite: str
    armor: bool
    detached: str | None
    reserve: bool
    recursive: bool
    dek_per_file: bool
    no_manifest: bool
    shard: Shard | None
    dask: str | None
    file: str | None


@click.command(cls=options.Command, example="kmstool envelope encrypt --key demo big.tar")
@key_words.means("keys", "Key that can open it; repeatable. Default: the profile's.", several=True)
@click.option(
    "--public-key",
    "public_keys",
    type=PUBLIC_KEY,
    multiple=True,
    metavar="[REGION:KEYID=]FILE",
    help="Add a recipient by public key, without contacting KMS (repeatable).",
)
@click.option("--data-key", type=KEY, metavar="NAME", help="Use this KMS-hosted data key as the file key.")
@options.encryption_context_option
@options.shield_option
@options.pairs_option(
    "--aad",
    "facts",
    noun="fact",
    text="Additional authenticated data stored in the header, never sent to KMS (repeatable).",
)
@click.option(
    "--suite", type=Choice(recipients.SUITES), default=recipients.SUITES[0], show_default=True, help="Cipher."
)
@click.option("-a", "--armor", is_flag=True, help="Write text (PEM) in place of binary data.")
@options.file_target("--detached", callback=options.not_empty_file, help="Write the header to a file of its own.")
@click.option("--reserve", is_flag=True, help="Reserve header space so that rewrap can work in place.")
@click.option(
    "-r", "--recursive", is_flag=True, help="FILE is a folder; every regular file in it is encrypted into OUT."
)
@click.option("--dek-per-file", is_flag=True, help="With --recursive: ask KMS for a data key for each file.")
@folders.manifest_option("Write no list of the files, which tells later what is missing.")
@shards.folder_shard_option
@clusters.dask_option
@options.output_options
@options.input_argument
@takes(EncryptWords)
def encrypt(session: Session, wanted: EncryptWords) -> None:
    """Put a file or stream into an envelope.

    FILE becomes FILE.kte unless -o says otherwise; stdin goes to stdout. Each of the keys
    can open the envelope alone. A folder that was not finished is finished by the same
    command again: envelopes that are whole, and newer than their files, are kept. With --data-key many envelopes share one data key, such as
    that of a user or a period, and the --context must be the one that it was made with.
    Shards write no list of the files: the same command without --shard does, at the end.
    """
    of_folders = {
        "dek-per-file": wanted.dek_per_file,
        "no-manifest": wanted.no_manifest,
        "dask": wanted.dask,
        "shard": wanted.shard,
    }
    for option, chosen in of_folders.items():
        if chosen and not wanted.recursive:
            raise UsageError(f"--{option} goes with --recursive only")
    if wanted.dek_per_file and wanted.data_key is not None:
        raise UsageError("--data-key is one key for all files, which --dek-per-file excludes")
    how = _how(wanted)
    everyone = recipients.recipients_of(session, wanted.keys, wanted.public_keys, wanted.data_key)
    if wanted.recursive:
        _encrypt_folder(session, wanted, how, everyone)
        return
    target = envelope_files.encrypted_name(wanted.file, wanted.out)
    for output in (target, wanted.detached):
        inputs.spare(output, *(key.file for key in wanted.public_keys), wanted.file or inputs.STDIN)
    with envelope_files.source_of(wanted.file) as source:
        envelope_files.encrypt_source(session, source, target, everyone, how, wanted.detached, force=wanted.force)


def _how(wanted: EncryptWords) -> EncryptOptions:
    from kmstool.api.context import text_of
    from kmstool.workflows.envelopes import EncryptOptions

    if wanted.armor and wanted.detached is not None:
        raise UsageError("--armor and --detached exclude each other")
    if wanted.armor and wanted.reserve:
        raise UsageError("--armor and --reserve exclude each other: text is never rewrapped in place")
    text_of(wanted.encryption_context)
    return EncryptOptions(
        suite=recipients.suite_of(wanted.suite),
        context=wanted.encryption_context,
        facts=wanted.facts,
        armor=wanted.armor,
        reserve=wanted.reserve,
    )


def _encrypt_folder(
    session: Session, wanted: EncryptWords, how: EncryptOptions, everyone: Callable[[], list[Recipient]]
) -> None:
    from kmstool.envelope.manifest import BELONGS, PATH
    from kmstool.workflows.tree_sealing import TreeEncryptOptions
    from kmstool.workflows.trees import encrypt_tree

    if wanted.armor or wanted.detached is not None:
        raise UsageError("--recursive excludes --armor and --detached")
    for fact in (PATH, BELONGS):
        if fact in how.facts:
            raise UsageError(f"--recursive gives each file the fact {fact} itself; --aad cannot set it")
    source, target = envelope_folders.folder_pair(wanted.file, wanted.out)
    choices = TreeEncryptOptions(
        envelope=how,
        dek_per_file=wanted.dek_per_file,
        replace=wanted.force,
        manifest=not wanted.no_manifest,
        spared=tuple(Path(key.file) for key in wanted.public_keys),
        shard=wanted.shard,
    )
    shards.take_share(session, wanted.shard)
    identities = recipients.identities_of(session)
    calls = _CALLS if wanted.dek_per_file else 1
    with clusters.workers(session, wanted.dask, calls=calls) as pool, session.reports("encrypting") as reports:
        whom = clusters.recipients_for(session, pool, everyone, wanted.keys, wanted.public_keys, wanted.data_key)
        count = encrypt_tree(
            source, target, whom, identities, choices, executor=pool, changes=session.changes, **reports
        )
    if count is not None:
        were_there = f", and {count.kept} were there already" if count.kept else ""
        session.note(f"{count.files} files were encrypted{were_there}")
