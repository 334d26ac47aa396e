"""What both directions take: a padding, and ciphertexts as bytes or base64."""

from __future__ import annotations

import click

from kmstool import words
from kmstool.cli.params import Choice

MAX_INPUT_BYTES = 65536
algorithm_option = click.option(
    "--algorithm", type=Choice(words.RSA_ALGORITHMS), help="RSA padding (default: OAEP with SHA-256)."
)
raw_option = click.option("--raw", is_flag=True, help="Write the ciphertext as bytes, not base64.")
