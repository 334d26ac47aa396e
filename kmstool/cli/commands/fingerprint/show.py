"""`kmstool fingerprint show`: print the fingerprint of this device."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool fingerprint show")
@pass_session
def show(session: Session) -> None:
    """Print the fingerprint of this device.

    It comes from the machine's id or, where KMSTOOL_DEVICE_SECRET is set, from that
    secret, which containers need. It is not secret and can be shared.
    """
    from kmstool.system import device
    from kmstool.whitebox import binding

    identity = binding.fingerprint(device.origin(session.environ))
    outputs.print_answer(session, {"Identity": identity}, lambda: print(identity))
