"""Runs tccli for the tests, in its own environment: loaded once, and each command is a fork of that.

A command reads the list of 270 services 500 times before it does anything, which takes a second. Here that
was done before: what is forked is tccli with its table of commands. The words, variables, files 0, 1 and 2
and the log are the command's own. A setting of a service's version is not looked at any more.
"""

import io
import json
import logging
import logging.handlers
import os
import sys
import traceback

import tccli.command
import tccli.main

COMMANDS = tccli.command.CLICommand()
COMMANDS._get_command_map()["kms"]._get_command_map()
# Streams that go would close their descriptors.
KEPT = []


def stream(number, errors):
    made = io.TextIOWrapper(os.fdopen(number, "wb"), encoding="utf-8", errors=errors)
    KEPT.append(made)
    return made


def open_logs():
    """Let all loggers write where they would if they were made now."""
    folder = os.path.join(os.path.expanduser("~"), ".tccli", "log")
    os.makedirs(folder, exist_ok=True)
    for name in logging.root.manager.loggerDict:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.handlers.RotatingFileHandler):
                handler.close()
                handler.baseFilename = os.path.join(folder, "tccli.log")
                handler.stream = handler._open()


def run(job):
    for name in os.environ.keys() - job["environ"].keys():
        del os.environ[name]
    os.environ.update(job["environ"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (name, mode) in enumerate(((os.devnull, os.O_RDONLY), (job["stdout"], flags), (job["stderr"], flags))):
        opened = os.open(name, mode, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    KEPT.extend((sys.stdin, sys.stdout, sys.stderr))
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), stream(1, "strict"), stream(2, "backslashreplace")
    open_logs()
    sys.argv = ["tccli", *job["words"]]
    # This makes the files of a new home.
    COMMANDS._command_map["configure"] = tccli.command.ConfigureCommand()
    tccli.main.CLICommand = lambda: COMMANDS
    code = tccli.main.main()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def main():
    os.write(1, b"ready\n")
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = run(json.loads(line))
            except BaseException:  # noqa: BLE001 - nothing may go on in the child as a second parent
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.write(1, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


main()
