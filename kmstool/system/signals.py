"""Steps that a signal must not part, and the end by a signal."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

_ENDING = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


@contextmanager
def held() -> Iterator[None]:
    """Let the signals that end a command wait until the block has ended."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_by(number: int) -> NoReturn:
    """End this process by a signal itself, at once and without a word.

    A shell stops a loop, and make a build, where a command was ended by Ctrl-C, and goes on where it ended
    with an exit code of its own. Whoever looks at the code sees 128 and the number all the same.
    """
    if "multiprocessing" in sys.modules:
        import multiprocessing  # noqa: PLC0415 - it costs what half a start does

        # No worker outlives this process; their files have no name before they are whole.
        for process in multiprocessing.active_children():
            process.kill()
    signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os.kill(os.getpid(), number)
    # The first process of a container is not ended by a signal of its own.
    os._exit(128 + number)
