"""How long TAB takes in bash, zsh and fish on a terminal: commands, options, and one of 1,000 names of the cache.

Each press is timed from its byte to the first byte that the shell completes; the medians are printed in
milliseconds. What the machine does meanwhile is in them.
"""

from __future__ import annotations

import os
import pty
import select
import statistics
import sys
import tempfile
import time
from pathlib import Path

COMPLETIONS = Path(__file__).parents[1] / "completions"
PRESSES = int(sys.argv[1]) if sys.argv[1:] else 15
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], f"source {COMPLETIONS}/kmstool.bash"),
    "zsh": (["zsh", "-f", "-i"], f"fpath=({COMPLETIONS} $fpath); autoload -Uz compinit && compinit -u -D"),
    "fish": (["fish", "--no-config", "-i"], f"source {COMPLETIONS}/kmstool.fish"),
}
PARTS = {
    "command": ("kmstool key canc", "el-deletion"),
    "option": ("kmstool key create --descr", "iption"),
    "name": ("kmstool key show unique-", "name"),
}


def cache(home: Path) -> None:
    """Put 1,000 names where completion reads them, so fresh that no shell looks for others."""
    folder = home / ".cache" / "kmstool" / "completion" / "_@_"
    folder.mkdir(parents=True)
    names = [f"key-of-team-{number:04}\tEnabled" for number in range(999)] + ["unique-name\tEnabled"]
    (folder / "keys").write_text("\n".join(names) + "\n")
    (folder / "stamp").write_text(f"{int(time.time()) + 3600}\n")


def read_until(terminal: int, text: bytes, seconds: float = 10) -> bytes:
    """Return what the shell writes until a text is in it."""
    written, end = b"", time.monotonic() + seconds
    while text not in written and time.monotonic() < end:
        if select.select([terminal], [], [], 0.5)[0]:
            written += os.read(terminal, 65536)
    if text not in written:
        raise SystemExit(f"{text!r} did not come: {written!r}")
    return written


def settle(terminal: int) -> None:
    """Wait until the shell is silent."""
    while select.select([terminal], [], [], 0.15)[0]:
        os.read(terminal, 65536)


def presses(shell: str, home: Path) -> dict[str, list[float]]:
    """Return the milliseconds of each press by what is completed."""
    words, prepare = SHELLS[shell]
    process, terminal = pty.fork()
    if process == 0:
        os.environ.update(HOME=str(home), TERM="xterm", PS1="$ ")
        for name in ("KMSTOOL_HOME", "KMSTOOL_PROFILE", "KMSTOOL_REGION", "XDG_CACHE_HOME"):
            os.environ.pop(name, None)
        os.execvp(words[0], words)
    settle(terminal)
    os.write(terminal, f"{prepare}; echo rea''dy\r".encode())
    read_until(terminal, b"ready")
    settle(terminal)
    times: dict[str, list[float]] = {part: [] for part in PARTS}
    for press in range(PRESSES + 1):
        for part, (typed, rest) in PARTS.items():
            os.write(terminal, typed.encode())
            settle(terminal)
            begun = time.perf_counter()
            os.write(terminal, b"\t")
            read_until(terminal, rest[:2].encode())
            if press:
                times[part].append((time.perf_counter() - begun) * 1000)
            settle(terminal)
            os.write(terminal, b"\x15")
            settle(terminal)
    os.close(terminal)
    os.waitpid(process, 0)
    return times


def main() -> None:
    """Print a line for each shell."""
    with tempfile.TemporaryDirectory() as folder:
        cache(Path(folder))
        for shell in SHELLS:
            medians = {part: statistics.median(times) for part, times in presses(shell, Path(folder)).items()}
            print(f"{shell}: " + ", ".join(f"{part} {median:.0f} ms" for part, median in medians.items()), flush=True)


if __name__ == "__main__":
    main()
