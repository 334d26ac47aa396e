"""`kmstool envelope encrypt`, `decrypt`, `verify` and `inspect`: data of any size under keys in KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import envelope_files, envelope_outputs, files, options, output, progress, recipients, times
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session import Session, pass_session
from kmstool.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.envelope.file import Opened
    from kmstool.envelope.floe import Floe

COMMANDS = {
    "decrypt": ("kmstool.cli.envelope:decrypt", "Open an envelope."),
    "encrypt": ("kmstool.cli.envelope:encrypt", "Put a file or stream into an envelope."),
    "import-legacy": ("kmstool.cli.legacy:import_legacy", "Bring data of Tencent's old sample into an envelope."),
    "inspect": ("kmstool.cli.envelope:inspect", "Show what an envelope says without opening it."),
    "rewrap": ("kmstool.cli.rewrap:rewrap", "Give envelopes other recipients."),
    "verify": ("kmstool.cli.envelope:verify", "Check that an envelope is whole and unaltered."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def envelope() -> None:
    """Encrypt files and streams of any size.

    A data key that KMS makes encrypts the data on this machine, in pieces of 1 MiB that
    are each authenticated; KMS encrypts the data key for every recipient. One file holds
    it all.
    """


@click.command(cls=options.Command, example="kmstool envelope encrypt --key demo big.tar")
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="Key that can open it; repeatable. Default: the profile's."
)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    metavar="[REGION:KEYID=]FILE",
    help="Public key of one who can open it, in KMS or by a file; repeatable. No KMS is asked.",
)
@click.option("--data-key", metavar="NAME", help="Encrypt with this data key that KMS keeps; its key can open it.")
@options.context_option
@options.shield_option
@click.option(
    "--aad", "facts", multiple=True, metavar="K=V", help="Fact of the file, bound to it, not sent to KMS; repeatable."
)
@click.option(
    "--suite", type=click.Choice(recipients.SUITES), default=recipients.SUITES[0], show_default=True, help="Cipher."
)
@click.option("-a", "--armor", is_flag=True, help="Write text (PEM) in place of binary data.")
@options.file_option("--detached", help="Write the header to a file of its own.")
@click.option("--reserve", is_flag=True, help="Leave room for a rewrap in place, also in small files.")
@click.option(
    "-r", "--recursive", is_flag=True, help="FILE is a folder; every regular file in it is encrypted into OUT."
)
@click.option("--dek-per-file", is_flag=True, help="With --recursive: ask KMS for a data key for each file.")
@options.output_options
@options.input_argument
@pass_session
def encrypt(session: Session, file: str | None, out: str | None, force: bool, **choices: Any) -> None:
    """Put a file or stream into an envelope.

    FILE becomes FILE.kte unless -o says otherwise; stdin goes to stdout. Each of the keys
    can open the envelope alone. With --data-key many envelopes share one data key, such as
    that of a user or a period, and the --context must be the one that it was made with.
    """
    if choices["dek_per_file"] and not choices["recursive"]:
        raise UsageError("--dek-per-file goes with --recursive only")
    if choices["dek_per_file"] and choices["data_key"] is not None:
        raise UsageError("--data-key is one key for all files, which --dek-per-file excludes")

    spared = [recipients.public_key_file(word) for word in choices["public_keys"]]

    def job() -> EncryptJob:
        return EncryptJob.of(session, **choices)

    if choices["recursive"]:
        from kmstool.cli import trees

        trees.encrypt(session, job, file, out, spared, dek_per_file=choices["dek_per_file"], force=force)
    else:
        envelope_outputs.encrypt(session, job, file, out, choices["detached"], spared, force=force)


@click.command(cls=options.Command, example="kmstool envelope decrypt big.tar.kte -o copy.tar")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Ask only for this key; repeatable.")
@click.option("--identity", "private_keys", multiple=True, metavar="FILE", help="RSA private key in PEM; repeatable.")
@options.context_option
@options.shield_option
@options.file_option("--detached", help="Read the header from a file of its own.")
@click.option("--range", "span", metavar="A-B", help="Only the bytes A to B of the plaintext, counted from 0.")
@click.option("--verify-first", is_flag=True, help="Authenticate all before the first byte is written.")
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; every envelope in it is opened into OUT.")
@options.output_options
@options.input_argument
@pass_session
def decrypt(session: Session, file: str | None, out: str | None, force: bool, recursive: bool, **choices: Any) -> None:
    """Open an envelope.

    X.kte becomes X unless -o says otherwise; stdin goes to stdout. A file appears only
    when the last byte was verified. Through a pipe verified pieces leave as they come, and
    a failure says at the end that the output is incomplete. A --range goes to stdout
    without -o. --context, if given, must be the envelope's.
    """
    if recursive:
        from kmstool.cli import trees

        trees.decrypt(session, file, out, force=force, **choices)
        return
    target = envelope_files.decrypted_name(file, out) if choices["span"] is None else out
    files.spare(target, *choices["private_keys"])
    with envelope_files.opened(session, file, choices["detached"]) as found:
        floe = envelope_files.unlocked(session, found, choices["keys"], choices["context"], choices["private_keys"])
        if choices["verify_first"]:
            _verify(session, found, floe)
            found.rewind()
        if choices["span"] is not None:
            envelope_files.write_range(found, floe, choices["span"], target, force=force)
        else:
            envelope_files.decrypt(session, found, floe, target, force=force)


@click.command(cls=options.Command, example="kmstool envelope verify big.tar.kte")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Ask only for this key; repeatable.")
@click.option("--identity", "private_keys", multiple=True, metavar="FILE", help="RSA private key in PEM; repeatable.")
@options.context_option
@options.shield_option
@options.file_option("--detached", help="Read the header from a file of its own.")
@options.input_argument
@pass_session
def verify(
    session: Session,
    file: str | None,
    keys: tuple[str, ...],
    context: tuple[str, ...],
    private_keys: tuple[str, ...],
    detached: str | None,
) -> None:
    """Check that an envelope is whole and unaltered.

    Everything is opened and authenticated, and nothing is written.
    """
    with envelope_files.opened(session, file, detached) as found:
        _verify(session, found, envelope_files.unlocked(session, found, keys, context, private_keys))
    output.answer(session, {"Valid": True}, lambda: print("envelope valid"))


@click.command(cls=options.Command, example="kmstool envelope inspect big.tar.kte")
@options.file_option("--detached", help="Read the header from a file of its own.")
@options.input_argument
@pass_session
def inspect(session: Session, file: str | None, detached: str | None) -> None:
    """Show what an envelope says without opening it.

    No KMS is asked and nothing is authenticated: recipients are hints, and anyone who can
    write the file can change them.
    """
    with envelope_files.opened(session, file, detached) as found:
        facts = _facts(found.envelope)
    output.answer(session, facts, lambda: _print_facts(session, facts))
    if facts["LengthConsistent"] is False:
        raise IntegrityError("the file is cut short, or has something behind its payload")


def _verify(session: Session, found: envelope_files.Found, floe: Floe) -> None:
    from kmstool.envelope import file as whole

    with progress.bar(session, "verifying", found.envelope.plaintext_bytes) as advance:
        whole.verify(found.envelope, floe, advance)


def _facts(opened: Opened) -> dict[str, Any]:
    from kmstool.envelope.stanzas import parse_context

    head = opened.header
    number, slot = head.newest
    stated = head.prologue.plaintext_bytes
    return {
        "Format": "KTE1",
        "Suite": head.suite.name,
        "SegmentBytes": int.from_bytes(opened.floe_header[2:6], "big") or None,
        "FileId": head.prologue.file_id.hex(),
        "Created": head.prologue.created_unix,
        "Writer": head.prologue.writer,
        "PlaintextBytes": opened.plaintext_bytes if stated is None else stated,
        "LengthConsistent": opened.is_consistent,
        "Context": parse_context(head.prologue.context),
        "Aad": parse_context(head.prologue.aad),
        "Detached": head.detached,
        "Generation": slot.generation,
        "Slot": "AB"[number],
        "Slots": len(head.slots),
        "Recipients": [stanza.facts() for stanza in slot.stanzas],
    }


def _print_facts(session: Session, facts: dict[str, Any]) -> None:
    import json

    consistent = {True: "consistent", False: "NOT CONSISTENT with the file's", None: "not checked"}
    size = "not stated" if facts["PlaintextBytes"] is None else f"{facts['PlaintextBytes']:,} bytes"
    segments = f"segments of {facts['SegmentBytes']:,} bytes" if facts["SegmentBytes"] else "payload elsewhere"
    room = "a rewrap in place is possible" if facts["Slots"] > 1 else "a rewrap makes a copy"
    output.fields(
        {
            "format": f"{facts['Format']}, {facts['Suite']}, {segments}",
            "file id": facts["FileId"],
            "created": f"{times.shown(facts['Created'] or 0)} by {facts['Writer'] or '-'}",
            "plaintext": f"{size}, length {consistent[facts['LengthConsistent']]}",
            "context": json.dumps(facts["Context"], ensure_ascii=False) if facts["Context"] else "-",
            "aad": json.dumps(facts["Aad"], ensure_ascii=False) if facts["Aad"] else "-",
            "recipients": f"generation {facts['Generation']}, slot {facts['Slot']} of {facts['Slots']}; {room}",
        }
    )
    rows = [
        (
            item["Kind"],
            item.get("Region", "-"),
            item.get("KeyId") or item.get("Fingerprint", "-"),
            times.shown(item.get("WrappedAt", 0)),
        )
        for item in facts["Recipients"]
    ]
    output.table(session, ("KIND", "REGION", "KEY ID", "WRAPPED"), rows)
