"""`kmstool envelope decrypt`: open an envelope."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import clusters, envelope_files, envelope_folders, key_words, options, recipients
from kmstool.cli.commands.envelope import folders
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import RANGE
from kmstool.cli.session.session import Session, takes
from kmstool.storage.places import parse_place

if TYPE_CHECKING:
    from kmstool.cli.params import ByteRange


@dataclass(frozen=True)
class DecryptWords(folders.OpeningWords, outputs.FileNamed):
    """Which envelope is opened, by whom, and what of it is taken out."""

    span: ByteRange | None
    verify_first: bool


@click.command(cls=options.Command, example="kmstool envelope decrypt big.tar.kte -o copy.tar")
@key_words.means("keys", "Ask only for this key; repeatable.", several=True)
@click.option("--identity", "private_keys", multiple=True, metavar="FILE", help="RSA private key in PEM; repeatable.")
@options.encryption_context_option
@options.shield_option
@options.file_option("--detached", help="Read the header from a file of its own.")
@click.option(
    "--range", "span", type=RANGE, metavar="A-B", help="Only the bytes A to B of the plaintext, counted from 0."
)
@click.option("--verify-first", is_flag=True, help="Authenticate all before the first byte is written.")
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; every envelope in it is opened into OUT.")
@folders.opening_options
@options.output_options
@options.input_argument
@takes(DecryptWords)
def decrypt(session: Session, wanted: DecryptWords) -> None:
    """Open an envelope.

    X.kte becomes X unless -o says otherwise; stdin goes to stdout. A file appears only
    when the last byte was verified. Through a pipe verified pieces leave as they come, and
    a failure says at the end that the output is incomplete. A --range goes to stdout
    without -o. --context, if given, must be the envelope's. Of a folder, every file must
    be where encrypt -r put it, and none may be missing or extra.
    """
    from kmstool.workflows.envelopes import DecryptOptions

    folders.refuse_without_folder(wanted)
    if wanted.recursive:
        _decrypt_folder(session, wanted)
        return
    target = envelope_files.decrypted_name(wanted.file, wanted.out) if wanted.span is None else wanted.out
    inputs.spare(target, *wanted.private_keys, wanted.file or inputs.STDIN, *filter(None, [wanted.detached]))
    if wanted.out is None and target is not None and isinstance(path := parse_place(target), Path):
        from kmstool.system import atomic

        atomic.check(path, replace=wanted.force)
    identities = recipients.identities_of(session, wanted.keys, wanted.private_keys)
    how = DecryptOptions(context=wanted.encryption_context, span=wanted.span, verify_first=wanted.verify_first)
    with envelope_files.sources_of(wanted.file, wanted.detached) as (source, header):
        envelope_files.decrypt_source(session, source, header, target, identities, how, force=wanted.force)


def _decrypt_folder(session: Session, wanted: DecryptWords) -> None:
    from kmstool.workflows.trees import decrypt_tree

    source, target = envelope_folders.folder_pair(wanted.file, wanted.out)
    how = folders.opening(
        session,
        wanted,
        {
            "--context": wanted.encryption_context,
            "--detached": wanted.detached,
            "--range": wanted.span,
            "--verify-first": wanted.verify_first,
        },
        force=wanted.force,
    )
    identities = recipients.identities_of(session, wanted.keys, wanted.private_keys)
    with clusters.workers(session, wanted.dask) as pool, session.reports("decrypting") as reports:
        whom = clusters.identities_for(session, pool, identities, wanted.keys)
        count = decrypt_tree(source, target, whom, how, executor=pool, changes=session.changes, **reports)
    if count is not None:
        were_there = f", and {count.kept} were there already" if count.kept else ""
        session.note(f"{count.files} files were decrypted{were_there}")
