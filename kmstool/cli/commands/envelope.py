"""`kmstool envelope encrypt`, `decrypt`, `verify` and `inspect`: data of any size under keys in KMS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import envelope_files, envelope_outputs, options, recipients
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.io import inputs, outputs, progress, times
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.envelope.floe import Floe
    from kmstool.envelope.sealing import Opened

COMMANDS = {
    "decrypt": ("kmstool.cli.commands.envelope:decrypt", "Open an envelope."),
    "encrypt": ("kmstool.cli.commands.envelope:encrypt", "Put a file or stream into an envelope."),
    "import-legacy": (
        "kmstool.cli.commands.legacy:import_legacy",
        "Bring data of Tencent's old sample into an envelope.",
    ),
    "inspect": ("kmstool.cli.commands.envelope:inspect", "Show what an envelope says without opening it."),
    "rewrap": ("kmstool.cli.commands.rewrap:rewrap", "Give envelopes other recipients."),
    "verify": ("kmstool.cli.commands.envelope:verify", "Check that an envelope is whole and unaltered."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def envelope() -> None:
    """Encrypt files and streams of any size.

    A data key that KMS makes encrypts the data on this machine, in pieces of 1 MiB that
    are each authenticated; KMS encrypts the data key for every recipient. One file holds
    it all.
    """


def _manifest_option(text: str) -> Callable[[options.Decorated], options.Decorated]:
    return click.option("--no-manifest", is_flag=True, help=f"With --recursive: {text[0].lower()}{text[1:]}")


def _tree_options(command: options.Decorated) -> options.Decorated:
    """Add what folders of envelopes are opened with."""
    add = _manifest_option("Do not look for what is missing or extra.")
    path = click.option("--ignore-path", is_flag=True, help="With --recursive: files may have been moved or renamed.")
    return path(add(command))


def _tree_choices(choices: dict[str, Any]) -> dict[str, Any]:
    """Take those options out; raise `UsageError` where they would have no effect."""
    recursive = choices.pop("recursive")
    ignore_path, no_manifest = choices.pop("ignore_path"), choices.pop("no_manifest")
    if not recursive and (ignore_path or no_manifest):
        raise UsageError(f"--{'ignore-path' if ignore_path else 'no-manifest'} goes with --recursive only")
    return {"ignore_path": ignore_path, "manifest": not no_manifest} if recursive else {}


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
@_manifest_option("Write no list of the files, which tells later what is missing.")
@options.output_options
@options.input_argument
@pass_session
def encrypt(session: Session, file: str | None, out: str | None, force: bool, **choices: Any) -> None:
    """Put a file or stream into an envelope.

    FILE becomes FILE.kte unless -o says otherwise; stdin goes to stdout. Each of the keys
    can open the envelope alone. A folder that was not finished is finished by the same
    command again: envelopes that are whole, and newer than their files, are kept. With --data-key many envelopes share one data key, such as
    that of a user or a period, and the --context must be the one that it was made with.
    """
    for choice, option in (("dek_per_file", "dek-per-file"), ("no_manifest", "no-manifest")):
        if choices[choice] and not choices["recursive"]:
            raise UsageError(f"--{option} goes with --recursive only")
    if choices["dek_per_file"] and choices["data_key"] is not None:
        raise UsageError("--data-key is one key for all files, which --dek-per-file excludes")

    spared = [recipients.public_key_file(word) for word in choices["public_keys"]]

    def job() -> EncryptJob:
        return EncryptJob.of(session, **choices)

    if choices["recursive"]:
        from kmstool.cli import trees

        several, listed = choices["dek_per_file"], not choices["no_manifest"]
        trees.encrypt(session, job, file, out, spared, dek_per_file=several, force=force, manifest=listed)
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
@_tree_options
@options.output_options
@options.input_argument
@pass_session
def decrypt(session: Session, file: str | None, out: str | None, force: bool, **choices: Any) -> None:
    """Open an envelope.

    X.kte becomes X unless -o says otherwise; stdin goes to stdout. A file appears only
    when the last byte was verified. Through a pipe verified pieces leave as they come, and
    a failure says at the end that the output is incomplete. A --range goes to stdout
    without -o. --context, if given, must be the envelope's. Of a folder, every file must
    be where encrypt -r put it, and none may be missing or extra.
    """
    if tree := _tree_choices(choices):
        from kmstool.cli import trees

        trees.decrypt(session, file, out, force=force, **choices, **tree)
        return
    target = envelope_files.decrypted_name(file, out) if choices["span"] is None else out
    inputs.spare(target, *choices["private_keys"])
    with envelope_files.opened(session, file, choices["detached"]) as found:
        floe = envelope_files.unlocked(session, found, choices["keys"], choices["context"], choices["private_keys"])
        if choices["verify_first"]:
            _verify(session, found, floe)
            found.rewind()
        if choices["span"] is not None:
            envelope_files.write_range(session, found, floe, choices["span"], target, force=force)
        else:
            envelope_files.decrypt(session, found, floe, target, force=force)


@click.command(cls=options.Command, example="kmstool envelope verify big.tar.kte")
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Ask only for this key; repeatable.")
@click.option("--identity", "private_keys", multiple=True, metavar="FILE", help="RSA private key in PEM; repeatable.")
@options.context_option
@options.shield_option
@options.file_option("--detached", help="Read the header from a file of its own.")
@click.option("-r", "--recursive", is_flag=True, help="FILE is a folder; every envelope in it is checked.")
@_tree_options
@options.input_argument
@pass_session
def verify(session: Session, file: str | None, **choices: Any) -> None:
    """Check that an envelope is whole and unaltered.

    Everything is opened and authenticated, and nothing is written. Of a folder, every file
    must be where encrypt -r put it, and none may be missing or extra.
    """
    if tree := _tree_choices(choices):
        from kmstool.cli import trees

        count = trees.verify(session, file, **choices, **tree)
        outputs.answer(session, {"Valid": True, "Files": count}, lambda: print(f"{count} envelopes valid"))
        return
    with envelope_files.opened(session, file, choices["detached"]) as found:
        floe = envelope_files.unlocked(session, found, choices["keys"], choices["context"], choices["private_keys"])
        _verify(session, found, floe)
    outputs.answer(session, {"Valid": True}, lambda: print("envelope valid"))


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
    outputs.answer(session, facts, lambda: _print_facts(session, facts))
    if facts["LengthConsistent"] is False:
        raise IntegrityError("the file is cut short, or has something behind its payload")


def _verify(session: Session, found: envelope_files.Found, floe: Floe) -> None:
    from kmstool.envelope import sealing

    with progress.bar(session, "verifying", found.envelope.plaintext_bytes) as advance:
        sealing.verify(found.envelope, floe, advance)


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
    outputs.fields(
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
    outputs.table(session, ("KIND", "REGION", "KEY ID", "WRAPPED"), rows)
