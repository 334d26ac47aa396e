"""Renaming in ways that Python has no function for: never over another file, and two names exchanged."""

from __future__ import annotations

import errno
import os

from kmstool.system.mounts import REFUSING

# Object stores have no renaming, and some shared folders none of a file that is open. Container hosts
# of some age refuse calls that they do not know with EPERM.
NO_RENAME = REFUSING | {errno.EXDEV, errno.EBUSY, errno.ETXTBSY}
"""What an attempt to rename answers where that cannot be done, or not in the way that was asked for."""

_NO_REPLACE, _EXCHANGE = 1, 2


def rename_new(folder: int, name: str, new_name: str) -> bool:
    """Give a file in a folder a name that no other file has; return False where that cannot be done in one step.

    Raises `FileExistsError` if another one has it, `OSError` for other faults.
    """
    return _renamed(folder, name, new_name, _NO_REPLACE)


def exchange(folder: int, first: str, second: str) -> bool:
    """Exchange two names in a folder; return False where that cannot be done in one step. Raises `OSError`."""
    return _renamed(folder, first, second, _EXCHANGE)


def _renamed(folder: int, name: str, new_name: str, flags: int) -> bool:
    import ctypes  # noqa: PLC0415 - 3 ms, and few need it

    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is None:
        return False
    call.argtypes = ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint
    if call(folder, os.fsencode(name), folder, os.fsencode(new_name), flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in NO_RENAME:
        return False
    raise OSError(number, os.strerror(number))
