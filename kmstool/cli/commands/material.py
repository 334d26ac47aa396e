"""`kmstool material params|wrap|upload|delete`: bring your own key (BYOK), step by step."""

from __future__ import annotations

import time

import click

from kmstool.cli import material_files, material_jobs, options
from kmstool.cli.io import outputs, times
from kmstool.cli.lazy import LazyGroup
from kmstool.cli.session.session import Session, pass_session

COMMANDS = {
    "delete": ("kmstool.cli.commands.material:delete", "Let KMS destroy the imported material of a key."),
    "params": ("kmstool.cli.commands.material:params", "Get a wrapping key and a token for an import."),
    "upload": ("kmstool.cli.commands.material:upload", "Give wrapped material to KMS."),
    "wrap": ("kmstool.cli.commands.material:wrap", "Wrap key material, on a machine without a network."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def material() -> None:
    """Bring your own key step by step.

    For material that must not be on a machine with a network: params fetches a wrapping
    key, wrap encrypts the material offline, upload brings it to KMS.
    """


@click.command(cls=options.Command, example="kmstool material params --key own -o import")
@options.key_option
@material_jobs.algorithm_option
@options.folder_option("-o", "--out", required=True, help="Where to put them: a new folder, or an empty one.")
@click.option("--force", is_flag=True, help="Replace the parameters in that folder.")
@pass_session
def params(session: Session, key: str | None, algorithm: str, out: str, force: bool) -> None:
    """Get a wrapping key and a token for an import.

    They are good for 24 hours, and those of an earlier call are void at once. DIR gets
    params.json for the next steps, and for other programs wrapping-key.pem and
    import-token.base64.
    """
    client, key_id = session.key(key)
    found = client.describe_key(key_id)
    with material_files.parameters_folder(session, out, force=force) as contents:
        parameters, answer = material_jobs.ask(session, client, found, key, algorithm)
        contents.update(material_files.parameters_contents(parameters))
    session.note(
        f"wrap the material of {key_id} with {algorithm} and upload it before "
        f"{times.shown(parameters.valid_to_unix)}; earlier parameters are void"
    )
    session.note(f"wrapping key {parameters.fingerprint}")
    outputs.answer(session, answer, lambda: None)


@click.command(cls=options.Command, example="kmstool material wrap --params import material.bin -o wrapped.json")
@material_files.params_option
@material_files.encoding_option
@material_files.passphrase_option
@click.option("--raw", is_flag=True, help="Write the wrapped bytes alone, for other programs.")
@options.result_options
@options.input_argument
@pass_session
def wrap(
    session: Session,
    folder: str,
    encoding: str,
    passphrase_file: str | None,
    raw: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Wrap key material, on a machine without a network.

    The result can be carried openly: only KMS can open it. It says for which key and
    wrapping key it is.
    """
    from kmstool.byok import wrap as wrapped

    parameters = material_files.read_parameters(folder)
    found = material_files.read_material(session, file, encoding, passphrase_file, parameters.material_bytes)
    result = wrapped(parameters, found.data)
    outputs.write(session, result.wrapped if raw else result.write(), out, force=force, source=found)
    session.note(f"for the key {result.key_id} in {parameters.region}, wrapping key {result.fingerprint}")


@click.command(cls=options.Command, example="kmstool material upload --params import wrapped.json")
@material_files.params_option
@material_jobs.valid_to_option
@material_jobs.check_option
@options.context_option
@options.input_argument
@pass_session
def upload(
    session: Session, folder: str, valid_to: str | None, blob: str | None, context: tuple[str, ...], file: str | None
) -> None:
    """Give wrapped material to KMS.

    FILE is what wrap wrote, or the bare bytes that another program wrapped with the
    wrapping key and algorithm of the parameters.
    """
    old = material_jobs.check(blob, context)
    parameters = material_files.read_parameters(folder)
    encrypted = material_files.read_wrapped(file, parameters).wrapped
    parameters.check_valid(int(time.time()))
    valid_to_unix = material_jobs.until(valid_to, parameters)
    client = session.client(parameters.region)
    answer = client.import_material(parameters.key_id, parameters.token, encrypted, valid_to_unix)
    material_jobs.finish(session, client, parameters, valid_to_unix, old)
    outputs.answer(session, answer, lambda: None)


@click.command(cls=options.Command, example="kmstool material delete --key own --yes")
@options.key_option
@pass_session
def delete(session: Session, key: str | None) -> None:
    """Let KMS destroy the imported material of a key.

    All that the key encrypted can be read again only after the same material was
    imported again.
    """
    client, key_id = session.key(key)
    session.confirm(
        f"all that {key or key_id} encrypted is dead until the same material is imported again, "
        "and KMS does not give it back: keep your copy"
    )
    answer = client.delete_material(key_id)
    session.note(f"the key {key_id} has no material and waits for its import; its blobs are dead until then")
    outputs.answer(session, answer, lambda: None)
