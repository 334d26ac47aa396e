"""Where a run of kmstool finds itself: options, variables, folders, whom it may ask and for how long it may wait."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli.console import Console
from kmstool.errors import AccessError, UsageError

if TYPE_CHECKING:
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile, Profiles
    from kmstool.kms.transport.deadline import Deadline
    from kmstool.kms.transport.limiter import Limiter
    from kmstool.server.app import EmbeddedKms


class Environment(Console):
    """The surroundings in which a profile is chosen; which one is not known here."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__()
        self.environ = environ
        self.weak = False
        """Whether a new passphrase may be as short as it likes."""

    @property
    def config_folder(self) -> Path:
        """Where the profiles are."""
        return self._folder("KMSTOOL_HOME", "user_config_path")

    @property
    def local_folder(self) -> Path:
        """Where the embedded KMS keeps its store."""
        given = self.environ.get("KMSTOOL_LOCAL_HOME")
        return Path(given).absolute() if given else self._folder("KMSTOOL_HOME", "user_data_path") / "local"

    @cached_property
    def profiles(self) -> Profiles:
        """All profiles."""
        from kmstool.kms.profiles import Profiles

        return Profiles(self.config_folder)

    @cached_property
    def deadline(self) -> Deadline:
        """The time that this command may wait in all, for whatever services."""
        from kmstool.kms.transport.deadline import Deadline

        return Deadline(self.settings.max_wait, self.settings.timeout)

    @cached_property
    def limiter(self) -> Limiter:
        """How fast this command may call, whichever region and profile it is."""
        from kmstool.kms.transport.limiter import Limiter

        return Limiter()

    @property
    def home(self) -> Path:
        """The user's home folder, where other tools keep their files."""
        return Path(self.environ.get("HOME") or Path.home())

    def endpoint(self, profile: Profile) -> str | None:
        """Return the endpoint that was asked for, None for the usual one: it means the network, always."""
        return self.settings.endpoint or self.environ.get("KMSTOOL_ENDPOINT") or profile.endpoint or None

    def region(self, profile: Profile) -> str:
        """Return the region in use."""
        return self.settings.region or self.environ.get("KMSTOOL_REGION") or profile.region

    def local_kms(self, region: str | None = None) -> EmbeddedKms:
        """Open the embedded KMS of this machine."""
        from kmstool.kms.profiles import LOCAL
        from kmstool.server.app import EmbeddedKms

        self.used_local = True
        place = region or self.region(self.profiles.get(LOCAL))
        return EmbeddedKms(self.local_folder, place, self.passphrase, dry_run=self.settings.dry_run)

    def traced(self, transport: Transport) -> Transport:
        """Return a transport that reports its calls if the user wants to see them."""
        from kmstool.kms.port import Traced

        return Traced(transport, self.warn) if self.settings.verbose or self.settings.debug else transport

    def passphrase(self) -> bytes:
        """Return the passphrase of the local KMS's store, as `passphrase_of` does."""
        return self.passphrase_of("the store of the local KMS")

    def passphrase_of(self, thing: str) -> bytes:
        """Return the passphrase of a store, credential or private key: from KMSTOOL_PASSPHRASE_FILE, else asked for.

        Raises `AccessError` where nobody can be asked.
        """
        name = self.environ.get("KMSTOOL_PASSPHRASE_FILE")
        if name:
            from kmstool.cli.io import inputs

            return inputs.secret(name)
        if not self.interactive:
            raise AccessError(
                f"{thing} is locked with a passphrase",
                hint="run the command on a terminal, or put the passphrase into a file and set KMSTOOL_PASSPHRASE_FILE",
            )
        return str(click.prompt(f"Passphrase of {thing}", hide_input=True, err=True)).encode()

    def new_passphrase(self, file: str | None) -> bytes:
        """Return a passphrase to be set, from a file, else asked for twice; see `passphrases.check_new` for a weak one."""
        from kmstool.cli.session import passphrases

        if file:
            from kmstool.cli.io import inputs

            secret = inputs.secret(file)
        elif self.interactive:
            secret = str(click.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True)).encode()
        else:
            raise UsageError("a new passphrase is needed", hint="give it with --passphrase-file FILE")
        passphrases.check_new(secret, self.warn, weak=self.weak)
        return secret

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

    def _folder(self, variable: str, kind: str) -> Path:
        given = self.environ.get(variable)
        if given:
            return Path(given).absolute()
        import platformdirs

        return Path(getattr(platformdirs, kind)("kmstool", appauthor=False))
