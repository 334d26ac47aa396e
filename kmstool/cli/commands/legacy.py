"""`kmstool envelope import-legacy`: data of Tencent's published sample, into an envelope."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import click

from kmstool.cli import blobs, envelope_outputs, options
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

SCHEMES = ("tencent-sample-ecb",)


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

    _refuse_without_effect(out, choices)
    source = inputs.read(file, legacy.MAX_BYTES, "the data has {size} bytes; 1 GiB is possible", "split it")
    data = source.data if choices["raw"] else legacy.decode(source.data)
    if choices["check"]:
        facts = _facts(data)
        outputs.answer(session, facts, lambda: print(f"{facts['RepeatedBlocks']:,} blocks are equal to earlier ones"))
        return
    dek = _dek(session, choices["blob"], source, out)
    plaintext = legacy.decrypt(choices["cipher"], dek, data, choices["trailing_zeros"])
    session.warn("the source was not authenticated: kmstool cannot tell whether it was modified")
    if choices["to_plaintext"]:
        outputs.write(session, plaintext, out, force=force)
        return
    _write(session, plaintext, hashlib.sha256(source.data).hexdigest(), choices, str(out), force=force)
    if out != inputs.STDIN and (session.settings.query or session.settings.format == "json"):
        outputs.answer(session, _facts(data), lambda: None)


def _refuse_without_effect(out: str | None, choices: dict[str, Any]) -> None:
    """Raise `UsageError` for options that would be passed over, and for an envelope without a name."""
    if choices["check"] and (out is not None or choices["to_plaintext"] or choices["keys"]):
        raise UsageError("--check writes nothing: it excludes -o, --to-plaintext and --key")
    if choices["to_plaintext"] and choices["keys"]:
        raise UsageError("--to-plaintext and --key exclude each other: plaintext has no recipients")
    if out is None and not choices["to_plaintext"] and not choices["check"]:
        raise UsageError("the new envelope needs a name", hint="add -o FILE, or -o - for stdout")


def _dek(session: Session, blob_name: str, source: inputs.Input, out: str | None) -> bytes:
    """Let KMS open the blob of the data key, unless the output would replace it or the data."""
    blob_file, blob = blobs.read(blob_name)
    if out is not None and out != inputs.STDIN:
        inputs.refuse_same(out, source.inode)
        inputs.refuse_same(out, blob_file.inode)
    return session.client().decrypt(blob, {}).plaintext


def _facts(data: bytes) -> dict[str, Any]:
    from kmstool.envelope import legacy

    return {"Authenticated": False, "RepeatedBlocks": legacy.repeated_blocks(data), "Bytes": len(data)}


def _write(session: Session, plaintext: bytes, digest: str, choices: dict[str, Any], out: str, *, force: bool) -> None:
    from kmstool.envelope.sealing import Source

    facts = (f"imported_from={choices['scheme']}", "unauthenticated=true", f"sha256_of_source={digest}")

    def job() -> EncryptJob:
        return EncryptJob.of(
            session, keys=choices["keys"], public_keys=(), context=(), facts=facts, suite="aes-256-gcm",
            armor=False, detached=None, reserve=False, data_key=None,
        )  # fmt: skip

    source = Source(io.BytesIO(plaintext).readinto, size=len(plaintext))
    envelope_outputs.encrypt_source(session, job, source, out, force=force)
    session.note("delete the old copies: equal blocks of them show to everybody")
