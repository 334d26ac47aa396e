"""The program's first instruction: answer `--version` at once, else hand over to the command line."""

import contextlib
import sys

from kmstool import __version__

_INTERRUPTED = 130


def main() -> int:
    """Run kmstool on `sys.argv` and return its exit code."""
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
    sys.exit(main())
