"""A warm kmstool for the commands of a shell: one that is loaded already, of which every command is a fork.

A start of Python with kmstool and the measuring of coverage takes fifteen times as long as most commands of a
session. Here `kmstool` in the PATH of the shell is a small client: it hands its words, variables, folder, umask and
open files to this server, passes signals on, and ends as the fork does. What is shown is what `kmstool.__main__.run`
prints, in a process of its own. `local serve`, which a shell puts in the background, is started anew.
"""

import codecs
import fcntl
import functools
import importlib
import marshal
import os
import pkgutil
import selectors
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import kmstool
from tests.measured import Measured
from tests.program import Run

_FAILED = 70
_MOST_FILES = 64
# Above all numbers that a shell gives to the files of a command.
_FIRST_FREE = 500
_NOT_LOADED = {"kmstool.__main__", "kmstool.kms.transport.sdk"}

_CLIENT = """\
import _signal, _socket, marshal, posix, sys
if sys.argv[1:3] == ["local", "serve"]:
    posix.execv({program!r}, [{program!r}, *sys.argv[1:]])
files = []
for number in map(int, posix.listdir("/proc/self/fd")):
    try:
        if posix.get_inheritable(number):
            files.append(number)
    except OSError:
        pass  # the list's own
umask = posix.umask(0)
posix.umask(umask)
request = marshal.dumps((sys.argv[1:], posix.environ, umask, files))
handed = [*files, posix.open(".", posix.O_RDONLY)]
server = _socket.socket(_socket.AF_UNIX)
server.connect({address!r})
rights = b"".join(number.to_bytes(4, sys.byteorder) for number in handed)
server.sendmsg([len(request).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)])
while request:
    request = request[server.send(request):]
child = int.from_bytes(server.recv(4), "big")
for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM):
    _signal.signal(number, lambda number, _: posix.kill(child, number))
code = int.from_bytes(server.recv(4), "big", signed=True)
for number in (_signal.SIGHUP, _signal.SIGINT, _signal.SIGTERM):
    _signal.signal(number, _signal.SIG_DFL)
if code < 0:
    posix.kill(posix.getpid(), -code)
posix._exit(code)
"""


@functools.cache
def load() -> None:
    """Import what commands import, so that their forks have it: also those that may not read where Python lies."""
    for module in pkgutil.walk_packages(kmstool.__path__, "kmstool."):
        if module.name not in _NOT_LOADED:
            importlib.import_module(module.name)
    for name in ("certifi", "jmespath", "platformdirs"):
        importlib.import_module(name)
    for name in ("ascii", "idna"):
        codecs.lookup(name)


def put_client(folder: Path, program: Path, address: str) -> Path:
    """Write a `kmstool` for the PATH, in place of the program that is installed, and return it."""
    folder.mkdir()
    client = folder / "kmstool"
    client.write_text(f"#!{sys.executable} -IS\n{_CLIENT.format(program=str(program), address=address)}")
    client.chmod(0o755)
    return client


def forked(address: str, start: Callable[[], "subprocess.Popen[bytes]"]) -> tuple[int, Measured]:
    """Return the leader of a new group of processes: it starts a shell, and serves its kmstool until the shell ends."""
    measured = Measured()
    leader = os.fork()
    if leader:
        return leader, measured
    code = _FAILED
    try:
        measured.begin()
        os.setsid()
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(address)
            listening.listen()
            code = _serve(listening, start())
    except BaseException:  # noqa: BLE001 - nothing may go on in a fork as a second parent
        traceback.print_exc()
    finally:
        os._exit(code)


def _serve(listening: socket.socket, shell: "subprocess.Popen[bytes]") -> int:
    with selectors.DefaultSelector() as waited:
        ended = os.pidfd_open(shell.pid)
        waited.register(ended, selectors.EVENT_READ)
        waited.register(listening, selectors.EVENT_READ)
        while True:
            for key, _ in waited.select():
                if key.fd == ended:
                    return 0
                if key.fileobj is listening:
                    client, _ = listening.accept()
                    child, measured = _forked(client)
                    waited.register(os.pidfd_open(child), selectors.EVENT_READ, (client, child, measured))
                else:
                    waited.unregister(key.fd)
                    os.close(key.fd)
                    _end(*key.data)


def _end(client: socket.socket, child: int, measured: Measured) -> None:
    _, status = os.waitpid(child, 0)
    measured.add()
    with client:
        client.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _forked(client: socket.socket) -> tuple[int, Measured]:
    head, handed, _, _ = socket.recv_fds(client, 4, _MOST_FILES)
    with client.makefile("rb") as request:
        words, environ, umask, numbers = marshal.loads(request.read(int.from_bytes(head, "big")))
    variables = {os.fsdecode(name): os.fsdecode(value) for name, value in environ.items()}
    measured = Measured()
    child = os.fork()
    if child == 0:
        run = Run(b"", None, variables, None, umask, 0)
        run.become(words, measured, lambda: _take(handed, numbers))
    for number in handed:
        os.close(number)
    client.sendall(child.to_bytes(4, "big"))
    return child, measured


def _take(handed: list[int], numbers: list[int]) -> None:
    """Have the files of a client, under the numbers that they have there, its folder, and nothing else open."""
    *files, folder = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for number in handed]
    os.fchdir(folder)
    os.closerange(0, _FIRST_FREE)
    for file, number in zip(files, numbers, strict=True):
        os.dup2(file, number)
    os.closerange(_FIRST_FREE, os.sysconf("SC_OPEN_MAX"))
