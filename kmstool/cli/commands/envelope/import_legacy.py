"""`kmstool envelope import-legacy`: data of Tencent's published sample, into an envelope."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import blobs, envelope_files, input_files, key_words, options, recipients
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.envelope.legacy import Cipher, TrailingZeros

SCHEMES = ("tencent-sample-ecb",)


@dataclass(frozen=True)
class LegacyWords(outputs.Destination):
    """How the old data was made, and what becomes of it."""

    scheme: str
    blob: str
    algorithm: Cipher
    input_encoding: str
    trailing_zeros: TrailingZeros
    keys: tuple[KeyAddress, ...]
    to_plaintext: bool
    check: bool
    file: str | None


@click.command(
    "import-legacy",
    cls=options.Command,
    example="kmstool envelope import-legacy --blob dek.blob --trailing-zeros strip-block old.txt -o new.kte",
)
@click.option("--scheme", type=Choice(SCHEMES), default=SCHEMES[0], show_default=True, help="How it was made.")
@click.option("--blob", required=True, metavar="FILE", help="The ciphertext blob of the data key.")
@click.option("--algorithm", type=Choice(["aes", "sm4"]), default="aes", show_default=True, help="Cipher of the data.")
@input_files.input_encoding_option(("base64", "raw"), "base64")
@click.option("--trailing-zeros", type=Choice(["keep", "strip-block", "refuse"]), default="refuse", show_default=True,
              help="What zeros at the end are.")  # fmt: skip
@key_words.means("keys", "Recipient of the new envelope; repeatable.", several=True)
@click.option("--to-plaintext", is_flag=True, help="Write the plaintext itself.")
@click.option("--check", is_flag=True, help="Only count blocks that occur twice.")
@options.output_options
@options.input_argument
@takes(LegacyWords)
def import_legacy(session: Session, wanted: LegacyWords) -> None:
    """Bring data of Tencent's old sample into an envelope.

    The sample used ECB without authentication: whether the data was altered since
    cannot be told. It is never recognised by itself, and nothing is written in that form.
    """
    from kmstool.envelope import legacy

    _refuse_without_effect(wanted)
    source = inputs.read(wanted.file, legacy.MAX_BYTES, "the data has {size} bytes; 1 GiB is possible", "split it")
    data = source.data if wanted.input_encoding == "raw" else legacy.decode(source.data)
    if wanted.check:
        _print_repeated(session, data)
        return
    dek = _dek(session, wanted.blob, source, wanted.out)
    plaintext = legacy.decrypt(wanted.algorithm, dek, data, wanted.trailing_zeros)
    session.warn("the source was not authenticated: kmstool cannot tell whether it was modified")
    if wanted.to_plaintext:
        outputs.write(session, plaintext, wanted.out, force=wanted.force)
        return
    _write(session, plaintext, hashlib.sha256(source.data).hexdigest(), wanted)
    if wanted.out != inputs.STDIN and (session.settings.query or session.settings.format == "json"):
        outputs.print_answer(session, _facts(data), lambda: None)


def _print_repeated(session: Session, data: bytes) -> None:
    facts = _facts(data)
    outputs.print_answer(session, facts, lambda: print(f"{facts['RepeatedBlocks']:,} blocks are equal to earlier ones"))


def _refuse_without_effect(wanted: LegacyWords) -> None:
    """Raise `UsageError` for options that would be passed over, and for an envelope without a name."""
    if wanted.check and (wanted.out is not None or wanted.to_plaintext or wanted.keys):
        raise UsageError("--check writes nothing: it excludes -o, --to-plaintext and --key")
    if wanted.to_plaintext and wanted.keys:
        raise UsageError("--to-plaintext and --key exclude each other: plaintext has no recipients")
    if wanted.out is None and not wanted.to_plaintext and not wanted.check:
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


def _write(session: Session, plaintext: bytes, digest: str, wanted: LegacyWords) -> None:
    from kmstool.envelope.sealing import Source
    from kmstool.workflows.envelopes import EncryptOptions

    facts = {"imported_from": wanted.scheme, "unauthenticated": "true", "sha256_of_source": digest}
    source = Source(io.BytesIO(plaintext).readinto, size=len(plaintext))
    everyone = recipients.recipients_of(session, wanted.keys)
    options_of_it = EncryptOptions(facts=facts)
    envelope_files.encrypt_source(session, source, wanted.out, everyone, options_of_it, force=wanted.force)
    session.note("delete the old copies: ECB reveals repeated blocks")
