"""The one place that chooses: options, environment and profile → credentials → transport → client.

A session belongs to one run of the program; nothing here is global.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kmstool.cli.io.messages import say
from kmstool.errors import AccessError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient
    from kmstool.kms.profiles import Profile, Profiles
    from kmstool.kms.transport.deadline import Deadline
    from kmstool.kms.transport.limiter import Limiter
    from kmstool.kms.transport.port import Transport
    from kmstool.server.app import EmbeddedKms

LOCAL_NOTE = "local KMS, for development and tests"

Result = TypeVar("Result")


@dataclass(slots=True)
class Settings:
    """The global options as given on the command line."""

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    timeout: float = 30
    retries: int = 10
    max_wait: float = 60
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
        self.stopped = 0
        """The exit code that a signal asked for, 0 for none."""
        self.ended = False
        """Whether the command is through, well or not."""
        self.shield = False
        self.weak = False
        """Whether a new passphrase may be as short as it likes."""
        self._notes: list[str] = []
        self._clients: dict[tuple[str, str], KmsClient] = {}

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

    def profile(self, name: str | None = None) -> Profile:
        """Return the profile that is named, or else in use; raise `AccessError` if there is none."""
        from kmstool.cli.session import connect

        return connect.choose(self, name)

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

    def transport(self, region: str | None = None, profile: str | None = None) -> Transport:
        """Return the transport to the KMS in use, or to the one that a key's address names."""
        from kmstool.cli.session import connect
        from kmstool.kms.transport.port import DryRun

        chosen = self.profile(profile)
        transport = connect.transport(self, chosen, region or self.region(chosen))
        if self.shield:
            from kmstool.kms.transport.shield import Shielding

            transport = Shielding(transport)
        return DryRun(transport, self._show_change) if self.settings.dry_run else transport

    def traced(self, transport: Transport) -> Transport:
        """Return a transport that reports its calls if the user wants to see them."""
        from kmstool.kms.transport.port import Traced

        return Traced(transport, self.warn) if self.settings.verbose or self.settings.debug else transport

    def client(self, region: str | None = None, profile: str | None = None) -> KmsClient:
        """Return the client of the KMS in use, or of the one that a key's address names; one for each."""
        from kmstool.kms.client import KmsClient

        chosen = self.profile(profile)
        # Not as it was spelled: what is said to be done in one call is one.
        place = (region or self.region(chosen), chosen.name)
        if place not in self._clients:
            self._clients[place] = KmsClient(self.transport(region, profile))
        return self._clients[place]

    def key(self, text: str | None) -> tuple[KmsClient, str]:
        """Resolve a key as users name it, or the profile's own; return it with the client to reach it."""
        from kmstool.kms import names

        return self._resolved(self.default_key() if text is None else text, names.key_id)

    def data_key(self, text: str) -> tuple[KmsClient, str]:
        """Resolve a data key that KMS keeps, named as keys are; return it with the client to reach it."""
        from kmstool.kms import names

        return self._resolved(text, names.data_key_id)

    def white_box_key(self, text: str) -> tuple[KmsClient, str]:
        """Resolve a white-box key, named as keys are; return it with the client to reach it."""
        from kmstool.kms import names

        return self._resolved(text, names.white_box_key_id)

    def _resolved(self, text: str, find: Callable[[KmsClient, KeyAddress], str]) -> tuple[KmsClient, str]:
        from kmstool.api.cmk_rules import KeyAddress

        address = KeyAddress.parse(text)
        client = self.client(address.region, address.profile)
        return client, find(client, address)

    def note(self, message: str) -> None:
        """Tell the user something, and that it was the local KMS where it was; not with `--quiet`.

        With `--format json` it is said at the end and only of a success: the error object
        is to stand alone on stderr.
        """
        if self.settings.quiet:
            return
        message += f" ({LOCAL_NOTE})" if self.used_local else ""
        if self.settings.format == "json":
            self._notes.append(message)
        else:
            say(message)

    def warn(self, message: str) -> None:
        """Tell the user something that `--quiet` does not silence."""
        say(message)

    def finish(self) -> None:
        """Say what was kept until now."""
        for message in self._notes:
            say(message)

    def passphrase(self) -> bytes:
        """Return the passphrase of the local KMS's store, as `passphrase_of` does."""
        return self.passphrase_of("the store of the local KMS")

    def passphrase_of(self, thing: str) -> bytes:
        """Return the passphrase of a store, credential or private key: from KMSTOOL_PASSPHRASE_FILE, else asked for.

        Raises `AccessError` where nobody can be asked.
        """
        name = self.environ.get("KMSTOOL_PASSPHRASE_FILE")
        if name:
            from kmstool.cli.io import files

            return files.secret(name)
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
            from kmstool.cli.io import files

            secret = files.secret(file)
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

    def default_key(self) -> str:
        """Return the address of the profile's own key; raise `UsageError` if it has none."""
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
        from kmstool.cli.io import output

        output.print_json({"Action": action, "Params": dict(params)})


def pass_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its session as first argument."""

    def with_session(*args: Any, **options: Any) -> None:
        function(click.get_current_context().find_object(Session) or Session(os.environ), *args, **options)

    return update_wrapper(with_session, function)
