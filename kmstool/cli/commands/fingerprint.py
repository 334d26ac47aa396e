"""`kmstool fingerprint`: this device, and the devices that white-box keys are bound to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox import key_option
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.kms.calls.white_box import DeviceFingerprint

MAX_LIST_BYTES = 2**20

_FINGERPRINTS = click.argument("identities", metavar="FINGERPRINT...", nargs=-1, required=True)


@click.group(cls=options.Group, invoke_without_command=True)
@click.pass_context
def fingerprint(ctx: click.Context) -> None:
    """Show this device's fingerprint, and bind keys to devices.

    Without a command it prints the fingerprint of this device. KMS seals the key file
    of a white-box key for the devices that are bound when it is downloaded.
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@fingerprint.command(example="kmstool fingerprint show")
@pass_session
def show(session: Session) -> None:
    """Print the fingerprint of this device.

    It comes from the machine's id or, where KMSTOOL_DEVICE_SECRET is set, from that
    secret, which containers need. It may be sent and published: it opens nothing.
    """
    from kmstool.system import device
    from kmstool.whitebox import binding

    identity = binding.fingerprint(device.origin(session.environ))
    outputs.answer(session, {"Identity": identity}, lambda: print(identity))


@fingerprint.command(example='kmstool fingerprint bind --key app "$(kmstool fingerprint)" --description web-1 --yes')
@key_option
@click.option("--description", default="", metavar="TEXT", help="What these devices are, at most 1,024 bytes.")
@_FINGERPRINTS
@pass_session
def bind(session: Session, key_name: str, description: str, identities: tuple[str, ...]) -> None:
    """Bind a white-box key to more devices.

    Those that are bound stay bound. At most 200 devices; the change is shown first.
    """
    from kmstool.kms import fingerprints
    from kmstool.kms.calls.white_box import DeviceFingerprint

    new = [DeviceFingerprint(identity, description) for identity in identities]
    _change(session, key_name, lambda before: fingerprints.added(before, new))


@fingerprint.command(example='kmstool fingerprint unbind --key app "$(kmstool fingerprint)" --yes')
@key_option
@_FINGERPRINTS
@pass_session
def unbind(session: Session, key_name: str, identities: tuple[str, ...]) -> None:
    """Bind a white-box key to some devices no longer.

    The others stay bound. What was downloaded for a device goes on opening there.
    """
    from kmstool.kms import fingerprints

    _change(session, key_name, lambda before: fingerprints.removed(before, identities))


@fingerprint.command("list", example="kmstool fingerprint list --key app")
@key_option
@pass_session
def list_fingerprints(session: Session, key_name: str) -> None:
    """List the devices that a white-box key is bound to."""
    client, key_id = session.white_box_key(key_name)
    found = client.fingerprints(key_id)
    answer = {"DeviceFingerprints": [{"Identity": item.identity, "Description": item.description} for item in found]}
    rows = [(item.identity, item.description) for item in found]
    outputs.answer(session, answer, lambda: outputs.table(session, ("FINGERPRINT", "DESCRIPTION"), rows))


@fingerprint.command("import", example="kmstool fingerprint import --key app devices.csv --yes")
@key_option
@click.option("--replace", is_flag=True, help="Unbind the devices that are not in the list.")
@click.argument("file", metavar="FILE")
@pass_session
def import_list(session: Session, key_name: str, replace: bool, file: str) -> None:
    """Bind a white-box key to the devices of a CSV list.

    FILE has the form of Tencent's console; kmstool fingerprint template prints one.
    """
    from kmstool.kms import fingerprints

    source = inputs.read(file, MAX_LIST_BYTES, "a list of {size} bytes has more than 200 devices", "")
    new = fingerprints.read_csv(source.data)
    _change(session, key_name, lambda before: fingerprints.added([] if replace else before, new))


@fingerprint.command(example="kmstool fingerprint template > devices.csv")
@click.option("--key", "key_name", metavar="KEY", help="White-box key whose devices are to be in the list.")
@pass_session
def template(session: Session, key_name: str | None) -> None:
    """Print a CSV list of devices, empty or of a white-box key.

    Tencent's console and kmstool fingerprint import read it.
    """
    from kmstool.kms import fingerprints

    found: Sequence[DeviceFingerprint] = ()
    if key_name is not None:
        client, key_id = session.white_box_key(key_name)
        found = client.fingerprints(key_id)
    outputs.write(session, fingerprints.write_csv(found).encode("utf-8", "backslashreplace"), None)


def _change(
    session: Session, key_name: str, wanted: Callable[[Sequence[DeviceFingerprint]], list[DeviceFingerprint]]
) -> None:
    """Show what will change in the set of devices, ask, and replace it as a whole, as KMS wants it."""
    from kmstool.kms import fingerprints

    client, key_id = session.white_box_key(key_name)
    before = client.fingerprints(key_id)
    after = wanted(before)
    lines = fingerprints.differences(before, after)
    if not lines:
        session.note(f"nothing to do: the white-box key {key_id} is bound to these devices already")
        return
    # Whoever is asked has to see it, whatever the format.
    tell = session.warn if session.interactive else session.note
    for line in lines:
        tell(line)
    session.confirm(f"the white-box key {key_id} will be bound to {_count(after)}, in place of {len(before)}")
    answer = fingerprints.overwrite(client, key_id, before, after)
    session.note(f"the white-box key {key_id} is bound to {_count(after)}")
    session.note("key files downloaded before stay as they are: download the key anew (kmstool whitebox download-key)")
    outputs.answer(session, answer, lambda: None)


def _count(devices: Sequence[DeviceFingerprint]) -> str:
    if not devices:
        return "no device, so that its key file opens anywhere"
    return "1 device" if len(devices) == 1 else f"{len(devices)} devices"
