"""Makes the man pages when a wheel is built: they come from the commands, and do not lie in the repository."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManPages(BuildHookInterface[Any]):
    """Puts the pages where `man` looks for them, in every wheel that is not an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the pages, with the code that is built."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from kmstool.cli.generated import man  # noqa: PLC0415 - of the tree that is built

        self._folder = TemporaryDirectory()
        man.write(Path(self._folder.name), man.pages())
        for page in sorted(Path(self._folder.name, "man").iterdir()):
            build_data["shared_data"][str(page)] = f"share/man/man{page.suffix[1:]}/{page.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove them: the wheel has its own."""
        if version != "editable":
            self._folder.cleanup()
