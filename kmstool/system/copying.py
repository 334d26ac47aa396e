"""Copies from one open file to another, by the kernel where it can do that, else by reading and writing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from kmstool.system import descriptors

_MOST_BYTES = 2**30
_PART_BYTES = 2**24


def copy(source: int, offset: int, target: int) -> None:
    """Copy what a regular file holds from an offset on to the position of another file. Raises `OSError`."""
    os.lseek(source, offset, os.SEEK_SET)
    for step in _steps():
        try:
            while step(source, target):
                pass
        except OSError:
            # Between file systems that share no blocks, and to what is no regular file. What is
            # copied until then has moved both positions, and a real fault comes again below.
            continue
        break
    # Some file systems tell the kernel that there is nothing where there is something.
    for data in descriptors.chunks(source):
        descriptors.write_all(target, data)


def _steps() -> list[Callable[[int, int], int]]:
    """Return the calls of this system that copy by themselves; macOS has neither for files."""
    copy_range: Any = getattr(os, "copy_file_range", None)
    send: Any = getattr(os, "sendfile", None) if sys.platform == "linux" else None
    steps: list[Callable[[int, int], int]] = []
    if copy_range:
        steps.append(lambda source, target: copy_range(source, target, _MOST_BYTES))
    if send:
        steps.append(lambda source, target: send(target, source, None, _PART_BYTES))
    return steps
