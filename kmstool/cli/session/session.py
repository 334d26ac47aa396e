"""The one place that chooses: options, environment and profile → credentials → transport → client.

A session belongs to one run of the program; nothing here is global.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli.messages import print_json
from kmstool.cli.session.environment import Environment
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.client import KmsClient
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile


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

    def default_key(self) -> str:
        """Return the address of the profile's own key; raise `UsageError` if it has none."""
        key = self.profile().key
        if not key:
            raise UsageError("no key was named", hint="add --key KEY; see what there is: kmstool key list")
        return key

    def _show_change(self, action: str, params: Mapping[str, Any]) -> None:
        print_json({"Action": action, "Params": dict(params)})


def pass_session(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command its session as first argument."""

    def with_session(*args: Any, **options: Any) -> None:
        function(click.get_current_context().find_object(Session) or Session(os.environ), *args, **options)

    return update_wrapper(with_session, function)
