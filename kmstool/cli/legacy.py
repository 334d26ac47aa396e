"""`kmstool envelope import-legacy`: data of Tencent's published sample, into an envelope."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import click

from kmstool.cli import blobs, files, options, output
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.session import Session, pass_session
from kmstool.errors import UsageError

SCHEMES = ("tencent-sample-ecb",)
MAX_BYTES = 2**30


@click.command(
    "import-legacy",
    cls=options.Command,
    example="kmstool envelope import-legacy --blob dek.blob --trailing-zeros strip-block old.txt -o new.kte",
)
@click.option("--scheme", type=click.Choice(SCHEMES), default=SCHEMES[0], show_default=True, help="How it was made.")
@click.option("--blob", required=True, metavar="FILE", help="The ciphertext blob of the data key.")
@click.option(
    "--cipher", type=click.Choice(["aes", "sm4"]), default="aes", show_default=True, help="Cipher of the data."
)
@click.option("--raw", is_flag=True, help="The data is bytes, not base64.")
@click.option("--trailing-zeros", type=click.Choice(["keep", "strip-block", "refuse"]), default="refuse", show_default=True,
              help="What zeros at the end are.")  # fmt: skip
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Recipient of the new envelope; repeatable.")
@click.option("--to-plaintext", is_flag=True, help="Write the plaintext itself.")
@click.option("--check", is_flag=True, help="Only count blocks that occur twice.")
@options.output_options
@options.input_argument
@pass_session
def import_legacy(session: Session, file: str | None, out: str | None, force: bool, **choices: Any) -> None:
    """Bring data of Tencent's old sample into an envelope.

    The sample used ECB without authentication: whether the data was altered since
    cannot be told. It is never recognised by itself, and nothing is written in that form.
    """
    from kmstool.envelope import legacy

    source = files.read(file, 2 * MAX_BYTES, "the data is {size} bytes; 1 GiB is possible", "split it")
    data = source.data if choices["raw"] else legacy.decode(source.data)
    facts = {"Authenticated": False, "RepeatedBlocks": legacy.repeated_blocks(data), "Bytes": len(data)}
    if choices["check"]:
        output.answer(session, facts, lambda: print(f"{facts['RepeatedBlocks']:,} blocks are equal to earlier ones"))
        return
    if out is None and not choices["to_plaintext"]:
        raise UsageError("the new envelope needs a name", hint="add -o FILE")
    _, blob = blobs.read(choices["blob"])
    dek = session.client().decrypt(blob, {}).plaintext
    plaintext = legacy.decrypt(choices["cipher"], dek, data, choices["trailing_zeros"])
    session.warn("the source was not authenticated: kmstool cannot tell whether it was modified")
    if choices["to_plaintext"]:
        files.write(plaintext, out, force=force, source=source)
        return
    _write(session, plaintext, hashlib.sha256(source.data).hexdigest(), choices, str(out), force=force)
    session.note("delete the old copies: equal blocks of them show to everybody")
    output.answer(session, facts, lambda: None)


def _write(session: Session, plaintext: bytes, digest: str, choices: dict[str, Any], out: str, *, force: bool) -> None:
    from kmstool.envelope import file as whole

    facts = (f"imported_from={choices['scheme']}", "unauthenticated=true", f"sha256_of_source={digest}")
    job = EncryptJob.of(
        session, keys=choices["keys"], public_keys=(), context=(), facts=facts, suite="aes-256-gcm",
        armor=False, detached=None, reserve=False, data_key=None,
    )  # fmt: skip
    buffer = io.BytesIO(plaintext)
    head = job.header(len(plaintext), to_file=True)
    with files.created(out, force=force, durable=False) as file:
        whole.seal(job.dek, head, whole.Source(buffer.readinto), file.fileno(), lambda _: None)
