"""The completion files that come with kmstool, and where each shell looks for its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import kmstool
from kmstool.errors import OutputError

SHELLS = {"bash": "kmstool.bash", "zsh": "_kmstool", "fish": "kmstool.fish"}
ZSHRC_MARK = "# Completion of kmstool"


def text_of(shell: str) -> str:
    """Return the completion file of a shell; raise `OutputError` where the installation lacks it."""
    package = Path(kmstool.__file__).parent
    for folder in (package / "completions", package.parent / "completions"):
        try:
            return (folder / SHELLS[shell]).read_text("utf-8")
        except FileNotFoundError:
            continue
    raise OutputError(f"this installation has no completion file for {shell}", hint="install kmstool again")


def place_of(shell: str, environ: Mapping[str, str], home: Path) -> Path:
    """Return the file from which a shell loads the completion of kmstool for this user."""

    def base(variable: str, below: str) -> Path:
        named = environ.get(variable, "")
        return Path(named) if os.path.isabs(named) else home / below

    if shell == "fish":
        return base("XDG_CONFIG_HOME", ".config") / "fish/completions/kmstool.fish"
    data = base("XDG_DATA_HOME", ".local/share")
    if shell == "zsh":
        return data / "zsh/site-functions/_kmstool"
    return base("BASH_COMPLETION_USER_DIR", str(data / "bash-completion")) / "completions/kmstool"


def put(file: Path, data: bytes) -> None:
    """Write a file that others may read, through a symbolic link and with the mode that it had; raise `OutputError`."""
    from kmstool.system import atomic

    target = file.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.is_file() else 0o644
    except OSError as error:
        raise atomic.fault(file, error) from error
    with atomic.create(target, replace=True, mode=mode) as out:
        out.write(data)


def zshrc_of(environ: Mapping[str, str], home: Path) -> Path:
    """Return the file that zsh reads at its start: it has no folder for completions of a user."""
    return Path(environ.get("ZDOTDIR") or home) / ".zshrc"


def zshrc_lines(file: Path) -> str:
    """Return what the start of zsh needs to load a completion file when it is first used."""
    folder = str(file.parent).replace("'", "'\\''")
    return (
        f"{ZSHRC_MARK}\n"
        f"fpath=('{folder}' $fpath)\n"
        "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"
        "autoload -Uz _kmstool && compdef _kmstool kmstool\n"
    )
