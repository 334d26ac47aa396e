"""`kmstool local env`: print shell exports for tccli and the SDKs."""

from __future__ import annotations

import os

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local env")
@pass_session
def env(session: Session) -> None:
    """Print shell exports for tccli and the SDKs.

    They are export lines for a shell and hold an API key of the local KMS, which opens
    nothing else. tccli knows no variable for the endpoint: give it --endpoint
    "$KMSTOOL_ENDPOINT", or it asks Tencent Cloud. Of a server with TLS they name the certificates to
    trust, which tccli cannot be told: serve it without.
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
        "KMSTOOL_ENDPOINT": served.url,
        **({"KMSTOOL_METADATA_ENDPOINT": f"http://{address}{served.metadata}"} if served.metadata else {}),
        # Each client looks for another form of the host here.
        "NO_PROXY": f"{host},localhost,{address},{served.url}",
        # Each looks for its trusted certificates by a name of its own; Node's are added to those that it has.
        **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") * bool(served.bundle), served.bundle),
        **({"NODE_EXTRA_CA_CERTS": served.authority} if served.authority else {}),
    }
    outputs.print_answer(
        session,
        variables,
        # Always in quotes, so that scripts can read the lines without a shell.
        # As bytes, so that names of files are those of the files in every locale.
        lambda: outputs.write(
            session, os.fsencode("".join(f"export {name}='{value}'\n" for name, value in variables.items())), None
        ),
    )
