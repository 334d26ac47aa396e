"""The surroundings of a process: its variables and the folders of this user."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from kmstool import words
from kmstool.errors import NoHomeError
from kmstool.kms.profiles import Profiles

ENVIRONMENT = "environment"
"""The name of the profile that the credential variables make."""

_XDG = {
    "config": ("XDG_CONFIG_HOME", ".config"),
    "data": ("XDG_DATA_HOME", ".local/share"),
    "state": ("XDG_STATE_HOME", ".local/state"),
    "cache": ("XDG_CACHE_HOME", ".cache"),
}


class Environment:
    """Where a process finds profiles, credentials and stores; `environ` are its variables."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    @property
    def config_folder(self) -> Path:
        """Where the profiles are."""
        return self._folder("config")

    @property
    def local_folder(self) -> Path:
        """Where the embedded KMS keeps its store."""
        named = self.environ.get("KMSTOOL_LOCAL_HOME")
        return Path(named).absolute() if named else self._folder("data") / "local"

    @property
    def history_file(self) -> Path | None:
        """Where the history of interactive sessions is, None without a home."""
        try:
            return self._folder("state") / "history"
        except NoHomeError:
            return None

    @property
    def cache_folder(self) -> Path:
        """Where names are kept that completion offers; shells find it too, so that it is the same on every platform."""
        named = self.environ.get("KMSTOOL_HOME")
        return Path(named).absolute() / "cache" if named else self._below_home("cache")

    @cached_property
    def profiles(self) -> Profiles:
        """All profiles; without a home there is the built-in one."""
        try:
            return Profiles(self.config_folder)
        except NoHomeError:
            return Profiles(None)

    @property
    def home(self) -> Path | None:
        """The user's home folder, where other tools keep their files; None where a container's user has none."""
        named = self.environ.get("HOME", "")
        if not os.path.isabs(named):
            named = _home_of_user()
        return Path(named) if os.path.isabs(named) else None

    @property
    def needed_home(self) -> Path:
        """The same for what cannot do without; raises `NoHomeError`."""
        if self.home is None:
            raise NoHomeError
        return self.home

    @property
    def tccli_profile(self) -> str:
        """The name of tccli's profile in use."""
        return self.environ.get("TCCLI_PROFILE") or "default"

    @property
    def region(self) -> str:
        """The region of what has none of its own."""
        return self.environ.get("TENCENTCLOUD_REGION") or words.REGION

    def _folder(self, kind: str) -> Path:
        """Return the folder for `config`, `data` or `state`: KMSTOOL_HOME, or where the platform keeps it."""
        named = self.environ.get("KMSTOOL_HOME")
        if named:
            return Path(named).absolute()
        if sys.platform in {"darwin", "win32"}:
            import platformdirs

            return Path(getattr(platformdirs, f"user_{kind}_path")("kmstool", appauthor=False))
        return self._below_home(kind)

    def _below_home(self, kind: str) -> Path:
        # By the XDG Base Directory Specification, which has relative paths ignored.
        variable, below_home = _XDG[kind]
        base = self.environ.get(variable, "")
        return (Path(base) if os.path.isabs(base) else self.needed_home / below_home) / "kmstool"


def _home_of_user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return ""
