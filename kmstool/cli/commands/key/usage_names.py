"""Key usages by their short names or in the API's spelling."""

from __future__ import annotations

from typing import Any

import click

from kmstool import words


class Usage(click.Choice[str]):
    """A key usage by its short name or in the API's spelling."""

    def __init__(self) -> None:
        super().__init__(tuple(words.USAGES))

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the API's spelling."""
        from kmstool.api.cmk_rules import usage_of

        return usage_of(value)


def usage_name(usage: str) -> str:
    """Return the short name of a usage, or what is not known as it is."""
    from kmstool.words import USAGES

    return next((name for name, spelling in USAGES.items() if spelling == usage), usage)
