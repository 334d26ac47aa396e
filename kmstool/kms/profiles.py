"""Profiles: which KMS, region and key a command uses when nothing else is said.

Kept in `profiles.ini` in the configuration folder; there are no secrets in it. The
profile `local` always exists: the embedded KMS of this machine.
"""

from __future__ import annotations

import configparser
import io
import re
from dataclasses import dataclass
from pathlib import Path

from kmstool import atomic
from kmstool.errors import InputError, UsageError

LOCAL = "local"
DEFAULT_REGION = "ap-guangzhou"

_FILE = "profiles.ini"
_SECTION = "profile "
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,59}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A named choice; `key` is the key used where a command names none (an address, or empty)."""

    name: str
    region: str = DEFAULT_REGION
    key: str = ""


class Profiles:
    """The profiles of one configuration folder, read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / _FILE

    @property
    def current(self) -> str | None:
        """The profile in use where none is named, or None."""
        return self._read().get("kmstool", "profile", fallback=None)

    def names(self) -> list[str]:
        """Return all profiles' names; `local` comes first."""
        written = [name.removeprefix(_SECTION) for name in self._read().sections() if name.startswith(_SECTION)]
        return [LOCAL, *(name for name in sorted(written) if name != LOCAL)]

    def get(self, name: str) -> Profile:
        """Return a profile; raise `UsageError` for one that there is not."""
        parser = self._read()
        section = _SECTION + name
        if not parser.has_section(section):
            if name == LOCAL:
                return Profile(LOCAL)
            raise UsageError(f"there is no profile {name!r}", hint="one of: " + ", ".join(self.names()))
        return Profile(
            name, parser.get(section, "region", fallback=DEFAULT_REGION), parser.get(section, "key", fallback="")
        )

    def put(self, profile: Profile) -> None:
        """Add or change a profile."""
        if not _NAME.fullmatch(profile.name):
            raise UsageError(f"{profile.name!r} cannot name a profile", hint="letters, digits, - _ and ., at most 60")
        parser = self._read()
        parser[_SECTION + profile.name] = {
            name: value for name, value in (("region", profile.region), ("key", profile.key)) if value
        }
        self._write(parser)

    def use(self, name: str) -> None:
        """Make a profile the one in use; raise `UsageError` for one that there is not."""
        parser = self._read()
        parser["kmstool"] = {"profile": self.get(name).name}
        self._write(parser)

    def _read(self) -> configparser.RawConfigParser:
        parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",))
        try:
            parser.read_string(self.path.read_text("utf-8"))
        except FileNotFoundError:
            pass
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            reason = str(error).replace("\n", " ").replace("'<string>'", str(self.path))
            raise InputError(f"cannot read the profiles: {reason}", hint=f"mend or remove {self.path}") from error
        return parser

    def _write(self, parser: configparser.RawConfigParser) -> None:
        text = io.StringIO()
        parser.write(text)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise atomic.fault(self.path, error) from error
        atomic.write(self.path, text.getvalue().encode(), replace=True)
