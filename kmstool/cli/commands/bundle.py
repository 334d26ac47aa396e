"""`kmstool whitebox bundle … exec`: from a white-box key to a secret in the memory of a service."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox import ALGORITHMS, key_option, read_plaintext
from kmstool.cli.io import inputs, outputs, replace_process
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import DryRunDone, UsageError

if TYPE_CHECKING:
    from kmstool.crypto.aead import Algorithm
    from kmstool.kms.client import KmsClient
    from kmstool.whitebox.bundle import Bundle

MAX_TEXT_BYTES = 65536

_SDK_LIB = options.file_option(
    "--sdk-lib",
    help="Tencent's white-box library, for key files of Tencent Cloud; else KMSTOOL_SDK_LIB.",
)
_ALGORITHM = click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    help="With --sdk-lib, where the name of the key file does not tell it.",
)
_REQUIRE_MAC = click.option("--require-mac", is_flag=True, help="Refuse a bundle without a MAC.")
_BUNDLE = options.folder_option("--bundle", "folder", help="Folder made by kmstool whitebox bundle.")


@click.command(
    "download-key", cls=options.Command, example="kmstool whitebox download-key app -o decrypt_key_aes256.bin"
)
@click.argument("key_name", metavar="KEY")
@click.option("-o", "--out", required=True, metavar="FILE", help="File to write, for its owner only.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@pass_session
def download_key(session: Session, key_name: str, out: str, force: bool) -> None:
    """Fetch the key file that decrypts, for bound devices.

    It opens on the devices that are bound now. What is bound or unbound later changes
    nothing about a file that exists.
    """
    client, key_id = session.white_box_key(key_name)
    outputs.write(session, _decrypt_key(session, client, key_id), out, force=force)


@click.command(cls=options.Command, example="kmstool whitebox bundle --key app secret.txt -o app-secret")
@key_option
@click.option("--trim-newline", is_flag=True, help="Drop exactly one newline at the end.")
@options.folder_option("-o", "--out", required=True, help="Folder for the files.")
@click.option("--force", is_flag=True, help="Replace these files, all at once.")
@options.input_argument
@pass_session
def bundle(session: Session, key_name: str, trim_newline: bool, out: str, force: bool, file: str | None) -> None:
    """Encrypt for a service: key file, IV and ciphertext.

    Reads FILE or stdin and writes into DIR all that a bound device needs to decrypt it:
    iv.base64, ciphertext.base64, decrypt_key_aes256.bin or decrypt_key_sm4.bin, and
    mac.base64, by which it is told if one of them is altered. They change as one, and
    other files in DIR are kept.
    """
    from kmstool.whitebox import bundle as bundles

    plaintext = read_plaintext(session, file, trim_newline)
    client, key_id = session.white_box_key(key_name)
    algorithm = bundles.algorithm_of(client.describe_white_box_key(key_id).algorithm)
    encrypted = client.encrypt_by_white_box(key_id, plaintext)
    decrypt_key = (algorithm, _decrypt_key(session, client, key_id))
    if session.settings.dry_run:
        raise DryRunDone
    bundles.write(Path(out), encrypted.iv, encrypted.ciphertext, decrypt_key, key_id=key_id, replace=force)


@click.command(cls=options.Command, example="kmstool whitebox decrypt --bundle app-secret")
@_BUNDLE
@click.option("--key-file", metavar="FILE", help="Key file, as kmstool whitebox download-key writes it.")
@click.option("--iv", metavar="B64|@FILE", help="With --key-file: the IV in base64.")
@click.option("--raw", is_flag=True, help="With --key-file: the ciphertext is bytes, not base64.")
@_REQUIRE_MAC
@_SDK_LIB
@_ALGORITHM
@options.result_options
@options.input_argument
@pass_session
def decrypt(
    session: Session,
    folder: str | None,
    key_file: str | None,
    iv: str | None,
    raw: bool,
    require_mac: bool,
    sdk_lib: str | None,
    algorithm: Algorithm | None,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Decrypt on this machine, without KMS.

    Takes a folder with all files, or key file and IV by themselves and the ciphertext
    from FILE or stdin. Writes the plaintext and nothing else. Only a folder with
    mac.base64 is authenticated: IV and ciphertext alone may have been altered to decrypt
    to something else, which a note says, and Authenticated with --format json.
    """
    source = None
    if folder is not None and not (key_file or iv or raw or file):
        inputs.spare(out, *_files_of(folder))
        found = _read_bundle(session, folder, require_mac=require_mac)
    elif folder is None and key_file and iv and not require_mac:
        inputs.spare(out, key_file, *([iv[1:]] if iv.startswith("@") else []))
        source = inputs.read(file, MAX_TEXT_BYTES, "the ciphertext has {size} bytes; KMS makes none of so many", "")
        found = _put_together(key_file, iv, source.data, raw=raw)
        session.note("IV and ciphertext are not authenticated: it cannot be told whether they were altered")
    else:
        raise UsageError("give --bundle DIR alone, or --key-file and --iv", hint="see kmstool whitebox decrypt --help")
    library = Path(sdk_lib) if sdk_lib else None
    plaintext = found.decrypt(session.environ, library=library, algorithm=algorithm)
    _write_plaintext(session, plaintext, out, force=force, source=source, authenticated=found.mac is not None)


