"""`kmstool digest`: print the digest of a file or stdin, as KMS signs it."""

from __future__ import annotations

import click

from kmstool.cli import key_files, options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.cli.signed_messages import DIGESTS, choose_algorithm, digest_message, id_option, public_key_option
from kmstool.errors import UsageError


@click.command(cls=options.Command, example="kmstool digest --algorithm sm3 release.tar")
@click.option(
    "--algorithm", type=click.Choice([*DIGESTS, "sm2"]), required=True, help="sm2 is SM3 with key and user id."
)
@public_key_option
@id_option
@click.option("--raw", is_flag=True, help="Write bytes in place of hex.")
@options.result_options
@options.input_argument
@pass_session
def digest(
    session: Session,
    algorithm: str,
    public_key: str | None,
    user_id: str | None,
    raw: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Print the digest of a file or stdin, as KMS signs it.

    For SM2 that is SM3(Z_A ‖ M), which needs the public key.
    """
    from kmstool.crypto import digests

    if (algorithm == "sm2") != (public_key is not None):
        raise UsageError("--public-key goes with --algorithm sm2 and only with it")
    if user_id is not None and public_key is None:
        raise UsageError("--id goes with --algorithm sm2 only")
    with inputs.stream(file) as source:
        if public_key is not None:
            key = key_files.public_key(public_key)
            if key.kind != "SM2":
                raise UsageError(f"the public key is {key.kind}, not SM2")
            found = digest_message(choose_algorithm(None, key), key, b"", source, user_id)
        else:
            found = digests.of_chunks(DIGESTS[algorithm], source.chunks())
    text = found if raw else found.hex().encode() + b"\n"
    outputs.result(session, {"Digest": found.hex()}, text, outputs.Destination(out, force), source=source)
