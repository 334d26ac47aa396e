"""Options that name what a command writes: each is looked at before the command begins, so that no call to KMS is wasted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from kmstool.errors import OutputError
from kmstool.storage.places import parse_place

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

        path = parse_place(name)
        if not isinstance(path, Path):
            # A store is asked when the object is begun, which is before KMS too.
            return
        replace = self.replaced or bool(ctx.params.get("force"))
        try:
            if self.names is not None or ctx.params.get("recursive"):
                atomic.check_folder(path, self.names() if self.names else (), replace=replace)
            else:
                atomic.check(path, replace=replace)
        except OutputError as error:
            if self.kept and error.reason is not None:
                raise OutputError(error.message, hint=self.kept) from error
            raise


def look_at(ctx: click.Context) -> None:
    """Check all targets of a command, and say in its session which command it is."""
    if ctx.obj is not None:
        ctx.obj.command = ctx.command_path
    for param in ctx.command.params:
        if isinstance(param, Target):
            param.check(ctx)
