"""The descriptions of commands where Python was told to forget them: with -OO and PYTHONOPTIMIZE=2."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kmstool.system import descriptors

_MAX_BYTES = 2**20


def from_source(function: Callable[..., Any]) -> str | None:
    """Return the docstring that a function has in its source, None if the source is not there."""
    code = inspect.unwrap(function).__code__
    try:
        tree = ast.parse(descriptors.read_file(Path(code.co_filename), _MAX_BYTES))
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        # A function begins with its first decorator.
        if isinstance(node, ast.FunctionDef) and code.co_firstlineno in {node.lineno, *_lines(node.decorator_list)}:
            return ast.get_docstring(node)
    return None


def _lines(nodes: list[ast.expr]) -> list[int]:
    return [node.lineno for node in nodes]
