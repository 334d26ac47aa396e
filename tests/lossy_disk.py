"""A real file system, by FUSE, that shows another folder and lacks what it is told to lack: a program, and its mount.

`lossy_disk.py ROOT MOUNTPOINT [OPERATION=ERRNO ...] [mode=OCTAL] [nlink=NUMBER]`: an operation is a
method below, or `noreplace`, `exchange` for the two kinds of renaming. A mode is that of every
file, as FAT has it, and nlink the number of names that every file seems to have.
"""

import ctypes
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NO_REPLACE, _EXCHANGE = 1, 2
_ATTRIBUTES = ("st_atime_ns", "st_ctime_ns", "st_mtime_ns", "st_gid", "st_mode", "st_nlink", "st_size", "st_uid")


@contextmanager
def mounted(folder: Path, *lacks: str) -> Iterator[Path]:
    """Mount such a file system during the block, below a folder; where that is not possible the test cannot run."""
    from tests.conftest import need, unable

    need("fusermount3")
    root, place = folder / "root", folder / "mount"
    for made in (root, place):
        made.mkdir()
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        unable("there is no /dev/fuse to mount a file system with")
    command = [sys.executable, __file__, str(root), str(place), *lacks]
    # Coverage, if it is measured, is not that of this program.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        try:
            said = server.stdout.readline()
            assert said == "mounted\n", server.stderr.read()
            yield place
        finally:
            subprocess.run(["fusermount3", "-u", "-z", str(place)], check=True)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                raise


def main(root: str, place: str, *lacks: str) -> None:  # noqa: C901 - one file system
    """Serve the file system until it is unmounted."""
    import mfusepy

    refused = {name: value for name, _, value in (lack.partition("=") for lack in lacks)}
    libc = ctypes.CDLL(None, use_errno=True)

    def renamed(old: str, new: str, flags: int) -> int:
        names = {_NO_REPLACE: "noreplace", _EXCHANGE: "exchange"}
        for name in ("rename", names.get(flags, "")):
            if name in refused:
                return -int(getattr(errno, refused[name]))
        paths = os.fsencode(root + old), os.fsencode(root + new)
        done = libc.renameat2(-100, paths[0], -100, paths[1], flags)
        return -ctypes.get_errno() if done else 0

    class Renaming(mfusepy.FUSE):  # type: ignore[misc]
        def rename_fuse_3(self, old: bytes, new: bytes, flags: int) -> int:
            return renamed(os.fsdecode(old), os.fsdecode(new), flags)

    class Disk(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def init(self, _: str) -> None:
            print("mounted", flush=True)

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            there = os.lstat(root + path) if fh is None else os.fstat(fh)
            known = {name.removesuffix("_ns"): getattr(there, name) for name in _ATTRIBUTES}
            if "mode" in refused:
                known["st_mode"] = there.st_mode & ~0o777 | int(refused["mode"], 8)
            if "nlink" in refused:
                known["st_nlink"] = int(refused["nlink"])
            return known

        def readdir(self, path: str, fh: int) -> list[str]:
            return [".", "..", *os.listdir(root + path)]

        def mkdir(self, path: str, mode: int) -> int:
            os.mkdir(root + path, mode)
            return 0

        def rmdir(self, path: str) -> int:
            os.rmdir(root + path)
            return 0

        def unlink(self, path: str) -> int:
            os.unlink(root + path)
            return 0

        def rename(self, old: str, new: str) -> int:
            return renamed(old, new, 0)

        def link(self, target: str, source: str) -> int:
            os.link(root + source, root + target, follow_symlinks=False)
            return 0

        def symlink(self, target: str, source: str) -> int:
            os.symlink(source, root + target)
            return 0

        def readlink(self, path: str) -> str:
            return os.readlink(root + path)

        def chmod(self, path: str, mode: int) -> int:
            os.chmod(root + path, mode)
            return 0

        def chown(self, path: str, uid: int, gid: int) -> int:
            os.chown(root + path, uid, gid)
            return 0

        def open(self, path: str, flags: int) -> int:
            return os.open(root + path, flags)

        def create(self, path: str, mode: int, fi: Any = None) -> int:
            return os.open(root + path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            return os.pread(fh, size, offset)

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            return os.pwrite(fh, data, offset)

        def truncate(self, path: str, length: int, fh: int | None = None) -> int:
            os.truncate(root + path, length)
            return 0

        def flush(self, path: str, fh: int) -> int:
            return 0

        def release(self, path: str, fh: int) -> int:
            os.close(fh)
            return 0

        def fsync(self, path: str, datasync: int, fh: int) -> int:
            os.fsync(fh)
            return 0

        def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
            return 0

        def utimens(self, path: str, times: Any = None) -> int:
            os.utime(root + path, ns=times)
            return 0

        def statfs(self, path: str) -> dict[str, int]:
            there = os.statvfs(root + path)
            return {name: getattr(there, name) for name in dir(there) if name.startswith("f_") and name != "f_fsid"}

    def refuse(number: int) -> Any:
        def refused(*_: Any, **__: Any) -> Any:
            raise mfusepy.FuseOSError(number)

        return refused

    disk = Disk()
    for name, value in refused.items():
        if hasattr(errno, value):
            setattr(disk, name, refuse(getattr(errno, value)))
    Renaming(disk, place, foreground=True, nothreads=True, hard_remove=True, use_ino=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
