"""A Unix socket to listen on: for one user alone (0600), in a folder where nobody else can put another in its place."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kmstool.errors import InputError, OutputError, Reason
from kmstool.system import atomic, mounts, ownership

_BACKLOG = 256


@contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """Listen on a socket at `path` during the block, and remove it unless its name is another file's by then.

    What a dead server left there is replaced. Raises `InputError` for a name that no socket
    can have, `AccessError` for a folder that others can change, `OutputError` for a name where
    somebody listens or another file lies.
    """
    # Clients would send their requests to whoever can put a socket of his own under this name.
    ownership.check_path(path.parent, secret=False)
    path = ownership.resolve(path.parent) / path.name
    with socket.socket(socket.AF_UNIX) as listener:
        try:
            bound = _bind(listener, path)
        except OSError as error:
            raise atomic.fault(path, error) from error
        try:
            yield listener
        finally:
            with suppress(FileNotFoundError):
                if os.path.samestat(bound, path.lstat()):
                    path.unlink()


def _bind(listener: socket.socket, path: Path) -> os.stat_result:
    """Bind and listen; return what stands at the path then."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # Two servers must not both find the same dead socket, and one remove the other's new one.
        mounts.lock(folder)
        _remove_dead(path)
        former = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(former)
        listener.listen(_BACKLOG)
        return path.lstat()
    except OSError as error:
        if error.errno is None:
            # Python's own limit, before it asks the system: 107 bytes on Linux.
            raise InputError(f"the name of the socket {path} is too long", hint="choose a shorter path") from error
        raise
    finally:
        os.close(folder)


def _remove_dead(path: Path) -> None:
    """Remove a socket of this user on which nobody listens; raise `OutputError` for anything else that is there."""
    try:
        there = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(there.st_mode) or there.st_uid != os.geteuid():
        raise OutputError(f"refusing to replace {path}: it is no socket of yours", hint="name a file of its own")
    with socket.socket(socket.AF_UNIX) as probe:
        # Whoever listens and has no place in its queue is alive too.
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except BlockingIOError:
            pass
    raise OutputError(f"a server listens on {path} already", reason=Reason.SOCKET_TAKEN)
