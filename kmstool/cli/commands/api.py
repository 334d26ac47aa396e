"""`kmstool api`: every action of the API, also those without a command of their own."""

from __future__ import annotations

import json
from typing import Any

import click

from kmstool.cli import options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.messages import print_json
from kmstool.cli.session.session import Session, pass_session

MAX_PARAMS_BYTES = 10 * 2**20


@click.command(cls=options.Command, example="kmstool api GenerateRandom --params '{\"NumberOfBytes\": 16}'")
@click.argument("action")
@click.option("--params", default="{}", metavar="JSON|@FILE|-", help="The request; - reads stdin. Default: empty.")
@pass_session
def api(session: Session, action: str, params: str) -> None:
    """Call any action of the KMS API.

    ACTION and its parameters are spelled as in the API, KeyId takes a key id.
    A plaintext or other secret comes from a file or stdin only. Prints the answer as
    JSON.
    """
    request = _request(params)
    _refuse_unknown(action)
    answer = session.transport().call(action, request)
    outputs.print_answer(session, answer, lambda: print_json(answer))


def _request(params: str) -> dict[str, Any]:
    from kmstool.api import protocol
    from kmstool.errors import InputError, UsageError
    from kmstool.forms import texts

    text = params
    if params == inputs.STDIN or params.startswith("@"):
        name = inputs.STDIN if params == inputs.STDIN else params[1:]
        data = inputs.read(name, MAX_PARAMS_BYTES, "the request is {size} bytes; the API takes 10 MiB", "").data
        text = texts.whole(data, inputs.shown(name))
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"--params is not JSON: {error}", hint="for example --params '{\"Limit\": 5}'") from error
    if not isinstance(request, dict):
        raise InputError("--params is not a JSON object")
    if text is params and (secret := protocol.secrets_of(request)):
        raise UsageError(
            f"{', '.join(secret)} is a secret, and others see what is on a command line",
            hint="put the request into a file, --params @FILE, or into a pipe, --params -",
        )
    return request


def _refuse_unknown(action: str) -> None:
    from kmstool import near
    from kmstool.api import protocol
    from kmstool.errors import UsageError

    if action not in protocol.actions():
        raise UsageError(f"the API has no action {action!r}", hint=near.question(action, protocol.actions()))
