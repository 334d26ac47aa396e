"""What the commands of a batch share: their options, lines in, lines out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import clusters, key_words, options
from kmstool.cli.hints import error_fields
from kmstool.cli.io import inputs, progress
from kmstool.cli.messages import is_utf8
from kmstool.cli.session.session import Session
from kmstool.errors import PartialError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.batches import Runner
    from kmstool.workflows.batches_there import BatchOperation
    from kmstool.workflows.many import Workers

_PIECE_BYTES = 65536
_BEGIN = '{"Results": ['


@dataclass(frozen=True)
class BatchWords:
    """Which lines, under which key, and at which pace."""

    key: KeyAddress | None
    in_flight: int
    rate: float | None
    dask: str | None
    file: str | None

    @property
    def key_name(self) -> str | None:
        """The key as lines name theirs."""
        return str(self.key) if self.key else None


def batch_options(function: options.Decorated) -> options.Decorated:
    """Add `--key`, `--in-flight`, `--rate`, `--dask` and FILE."""
    return key_words.means("key", "Key of lines that name none; else the profile's.")(_pace_options(function))


def moving_options(function: options.Decorated) -> options.Decorated:
    """Add the same with `--to`, which `--key` says as well."""
    to = key_words.means(
        "key", "Key to move lines to that name none; else the newest version of theirs.", spelling="--to"
    )
    return to(_pace_options(function))


def _pace_options(function: options.Decorated) -> options.Decorated:
    in_flight = click.option(
        "--in-flight", type=click.IntRange(1, 256), default=16, show_default=True, metavar="N", help="Calls at once."
    )
    rate = click.option(
        "--rate", type=options.NumberRange(0.1, 100000), metavar="N", help="Calls a second. Default: 80 % of the quota."
    )
    return in_flight(rate(clusters.dask_option(options.input_argument(function))))


def run(session: Session, wanted: BatchWords, name: BatchOperation) -> None:
    """Do an operation of a batch, here or by workers.

    Prints what comes of each line as soon as those before it are printed; raises `PartialError` if some failed.
    """
    from kmstool.workflows.batches import Batch, run_batch

    session.set_rate(wanted.rate)
    batch = Batch(session.connections, wanted.key_name)
    operations = {"encrypt": batch.encrypt, "decrypt": batch.decrypt, "reencrypt": batch.reencrypt}
    failed = 0
    one_object = session.settings.format == "json"
    # On a terminal the lines themselves show how far it is.
    title = None if sys.stdout.isatty() else "lines"
    with (
        clusters.workers(session, wanted.dask, calls=wanted.in_flight) as pool,
        inputs.open_pieces(wanted.file, _PIECE_BYTES) as pieces,
        progress.job(session, title, noun="lines", goes_on=False) as job,
    ):
        session.wrote_bytes = True
        runner = None if pool is None else _runner(session, pool, name, wanted.key_name)
        for line in run_batch(_lines(pieces), operations[name], in_flight=wanted.in_flight, runner=runner):
            session.deadline.renew()
            fields = dict(line.fields) if line.error is None else {"error": error_fields(line.error)}
            if line.line_id is not None:
                fields = {"id": line.line_id, **fields}
            separator = ("," if job.done else _BEGIN) + "\n" if one_object else ""
            text = json.dumps(fields, ensure_ascii=not is_utf8(sys.stdout.encoding))
            print(separator + text, end="" if one_object else "\n", flush=True)
            job.advance()
            failed += line.error is not None
    if one_object:
        print(("" if job.done else _BEGIN) + f'\n], "Lines": {job.done}, "Failed": {failed}}}')
    if failed:
        raise PartialError(f"{failed:,} of {job.done:,} lines failed")
    session.note(f"{job.done:,} lines are done")


def _runner(session: Session, pool: Workers, name: BatchOperation, key: str | None) -> Runner:
    from kmstool.workflows.batches_there import runner_of

    return runner_of(pool, session.connections, name, key)


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the lines of an input as they come; one that is too long is cut, so that it is refused."""
    from kmstool.workflows.batches import MAX_LINE_BYTES

    rest, dropping = bytearray(), False
    for piece in pieces:
        *whole, last = piece.split(b"\n")
        for part in whole:
            if not dropping:
                yield bytes(rest + part)
            rest, dropping = bytearray(), False
        if not dropping:
            rest += last
        if len(rest) > MAX_LINE_BYTES:
            yield bytes(rest[: MAX_LINE_BYTES + 1])
            rest, dropping = bytearray(), True
    if rest:
        yield bytes(rest)
