"""`kmstool whitebox decrypt`: decrypt on this machine, without KMS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import input_files, options
from kmstool.cli.commands.whitebox.bundles import read_bundle, require_mac_option, sdk_lib_option
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.errors import Reason, UsageError
from kmstool.words import Cipher

if TYPE_CHECKING:
    from kmstool.whitebox.bundle import Bundle

MAX_TEXT_BYTES = 65536
_ALGORITHM = click.option(
    "--algorithm",
    type=Choice(words.CIPHERS),
    help="With --sdk-lib, where the name of the key file does not tell it.",
)
_BUNDLE = options.folder_option("--bundle", "folder", help="Folder made by kmstool whitebox bundle.")


@dataclass(frozen=True)
class DecryptWords(outputs.Destination):
    """The options of `kmstool whitebox decrypt`."""

    folder: str | None
    key_file: str | None
    iv: str | None
    input_encoding: str
    require_mac: bool
    sdk_lib: str | None
    algorithm: Cipher | None
    file: str | None


@click.command(cls=options.Command, example="kmstool whitebox decrypt --bundle app-secret")
@_BUNDLE
@click.option("--key-file", metavar="FILE", help="Key file, as kmstool whitebox download-key writes it.")
@click.option("--iv", metavar="B64|@FILE", help="With --key-file: the IV in base64.")
@input_files.input_encoding_option(("base64", "raw"), "base64")
@require_mac_option
@sdk_lib_option
@_ALGORITHM
@options.output_options
@options.input_argument
@takes(DecryptWords)
def decrypt(session: Session, wanted: DecryptWords) -> None:
    """Decrypt on this machine, without KMS.

    Takes a folder with all files, or key file and IV by themselves and the ciphertext
    from FILE or stdin. Writes the plaintext and nothing else. Only a folder with
    mac.base64 is authenticated: IV and ciphertext alone may have been altered to decrypt
    to something else, which a note says, and Authenticated with --format json.
    """
    source = None
    if wanted.folder is not None and not (
        wanted.key_file or wanted.iv or wanted.input_encoding == "raw" or wanted.file
    ):
        inputs.spare(wanted.out, *_files_of(wanted.folder))
        bundle = read_bundle(session, wanted.folder, require_mac=wanted.require_mac)
    elif wanted.folder is None and wanted.key_file and wanted.iv and not wanted.require_mac:
        inputs.spare(wanted.out, wanted.key_file, *([wanted.iv[1:]] if wanted.iv.startswith("@") else []))
        source = inputs.read(
            wanted.file, MAX_TEXT_BYTES, "the ciphertext has {size} bytes; KMS makes none of so many", ""
        )
        bundle = _put_together(wanted.key_file, wanted.iv, source.data, raw=wanted.input_encoding == "raw")
        session.note("IV and ciphertext are not authenticated: it cannot be told whether they were altered")
    else:
        raise UsageError("give --bundle DIR alone, or --key-file and --iv", hint="see kmstool whitebox decrypt --help")
    library = Path(wanted.sdk_lib) if wanted.sdk_lib else None
    plaintext = bundle.decrypt(session.environ, library=library, algorithm=wanted.algorithm)
    _write_plaintext(
        session, plaintext, wanted.out, force=wanted.force, source=source, authenticated=bundle.mac is not None
    )


def _files_of(folder: str) -> list[str]:
    from kmstool.whitebox import bundle as bundles

    return [os.path.join(folder, name) for name in bundles.FILES]


def _write_plaintext(
    session: Session,
    plaintext: bytes,
    out: str | None,
    *,
    force: bool,
    source: inputs.Input | None,
    authenticated: bool,
) -> None:
    from kmstool.api import protocol

    answer: dict[str, object] = {"Authenticated": authenticated}
    if out is None:
        answer = {"Plaintext": protocol.encode(plaintext), **answer}
        outputs.print_answer(session, answer, lambda: outputs.write(session, plaintext, None))
        return
    outputs.write(session, plaintext, out, force=force, source=source)
    if out != inputs.STDIN:
        outputs.print_answer(session, answer, lambda: None)


def _put_together(key_file: str, iv: str, ciphertext: bytes, *, raw: bool) -> Bundle:
    from kmstool.whitebox import bundle as bundles

    iv_text = os.fsencode(iv)
    if iv.startswith("@"):
        iv_text = inputs.read(
            iv[1:], MAX_TEXT_BYTES, "an IV cannot be {size} bytes long", "it has 16 bytes, in base64"
        ).data
    if not raw:
        ciphertext = bundles.from_text(ciphertext, "the ciphertext", "CipherText", Reason.NOT_BASE64)
    too_long = f"the key file has {{size}} bytes; none has more than {bundles.MAX_KEY_BYTES:,}"
    data = bundles.key_of(inputs.read(key_file, bundles.MAX_KEY_BYTES, too_long, "", secret=True).data)
    return bundles.Bundle(
        Path(key_file), bundles.from_text(iv_text, "the IV", "InitializationVector"), ciphertext, data
    )
