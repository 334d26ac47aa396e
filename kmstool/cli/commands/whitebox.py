"""`kmstool whitebox create … encrypt`: white-box keys in KMS, which decrypts with none of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import options
from kmstool.cli.commands import ciphers, key_states
from kmstool.cli.io import inputs, outputs, times
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.kms.calls.white_box import WhiteBoxKey

ALGORITHMS = ("AES_256", "SM4")

COMMANDS = {
    "bundle": ("kmstool.cli.commands.bundle:bundle", "Encrypt for a service: key file, IV and ciphertext."),
    "create": ("kmstool.cli.commands.whitebox:create", "Create a white-box key and print its id."),
    "decrypt": ("kmstool.cli.commands.bundle:decrypt", "Decrypt on this machine, without KMS."),
    "delete": ("kmstool.cli.commands.whitebox:delete", "Destroy a disabled white-box key at once."),
    "disable": ("kmstool.cli.commands.whitebox:disable", "Disable white-box keys, so that they encrypt no longer."),
    "download-key": (
        "kmstool.cli.commands.bundle:download_key",
        "Fetch the key file that decrypts, for bound devices.",
    ),
    "enable": ("kmstool.cli.commands.whitebox:enable", "Enable white-box keys."),
    "encrypt": ("kmstool.cli.commands.whitebox:encrypt", "Encrypt up to 4,096 bytes under a white-box key."),
    "exec": ("kmstool.cli.commands.bundle:execute", "Run a command with a decrypted secret in its environment."),
    "list": ("kmstool.cli.commands.whitebox:list_keys", "List all white-box keys of the region."),
    "show": ("kmstool.cli.commands.whitebox:show", "Show what KMS says of a white-box key."),
}

# DecryptKey opens on every device when the answer is one of CreateWhiteBoxKey, and belongs into files of mode 0600
# otherwise; `download-key` fetches it, and `kmstool api` shows whole answers.
_KEY_FIELDS = ("EncryptKey", "DecryptKey")

_KEY = click.argument("key_name", metavar="KEY")
_KEYS = click.argument("key_names", metavar="KEY...", nargs=-1, required=True)


@click.group(cls=LazyGroup, table=COMMANDS)
def whitebox() -> None:
    """Encrypt in KMS for programs that decrypt without it.

    A white-box key is used from a file of tables, in which the key itself never
    appears. What that protects, and what not, is told in docs/whitebox.md: bind the
    file to devices (kmstool fingerprint). KEY is the id or the alias of a white-box
    key; their aliases are apart from those of other keys.
    """


def key_option(function: options.Decorated) -> options.Decorated:
    """Add `--key` of a white-box key, which no profile has by default."""
    return click.option("--key", "key_name", required=True, metavar="KEY", help="Id or alias of the white-box key.")(
        function
    )


@click.command(cls=options.Command, example="kmstool whitebox create --alias app --algorithm AES_256")
@click.option("--alias", required=True, metavar="NAME", help="Name of the key: 1 to 60 letters, digits, - and _.")
@click.option("--algorithm", type=click.Choice(ALGORITHMS), required=True, help="What the key is for.")
@click.option("--description", default="", metavar="TEXT", help="Free text, at most 1,024 bytes.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Tag of the key; repeatable.")
@pass_session
def create(session: Session, alias: str, algorithm: str, description: str, tags: tuple[str, ...]) -> None:
    """Create a white-box key and print its id.

    The decrypt key that KMS answers with is bound to no device; it is neither shown nor
    kept. Bind the devices, then fetch it with kmstool whitebox download-key.
    """
    created = session.client().create_white_box_key(alias, algorithm, description, options.pairs(tags, "tag"))
    if created.tag_code:
        session.note(f"the key was created, but its tags were not set: {created.tag_message}")
    outputs.answer(session, _without_keys(created.answer), lambda: print(created.key_id))


@click.command("list", cls=options.Command, example="kmstool whitebox list")
@pass_session
def list_keys(session: Session) -> None:
    """List all white-box keys of the region."""
    found = list(session.client().list_white_box_keys())
    answer = {"TotalCount": len(found), "KeyInfos": [_without_keys(key.answer) for key in found]}
    rows = [(key.alias, key.status, key.algorithm, "bound" if key.is_bound else "", key.key_id) for key in found]
    headings = ("ALIAS", "STATE", "ALGORITHM", "DEVICES", "KEY ID")
    outputs.answer(session, answer, lambda: outputs.table(session, headings, rows))


@click.command(cls=options.Command, example="kmstool whitebox show app")
@_KEY
@pass_session
def show(session: Session, key_name: str) -> None:
    """Show what KMS says of a white-box key."""
    client, key_id = session.white_box_key(key_name)
    found = client.describe_white_box_key(key_id)
    outputs.answer(session, {"KeyInfo": _without_keys(found.answer)}, lambda: outputs.fields(_fields(found)))


@click.command(cls=options.Command, example="kmstool whitebox enable app")
@_KEYS
@pass_session
def enable(session: Session, key_names: tuple[str, ...]) -> None:
    """Enable white-box keys."""
    keys = map(session.white_box_key, key_names)
    key_states.together(session, keys, lambda client, ids: client.enable_white_box_keys(ids), "enabled")


@click.command(cls=options.Command, example="kmstool whitebox disable app --yes")
@_KEYS
@pass_session
def disable(session: Session, key_names: tuple[str, ...]) -> None:
    """Disable white-box keys, so that they encrypt no longer.

    Whoever has the key file goes on decrypting. With several keys all are disabled or none.
    """
    session.confirm(f"nothing can be encrypted with {', '.join(key_names)} until it is enabled again")
    key_states.together(
        session,
        map(session.white_box_key, key_names),
        lambda client, ids: client.disable_white_box_keys(ids),
        "disabled: it encrypts no longer; key files that were downloaded go on decrypting",
    )


@click.command(cls=options.Command, example="kmstool whitebox delete app --yes")
@_KEY
@pass_session
def delete(session: Session, key_name: str) -> None:
    """Destroy a disabled white-box key at once.

    There is no delay and no way back. Key files that were downloaded go on decrypting.
    """
    client, key_id = session.white_box_key(key_name)
    session.confirm(f"the white-box key {key_id} will be destroyed now, and its key file cannot be downloaded again")
    answer = client.delete_white_box_key(key_id)
    session.note(f"the white-box key {key_id} is gone; key files that were downloaded go on decrypting")
    outputs.answer(session, answer, lambda: None)


@click.command(cls=options.Command, example="kmstool whitebox encrypt --key app secret.txt -o sealed")
@key_option
@click.option("--iv", metavar="B64", help="IV of 16 bytes in base64; else KMS draws one.")
@click.option("--trim-newline", is_flag=True, help="Drop exactly one newline at the end.")
@options.folder_option("-o", "--out", help="Write iv.base64 and ciphertext.base64 into this folder.")
@click.option("--force", is_flag=True, help="Replace these files, all at once; a mac.base64 of them goes.")
@options.input_argument
@pass_session
def encrypt(
    session: Session, key_name: str, iv: str | None, trim_newline: bool, out: str | None, force: bool, file: str | None
) -> None:
    """Encrypt up to 4,096 bytes under a white-box key.

    Reads FILE or stdin. IV and ciphertext are both needed to decrypt, so they go into a
    folder together, or are printed with --format json. By themselves they are not
    authenticated; kmstool whitebox bundle adds a MAC.
    """
    from pathlib import Path

    from kmstool.errors import DryRunDone, UsageError
    from kmstool.whitebox import bundle

    if not out and not session.settings.query and session.settings.format != "json":
        raise UsageError("where are IV and ciphertext to go?", hint="give a folder with -o DIR, or --format json")
    given_iv = None if iv is None else bundle.from_base64(os.fsencode(iv), "the IV")
    plaintext = read_plaintext(session, file, trim_newline)
    client, key_id = session.white_box_key(key_name)
    encrypted = client.encrypt_by_white_box(key_id, plaintext, given_iv)
    if out and session.settings.dry_run:
        raise DryRunDone
    if out:
        bundle.write(Path(out), encrypted.iv, encrypted.ciphertext, replace=force)
    else:
        outputs.answer(session, encrypted.answer, lambda: None)


def read_plaintext(session: Session, file: str | None, trim_newline: bool) -> bytes:
    """Return what is to be encrypted, from FILE or stdin."""
    source = inputs.read(
        file,
        ciphers.MAX_PLAINTEXT_BYTES,
        "the plaintext is {size} bytes; white-box keys encrypt at most 4,096",
        "encrypt larger data with kmstool envelope encrypt",
    )
    return ciphers.without_newline(session, source, trim_newline)


def _without_keys(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in _KEY_FIELDS}


def _fields(key: WhiteBoxKey) -> dict[str, str]:
    return {
        "alias": key.alias,
        "key id": key.key_id,
        "state": key.status,
        "algorithm": key.algorithm,
        "description": key.description or "-",
        "created": times.shown(key.created_unix),
        "devices": "bound; see kmstool fingerprint list"
        if key.is_bound
        else "bound to none: its key file opens anywhere",
        "resource": key.resource_id or "-",
    }
