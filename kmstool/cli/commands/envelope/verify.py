"""`kmstool envelope verify`: check that an envelope is whole and unaltered."""

from __future__ import annotations

import click

from kmstool.cli import clusters, envelope_files, envelope_folders, key_words, options, recipients
from kmstool.cli.commands.envelope import folders
from kmstool.cli.commands.envelope.folders import OpeningWords
from kmstool.cli.io import outputs, progress
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool envelope verify big.tar.kte")
@key_words.means("keys", "Ask only for this key; repeatable.", several=True)
@click.option("--identity", "private_keys", multiple=True, metavar="FILE", help="RSA private key in PEM; repeatable.")
@options.encryption_context_option
@options.shield_option
@options.file_option("--detached", help="Read the header from a file of its own.")
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; every envelope in it is checked.")
@folders.opening_options
@options.input_argument
@takes(OpeningWords)
def verify(session: Session, wanted: OpeningWords) -> None:
    """Check that an envelope is whole and unaltered.

    Everything is opened and authenticated, and nothing is written. Of a folder, every file
    must be where encrypt -r put it, and none may be missing or extra.
    """
    from kmstool.workflows import envelopes

    folders.refuse_without_folder(wanted)
    identities = recipients.identities_of(session, wanted.keys, wanted.private_keys)
    if wanted.recursive:
        from kmstool.workflows.trees import verify_tree

        folder = envelope_folders.named_folder(wanted.file, hint="kmstool envelope verify -r DIR")
        how = folders.opening(session, wanted, {"--context": wanted.encryption_context, "--detached": wanted.detached})
        with clusters.workers(session, wanted.dask) as pool, session.reports("verifying", goes_on=False) as reports:
            whom = clusters.identities_for(session, pool, identities, wanted.keys)
            files = verify_tree(folder, whom, how, executor=pool, **reports).files
        outputs.print_answer(session, {"Valid": True, "Files": files}, lambda: print(f"{files} envelopes valid"))
        return
    with (
        envelope_files.sources_of(wanted.file, wanted.detached) as (source, header),
        progress.bar(session, "verifying", source.size) as advance,
    ):
        envelopes.verify(source, identities, context=wanted.encryption_context, detached=header, progress=advance)
    outputs.print_answer(session, {"Valid": True}, lambda: print("envelope valid"))
