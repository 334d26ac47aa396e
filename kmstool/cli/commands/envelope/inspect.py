"""`kmstool envelope inspect`: show what an envelope says without opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import envelope_files, options
from kmstool.cli.io import outputs, tables, times
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import IntegrityError

if TYPE_CHECKING:
    from kmstool.envelope.sealing import OpenedEnvelope


@click.command(cls=options.Command, example="kmstool envelope inspect big.tar.kte")
@options.file_option("--detached", help="Read the header from a file of its own.")
@options.input_argument
@pass_session
def inspect(session: Session, file: str | None, detached: str | None) -> None:
    """Show what an envelope says without opening it.

    No KMS is asked and nothing is authenticated: recipients are hints, and anyone who can
    write the file can change them.
    """
    from kmstool.workflows.sources import opened_envelope

    with envelope_files.sources_of(file, detached) as sources, opened_envelope(*sources) as opened:
        facts = _facts(opened.envelope)
    outputs.print_answer(session, facts, lambda: _print_facts(session, facts))
    if facts["LengthConsistent"] is False:
        raise IntegrityError("the file is truncated, or has trailing data after its payload")


def _facts(opened: OpenedEnvelope) -> dict[str, Any]:
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


_COLUMNS = (Column("KIND"), Column("REGION", 1), Column("KEY ID"), Column("WRAPPED", 2))


def _print_facts(session: Session, facts: dict[str, Any]) -> None:
    import json

    consistent = {True: "consistent", False: "NOT CONSISTENT with the file's", None: "not checked"}
    size = "not stated" if facts["PlaintextBytes"] is None else f"{facts['PlaintextBytes']:,} bytes"
    segments = f"segments of {facts['SegmentBytes']:,} bytes" if facts["SegmentBytes"] else "payload elsewhere"
    room = "a rewrap in place is possible" if facts["Slots"] > 1 else "a rewrap makes a copy"
    outputs.print_fields(
        {
            "format": f"{facts['Format']}, {facts['Suite']}, {segments}",
            "file id": facts["FileId"],
            "created": f"{times.format_time(facts['Created'] or 0)} by {facts['Writer'] or '-'}",
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
            item.get("KeyId") or item.get("KeyDigest", "-"),
            times.format_time(item.get("WrappedAt", 0)),
        )
        for item in facts["Recipients"]
    ]
    tables.show(session, _COLUMNS, rows)
