"""`kmstool local serve`: serve the local KMS over HTTP on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.messages import print_json
from kmstool.cli.options import file_target, not_empty, not_empty_file
from kmstool.cli.params import Parsed
from kmstool.cli.session.session import Session, takes
from kmstool.errors import OutputError, UsageError

if TYPE_CHECKING:
    from kmstool.server.web.gateway import Gateway
    from kmstool.server.web.listening import Tls
    from kmstool.server.web.quota import Rates

_PATH_BYTES = 24
_PUBLISHED = "published"
_MOST_A_SECOND = 100_000


def _rates(word: str) -> Rates:
    from kmstool.server.web.quota import Rates

    if word == _PUBLISHED:
        return Rates()
    if not (word.isascii() and word.isdigit() and 0 < int(word[:10]) <= _MOST_A_SECOND):
        raise UsageError(f"{word!r} is no rate", hint=f"requests in a second, 1 to {_MOST_A_SECOND}")
    return Rates(int(word))


QUOTA = Parsed("rate", _rates)


@dataclass(frozen=True)
class ServeWords:
    """The options of `kmstool local serve`."""

    host: str
    port: int
    port_file: str | None
    socket: str | None
    tls: bool
    tls_cert: str | None
    tls_key: str | None
    quota: Rates | None
    lenient: bool
    assume: str
    metadata: bool
    web_identity: bool


@click.command(cls=options.Command, alone=True, example="kmstool local serve --port 0 --port-file kms.port")
@click.option("--host", default="127.0.0.1", show_default=True, help="Loopback address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port; 0 takes a free one.")
@file_target("--port-file", callback=not_empty_file, replaced=True, help="Write the bare port number here once ready.")
@click.option("--socket", metavar="PATH", callback=not_empty, help="Listen on a Unix socket too, for this user only.")
@click.option(
    "--tls", is_flag=True, help="Speak TLS on the port, with a certificate that local env tells clients to trust."
)
@click.option(
    "--tls-cert", metavar="FILE", callback=not_empty, help="Certificate for TLS, with its chain (PEM); implies --tls."
)
@click.option("--tls-key", metavar="FILE", callback=not_empty, help="Private key of the certificate (PEM).")
@click.option(
    "--quota",
    metavar="[RATE]",
    is_flag=False,
    flag_value=_PUBLISHED,
    type=QUOTA,
    help="Keep to the request rates that the cloud publishes, or to RATE requests of each action in a second.",
)
@click.option("--lenient", is_flag=True, help="Take requests without a region, which the cloud refuses.")
@click.option("--assume", metavar="U1=b,...", default="", help="Take these answers to unknowns; see local assume.")
@click.option("--metadata", is_flag=True, help="Be a CVM's metadata service too, at a secret place.")
@click.option("--web-identity", is_flag=True, help="Give keys for the tokens of local credentials token.")
@takes(ServeWords)
def serve(session: Session, wanted: ServeWords) -> None:
    """Serve the local KMS over HTTP on this machine.

    tccli and every Tencent SDK can use it: kmstool local env tells them how. It ends
    on Ctrl-C or SIGTERM, after the requests that have begun. Whoever has no API key of it gets
    nothing; with --metadata and --web-identity this user's programs can get one.
    """
    from kmstool.server.web import listening
    from kmstool.system import hosts

    if not hosts.is_loopback(wanted.host):
        raise UsageError(
            f"{wanted.host} is no loopback address", hint="one of: localhost, ::1 and all that begin with 127."
        )
    chosen = _tls(wanted.tls_cert, wanted.tls_key, wanted=wanted.tls)
    if chosen and wanted.metadata:
        raise UsageError("the metadata service has no TLS", hint="serve it without --tls")
    session.served_local = True
    gateway = _gateway(session, wanted)

    def ready(actual: int) -> None:
        if wanted.port_file is not None:
            stack.enter_context(_port_file(Path(wanted.port_file), actual))
        _tell_url(session, f"{'https' if chosen else 'http'}://{listening.bracketed(wanted.host)}:{actual}")
        _tell_more(session, wanted)

    with ExitStack() as stack:
        stack.callback(gateway.close)
        unix = Path(wanted.socket) if wanted.socket is not None else None
        listening.serve(
            gateway, session.local_folder, wanted.host, wanted.port, ready, unix=unix, tls=chosen, report=session.warn
        )
    session.note("stopped")


def _tell_url(session: Session, url: str) -> None:
    """Print where the server listens, at once: whoever started it waits for that."""
    session.wrote_bytes = True
    if session.settings.format == "json":
        print_json({"Endpoint": url})
    else:
        print(f"listening on {url}")
    sys.stdout.flush()


def _gateway(session: Session, wanted: ServeWords) -> Gateway:
    from secrets import token_urlsafe

    from kmstool.server.web.gateway import Gateway, Stubs

    return Gateway(
        session.local_folder,
        session.store_passphrase,
        quota=wanted.quota,
        lenient=wanted.lenient,
        assume=wanted.assume,
        stubs=Stubs(f"/{token_urlsafe(_PATH_BYTES)}" if wanted.metadata else "", wanted.web_identity),
        report=session.warn if session.settings.verbose else lambda _: None,
    )


def _tell_more(session: Session, wanted: ServeWords) -> None:
    if wanted.socket is not None:
        session.note(f"listening on the Unix socket {wanted.socket} too")
    for name, is_on in (("metadata service", wanted.metadata), ("web identities", wanted.web_identity)):
        if is_on:
            session.warn(f"{name}: programs of this user can get an API key without having one")


def _tls(certificate: str | None, key: str | None, *, wanted: bool) -> Tls | None:
    from kmstool.server.web.listening import Tls

    if (certificate is None) != (key is None):
        raise UsageError(
            "a certificate needs its key, and a key its certificate", hint="give both --tls-cert and --tls-key"
        )
    if certificate is None or key is None:
        return Tls() if wanted else None
    return Tls(Path(certificate), Path(key))


@contextmanager
def _port_file(path: Path, port: int) -> Iterator[None]:
    """Keep the port in a file during the block, and remove that unless its name is another file's by then.

    Raises `OutputError` as `atomic.create` does, and for a symbolic link: in the end nothing
    would be left of that.
    """
    from kmstool.system import atomic, ownership

    if path.is_symlink():
        raise OutputError(f"cannot write {path}: it is a symbolic link", hint="name a file of its own")
    with ExitStack() as stack:
        with atomic.create(path, replace=True, mode=ownership.public_mode()) as out:
            out.write(f"{port}\n".encode())
            # While it is open, no other file gets its number.
            written = stack.enter_context(open(os.dup(out.fileno()), "rb"))
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(written.fileno()), path.lstat()):
                    path.unlink()
