"""`kmstool whitebox renew`: move a bundle to another white-box key, in its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options, subjects
from kmstool.cli.commands.whitebox.bundles import read_bundle, require_mac_option, sdk_lib_option
from kmstool.cli.commands.whitebox.decrypt_keys import tell_devices
from kmstool.cli.io import outputs
from kmstool.cli.params import KEY
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.devices import DeviceChange


@dataclass(frozen=True)
class RenewWords:
    """The options of `kmstool whitebox renew`."""

    folder: str
    key: KeyAddress
    no_bind: bool
    require_mac: bool
    sdk_lib: str | None


@click.command(cls=options.Command, example="kmstool whitebox renew app-secret --to app-2 --yes")
@click.argument("folder", metavar="DIR")
@click.option("--to", "--key", "key", type=KEY, required=True, metavar="KEY", help="White-box key to move it to.")
@click.option("--no-bind", is_flag=True, help="Leave the devices of the new key as they are.")
@require_mac_option
@sdk_lib_option
@takes(RenewWords)
def renew(session: Session, wanted: RenewWords) -> None:
    """Move a bundle to another white-box key, in its place.

    Decrypts on this device, in memory, and encrypts in KMS under KEY. First KEY is bound
    to the devices of the former key too, which is shown and asked for; then the files
    change as one. The former key and copies of the folder stay as they are.
    """
    from kmstool.workflows import bundle_renewal

    former = read_bundle(session, wanted.folder, require_mac=wanted.require_mac)
    renewal = bundle_renewal.plan_renewal(
        former,
        session.connections.white_box_key(wanted.key),
        session.environ,
        library=Path(wanted.sdk_lib) if wanted.sdk_lib else None,
        bind=not wanted.no_bind,
    )
    answer = {"KeyId": renewal.key_id, "FormerKeyId": former.key_id, "Renewed": not renewal.is_done}
    if renewal.is_done:
        session.note(f"nothing to do: {wanted.folder} is under the white-box key {renewal.key_id} already")
    else:
        _confirm(session, renewal.devices)
        key = bundle_renewal.renew(renewal, session.environ, session.changes)
        session.note(f"{wanted.folder} is under the white-box key {renewal.key_id} now")
        tell_devices(session, key)
    outputs.print_answer(session, answer, lambda: None)


def _confirm(session: Session, change: DeviceChange) -> None:
    if not change.lines:
        return
    # Whoever is asked has to see it, whatever the format.
    tell = session.warn if session.interactive else session.note
    for line in change.lines:
        tell(line)
    session.confirm(
        f"the white-box key {change.key_id} will be bound to the former key's devices too, "
        f"{len(change.after)} in place of {len(change.before)}",
        subjects.resolved_white_box_key(session, change.key_id),
    )
