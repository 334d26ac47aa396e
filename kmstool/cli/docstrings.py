"""The descriptions of commands where Python was told to forget them: with -OO and PYTHONOPTIMIZE=2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

_MAX_BYTES = 2**20


class Described(click.Command):
    """A command whose description is that of its source if Python has it no more."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description."""
        if self.help is None and self.callback is not None:
            self.help = from_source(self.callback)
        super().format_help_text(ctx, formatter)


def from_source(function: Callable[..., Any]) -> str | None:
    """Return the docstring that a function has in its source, None if the source is not there."""
    import ast
    import inspect
    from pathlib import Path

    from kmstool.system import descriptors

    code = inspect.unwrap(function).__code__
    try:
        tree = ast.parse(descriptors.read_file(Path(code.co_filename), _MAX_BYTES))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        # A function begins with its first decorator.
        if isinstance(node, ast.FunctionDef) and code.co_firstlineno in {
            node.lineno,
            *(decorator.lineno for decorator in node.decorator_list),
        }:
            return ast.get_docstring(node)
    return None
