"""The program's first instruction: answer `--version` at once, else hand over to the command line."""

import sys

from kmstool import __version__


def main() -> int:
    """Run kmstool on `sys.argv` and return its exit code."""
    if sys.argv[1:] == ["--version"]:
        # Click alone triples this answer's time; scripts probe versions often.
        print(f"kmstool {__version__}", flush=True)
        return 0
    from kmstool.cli.main import command_line

    return command_line()


if __name__ == "__main__":
    sys.exit(main())
