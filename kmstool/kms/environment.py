"""The surroundings of a process: its variables and the folders of this user."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from kmstool.kms.profiles import DEFAULT_REGION, Profiles

ENVIRONMENT = "environment"
"""The name of the profile that the credential variables make."""


class Environment:
    """Where a process finds profiles, credentials and stores; `environ` are its variables."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    @property
    def config_folder(self) -> Path:
        """Where the profiles are."""
        return self._folder("KMSTOOL_HOME", "user_config_path")

    @property
    def local_folder(self) -> Path:
        """Where the embedded KMS keeps its store."""
        named = self.environ.get("KMSTOOL_LOCAL_HOME")
        return Path(named).absolute() if named else self._folder("KMSTOOL_HOME", "user_data_path") / "local"

    @cached_property
    def profiles(self) -> Profiles:
        """All profiles."""
        return Profiles(self.config_folder)

    @property
    def home(self) -> Path:
        """The user's home folder, where other tools keep their files."""
        return Path(self.environ.get("HOME") or Path.home())

    @property
    def tccli_profile(self) -> str:
        """The name of tccli's profile in use."""
        return self.environ.get("TCCLI_PROFILE") or "default"

    @property
    def region(self) -> str:
        """The region of what has none of its own."""
        return self.environ.get("TENCENTCLOUD_REGION") or DEFAULT_REGION

    def _folder(self, variable: str, kind: str) -> Path:
        named = self.environ.get(variable)
        if named:
            return Path(named).absolute()
        import platformdirs

        return Path(getattr(platformdirs, kind)("kmstool", appauthor=False))
