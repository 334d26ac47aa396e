"""Bundles in folders that a user names, and the options of all that open one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.session.session import Session

if TYPE_CHECKING:
    from kmstool.whitebox.bundle import Bundle

sdk_lib_option = options.file_option(
    "--sdk-lib",
    help="Tencent's white-box library, for key files of Tencent Cloud; else KMSTOOL_SDK_LIB.",
)
require_mac_option = click.option("--require-mac", is_flag=True, help="Refuse a bundle without a MAC.")


def ciphertext_files() -> tuple[str, ...]:
    """Return the names of the files that hold a ciphertext in a folder."""
    from kmstool.whitebox import bundle

    return bundle.IV_FILE, bundle.CIPHERTEXT_FILE


def read_bundle(session: Session, folder: str, *, require_mac: bool) -> Bundle:
    """Read a bundle; warn of one without a MAC, or with `require_mac` raise what `Bundle.require_mac` does."""
    from kmstool.whitebox import bundle as bundles

    bundle = bundles.read(Path(folder))
    if require_mac:
        bundle.require_mac()
    if bundle.mac is None:
        session.warn(
            f"{folder} has no {bundles.MAC_FILE}: it cannot be told whether it was altered; "
            "kmstool whitebox bundle makes one, and --require-mac refuses to do without"
        )
    return bundle
