"""`kmstool profile`: which KMS, region and key is used when nothing else is said."""

from __future__ import annotations

import click

from kmstool.cli import options, output
from kmstool.cli.session import Session, pass_session


@click.group(cls=options.Group)
def profile() -> None:
    """Choose which KMS, region and key to use."""


@profile.command("list", example="kmstool profile list")
@pass_session
def list_profiles(session: Session) -> None:
    """List the profiles."""
    profiles = session.profiles
    found = [profiles.get(name) for name in profiles.names()]
    current = profiles.current
    answer = {
        "Profiles": [
            {"Name": item.name, "Region": item.region, "Key": item.key, "InUse": item.name == current} for item in found
        ]
    }
    rows = [(item.name, "in use" if item.name == current else "", item.region, item.key) for item in found]
    output.answer(session, answer, lambda: output.table(session, ("NAME", "", "REGION", "KEY"), rows))


@profile.command(example="kmstool profile show local")
@click.argument("name", required=False)
@pass_session
def show(session: Session, name: str | None) -> None:
    """Show a profile, else the one in use."""
    chosen = session.profile(name)
    region = session.region(chosen)
    answer = {
        "Name": chosen.name,
        "Region": region,
        "Key": chosen.key,
        "InUse": chosen.name == session.profiles.current,
    }
    rows = {"name": chosen.name, "region": region, "key": chosen.key or "-", "file": str(session.profiles.path)}
    output.answer(session, answer, lambda: output.fields(rows))


@profile.command(example="kmstool profile use local")
@click.argument("name")
@pass_session
def use(session: Session, name: str) -> None:
    """Use this profile from now on."""
    if session.settings.dry_run:
        session.profiles.get(name)
        session.note(f"dry run: the profile {name} would be in use")
        return
    session.profiles.use(name)
    session.note(f"the profile {name} is in use")
