"""`kmstool data-key`: data keys that KMS keeps."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import blobs, options
from kmstool.cli.commands.ciphers import without_newline
from kmstool.cli.io import inputs, outputs, times
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.kms.calls.data_keys import Hosted, HostedDataKey

MAX_BYTES = 1024

_ARGUMENT = click.argument("name", metavar="NAME")
_NAME = click.option("--name", required=True, metavar="NAME", help="Its name: 1 to 60 letters, digits, - and _.")
_DESCRIPTION = click.option("--description", default="", metavar="TEXT", help="Free text, at most 100 bytes.")
_TAGS = click.option("--tag", "tags", multiple=True, metavar="K=V", help="Tag of the data key; repeatable.")

COMMANDS = {
    "blob": ("kmstool.cli.commands.data_keys:blob", "Print a data key as a ciphertext blob."),
    "cancel-deletion": (
        "kmstool.cli.commands.data_key_states:cancel_deletion",
        "Keep data keys that were to be destroyed.",
    ),
    "describe": ("kmstool.cli.commands.data_keys:describe", "Replace the description of a data key."),
    "disable": (
        "kmstool.cli.commands.data_key_states:disable",
        "Disable data keys, so that KMS hands them out no longer.",
    ),
    "enable": ("kmstool.cli.commands.data_key_states:enable", "Enable data keys."),
    "generate": ("kmstool.cli.commands.data_keys:generate", "Let KMS make a data key and keep it."),
    "import": ("kmstool.cli.commands.data_keys:import_data_key", "Let KMS keep a data key that you have."),
    "list": ("kmstool.cli.commands.data_keys:list_data_keys", "List the data keys of the region."),
    "plaintext": ("kmstool.cli.commands.data_keys:plaintext", "Write the bytes of a data key."),
    "rename": ("kmstool.cli.commands.data_keys:rename", "Give a data key another name."),
    "schedule-deletion": (
        "kmstool.cli.commands.data_key_states:schedule_deletion",
        "Let KMS destroy disabled data keys after some days.",
    ),
    "show": ("kmstool.cli.commands.data_keys:show", "Show all that KMS says of a data key."),
}


@click.group("data-key", cls=LazyGroup, table=COMMANDS)
def data_key() -> None:
    """Keep data keys in KMS, by name.

    A data key encrypts data outside of KMS; KMS keeps it encrypted under a key (CMK),
    and hands it out while both can be used. NAME is the name or id of a data key, the
    first 8 or more characters of the id, or one of these behind a region or a profile:
    REGION:NAME, profile/PROFILE/NAME.
    """


@click.command(cls=options.Command, example="kmstool data-key generate --key demo --name user-17")
@options.key_option
@_NAME
@click.option("--bytes", "byte_count", type=click.IntRange(1, MAX_BYTES), default=32, show_default=True, help="Size.")
@options.context_option
@_DESCRIPTION
@_TAGS
@options.shield_option
@click.option("-o", "--out", metavar="FILE", help="Write the bytes of the data key to this file as well.")
@click.option("--force", is_flag=True, help="Replace an existing output file.")
@pass_session
def generate(
    session: Session,
    key: str | None,
    name: str,
    byte_count: int,
    context: tuple[str, ...],
    description: str,
    tags: tuple[str, ...],
    out: str | None,
    force: bool,
) -> None:
    """Let KMS make a data key and keep it.

    Prints its id. The bytes are shown nowhere; -o writes them to a file, and kmstool
    data-key plaintext hands them out whenever they are needed. A context belongs to the
    blob of the data key: whoever decrypts that has to give the same one.
    """
    from kmstool.api.context import from_options

    encryption_context, pairs = from_options(context), options.pairs(tags, "tag")
    if out in ("", inputs.STDIN):
        raise UsageError(f"{out!r} is no file", hint="stdout is for the answer; name a file")
    client, key_id = session.key(key)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(outputs.created(session, out, force=force)) if out is not None else None
        made = client.host_data_key(key_id, name, byte_count, encryption_context, description=description, tags=pairs)
        if file:
            file.write(made.plaintext or b"")
    _print_hosted(session, made)


@click.command("import", cls=options.Command, example="kmstool data-key import --key demo --name backup backup.key")
@options.key_option
@_NAME
@click.option("--blob", "blob_file", metavar="FILE", help="Import what is in this ciphertext blob; - is stdin.")
@click.option("--trim-newline", is_flag=True, help="Drop exactly one newline at the end.")
@_DESCRIPTION
@_TAGS
@options.input_argument
@pass_session
def import_data_key(
    session: Session,
    key: str | None,
    name: str,
    blob_file: str | None,
    trim_newline: bool,
    description: str,
    tags: tuple[str, ...],
    file: str | None,
) -> None:
    """Let KMS keep a data key that you have.

    FILE or stdin holds its bytes, 1 to 1,024. With --blob it is a ciphertext blob, made
    without a context; that names its key, and --key only says which one it has to be.
    Prints the id of the data key.
    """
    more: dict[str, Any] = {"description": description, "tags": options.pairs(tags, "tag")}
    if blob_file is not None:
        if file is not None or trim_newline:
            raise UsageError("--blob takes the place of FILE, and excludes --trim-newline")
        _, text = blobs.read(blob_file)
        client, key_id = session.key(key) if key is not None else (session.client(), None)
        made = client.import_blob(key_id, name, text, **more)
    else:
        hint = "data of any size goes into an envelope: kmstool envelope encrypt"
        source = inputs.read(file, MAX_BYTES, "a data key of {size} bytes is too long; KMS keeps 1 to 1,024", hint)
        material = without_newline(session, source, trim_newline)
        client, key_id = session.key(key)
        made = client.import_data_key(key_id, name, material, **more)
    _print_hosted(session, made)


@click.command("list", cls=options.Command, example="kmstool data-key list --state enabled")
@click.option("--state", type=click.Choice(options.DATA_KEY_STATES), help="Only data keys in this state.")
@click.option("--key", metavar="KEY", help="Only data keys under this key.")
@click.option("--search", metavar="TEXT", help="Only data keys with this in their name or id.")
@click.option("--origin", type=click.Choice(["kms", "external"]), help="Only data keys of this origin.")
@click.option("--bytes", "byte_count", type=click.IntRange(1, MAX_BYTES), help="Only data keys of this size.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Only data keys with this tag; repeatable.")
@pass_session
def list_data_keys(
    session: Session, key: str | None, state: str | None, byte_count: int | None, **filters: Any
) -> None:
    """List the data keys of the region."""
    client, key_id = session.key(key) if key is not None else (session.client(), None)
    wanted = options.list_filters(**filters)
    if state:
        wanted["KeyState"] = options.DATA_KEY_STATES.index(state) + 1
    wanted |= {"KeyId": key_id} if key_id else {}
    wanted |= {"DataKeyLen": byte_count} if byte_count else {}
    found = list(client.list_data_keys(**wanted))[::-1]
    answer = {"TotalCount": len(found), "DataKeyMetadatas": [dict(item.answer) for item in found]}
    rows = [
        (item.name, item.state, str(item.byte_count), item.key_alias or item.key_id, item.data_key_id) for item in found
    ]
    headings = ("NAME", "STATE", "BYTES", "KEY", "DATA KEY ID")
    outputs.answer(session, answer, lambda: outputs.table(session, headings, rows))


@click.command(cls=options.Command, example="kmstool data-key show user-17")
@_ARGUMENT
@pass_session
def show(session: Session, name: str) -> None:
    """Show all that KMS says of a data key."""
    client, data_key_id = session.data_key(name)
    found = client.describe_data_key(data_key_id)
    outputs.answer(session, {"DataKeyMetadata": dict(found.answer)}, lambda: outputs.fields(_fields(found)))


@click.command(cls=options.Command, example="kmstool data-key plaintext user-17 -o user-17.key")
@_ARGUMENT
@options.shield_option
@options.result_options
@pass_session
def plaintext(session: Session, name: str, out: str | None, force: bool) -> None:
    """Write the bytes of a data key.

    They are a secret: a file gets the mode 0600, and a terminal gets none of them unless
    they are text.
    """
    client, data_key_id = session.data_key(name)
    found = client.data_key_plaintext(data_key_id)
    outputs.result(session, found.answer, found.plaintext, out, force=force)


@click.command(cls=options.Command, example="kmstool data-key blob user-17 -o user-17.blob")
@_ARGUMENT
@options.result_options
@pass_session
def blob(session: Session, name: str, out: str | None, force: bool) -> None:
    """Print a data key as a ciphertext blob.

    kmstool decrypt opens it, under the context that the data key was made with.
    """
    client, data_key_id = session.data_key(name)
    answer = client.data_key_blob(data_key_id)
    outputs.result(session, answer, answer["CiphertextBlob"].encode() + b"\n", out, force=force)


@click.command(cls=options.Command, example="kmstool data-key rename user-17 user-18")
@_ARGUMENT
@click.argument("new_name")
@pass_session
def rename(session: Session, name: str, new_name: str) -> None:
    """Give a data key another name."""
    client, data_key_id = session.data_key(name)
    client.update_data_key_name(data_key_id, new_name)
    session.note(f"the data key {data_key_id} has the name {new_name} now")


@click.command(cls=options.Command, example="kmstool data-key describe user-18 'letters of user 18'")
@_ARGUMENT
@click.argument("text")
@pass_session
def describe(session: Session, name: str, text: str) -> None:
    """Replace the description of a data key."""
    client, data_key_id = session.data_key(name)
    client.update_data_key_description(data_key_id, text)
    session.note(f"the data key {data_key_id} has a new description")


def _print_hosted(session: Session, made: Hosted) -> None:
    if made.tag_code:
        session.note(f"the data key is kept, but its tags were not set: {made.tag_message}")
    shown = {name: value for name, value in made.answer.items() if name != "Plaintext"}
    outputs.answer(session, shown, lambda: print(made.data_key_id))


def _fields(found: HostedDataKey) -> dict[str, str]:
    return {
        "name": found.name,
        "data key id": found.data_key_id,
        "state": found.state,
        "bytes": str(found.byte_count),
        "key": f"{found.key_alias or '-'} ({found.key_id})",
        "description": found.description or "-",
        "created": times.shown(found.created_unix),
        "origin": found.origin or "-",
        "deletion": times.shown(found.deletion_unix),
    }
