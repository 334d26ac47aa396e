"""The one place that chooses: options, environment and profile → credentials → transport → client.

A session belongs to one run of the program; nothing here is global.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kmstool.cli import options
from kmstool.cli.messages import print_json
from kmstool.cli.session.environment import Environment
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile

_VARIABLE_KEYWORDS = 8
Options = TypeVar("Options", bound="DataclassInstance")


class Session(Environment):
    """What a command works with: its environment, and the KMS that this chooses."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.stopped = 0
        """The exit code that a signal asked for, 0 for none."""
        self.ended = False
        """Whether the command is through, well or not."""
        self.shield = False
        self._clients: dict[tuple[str, str], KmsClient] = {}

    def profile(self, name: str | None = None) -> Profile:
        """Return the profile that is named, or else in use; raise `AccessError` if there is none."""
        from kmstool.cli.session import connect

        return connect.choose(self, name)

    def transport(self, region: str | None = None, profile: str | None = None) -> Transport:
        """Return the transport to the KMS in use, or to the one that a key's address names."""
        from kmstool.cli.session import connect
        from kmstool.kms.port import DryRun

        chosen = self.profile(profile)
        transport = connect.transport(self, chosen, region or self.region(chosen))
        if self.shield:
            from kmstool.kms.transport.shield import Shielding

            transport = Shielding(transport)
        return DryRun(transport, self._show_change) if self.settings.dry_run else transport

    def client(self, region: str | None = None, profile: str | None = None) -> KmsClient:
        """Return the client of the KMS in use, or of the one that a key's address names; one for each."""
        from kmstool.kms.client import KmsClient

        chosen = self.profile(profile)
        # Not as it was spelled: what is said to be done in one call is one.
        place = (region or self.region(chosen), chosen.name)
        if place not in self._clients:
            self._clients[place] = KmsClient(self.transport(region, profile))
        return self._clients[place]

    def key(self, address: KeyAddress | None) -> tuple[KmsClient, str]:
        """Resolve the address of a key, or the profile's own; return its id with the client to reach it."""
        from kmstool.kms import names

        return self._resolved(address or self.default_key(), names.key_id)

    def data_key(self, address: KeyAddress) -> tuple[KmsClient, str]:
        """Resolve the address of a data key that KMS keeps; return its id with the client to reach it."""
        from kmstool.kms import names

        return self._resolved(address, names.data_key_id)

    def white_box_key(self, address: KeyAddress) -> tuple[KmsClient, str]:
        """Resolve the address of a white-box key; return its id with the client to reach it."""
        from kmstool.kms import names

        return self._resolved(address, names.white_box_key_id)

    def _resolved(self, address: KeyAddress, find: Callable[[KmsClient, KeyAddress], str]) -> tuple[KmsClient, str]:
        client = self.client(address.region, address.profile)
        return client, find(client, address)

    def default_key(self) -> KeyAddress:
        """Return the address of the profile's own key; raise `UsageError` if it has none."""
        from kmstool.api.cmk_rules import KeyAddress

        key = self.profile().key
        if not key:
            raise UsageError("no key was named", hint="add --key KEY; see what there is: kmstool key list")
        return KeyAddress.parse(key)

    def _show_change(self, action: str, params: Mapping[str, Any]) -> None:
        print_json({"Action": action, "Params": dict(params)})


def pass_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its session as first argument."""

    def with_session(**words: Any) -> None:
        function(_current(), **words)

    code = function.__code__
    if code.co_flags & _VARIABLE_KEYWORDS:
        return update_wrapper(with_session, function)
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
