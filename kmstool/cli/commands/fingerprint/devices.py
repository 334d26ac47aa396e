"""The set of devices of a white-box key, which is shown, asked for and replaced as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kmstool.cli import subjects
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.kms.calls.white_box import DeviceFingerprint
    from kmstool.workflows.devices import DeviceChange

identities_argument = click.argument("identities", metavar="FINGERPRINT...", nargs=-1, required=True)


def make_change(session: Session, change: DeviceChange) -> None:
    """Show what will change in the set of devices, ask, and replace it as a whole, as KMS wants it."""
    key_id = change.key_id
    if not change.lines:
        session.note(f"nothing to do: the white-box key {key_id} is bound to these devices already")
        return
    # Whoever is asked has to see it, whatever the format.
    tell = session.warn if session.interactive else session.note
    for line in change.lines:
        tell(line)
    devices = count(change.after)
    session.confirm(
        f"the white-box key {key_id} will be bound to {devices}, in place of {len(change.before)}",
        subjects.resolved_white_box_key(session, key_id),
    )
    answer = change.make()
    session.note(f"the white-box key {key_id} is bound to {devices}")
    session.note("key files downloaded before stay as they are: download the key anew (kmstool whitebox download-key)")
    outputs.print_answer(session, answer, lambda: None)


def count(devices: Sequence[DeviceFingerprint]) -> str:
    """Return in words on how many devices the key file is to open."""
    if not devices:
        return "no device, so that its key file opens anywhere"
    return "1 device" if len(devices) == 1 else f"{len(devices)} devices"
