"""`kmstool local`: the store of the embedded KMS."""

from __future__ import annotations

import click

from kmstool.cli import options, output
from kmstool.cli.session import LOCAL_NOTE, Session, pass_session

_PROTECTION = {"file": "a root key in a file beside it: guards copies of the database, not this folder"}


@click.group(cls=options.Group)
def local() -> None:
    """Look after the embedded KMS."""


@local.command(example="kmstool local status")
@pass_session
def status(session: Session) -> None:
    """Show the store, its protection and its regions."""
    from kmstool.server.app import EmbeddedKms
    from kmstool.server.regions import REGIONS

    store = EmbeddedKms(session.local_folder).describe()
    regions = [
        {"Region": item.name, "Profile": item.profile, "Algorithm": item.algorithm, "Keys": store["Keys"].get(name, 0)}
        for name, item in REGIONS.items()
    ]

    def text() -> None:
        output.fields(
            {
                "store": store["Folder"],
                "purpose": LOCAL_NOTE,
                "protection": f"{store['Protection']}: {_PROTECTION[store['Protection']]}",
                "created": output.time(store["Created"]),
            }
        )
        print()
        rows = [(item["Region"], item["Profile"], item["Algorithm"], str(item["Keys"])) for item in regions]
        output.table(session, ("REGION", "PROFILE", "ALGORITHM", "KEYS"), rows)

    output.answer(session, {**store, "Keys": sum(store["Keys"].values()), "Regions": regions}, text)


@local.command(example="kmstool local reset --yes")
@pass_session
def reset(session: Session) -> None:
    """Destroy the store and every key in it."""
    from kmstool.server import app

    folder = session.local_folder
    session.confirm(f"every key in {folder} will be destroyed; what they encrypted can never be read again")
    if session.settings.dry_run:
        session.note(f"dry run: the store in {folder} would be destroyed")
        return
    app.reset(folder)
    session.note(f"the store in {folder} is gone")
