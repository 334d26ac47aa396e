"""Profiles: which KMS, region, key and credentials a command uses when nothing else is said.

Kept in `profiles.ini` in the configuration folder; there are no secrets in it, but who writes
it decides where secrets go. The profile `local` always exists: the embedded KMS of this machine.
"""

from __future__ import annotations

import configparser
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kmstool import near, words
from kmstool.errors import ArgumentError, InputError, NoHomeError, Reason
from kmstool.kms import ini
from kmstool.system import atomic, ownership

LOCAL = "local"

_FILE = "profiles.ini"
_SECTION = "profile "
_MAX_BYTES = 2**20
_REASON_CHARACTERS = 300
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,59}")
_FIELDS = {
    "region": "region",
    "key": "key",
    "endpoint": "endpoint",
    "transport": "transport",
    "credentials": "credentials",
    "role-arn": "role_arn",
    "role-session": "role_session",
    "sts-endpoint": "sts_endpoint",
    "secret-id": "secret_id",
    "whitebox": "whitebox",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """A named choice; no field is a secret, and an empty one says nothing."""

    name: str
    region: str = words.REGION
    key: str = ""
    """The key used where a command names none, as an address."""
    endpoint: str = ""
    """Host, host:port or URL of KMS in place of the usual one."""
    credentials: str = ""
    """Where the credentials come from, such as `keyring` or `cvm-role`; nothing for the local profile."""
    role_arn: str = ""
    """A role to assume with them."""
    role_session: str = ""
    """What the session of that role is called in the records of the cloud."""
    sts_endpoint: str = ""
    """Host, host:port or URL of STS, which is asked for the role, in place of the usual one."""
    secret_id: str = ""
    """With the credentials `whitebox`, whose key they decrypt to."""
    whitebox: str = ""
    """With the credentials `whitebox`, the folder with the white-box ciphertext of the SecretKey and its key file."""
    transport: str = ""
    """What sends requests over the network: `own`, or Tencent's `sdk`."""

    @property
    def is_local(self) -> bool:
        """Whether it means the embedded KMS."""
        return self.name == LOCAL


class Profiles:
    """The profiles of one configuration folder, read once; what changes them reads them anew, one process at a time."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @property
    def path(self) -> Path:
        """The file that holds them; raises `NoHomeError` where there can be none."""
        if self.folder is None:
            raise NoHomeError
        return self.folder / _FILE

    @property
    def current(self) -> str | None:
        """The profile in use where none is named, or None."""
        return self._known.get("kmstool", "profile", fallback=None)

    def names(self) -> list[str]:
        """Return all profiles' names; `local` comes first."""
        written = [name.removeprefix(_SECTION) for name in self._known.sections() if name.startswith(_SECTION)]
        return [LOCAL, *(name for name in sorted(written) if name != LOCAL)]

    def get(self, name: str) -> Profile:
        """Return a profile; raise `ArgumentError` for one that there is not."""
        parser = self._known
        section = _SECTION + name
        if not parser.has_section(section):
            if name == LOCAL:
                return Profile(LOCAL)
            raise ArgumentError(f"there is no profile {name!r}", hint=near.question_or_all(name, self.names()))
        values = {field: parser.get(section, option, fallback="") for option, field in _FIELDS.items()}
        return Profile(name, **{**values, "region": values["region"] or words.REGION})

    def put(self, profile: Profile) -> None:
        """Add a profile or replace all fields of one; raise as `change` does."""
        self.change(profile.name, **{field: str(getattr(profile, field)) for field in _FIELDS.values()})

    def change(self, name: str, **fields: str) -> None:
        """Add a profile or change fields of one, of which the others stay as they are by then.

        Raises `ArgumentError` for a name or a value that cannot be one.
        """
        if not _NAME.fullmatch(name):
            raise ArgumentError(f"{name!r} cannot name a profile", hint="letters, digits, - _ and ., at most 60")
        values = {option: fields[field] for option, field in _FIELDS.items() if field in fields}
        for option, value in values.items():
            # The file drops spaces at the ends.
            if not value.isprintable() or value != value.strip():
                raise ArgumentError(
                    f"the {option} of a profile is a line of text without spaces at its ends, not {value!r}"
                )
        with self._changed() as parser:
            section = _SECTION + name
            if not parser.has_section(section):
                parser.add_section(section)
            for option, value in values.items():
                if value:
                    parser.set(section, option, value)
                else:
                    parser.remove_option(section, option)

    def use(self, name: str) -> None:
        """Make a profile the one in use; raise `ArgumentError` for one that there is not."""
        with self._changed() as parser:
            parser["kmstool"] = {"profile": self.get(name).name}

    def remove(self, name: str) -> None:
        """Remove a profile; raise `ArgumentError` for one that there is not, and for `local`."""
        if name == LOCAL:
            raise ArgumentError("the profile local always exists", reason=Reason.PROFILE_LOCAL_STAYS)
        with self._changed() as parser:
            parser.remove_section(_SECTION + self.get(name).name)
            if self.current == name:
                parser.remove_section("kmstool")

    @cached_property
    def _known(self) -> configparser.RawConfigParser:
        return self._read()

    def _read(self) -> configparser.RawConfigParser:
        if self.folder is None:
            return ini.read("", ("=",), ("#",))
        try:
            ownership.check_path(self.folder, secret=False)
            data = ownership.read(self.path, _MAX_BYTES + 1, secret=False)
            if len(data) > _MAX_BYTES:
                raise InputError(f"{self.path} is too long", hint=f"mend or remove {self.path}")
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            return ini.read(data.decode(), ("=",), ("#",))
        except (configparser.Error, UnicodeDecodeError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        # There is a line for every one that is wrong.
        reason = str(error)[:_REASON_CHARACTERS].replace("\n", " ").replace("'<string>'", str(self.path))
        return InputError(f"cannot read the profiles: {reason}", hint=f"mend or remove {self.path}")

    @contextmanager
    def _changed(self) -> Iterator[configparser.RawConfigParser]:
        """Give what the file holds by now, and write what the block makes of it before anyone else reads it to change."""
        with atomic.locked(self.path.parent):
            self._forget()
            try:
                yield self._known
                text = io.StringIO()
                self._known.write(text)
                atomic.write(self.path, text.getvalue().encode(), replace=True)
            finally:
                self._forget()

    def _forget(self) -> None:
        self.__dict__.pop("_known", None)
