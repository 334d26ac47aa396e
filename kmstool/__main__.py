"""The program's first instruction: answer `--version` at once, else hand over to the command line."""

# These two are loaded before any program; another import here would be time in which Ctrl-C shows a traceback.
import os
import sys

_INTERRUPTED, _OUTPUT_ERROR = 130, 8
_SIGNALLED = (129, _INTERRUPTED, 143)
_COLLECT_AFTER = 50_000  # objects


def run() -> None:
    """Run kmstool on `sys.argv` and end the process with its exit code, or by the signal that it was to end by.

    At once: taking the interpreter apart takes as long as two of its starts, and a signal
    that comes meanwhile would show as a traceback.
    """
    try:
        _leave_other_encodings()
        exit_code = main()
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, AttributeError):
                continue
    except KeyboardInterrupt:
        exit_code = _INTERRUPTED
    except (MemoryError, SystemError):
        # Not even the code that makes messages could be loaded. The interpreter's own code at times loses the first.
        os.write(2, b"kmstool: error: out of memory\n")
        exit_code = _OUTPUT_ERROR
    if exit_code in _SIGNALLED:
        from kmstool.system import signals

        signals.end_by(exit_code - 128)
    os._exit(exit_code)


def main() -> int:
    """Run kmstool on `sys.argv` and return its exit code."""
    from kmstool.system import memory

    memory.close()
    import contextlib
    import gc

    # Imports make many objects and no garbage; by default they are searched for it some hundred times.
    gc.set_threshold(_COLLECT_AFTER)
    if sys.argv[1:] == ["--version"]:
        from kmstool import __version__

        # Click alone triples this answer's time; scripts probe versions often. What cannot
        # be written here fails again below, where failures have their messages and a full pipe is waited for.
        with contextlib.suppress(OSError):
            os.write(1, f"kmstool {__version__}\n".encode())
            return 0
    _end_quietly_when_interrupted()
    from kmstool.cli.main import command_line

    return command_line()


def _leave_other_encodings() -> None:
    """Let arguments and names of files be UTF-8 in every locale: in those of another encoding, start again."""
    if sys.getfilesystemencoding() == "utf-8":
        return
    from kmstool.system import utf8

    try:
        utf8.start_again()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        os.write(2, f"kmstool: error: cannot start in UTF-8: {reason}\nkmstool: hint: set LC_ALL=C.UTF-8\n".encode())
        os._exit(_OUTPUT_ERROR)


def _end_quietly_when_interrupted() -> None:
    """Let Ctrl-C end the process until the command line has its own handlers.

    Imports are no place for `KeyboardInterrupt`: it becomes another exception where a class is made
    (Python up to 3.11), and is written out and forgotten where an object is freed.
    """
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    run()
