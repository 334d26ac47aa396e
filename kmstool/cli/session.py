"""The one place that chooses: options, environment and profile → credentials → transport → client.

A session belongs to one run of the program; nothing here is global.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kmstool.errors import AccessError, UsageError

if TYPE_CHECKING:
    from kmstool.kms.client import KmsClient
    from kmstool.kms.profiles import Profile, Profiles
    from kmstool.kms.transport import Transport

LOCAL_NOTE = "local KMS, for development and tests"

Result = TypeVar("Result")


@dataclass(slots=True)
class Settings:
    """The global options as given on the command line."""

    profile: str | None = None
    region: str | None = None
    format: str = "text"
    query: str | None = None
    yes: bool = False
    dry_run: bool = False
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_color: bool = False


class Session:
    """What a command works with: the settings, the environment, and the KMS that they choose."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.settings = Settings()
        self.environ = environ
        self.used_local = False

    @property
    def config_folder(self) -> Path:
        """Where the profiles are."""
        return self._folder("KMSTOOL_HOME", "user_config_path")

    @property
    def local_folder(self) -> Path:
        """Where the embedded KMS keeps its store."""
        given = self.environ.get("KMSTOOL_LOCAL_HOME")
        return Path(given).absolute() if given else self._folder("KMSTOOL_HOME", "user_data_path") / "local"

    @property
    def profiles(self) -> Profiles:
        """All profiles."""
        from kmstool.kms.profiles import Profiles

        return Profiles(self.config_folder)

    def profile(self, name: str | None = None) -> Profile:
        """Return the profile that is named, or else in use; raise `AccessError` if there is none."""
        profiles = self.profiles
        chosen = name or self.settings.profile or self.environ.get("KMSTOOL_PROFILE") or profiles.current
        if not chosen:
            raise AccessError(
                "no profile and no credentials: which KMS is meant is not known",
                hint="for the embedded KMS run kmstool init --local once, or add --profile local; "
                "Tencent Cloud needs a profile, which this version cannot make yet",
            )
        return profiles.get(chosen)

    def region(self, profile: Profile) -> str:
        """Return the region in use."""
        return self.settings.region or self.environ.get("KMSTOOL_REGION") or profile.region

    def transport(self, region: str | None = None, profile: str | None = None) -> Transport:
        """Return the transport to the KMS in use, or to the one that a key's address names."""
        from kmstool.kms.transport import DryRun, Traced
        from kmstool.server.app import EmbeddedKms

        chosen = self.profile(profile)
        transport: Transport = EmbeddedKms(self.local_folder, region or self.region(chosen))
        self.used_local = True
        if self.settings.verbose or self.settings.debug:
            transport = Traced(transport, lambda text: print(f"kmstool: {text}", file=sys.stderr))
        return DryRun(transport, self._show_change) if self.settings.dry_run else transport

    def client(self, region: str | None = None, profile: str | None = None) -> KmsClient:
        """Return the client of the KMS in use, or of the one that a key's address names."""
        from kmstool.kms.client import KmsClient

        return KmsClient(self.transport(region, profile))

    def key(self, text: str | None) -> tuple[KmsClient, str]:
        """Resolve a key as users name it, or the profile's own; return it with the client to reach it."""
        from kmstool.keys import KeyAddress
        from kmstool.kms import directory

        address = KeyAddress.parse(text or self._default_key())
        client = self.client(address.region, address.profile)
        return client, directory.key_id(client, address)

    def note(self, message: str) -> None:
        """Tell the user something on stderr, and that it was the local KMS where it was."""
        if not self.settings.quiet:
            print(f"kmstool: {message}" + (f" ({LOCAL_NOTE})" if self.used_local else ""), file=sys.stderr)

    @property
    def interactive(self) -> bool:
        """Whether questions may be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty() and not self.settings.no_input

    def confirm(self, what: str) -> None:
        """Ask before something that cannot be undone; raise `UsageError` without a yes."""
        if self.settings.yes or self.settings.dry_run:
            return
        if not self.interactive:
            raise UsageError(f"{what}: this needs a confirmation", hint="add --yes")
        if not click.confirm(f"{what}. Go on?", err=True):
            raise UsageError("nothing was done")

    def _default_key(self) -> str:
        key = self.profile().key
        if not key:
            raise UsageError("no key was named", hint="add --key KEY; see what there is: kmstool key list")
        return key

    def _folder(self, variable: str, kind: str) -> Path:
        given = self.environ.get(variable)
        if given:
            return Path(given).absolute()
        import platformdirs

        return Path(getattr(platformdirs, kind)("kmstool", appauthor=False))

    def _show_change(self, action: str, params: Mapping[str, Any]) -> None:
        from kmstool.cli import output

        output.print_json({"Action": action, "Params": dict(params)})
        self.note("dry run, nothing was changed")


def pass_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its session as first argument."""

    def with_session(*args: Any, **options: Any) -> None:
        function(click.get_current_context().find_object(Session) or Session(os.environ), *args, **options)

    return update_wrapper(with_session, function)
