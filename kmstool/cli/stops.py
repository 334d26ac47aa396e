"""What a run that was ended by a signal says of its work: how far it came, and whether the same command goes on."""

from __future__ import annotations

import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from kmstool.cli.messages import say

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session

_MOST_NAMED = 3


def tell(session: Session) -> None:
    """Say in one line what became of the job; with `--format json` as the one object that errors are."""
    if session.stopped == 128 + signal.SIGINT and sys.stderr.isatty():
        with contextlib.suppress(OSError):
            # The terminal has shown ^C.
            print(file=sys.stderr, flush=True)
    message = outcome(session)
    if session.settings.format == "json":
        import json

        fields = {"code": "Stopped", "exit": session.stopped, "message": message, "hint": None}
        with contextlib.suppress(OSError):
            print(json.dumps({"error": {**fields, "kms_code": None, "request_id": None}}), file=sys.stderr, flush=True)
    else:
        say(message)


def outcome(session: Session) -> str:
    """Return what became of the job of a run."""
    job = session.job
    if job is not None:
        of_all = "" if job.total is None else f" of {job.total:,}"
        return f"stopped: {job.done:,}{of_all} {job.noun} are done" + ("; the same command goes on" * job.goes_on)
    changes = session.changes
    if changes.begun:
        return f"stopped; it is not known whether this was done: {changes.begun[-1]}"
    if changes.made:
        more = len(changes.made) - _MOST_NAMED
        return f"stopped; this was done: {', '.join(changes.made[:_MOST_NAMED])}" + (f", and {more} more" * (more > 0))
    if session.cut_short:
        return "stopped; what went to stdout is not all: discard it"
    return "stopped; no file was changed"
