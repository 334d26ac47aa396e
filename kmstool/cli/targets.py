"""Options that name what a command writes: each is looked at before the command begins, so that no call to KMS is wasted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from kmstool.errors import OutputError

_STDOUT = "-"


class Target(click.Option):
    """An option for a file that is written, or with `names` for a folder and files in it; of a whole tree with `--recursive`.

    A file that is there needs `--force`, unless it is `replaced` always, or never: then `kept` is the hint.
    """

    def __init__(
        self,
        *arguments: Any,
        names: Callable[[], Collection[str]] | None = None,
        replaced: bool = False,
        kept: str | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*arguments, **settings)
        self.names, self.replaced, self.kept = names, replaced, kept

    def check(self, ctx: click.Context) -> None:
        """Raise `OutputError` for what is there and must not go, and where nothing can be written."""
        name = ctx.params.get(str(self.name))
        if name in (None, "", _STDOUT):
            return
        from kmstool.system import atomic

        replace = self.replaced or bool(ctx.params.get("force"))
        try:
            if self.names is not None or ctx.params.get("recursive"):
                atomic.check_folder(Path(name), self.names() if self.names else (), replace=replace)
            else:
                atomic.check(Path(name), replace=replace)
        except OutputError as error:
            if self.kept and error.reason is not None:
                raise OutputError(error.message, hint=self.kept) from error
            raise
