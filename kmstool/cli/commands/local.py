"""`kmstool local`: the store of the embedded KMS, its protection, its clock and its copies."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.console import LOCAL_NOTE
from kmstool.cli.io import inputs, outputs, times
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.server.web.listening import Served

MAX_SEED_BYTES = 2**24
PROTECTIONS = ("file", "keyring", "passphrase")


COMMANDS = {
    "backup": ("kmstool.cli.commands.local:backup", "Write a copy of the store, also while it is in use."),
    "clock": ("kmstool.cli.commands.local:clock", "Move the embedded KMS's clock."),
    "credentials": (
        "kmstool.cli.commands.api_keys:credentials",
        "Make, list and delete the API keys of the served KMS.",
    ),
    "env": ("kmstool.cli.commands.serving:env", "Print lines that point tccli and the SDKs at it."),
    "export": ("kmstool.cli.commands.local:export", "Write all keys as a seed file."),
    "faults": ("kmstool.cli.commands.serving:faults", "Make the served KMS fail on purpose, to test its clients."),
    "protect": ("kmstool.cli.commands.local:protect", "Choose where the root key of the store is kept."),
    "reset": ("kmstool.cli.commands.local:reset", "Destroy the store and every key in it."),
    "restore": ("kmstool.cli.commands.local:restore", "Put a copy in place of the store's whole content."),
    "seed": ("kmstool.cli.commands.local:seed", "Add keys with fixed ids and states from a TOML file."),
    "serve": ("kmstool.cli.commands.serving:serve", "Serve the embedded KMS over HTTP on this machine."),
    "status": ("kmstool.cli.commands.local:status", "Show the store, its protection, clock and regions."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def local() -> None:
    """Look after the embedded KMS."""


@click.command(cls=options.Command, example="kmstool local status")
@pass_session
def status(session: Session) -> None:
    """Show the store, its protection, clock and regions."""
    from kmstool.server import admin
    from kmstool.server.protection import MODES
    from kmstool.server.regions import REGIONS
    from kmstool.server.web import listening

    served = listening.served(session.local_folder)
    store = admin.describe(session.local_kms())
    regions = [
        {"Region": item.name, "Profile": item.profile, "Algorithm": item.algorithm, "Keys": store["Keys"].get(name, 0)}
        for name, item in REGIONS.items()
    ]

    def text() -> None:
        outputs.fields(
            {
                "store": store["Folder"],
                "purpose": LOCAL_NOTE,
                "protection": f"{store['Protection']}: {MODES[store['Protection']]}",
                "created": times.shown(store["Created"]),
                "clock": _clock(store["Now"], store["ClockOffset"]),
                "served": _served(served),
            }
        )
        print()
        rows = [(item["Region"], item["Profile"], item["Algorithm"], str(item["Keys"])) for item in regions]
        outputs.table(session, ("REGION", "PROFILE", "ALGORITHM", "KEYS"), rows)

    answer = {**store, "Keys": sum(store["Keys"].values()), "Regions": regions, "Served": None}
    if served:
        answer["Served"] = {
            "Address": served.address,
            "Socket": served.socket,
            "Metadata": bool(served.metadata),
            "WebIdentity": served.web_identity,
        }
    outputs.answer(session, answer, text)


@click.command(cls=options.Command, example="kmstool local clock advance 8d")
@click.argument("what", type=click.Choice(["show", "advance", "set", "reset"]), metavar="show|advance|set|reset")
@click.argument("value", required=False)
@pass_session
def clock(session: Session, what: str, value: str | None) -> None:
    """Move the embedded KMS's clock.

    With "advance 8d" (s, m, h, d, w), "set 2027-01-31T08:00:00Z" or "reset". Deletion
    windows, rotation and expiry go by this clock, and what falls due happens at once:
    keys whose window ends are destroyed. Going back does not undo that.
    """
    from kmstool.errors import UsageError
    from kmstool.server import admin

    if (value is None) != (what in ("show", "reset")):
        raise UsageError(f"clock {what} takes {'one value' if value is None else 'no value'}")
    kms = session.local_kms()
    offset = int(admin.describe(kms)["ClockOffset"])
    if what == "advance":
        offset += times.duration(str(value))
    elif what != "show":
        offset = times.moment(str(value)) - int(time.time()) if what == "set" else 0
    now = int(time.time()) + offset if what == "show" or session.settings.dry_run else admin.move_clock(kms, offset)
    outputs.answer(session, {"Now": now, "ClockOffset": offset}, lambda: print(_clock(now, offset)))


@click.command(cls=options.Command, example="kmstool local protect passphrase --passphrase-file pass.txt")
@click.argument("mode", type=click.Choice(PROTECTIONS), metavar="file|keyring|passphrase")
@click.option("--passphrase-file", metavar="FILE", help="Take the new passphrase from here; a descriptor is /dev/fd/N.")
@passphrases.weak_option
@pass_session
def protect(session: Session, mode: str, passphrase_file: str | None) -> None:
    """Choose where the root key of the store is kept.

    "file": beside the database, which guards copies of the database only. "keyring": in the
    keyring of the operating system. "passphrase": nowhere, it is made from a passphrase,
    which every later command asks for or reads from the file in KMSTOOL_PASSPHRASE_FILE.

    Each time the keys above all others are made anew and all keys put under them, so that an
    old copy of the folder opens nothing that is made later. To renew them alone, choose the
    protection that is in use.
    """
    from kmstool.server import admin
    from kmstool.server.protection import MODES
    from kmstool.server.web import listening

    kms = session.local_kms()
    if mode == "passphrase":
        # Its server could not ask for the new one.
        listening.refuse_served(session.local_folder)
    session.confirm("copies of the store made before open only with the former root key, which goes with the next use")
    admin.protect(kms, mode, lambda: session.new_passphrase(passphrase_file))
    session.note(f"the store is protected by {mode} now: {MODES[mode]}")


@click.command(cls=options.Command, example="kmstool local backup kms.backup")
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@pass_session
def backup(session: Session, file: str, force: bool) -> None:
    """Write a copy of the store, also while it is in use.

    The keys stay wrapped in it: to use it one needs the root key or passphrase as well.
    """
    from kmstool.errors import DryRunDone
    from kmstool.server import admin
    from kmstool.server.protection import ROOT_KEY_FILE

    kms = session.local_kms()
    if session.settings.dry_run:
        raise DryRunDone
    admin.backup(kms, Path(file), replace=force)
    session.note(f"the copy {file} is complete")
    if admin.describe(kms)["Protection"] == "file":
        session.note(f"it opens only with {session.local_folder / ROOT_KEY_FILE}: keep a copy of that, elsewhere")


@click.command(cls=options.Command, example="kmstool local restore kms.backup --yes")
@click.argument("file")
@pass_session
def restore(session: Session, file: str) -> None:
    """Put a copy in place of the store's whole content.

    A root key that the store had and the copy does not need goes with the next use: other
    copies that open with it need a copy of it too.
    """
    from kmstool.server import admin
    from kmstool.server.protection import FORMER_FILE

    kms = session.local_kms()
    session.confirm(f"all keys in {session.local_folder} will be replaced by those of {file}")
    admin.restore(kms, Path(file), session.passphrase)
    session.note(f"the store holds what {file} held")
    former = session.local_folder / FORMER_FILE
    if former.exists():
        session.warn(f"{former} goes with the next use: copies of the store as it was open with that alone")


@click.command(cls=options.Command, example="kmstool local seed seed.toml")
@options.input_argument
@pass_session
def seed(session: Session, file: str | None) -> None:
    """Add keys with fixed ids and states from a TOML file.

    All of them are added, or none. The fields are those that export writes.
    """
    from kmstool.errors import InputError
    from kmstool.server.seed import seeding as seeds

    too_long = "the seed file is {size} bytes; 16 MiB are possible"
    source = inputs.read(file, MAX_SEED_BYTES, too_long, "split it", wait=False)
    try:
        text = source.data.decode()
    except UnicodeDecodeError as error:
        raise InputError("the seed file is not UTF-8") from error
    added = seeds.apply(session.local_kms(), text)
    answer = {"Keys": [{"KeyId": cmk.key_id, "Alias": cmk.alias, "Region": cmk.region} for cmk in added]}
    rows = [(cmk.alias, cmk.state, cmk.region, cmk.key_id) for cmk in added]
    outputs.answer(session, answer, lambda: outputs.table(session, ("ALIAS", "STATE", "REGION", "KEY ID"), rows))


@click.command(cls=options.Command, example="kmstool local export --plaintext -o seed.toml")
@click.option("--plaintext", is_flag=True, help="With the key material, in clear.")
@options.result_options
@pass_session
def export(session: Session, plaintext: bool, out: str | None, force: bool) -> None:
    """Write all keys as a seed file.

    Without --plaintext the material is left out, and seed makes new one.
    """
    from kmstool.server.seed import seeding as seeds

    text = seeds.export(session.local_kms(), plaintext=plaintext)
    outputs.write(session, text.encode(), out, force=force)
    if plaintext:
        session.note("this holds every key in clear: anyone who reads it can decrypt")


@click.command(cls=options.Command, example="kmstool local reset --yes")
@pass_session
def reset(session: Session) -> None:
    """Destroy the store and every key in it."""
    from kmstool.server import admin
    from kmstool.server.web import listening

    folder = session.local_folder
    listening.refuse_served(folder)
    session.confirm(f"every key in {folder} will be destroyed; what they encrypted can never be read again")
    if session.settings.dry_run:
        session.note(f"dry run: the store in {folder} would be destroyed")
        return
    admin.reset(folder)
    session.note(f"the store in {folder} is gone")


def _served(served: Served | None) -> str:
    if served is None:
        return "no"
    more = (
        served.socket,
        "with a metadata service" * bool(served.metadata),
        "with web identities" * served.web_identity,
    )
    return ", ".join((f"http://{served.address}", *filter(None, more)))


def _clock(now: int, offset: int) -> str:
    return f"{times.shown(now)}, {f'moved by {offset:+,} s' if offset else 'the time of this machine'}"
