"""The memory of this process, closed to other programs of its user: no core dumps, no `/proc/PID/mem`, no debugger.

It is the first thing that is loaded, so that what it imports is time of every start.
"""

import sys
from contextlib import suppress

_PR_SET_DUMPABLE = 4
_RTLD_NOW = 2

_former: list[int] = []


def close() -> None:
    """Close it, as far as the platform can, until the process becomes another program.

    Only the soft limit on core dumps is set, so that `reopen_for_child` can put it back. On Linux
    it is the flag that counts: a handler that core dumps are piped to need not keep to the limit.
    """
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - Unix only

        soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
        _former[:] = [soft]
    if sys.platform == "linux":
        with suppress(ImportError, OSError):
            _set_dumpable(0)


def reopen_for_child() -> None:
    """Let a program that takes this one's place have the limit that was given; the flag ends by itself then."""
    if _former:
        import resource  # noqa: PLC0415 - as above

        resource.setrlimit(resource.RLIMIT_CORE, (_former[0], resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _set_dumpable(value: int) -> None:
    """Call prctl by what ctypes is built on: all of ctypes costs 3 ms of every start, this half a millisecond."""
    arguments = (_PR_SET_DUMPABLE, value, 0, 0, 0)
    try:
        from _ctypes import call_function, dlopen, dlsym  # noqa: PLC0415 - Linux only

        # None is the program itself, which typeshed leaves out.
        program = dlopen(None, _RTLD_NOW)  # type: ignore[arg-type]
        call_function(dlsym(program, "prctl"), arguments)
    except (ImportError, TypeError):
        import ctypes  # noqa: PLC0415 - only where the other way is closed

        ctypes.CDLL(None).prctl(*arguments)
