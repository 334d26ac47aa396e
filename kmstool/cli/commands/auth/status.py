"""`kmstool auth status`: show who you are to KMS, by which credential, and whether KMS takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile
    from kmstool.kms.provider import Credential

Answer = dict[str, object]


@click.command(cls=options.Command, example="kmstool auth status --profile local")
@click.option("--offline", is_flag=True, help="Do not call KMS: show what is configured.")
@pass_session
def status(session: Session, *, offline: bool) -> None:
    """Show who you are to KMS, and try the credential.

    The account, the kind of the credential, where it comes from, when it expires, and what
    it may do: found out with calls that change nothing. Exits with 4 if KMS does not
    accept it.
    """
    profile = session.profile()
    region, endpoint = session.region(profile), session.endpoint(profile)
    answer: Answer = {"Profile": profile.name, "Region": region, "Endpoint": endpoint or ""}
    if profile.is_local and not endpoint:
        session.served_local = True
        answer |= {"Kind": "none", "Source": "none needed: the local KMS, in process"}
    else:
        answer |= _credential(session, profile)
        answer |= {"Tried": False} if offline else _tried(session, profile)
    outputs.print_answer(session, answer, lambda: outputs.print_fields(_fields(answer)))


def _credential(session: Session, profile: Profile) -> Answer:
    provider = session.connections.provider(profile)
    credential = provider.get()
    return {
        "SecretId": credential.masked_id,
        "Kind": provider.kind,
        "Source": provider.source,
        "Expires": _expiry(credential),
    }


def _expiry(credential: Credential) -> str:
    if credential.expires_unix:
        return times.format_time(credential.expires_unix)
    # A token from outside comes without its end.
    return "not known" if credential.token else "never"


def _tried(session: Session, profile: Profile) -> Answer:
    from kmstool.workflows import identity

    results = list(identity.abilities(session.connections, profile))
    tried = [ability for ability, _ in results]
    caller = identity.caller(session.connections, profile, session.connections.provider(profile), results[0][1])
    return {
        "Tried": True,
        "Account": caller.account,
        "User": caller.user,
        "UserType": caller.kind,
        "Arn": caller.arn,
        "Allowed": [{"Action": item.action, "Text": item.text} for item in tried if not item.refusal],
        "Refused": [{"Action": item.action, "Text": item.text, "Code": item.refusal} for item in tried if item.refusal],
    }


def _fields(answer: Answer) -> dict[str, str]:
    names = {"Profile", "Region", "Endpoint", "SecretId", "Kind", "Source", "Expires"}
    fields = {name.lower(): str(value) for name, value in answer.items() if name in names}
    if answer.get("Tried") is False:
        fields["tried"] = "no, because of --offline"
    if answer.get("Tried"):
        user = f" (user {answer['User']})" if answer["User"] not in ("", answer["Account"]) else ""
        fields["account"] = f"{answer['Account']}{user}" if answer["Account"] else "STS does not tell"
        fields["may"] = _texts(answer["Allowed"], "{Text}") or "nothing that was tried"
        fields["may not"] = _texts(answer["Refused"], "{Text} ({Code})") or "-"
    return fields


def _texts(items: object, form: str) -> str:
    return ", ".join(form.format(**item) for item in items) if isinstance(items, list) else ""
