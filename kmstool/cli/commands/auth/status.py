"""`kmstool auth status`: show who you are to KMS, by which credential."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool auth status --profile local")
@pass_session
def status(session: Session) -> None:
    """Show who you are to KMS, by which credential."""
    profile = session.profile()
    region, endpoint = session.region(profile), session.endpoint(profile)
    answer: dict[str, object] = {"Profile": profile.name, "Region": region, "Endpoint": endpoint or ""}
    if profile.is_local and not endpoint:
        session.served_local = True
        answer |= {"Source": "none needed: the embedded KMS, in process"}
    else:
        provider = session.connections.provider(profile)
        credential = provider.get()
        answer |= {
            "SecretId": credential.masked_id,
            "Source": provider.source,
            "Expires": times.format_time(credential.expires_unix) if credential.expires_unix else "never",
        }
    outputs.print_answer(
        session, answer, lambda: outputs.print_fields({name.lower(): str(value) for name, value in answer.items()})
    )
