"""What importing in one step and step by step have in common: asking for parameters, and what follows an import."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import blobs
from kmstool.cli.io import times
from kmstool.cli.params import END
from kmstool.cli.session.session import Session
from kmstool.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.api.context import Context
    from kmstool.byok import Parameters
    from kmstool.kms.answers import Key
    from kmstool.kms.client import KmsClient

algorithm_option = click.option(
    "--algorithm",
    type=click.Choice(words.RSA_ALGORITHMS),
    default=words.RSA_ALGORITHMS[0],
    show_default=True,
    help="How the material is wrapped.",
)


valid_to_option = click.option(
    "--valid-to",
    type=END,
    metavar="TIME",
    help="Let KMS destroy the material then: 365d, 2027-01-31, Unix seconds; else it is valid for ever.",
)
check_option = click.option(
    "--check", "blob", metavar="FILE", help="A ciphertext blob of before that must open afterwards."
)


def ask(
    session: Session, client: KmsClient, found: Key, address: KeyAddress | None, algorithm: str
) -> tuple[Parameters, dict[str, Any]]:
    """Let KMS give out import parameters for a key; return them and the API's answer."""
    from kmstool import byok as domain

    address = address or session.default_key()
    issued = client.import_parameters(found.key_id, algorithm)
    parameters = domain.Parameters(
        key_id=found.key_id,
        region=address.region or session.region(session.profile(address.profile)),
        algorithm=domain.algorithm(algorithm),
        material_bytes=domain.SIZES.get(found.type, 0),
        wrapping_key=issued.wrapping_key,
        token=issued.token,
        valid_to_unix=issued.valid_to_unix,
        received_unix=int(time.time()),
    )
    return parameters, dict(issued.answer)


def until(valid_to: times.End | None, parameters: Parameters) -> int:
    """Return Unix seconds, by the clock of KMS, of the end of the material's validity; 0 = for ever."""
    from kmstool.byok import check_valid_to

    now = parameters.kms_time(int(time.time()))
    if valid_to is None:
        return 0
    valid_to_unix = valid_to.unix(now)
    check_valid_to(valid_to_unix, now)
    return valid_to_unix


def check(blob: str | None, context: Context) -> Callable[[KmsClient], str]:
    """Return a function that decrypts an older blob, if one is named, and returns the id of its key."""
    if blob is None:
        if context:
            raise UsageError("--context goes with --check")
        return lambda _: ""
    _, text = blobs.read(blob)
    return lambda client: client.decrypt(text, context).key_id


def finish(
    session: Session, client: KmsClient, parameters: Parameters, valid_to_unix: int, old: Callable[[KmsClient], str]
) -> None:
    """Say what the key is now, and prove it: encrypt and decrypt a random value, and the older blob."""
    import secrets

    key_id, valid = parameters.key_id, f"until {times.shown(valid_to_unix)}" if valid_to_unix else "for ever"
    session.note(f"the key {key_id} is enabled; its material is valid {valid}")
    value = secrets.token_bytes(32)
    if client.decrypt(client.encrypt(key_id, value, {}).ciphertext_blob, {}).plaintext != value:
        raise IntegrityError(f"the key {key_id} does not decrypt what it encrypted", hint="import the material again")
    if old(client) not in ("", key_id):
        raise IntegrityError(f"the blob to check is not one of the key {key_id}")
