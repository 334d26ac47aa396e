"""What both directions take: a padding, and ciphertexts as bytes or base64."""

from __future__ import annotations

import click

from kmstool import words
from kmstool.cli.params import Choice

MAX_INPUT_BYTES = 65536
algorithm_option = click.option(
    "--algorithm", type=Choice(words.RSA_ALGORITHMS), help="Padding of RSA; OAEP SHA-256 if not said."
)
raw_option = click.option("--raw", is_flag=True, help="Write the ciphertext as bytes, not base64.")
