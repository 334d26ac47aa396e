"""`kmstool local status`: show the store, its protection, clock and regions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.local.offsets import clock_text
from kmstool.cli.console import LOCAL_NOTE
from kmstool.cli.io import outputs, tables, times
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.server.web.listening import Served


_COLUMNS = (Column("REGION"), Column("PROFILE", 2), Column("ALGORITHM", 1), Column("KEYS"))


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
        outputs.print_fields(
            {
                "store": store["Folder"],
                "purpose": LOCAL_NOTE,
                "protection": f"{store['Protection']}: {MODES[store['Protection']]}",
                "created": times.format_time(store["Created"]),
                "clock": clock_text(store["Now"], store["ClockOffset"]),
                "assumes": ", ".join(store["Assumptions"]) or "the safest answers only",
                "served": _served(served),
            }
        )
        print()
        rows = [(item["Region"], item["Profile"], item["Algorithm"], str(item["Keys"])) for item in regions]
        tables.show(session, _COLUMNS, rows)

    answer = {**store, "Keys": sum(store["Keys"].values()), "Regions": regions, "Served": None}
    if served:
        answer["Served"] = {
            "Address": served.address,
            "Socket": served.socket,
            "Tls": served.tls,
            "Metadata": bool(served.metadata),
            "WebIdentity": served.web_identity,
        }
    outputs.print_answer(session, answer, text)


def _served(served: Served | None) -> str:
    if served is None:
        return "no"
    more = (
        served.socket,
        "with a metadata service" * bool(served.metadata),
        "with web identities" * served.web_identity,
    )
    return ", ".join((served.url, *filter(None, more)))