@click.command(
    "exec",
    cls=options.Command,
    context_settings=options.OWN_ARGUMENTS,
    example="kmstool whitebox exec --bundle app-secret --env API_KEY -- printenv API_KEY",
)
@options.folder_option("--bundle", "folder", required=True, help="Folder made by kmstool whitebox bundle.")
@click.option("--env", "name", required=True, metavar="NAME", help="Variable to put the secret into.")
@_REQUIRE_MAC
@_SDK_LIB
@replace_process.keep_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@pass_session
def execute(
    session: Session,
    folder: str,
    name: str,
    require_mac: bool,
    sdk_lib: str | None,
    keep: tuple[str, ...],
    command: tuple[str, ...],
) -> None:
    """Run a command with a decrypted secret in its environment.

    The secret is decrypted in memory, and the command takes the place of kmstool: its
    signals and its exit code are its own. Credentials and passphrases that are in the
    environment for kmstool itself are not handed on.
    """
    replace_process.check_variable(name)
    found = _read_bundle(session, folder, require_mac=require_mac)
    secret = found.decrypt(session.environ, library=Path(sdk_lib) if sdk_lib else None)
    replace_process.become(
        session, session.environ, command, {name: secret}, "kmstool whitebox decrypt writes it to a pipe", keep
    )


def _decrypt_key(session: Session, client: KmsClient, key_id: str) -> bytes:
    """Fetch the decrypt key, and say where it opens: as it says itself, or as KMS says before and after."""
    from kmstool.whitebox import key_file

    before = client.fingerprints(key_id)
    data = client.white_box_decrypt_key(key_id).data
    if key_file.is_ours(data):
        devices = key_file.read(data).devices
    elif {item.identity for item in client.fingerprints(key_id)} == {item.identity for item in before}:
        devices = len(before)
    else:
        session.warn(
            "the devices of the white-box key were changed during the download: "
            "where the key file opens is not known; download it anew"
        )
        return data
    if devices:
        session.note(f"the key file opens on {devices} device{'s' if devices > 1 else ''}, and nowhere else")
    else:
        session.warn(
            "the key file is bound to no device: whoever has it can decrypt and recover the key; "
            "bind devices first (kmstool fingerprint bind)"
        )
    return data


def _files_of(folder: str) -> list[str]:
    from kmstool.whitebox import bundle as bundles

    return [os.path.join(folder, name) for name in bundles.FILES]


def _read_bundle(session: Session, folder: str, *, require_mac: bool) -> Bundle:
    from kmstool.whitebox import bundle as bundles

    found = bundles.read(Path(folder))
    if require_mac:
        found.require_mac()
    if found.mac is None:
        session.warn(
            f"{folder} has no {bundles.MAC_FILE}: it cannot be told whether it was altered; "
            "kmstool whitebox bundle makes one, and --require-mac refuses to do without"
        )
    return found


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
        outputs.answer(session, answer, lambda: outputs.write(session, plaintext, None))
        return
    outputs.write(session, plaintext, out, force=force, source=source)
    if out != inputs.STDIN:
        outputs.answer(session, answer, lambda: None)


def _put_together(key_file: str, iv: str, ciphertext: bytes, *, raw: bool) -> Bundle:
    from kmstool.whitebox import bundle as bundles

    iv_text = os.fsencode(iv)
    if iv.startswith("@"):
        iv_text = inputs.read(
            iv[1:], MAX_TEXT_BYTES, "an IV of {size} bytes is none", "it has 16 bytes, in base64"
        ).data
    if not raw:
        ciphertext = bundles.from_base64(ciphertext, "the ciphertext")
    too_long = f"the key file has {{size}} bytes; none has more than {bundles.MAX_KEY_BYTES:,}"
    data = inputs.read(key_file, bundles.MAX_KEY_BYTES, too_long, "", secret=True).data
    return bundles.Bundle(Path(key_file), bundles.from_base64(iv_text, "the IV"), ciphertext, data)
