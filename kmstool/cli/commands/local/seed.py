"""`kmstool local seed`: add keys with fixed ids and states from a TOML file."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import inputs, outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

MAX_SEED_BYTES = 2**24


_COLUMNS = (tables.name("ALIAS"), tables.STATE, Column("REGION", 1), Column("KEY ID"))


@click.command(cls=options.Command, example="kmstool local seed seed.toml")
@options.input_argument
@pass_session
def seed(session: Session, file: str | None) -> None:
    """Add keys with fixed ids and states from a TOML file.

    All of them are added, or none. The fields are those that export writes.
    """
    from kmstool.forms import texts
    from kmstool.server.seed import seeding as seeds

    too_long = "the seed file is {size} bytes; 16 MiB are possible"
    source = inputs.read(file, MAX_SEED_BYTES, too_long, "split it", wait=False)
    added = seeds.apply(session.local_kms(), texts.whole(source.data, "the seed file"))
    answer = {"Keys": [{"KeyId": cmk.key_id, "Alias": cmk.alias, "Region": cmk.region} for cmk in added]}
    rows = [(cmk.alias, cmk.state, cmk.region, cmk.key_id) for cmk in added]
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, tables.Counted("key")))
