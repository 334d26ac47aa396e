"""`kmstool local credentials`: who may sign requests to the served KMS, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli.io import outputs, times
from kmstool.cli.options import Group, not_empty
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.server.tables.credentials import ServedCredential


@click.group(cls=Group)
def credentials() -> None:
    """Make, list and delete the API keys of the served KMS."""


@credentials.command("list", example="kmstool local credentials list")
@pass_session
def list_credentials(session: Session) -> None:
    """List the API keys and tokens that are good now.

    With what each is, when it ends, and what it comes from: it ends with that.
    """
    from kmstool.server.tables import credentials as served

    with session.local_kms().request("DescribeKey", {}, write=False) as call:
        found = served.all_live(call.db, call.vault())
    answer = {
        "Credentials": [
            {"SecretId": item.secret_id, "Kind": item.kind, "Expires": item.expires_unix, "Parent": item.parent}
            for item in found
        ]
    }
    rows = [(item.secret_id, item.kind, times.shown(item.expires_unix), item.parent or "-") for item in found]
    outputs.answer(
        session, answer, lambda: outputs.table(session, ("SECRET ID", "KIND", "EXPIRES", "PARENT'S SECRET ID"), rows)
    )


@credentials.command(example="kmstool local credentials create --lifetime 1h")
@click.option(
    "--lifetime",
    metavar="DURATION",
    callback=not_empty,
    help="Make a temporary one with a token: 90s, 30m, 12h, 1d.",
)
@pass_session
def create(session: Session, lifetime: str | None) -> None:
    """Make an API key and print it.

    A temporary one comes from the oldest lasting one, and ends with it.
    """
    from kmstool.server.tables import credentials as served

    if lifetime is None:
        with session.local_kms().request("DescribeKey", {}, write=True) as call:
            made = served.create(call.db, call.vault())
    else:
        made = _derived(session, served.TEMPORARY, lifetime)
    answer = {"SecretId": made.secret_id, "SecretKey": made.secret_key}
    if made.token:
        answer |= {"Token": made.token, "Expires": times.shown(made.expires_unix)}
    outputs.answer(session, answer, lambda: outputs.fields(answer))


@credentials.command(example="kmstool local credentials token --lifetime 12h > token")
@click.option(
    "--lifetime", metavar="DURATION", default="1h", show_default=True, callback=not_empty, help="How long it is good."
)
@pass_session
def token(session: Session, lifetime: str) -> None:
    """Print a web identity token.

    What Kubernetes gives to a pod: AssumeRoleWithWebIdentity makes API keys of it, which
    end with it. Only local serve --web-identity takes it.
    """
    from kmstool.server.tables import credentials as served

    made = _derived(session, served.TOKEN, lifetime)
    answer = {"SecretId": made.secret_id, "Token": made.bearer, "Expires": times.shown(made.expires_unix)}
    outputs.answer(session, answer, lambda: print(made.bearer))


@credentials.command(example="kmstool local credentials delete AKIDexample --yes")
@click.argument("secret_id")
@pass_session
def delete(session: Session, secret_id: str) -> None:
    """Delete an API key or token with all that comes from it."""
    from kmstool.errors import NotFoundError
    from kmstool.server.tables import credentials as served

    session.confirm(f"programs that use {secret_id} will be refused, or temporary keys that come from it")
    with session.local_kms().request("DescribeKey", {}, write=True) as call:
        count = served.remove(call.db, secret_id)
        if not count:
            raise NotFoundError(f"there is no API key {secret_id!r}", hint="kmstool local credentials list")
    session.note(f"the API key {secret_id} is gone" + (f", with {count - 1} that came from it" if count > 1 else ""))


def _derived(session: Session, kind: str, lifetime: str) -> ServedCredential:
    from kmstool.server import admin
    from kmstool.server.tables import credentials as served

    seconds = times.duration(lifetime)
    if not seconds:
        raise UsageError(f"--lifetime {lifetime} is no time at all", hint="for example 90s, 30m, 12h, 1d")
    kms = session.local_kms()
    parent = admin.lasting_credential(kms)
    with kms.request("DescribeKey", {}, write=True) as call:
        served.remove_expired(call.db)
        return served.derive(call.db, call.vault(), kind, parent.secret_id, seconds)
