"""Jobs on the workers of Dask: the option, and what of a command's words the workers get."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import options, recipients
from kmstool.cli.params import Parsed
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.cli.params import PublicKeyFile
    from kmstool.workflows.many import Workers
    from kmstool.workflows.reconnecting import Sent, WorkerKms


def _parse(word: str) -> str:
    from kmstool.workflows.clusters import check_address

    return check_address(word)


DASK = Parsed("workers", _parse)


def dask_option(function: options.Decorated) -> options.Decorated:
    """Add `--dask`."""
    text = "Let the workers of a Dask scheduler do it, or those of N processes here. Needs kmstool[dask]."
    return click.option("--dask", type=DASK, metavar="ADDRESS|local:N", help=text)(function)


@contextmanager
def workers(session: Session, address: str | None, *, calls: int = 1) -> Iterator[Workers | None]:
    """Give the workers that an address names, None for this process: without an address, and where nothing is done.

    `calls` are those to KMS that are on their way at once, where the workers are processes of this machine.
    """
    if address is None or session.settings.dry_run:
        yield None
        return
    from kmstool.workflows.clusters import Cluster

    cluster = Cluster(address, calls=calls)
    try:
        yield cluster
    finally:
        cluster.shutdown()


def refuse_private_keys(private_keys: Sequence[str]) -> None:
    """Raise `UsageError` for private keys in files: none is sent to another machine."""
    if private_keys:
        raise UsageError("--dask and --identity exclude each other: a private key is not sent to workers")


def recipients_for(
    session: Session,
    cluster: Workers | None,
    here: Callable[[], Any],
    keys: Sequence[KeyAddress],
    public_keys: Sequence[PublicKeyFile],
    data_key: KeyAddress | None,
) -> Callable[[], Any]:
    """Return the recipients that `here` finds, and for workers the same by their ids."""
    if cluster is None:
        return here
    from kmstool.workflows.reconnecting import RecipientsThere, Sent, key_there

    def there() -> RecipientsThere:
        connections = session.connections
        named = keys or (() if public_keys or data_key is not None else (session.default_key(),))
        files = [recipients.by_public_key(session, word) for word in public_keys]
        return RecipientsThere(
            _kms(session, cluster),
            tuple(key_there(connections, key) for key in named),
            tuple((one.key.to_spki(), one.region, one.key_id) for one in files),
            None if data_key is None else key_there(connections, data_key, hosted=True),
        )

    return Sent(here, there)


def identities_for(
    session: Session, cluster: Workers | None, here: Callable[[], Any], keys: Sequence[KeyAddress]
) -> Callable[[], Any]:
    """Return those who open envelopes, and for workers the same by their ids."""
    if cluster is None:
        return here
    from kmstool.workflows.reconnecting import IdentitiesThere, Sent, key_there

    def there() -> IdentitiesThere:
        openers = tuple(key_there(session.connections, key) for key in keys)
        return IdentitiesThere(_kms(session, cluster), openers)

    return Sent(here, there)


def wrap_for(
    session: Session,
    cluster: Workers,
    here: Callable[..., Any],
    keys: Sequence[KeyAddress],
    sources: Sequence[KeyAddress],
    *,
    in_kms: bool,
) -> Sent:
    """Return what makes the new recipients of envelopes, and for workers the same by the ids of keys."""
    from kmstool.workflows.reconnecting import Sent, WrapThere, key_there

    def there() -> WrapThere:
        to, of = (tuple(key_there(session.connections, key) for key in named) for named in (keys, sources))
        return WrapThere(_kms(session, cluster), to, of, in_kms)

    return Sent(here, there)


def _kms(session: Session, cluster: Workers) -> WorkerKms:
    from kmstool.workflows.reconnecting import workers_kms

    return workers_kms(cluster, session.connections.options, shield=session.shield)
