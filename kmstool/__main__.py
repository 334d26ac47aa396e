"""The program's first instruction: answer `--version` at once, else hand over to the command line."""

import contextlib
import gc
import os
import sys

from kmstool import __version__

_INTERRUPTED = 130
_COLLECT_AFTER = 50_000  # objects


def run() -> None:
    """Run kmstool on `sys.argv` and end the process with its exit code.

    At once: taking the interpreter apart takes as long as two of its starts, and a signal
    that comes meanwhile would show as a traceback.
    """
    exit_code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, AttributeError):
            stream.flush()
    os._exit(exit_code)


def main() -> int:
    """Run kmstool on `sys.argv` and return its exit code."""
    # Imports make many objects and no garbage; by default they are searched for it some hundred times.
    gc.set_threshold(_COLLECT_AFTER)
    try:
        if sys.argv[1:] == ["--version"]:
            # Click alone triples this answer's time; scripts probe versions often. What cannot
            # be written here fails again below, where failures have their messages.
            with contextlib.suppress(OSError, AttributeError):
                sys.stdout.write(f"kmstool {__version__}\n")
                sys.stdout.flush()
                return 0
        from kmstool.cli.main import command_line

        return command_line()
    except KeyboardInterrupt:
        return _INTERRUPTED


if __name__ == "__main__":
    run()
