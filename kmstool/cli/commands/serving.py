"""`kmstool local serve`, `env` and `faults`: the embedded KMS for other programs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from kmstool.cli.io import outputs, times
from kmstool.cli.options import Command, Group, NumberRange, file_option, not_empty
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import OutputError, UsageError

_PATH_BYTES = 24


@click.command(cls=Command, example="kmstool local serve --port 0 --port-file kms.port")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port; 0 takes a free one.")
@file_option("--port-file", help="Write the bare port number here once ready.")
@click.option("--socket", metavar="PATH", callback=not_empty, help="Listen on a Unix socket too, for this user only.")
@click.option("--quota", is_flag=True, help="Keep to the request rates that the cloud publishes.")
@click.option("--metadata", is_flag=True, help="Be a CVM's metadata service too, at a secret place.")
@click.option("--web-identity", is_flag=True, help="Give keys for the tokens of local credentials token.")
@pass_session
def serve(
    session: Session,
    host: str,
    port: int,
    port_file: str | None,
    socket: str | None,
    quota: bool,
    metadata: bool,
    web_identity: bool,
) -> None:
    """Serve the embedded KMS over HTTP on this machine.

    tccli and every Tencent SDK can use it: kmstool local env tells them how. It ends
    on Ctrl-C or SIGTERM, after the requests that have begun. Whoever has no API key of it gets
    nothing; with --metadata and --web-identity this user's programs can get one.
    """
    from secrets import token_urlsafe

    from kmstool.server.web import listening
    from kmstool.server.web.gateway import Gateway, Stubs

    if host not in listening.LOOPBACK:
        raise UsageError(f"{host} is no loopback address", hint="one of: " + ", ".join(listening.LOOPBACK))
    session.used_local = True
    verbose = session.settings.verbose
    gateway = Gateway(
        session.local_folder,
        session.passphrase,
        quota=quota,
        stubs=Stubs(f"/{token_urlsafe(_PATH_BYTES)}" if metadata else "", web_identity),
        report=session.warn if verbose else lambda _: None,
    )

    def ready(actual: int) -> None:
        if port_file is not None:
            stack.enter_context(_port_file(Path(port_file), actual))
        print(f"listening on http://{listening.bracketed(host)}:{actual}", flush=True)
        if socket is not None:
            session.note(f"listening on the Unix socket {socket} too")
        for name, is_on in (("metadata service", metadata), ("web identities", web_identity)):
            if is_on:
                session.warn(f"{name}: programs of this user can get an API key without having one")

    with ExitStack() as stack:
        stack.callback(gateway.close)
        unix = Path(socket) if socket is not None else None
        listening.serve(gateway, session.local_folder, host, port, ready, unix=unix)
    session.note("stopped")


@contextmanager
def _port_file(path: Path, port: int) -> Iterator[None]:
    """Keep the port in a file (0600) during the block, and remove that unless its name is another file's by then.

    Raises `OutputError` as `atomic.create` does, and for a symbolic link: in the end nothing
    would be left of that.
    """
    from kmstool.system import atomic

    if path.is_symlink():
        raise OutputError(f"cannot write {path}: it is a symbolic link", hint="name a file of its own")
    with ExitStack() as stack:
        with atomic.create(path, replace=True) as out:
            out.write(f"{port}\n".encode())
            # While it is open, no other file gets its number.
            written = stack.enter_context(open(os.dup(out.fileno()), "rb"))
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(written.fileno()), path.lstat()):
                    path.unlink()


@click.command(cls=Command, example="kmstool local env")
@pass_session
def env(session: Session) -> None:
    """Print lines that point tccli and the SDKs at it.

    They are export lines for a shell and hold an API key of the embedded KMS, which opens
    nothing else. tccli knows no variable for the endpoint: give it --endpoint
    "$KMSTOOL_ENDPOINT", or it asks Tencent Cloud.
    """
    from kmstool.kms.profiles import LOCAL
    from kmstool.server import admin
    from kmstool.server.web import listening

    served = listening.running(session.local_folder)
    address = served.address
    host = address.rpartition(":")[0]
    credential = admin.lasting_credential(session.local_kms())
    variables = {
        "TENCENTCLOUD_SECRET_ID": credential.secret_id,
        "TENCENTCLOUD_SECRET_KEY": credential.secret_key,
        "TENCENTCLOUD_REGION": session.region(session.profiles.get(LOCAL)),
        "KMSTOOL_ENDPOINT": f"http://{address}",
        **({"KMSTOOL_METADATA_ENDPOINT": f"http://{address}{served.metadata}"} if served.metadata else {}),
        # Each client looks for another form of the host here.
        "NO_PROXY": f"{host},localhost,{address},http://{address}",
    }
    outputs.answer(
        session,
        variables,
        # Always in quotes, so that scripts can read the lines without a shell.
        lambda: print("\n".join(f"export {name}='{value}'" for name, value in variables.items())),
    )


@click.group(cls=Group)
def faults() -> None:
    """Make the served KMS fail on purpose, to test its clients."""


@faults.command(example="kmstool local faults add --action Encrypt --probability 0.5 --code RequestLimitExceeded")
@click.option("--action", default="*", show_default=True, metavar="ACTION", help="Action that it applies to.")
@click.option("--nth", type=click.IntRange(1), metavar="N", help="Apply to the nth request only.")
@click.option(
    "--probability", type=NumberRange(0, 1), default=1.0, show_default=True, metavar="P", help="Apply by chance."
)
@click.option("--after", is_flag=True, help="Perform the action first; only the answer suffers.")
@click.option("--code", default="", metavar="CODE", help="Answer with this error code.")
@click.option("--delay", default="", metavar="DURATION", help="Answer late: 2s.")
@click.option("--drop", is_flag=True, help="Close the connection without an answer.")
@click.option("--truncate", is_flag=True, help="Send half of the answer.")
@click.option("--content-type", default="", metavar="TYPE", help="Label the answer with this type.")
@click.option("--http-status", type=click.IntRange(100, 599), metavar="STATUS", help="Answer with this HTTP status.")
@pass_session
def add(session: Session, nth: int | None, delay: str, http_status: int | None, **fields: Any) -> None:
    """Add a rule; it holds from the next request on."""
    from kmstool.server.web import faults as rules

    seconds = times.duration(delay) if delay else 0
    rule = rules.FaultRule(nth=nth or 0, delay_seconds=seconds, http_status=http_status or 0, **fields)
    with session.local_kms().request("DescribeKey", {}, write=True) as call:
        number = rules.add(call.db, rule)
    session.note(f"added fault rule {number}")


@faults.command("list", example="kmstool local faults list")
@pass_session
def list_faults(session: Session) -> None:
    """List the rules."""
    from dataclasses import asdict

    from kmstool.server.web import faults as rules

    with session.local_kms().request("DescribeKey", {}, write=False) as call:
        found = rules.rules(call.db)
    rows = []
    for rule in found:
        effects = {name: value for name, value in asdict(rule).items() if value and name not in ("number", "action")}
        rows.append((str(rule.number), rule.action, ", ".join(f"{name}={value}" for name, value in effects.items())))
    answer = {"Faults": [asdict(rule) for rule in found]}
    outputs.answer(session, answer, lambda: outputs.table(session, ("NUMBER", "ACTION", "RULE"), rows))


@faults.command(example="kmstool local faults clear")
@pass_session
def clear(session: Session) -> None:
    """Remove all rules."""
    from kmstool.server.web import faults as rules

    with session.local_kms().request("DescribeKey", {}, write=True) as call:
        rules.clear(call.db)
    session.note("there are no fault rules")
