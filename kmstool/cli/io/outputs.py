"""Answers on stdout: text for people, or the API's own field names as JSON.

Text from outside is never sent to a terminal with its control characters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from kmstool.cli.io import inputs
from kmstool.cli.messages import printable
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.cli.console import Console


@dataclass(frozen=True)
class FileNamed:
    """Where a file goes, by `-o` and `--force`: under a name, to stdout for `-`, or for None where the command says."""

    out: str | None
    force: bool


@dataclass(frozen=True)
class Destination(FileNamed):
    """Where a result goes, by `-o` and `--force`: a file, stdout for `-`, or for None stdout as the format says."""

    def __post_init__(self) -> None:
        if self.force and self.out is None:
            raise UsageError("--force goes with -o FILE", hint="without it there is no file to replace")


def print_answer(console: Console, fields: Mapping[str, Any], text: Callable[[], None]) -> None:
    """Print an answer as the user asked for it: in JSON or as a selection at the end, or now by calling `text`.

    What tells of a change that a dry run did not make is not printed.
    """
    if console.unmade:
        return
    if console.settings.query or console.settings.format == "json":
        console.answers.append(fields)
    else:
        text()


def write_result(
    console: Console,
    fields: Mapping[str, Any],
    data: bytes,
    to: Destination,
    *,
    source: inputs.Input | inputs.Stream | None = None,
    public: bool = False,
) -> None:
    """Write what a command is asked for to a file; without one, print it as `print_answer` does."""
    if to.out is not None:
        write(console, data, to.out, force=to.force, source=source, public=public)
    else:
        print_answer(console, fields, lambda: write(console, data, None))


def write(
    console: Console,
    data: bytes,
    out: str | None,
    *,
    force: bool = False,
    source: inputs.Input | inputs.Stream | None = None,
    public: bool = False,
) -> None:
    """Write to the file `out`, all or nothing, or to stdout for None and `-`; see `open_output` for its mode.

    Raises `OutputError` for a file that exists and was not to be replaced, for every fault
    of the file system, and for binary data on a terminal unless `-` was said.
    """
    if out is not None and out != inputs.STDIN:
        inputs.refuse_same(out, source.inode if source else None)
        with open_output(console, out, force=force, public=public) as file:
            file.write(data)
        return
    if out is None and sys.stdout.isatty() and not inputs.is_text(data):
        raise inputs.not_for_terminals()
    console.wrote_bytes = True
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def open_output(
    console: Console, out: str, *, force: bool = False, durable: bool = True, public: bool = False
) -> AbstractContextManager[BinaryIO]:
    """Open the file `out` for what the block makes: refused before that, there only after it.

    Others may not read it (0600), unless it is public: then the umask says who may. See `atomic.create` for the rest.
    """
    from kmstool.system import ownership

    console.files.append(out)
    mode = ownership.public_mode() if public else 0o600
    return console.changes.created(Path(out), replace=force, durable=durable, mode=mode)


def print_fields(rows: Mapping[str, str]) -> None:
    """Print one thing as lines `name: value`, aligned."""
    width = max(len(name) for name in rows) + 1
    for name, value in rows.items():
        print(f"{name + ':':<{width}} {printable(value)}".rstrip())
