"""`kmstool local assume`: choose what the local KMS does where the cloud does not tell what it does."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

_COLUMNS = (Column("UNKNOWN"), Column("ANSWER"), Column("ASSUMED"), tables.prose("MEANING"))


@click.command(cls=options.Command, example="kmstool local assume U11=b,U5=b")
@click.argument("answers", required=False, metavar="[U1=b,...]")
@pass_session
def assume(session: Session, answers: str | None) -> None:
    """Choose what to assume where the cloud does not tell.

    To each such question the local KMS has the answer "a", the safest one, and the other one,
    "b", so that a program can be tried against both: with "U11=b", or "all=b" for all of
    them. The store remembers them; local serve --assume takes others while it runs. Without
    words all answers are shown.
    """
    from kmstool.server import admin
    from kmstool.server.assumptions import UNKNOWNS, parse

    kms = session.local_kms()
    assumed = admin.assumed(kms)
    if answers is not None:
        assumed = parse(answers, assumed)
        params = {"Assumptions": [f"{name}=b" for name in UNKNOWNS if name in assumed]}
        session.changes.make(
            lambda: admin.assume(kms, answers), "change what the local KMS assumes of the cloud", params
        )
    questions = [(name, "b" if name in assumed else "a", *texts) for name, texts in UNKNOWNS.items()]

    def text() -> None:
        rows = [
            (name if answer == "a" else "", answer, "yes" if answer == chosen else "", meaning)
            for name, chosen, *texts in questions
            for answer, meaning in zip("ab", texts, strict=True)
        ]
        tables.show(session, _COLUMNS, rows)

    listed = [{"Unknown": name, "Assumed": chosen, "A": a, "B": b} for name, chosen, a, b in questions]
    outputs.print_answer(session, {"Assumptions": listed}, text)
