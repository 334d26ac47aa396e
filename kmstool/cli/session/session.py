"""What a command works with: the options of a run, the person at the terminal, and the KMS that they choose.

A session belongs to one run of the program; nothing here is global, and it only composes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kmstool.cli import options
from kmstool.cli.session.prompts import Prompts
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import DataclassInstance

    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient
    from kmstool.kms.environment import Environment
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile, Profiles
    from kmstool.kms.transport.deadline import Deadline
    from kmstool.kms.transport.retry import Waits
    from kmstool.server.app import EmbeddedKms
    from kmstool.workflows.connections import Connections, KeyPlace
    from kmstool.workflows.folders import Reports
    from kmstool.workflows.kept import Kept

Options = TypeVar("Options", bound="DataclassInstance")


class Session(Prompts):
    """One run of a command, with the KMS that its options, variables and profiles choose."""

    def __init__(self, environ: Mapping[str, str], words: Sequence[str] = (), kept: Kept | None = None) -> None:
        super().__init__(environ)
        self.kept = kept
        """What is open already where this is a command of an interactive session, which goes on after it."""
        self.words = tuple(words)
        """The command line, without the program's name."""
        self.stopped = 0
        """The exit code that a signal asked for, 0 for none."""
        self.ended = False
        """Whether the command is through, well or not."""
        self.shield = False
        self.served_local = False
        self._rate: tuple[float | None, float] | None = None
        self._resolved: dict[tuple[object, KeyAddress], tuple[KmsClient, str]] = {}

    @cached_property
    def environment(self) -> Environment:
        """The folders and profiles of this user."""
        from kmstool.kms.environment import Environment

        return Environment(self.environ)

    @cached_property
    def connections(self) -> Connections:
        """What this run reaches, as the options say that were given until now."""
        from kmstool.kms.transport.limiter import Rate
        from kmstool.workflows.connections import Connections, ConnectOptions

        settings = self.settings
        options = ConnectOptions(
            profile=settings.profile,
            region=settings.region,
            endpoint=settings.endpoint,
            transport=settings.transport,
            timeout=settings.timeout,
            retries=settings.retries,
            max_wait=settings.max_wait,
            rate=Rate(*self._rate) if self._rate else None,
        )
        trace = self.warn if settings.verbose or settings.debug else None
        return Connections(
            self.environment,
            options,
            ask_passphrase=self.passphrase_of,
            trace=trace,
            wrap=self._wrapped,
            changes=self.changes,
            kept=self.kept,
            waits=self._waits(),
        )

    def give_back(self) -> None:
        """Leave what this command has opened to the next one of an interactive session."""
        if "connections" in self.__dict__:
            self.connections.loans.give_back()

    def set_rate(self, per_second: float | None, share: float = 1.0) -> None:
        """Say how fast this run may call, before its first call, and which share of the quota is its own."""
        self._rate = per_second, share

    @property
    def used_local(self) -> bool:
        """Whether the local KMS was asked, which every message then says."""
        return self.served_local or ("connections" in self.__dict__ and self.connections.used_local)

    @contextmanager
    def reports(self, title: str, *, goes_on: bool = True) -> Iterator[Reports]:
        """Give what a job of many files tells of itself; each file that is done grants the next one the whole time."""
        from kmstool.cli.io import progress

        with progress.job(self, title, goes_on=goes_on) as job:

            def done(_: object) -> None:
                self.deadline.renew()
                job.advance()

            yield {"report": self.note, "warn": self.warn, "begin": job.expect, "done": done}

    @property
    def profiles(self) -> Profiles:
        """All profiles."""
        return self.environment.profiles

    @property
    def config_folder(self) -> Path:
        """Where the profiles are."""
        return self.environment.config_folder

    @property
    def local_folder(self) -> Path:
        """Where the local KMS keeps its store."""
        return self.environment.local_folder

    @property
    def history_file(self) -> Path | None:
        """Where the history of interactive sessions is, None without a home."""
        return self.environment.history_file

    @property
    def home(self) -> Path:
        """The user's home folder, where other tools keep their files; raises `OutputError` if there is none."""
        return self.environment.needed_home

    @property
    def deadline(self) -> Deadline:
        """The time that this command may wait in all."""
        return self.connections.deadline

    def profile(self, name: str | None = None) -> Profile:
        """Return the profile that is named, or else in use; raise `AccessError` if there is none."""
        return self.connections.profile(name)

    def endpoint(self, profile: Profile) -> str | None:
        """Return the endpoint that was asked for, None for the usual one."""
        return self.connections.endpoint(profile)

    def region(self, profile: Profile) -> str:
        """Return the region in use."""
        return self.connections.region(profile)

    def local_kms(self, region: str | None = None) -> EmbeddedKms:
        """Open the local KMS of this machine."""
        return self.connections.local_kms(region)

    def transport(self, region: str | None = None, profile: str | None = None) -> Transport:
        """Return the transport to the KMS in use, or to the one that a key's address names."""
        return self.connections.transport(region, profile)

    def client(self, region: str | None = None, profile: str | None = None) -> KmsClient:
        """Return the client of the KMS in use, or of the one that a key's address names; one for each."""
        return self.connections.client(region, profile)

    def key(self, address: KeyAddress | None) -> tuple[KmsClient, str]:
        """Resolve the address of a key, or the profile's own; return its id with the client to reach it."""
        return self._once(self.connections.key, address or self.default_key())

    def data_key(self, address: KeyAddress) -> tuple[KmsClient, str]:
        """Resolve the address of a data key that KMS keeps; return its id with the client to reach it."""
        return self._once(self.connections.data_key, address)

    def white_box_key(self, address: KeyAddress) -> tuple[KmsClient, str]:
        """Resolve the address of a white-box key; return its id with the client to reach it."""
        return self._once(self.connections.white_box_key, address)

    def _once(self, find: Callable[[KeyAddress], KeyPlace], address: KeyAddress) -> tuple[KmsClient, str]:
        """Resolve a name once a run: what was shown and confirmed is changed, and no key that has the alias since."""
        if (find, address) not in self._resolved:
            key = find(address)
            self._resolved[find, address] = key.client, key.key_id
        return self._resolved[find, address]

    def default_key(self) -> KeyAddress:
        """Return the address of the profile's own key, else of one that is picked; raise `UsageError` without both."""
        from kmstool.api.cmk_rules import KeyAddress

        key = self.profile().key
        if not key and self.interactive:
            from kmstool.cli.session import asking

            key = asking.pick_key(self, click.get_current_context().command_path)
        if not key:
            raise UsageError("no key was named", hint="add --key KEY; see what there is: kmstool key list")
        return KeyAddress.parse(key)

    def supplies(self, ctx: click.Context, param: click.Parameter) -> bool:
        """Ask for the value of a parameter and make it the default; return whether anybody could be asked."""
        if not self.interactive or ctx.resilient_parsing:
            return False
        from kmstool.cli.session import asking

        ctx.default_map = {**(ctx.default_map or {}), str(param.name): asking.ask(self, ctx, param)}
        return True

    def warn_if_overruled(self, name: str) -> None:
        """Tell whoever put a profile to use that something else in the environment comes before it."""
        from kmstool.kms.credentials.sources import choose_profile
        from kmstool.kms.environment import Environment

        chosen = choose_profile(Environment(self.environ))
        if chosen.name != name:
            self.warn(
                f"environment variables take precedence: commands will use {chosen.name}; "
                f"unset them or pass --profile {name}"
            )

    def _waits(self) -> Waits | None:
        """Return what tells the user whom this run waits for; an error in JSON is to stand alone on stderr."""
        if self.settings.quiet or (self.settings.format == "json" and not self.animated):
            return None
        from kmstool.cli.io.waiting import Waiting

        return Waiting(rewrites=self.animated).tell

    def _wrapped(self, transport: Transport) -> Transport:
        if self.shield:
            from kmstool.kms.transport.shield import ShieldingTransport

            transport = ShieldingTransport(transport)
        return transport


def pass_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its session as first argument."""

    def with_session(**words: Any) -> None:
        function(_current(), **words)

    code = function.__code__
    return options.reads(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount], with_session, function)


def takes(kind: type[Options]) -> Callable[[Callable[[Session, Options], None]], Callable[..., None]]:
    """Give a command its session, and its options as one value of the dataclass `kind`.

    Its fields have the names of the command's parameters, all of them; else the module of
    the command cannot be imported, see `options.Command`.
    """

    def decorate(function: Callable[[Session, Options], None]) -> Callable[..., None]:
        def with_options(**words: Any) -> None:
            function(_current(), kind(**words))

        return options.reads([field.name for field in fields(kind)], with_options, function)

    return decorate


def _current() -> Session:
    return click.get_current_context().find_object(Session) or Session(os.environ)
