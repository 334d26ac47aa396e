"""`kmstool encrypt`, `decrypt`, `reencrypt` and `random`: small data, inside KMS."""

from __future__ import annotations

import base64
from collections.abc import Callable

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

MAX_PLAINTEXT_BYTES = 4096

_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda data: data.hex().encode() + b"\n",
    "base64": lambda data: base64.b64encode(data) + b"\n",
    "raw": bytes,
}


@click.command(cls=options.Command, example="kmstool encrypt --key demo secret.txt > secret.blob")
@options.key_option
@options.context_option
@click.option("--trim-newline", is_flag=True, help="Drop exactly one newline at the end.")
@options.result_options
@options.input_argument
@pass_session
def encrypt(
    session: Session,
    key: str | None,
    context: tuple[str, ...],
    trim_newline: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Encrypt up to 4,096 bytes under a key.

    Reads FILE or stdin and prints the ciphertext blob, a line of text. A newline at
    the end of the input is data and is kept unless --trim-newline is given.
    """
    from kmstool.api.context import from_options

    encryption_context = from_options(context)
    source = inputs.read(
        file,
        MAX_PLAINTEXT_BYTES,
        "the plaintext is {size} bytes; KMS encrypts at most 4,096",
        "encrypt larger data with kmstool envelope encrypt",
    )
    plaintext = without_newline(session, source, trim_newline)
    client, key_id = session.key(key)
    encrypted = client.encrypt(key_id, plaintext, encryption_context)
    blob = encrypted.ciphertext_blob.encode() + b"\n"
    outputs.result(session, encrypted.answer, blob, out, force=force, source=source)


@click.command(cls=options.Command, example="kmstool decrypt secret.blob")
@options.context_option
@options.shield_option
@options.result_options
@options.input_argument
@pass_session
def decrypt(session: Session, context: tuple[str, ...], out: str | None, force: bool, file: str | None) -> None:
    """Decrypt a ciphertext blob.

    Reads the blob from FILE or stdin and writes the plaintext and nothing else. The
    key is named in the blob; the context must be the one of the encryption.
    """
    from kmstool.api.context import from_options

    encryption_context = from_options(context)
    source, blob = blobs.read(file)
    decrypted = session.client().decrypt(blob, encryption_context)
    outputs.result(session, decrypted.answer, decrypted.plaintext, out, force=force, source=source)


@click.command(cls=options.Command, example="kmstool reencrypt --to demo secret.blob -o secret.new")
@click.option(
    "--to", metavar="KEY", callback=options.not_empty, help="Key to move to; else the newest version of the blob's own."
)
@options.context_option
@click.option("--to-context", metavar="K=V", multiple=True, help="New context; else it stays the same. Repeatable.")
@options.result_options
@options.input_argument
@pass_session
def reencrypt(
    session: Session,
    to: str | None,
    context: tuple[str, ...],
    to_context: tuple[str, ...],
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Move a blob to a newer or other key.

    The plaintext does not leave KMS. If the blob is on the newest version of its key
    already, the same blob is printed and a note says so.
    """
    from kmstool.api.context import from_options

    before = from_options(context)
    after = from_options(to_context) if to_context else before
    source, blob = blobs.read(file)
    client, to_key_id = session.key(to) if to is not None else (session.client(), None)
    moved = client.re_encrypt(blob, to_key_id=to_key_id, source_context=before, destination_context=after)
    if not moved.changed:
        session.note(f"nothing to do: the blob is on the newest version of {moved.key_id}")
    outputs.result(session, moved.answer, moved.ciphertext_blob.encode() + b"\n", out, force=force, source=source)


@click.command(cls=options.Command, example="kmstool random 32")
@click.argument("count", metavar="BYTES", type=click.IntRange(1, 1024))
@click.option("--encoding", type=click.Choice(list(_ENCODINGS)), help="Output form; else hex.")
@options.result_options
@pass_session
def random(session: Session, count: int, encoding: str | None, out: str | None, force: bool) -> None:
    """Print random bytes made by KMS.

    BYTES is 1 to 1,024.
    """
    if encoding is not None and out is None and (session.settings.query or session.settings.format == "json"):
        raise UsageError("--encoding goes with text output or -o", hint="in the API's answer the bytes are in base64")
    made = session.client().random(count)
    outputs.result(session, made.answer, _ENCODINGS[encoding or "hex"](made.plaintext), out, force=force)


def without_newline(session: Session, source: inputs.Input, trim: bool) -> bytes:
    """Return what was read, with `trim` without one newline; tell who piped a line that its newline is data."""
    data = source.data
    if trim:
        return data.removesuffix(b"\n")
    if source.piped and data.endswith(b"\n") and data.count(b"\n") == 1 and len(data) > 1:
        session.note("the input ends in a newline, which was kept; --trim-newline drops it")
    return data
