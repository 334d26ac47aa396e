"""`kmstool local env`: print lines that point tccli and the SDKs at it."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local env")
@pass_session
def env(session: Session) -> None:
    """Print lines that point tccli and the SDKs at it.

    They are export lines for a shell and hold an API key of the embedded KMS, which opens
    nothing else. tccli knows no variable for the endpoint: give it --endpoint
    "$KMSTOOL_ENDPOINT", or it asks Tencent Cloud.
    """
    from kmstool.kms.profiles import LOCAL
    from kmstool.server import admin
    from kmstool.server.web import listening

    served = listening.running(session.local_folder)
    address = served.address
    host = address.rpartition(":")[0]
    credential = admin.lasting_credential(session.local_kms())
    variables = {
        "TENCENTCLOUD_SECRET_ID": credential.secret_id,
        "TENCENTCLOUD_SECRET_KEY": credential.secret_key,
        "TENCENTCLOUD_REGION": session.region(session.profiles.get(LOCAL)),
        "KMSTOOL_ENDPOINT": f"http://{address}",
        **({"KMSTOOL_METADATA_ENDPOINT": f"http://{address}{served.metadata}"} if served.metadata else {}),
        # Each client looks for another form of the host here.
        "NO_PROXY": f"{host},localhost,{address},http://{address}",
    }
    outputs.answer(
        session,
        variables,
        # Always in quotes, so that scripts can read the lines without a shell.
        lambda: print("\n".join(f"export {name}='{value}'" for name, value in variables.items())),
    )
