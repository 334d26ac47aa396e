"""Cloud products that use keys."""

from __future__ import annotations

import click

product_option = click.option(
    "--product", required=True, metavar="PRODUCT", help="Cloud product, such as ssm or mysql."
)
resource_option = click.option("--resource", required=True, metavar="ID", help="Resource of that product.")
