"""Help is whole where Python was told to forget docstrings."""

import pytest

from kmstool.cli import docstrings
from kmstool.cli.commands.encrypt import encrypt
from tests.program import kmstool


@pytest.mark.parametrize("words", [(), ("key",), ("key", "create"), ("local", "faults", "add")], ids=" ".join)
def test_help_is_whole_where_python_forgets_docstrings(words: tuple[str, ...]) -> None:
    """Images of containers set PYTHONOPTIMIZE=2."""
    shown = kmstool(*words, "--help", process=True, PYTHONOPTIMIZE="2")
    assert shown.out == kmstool(*words, "--help").out


def test_the_source_may_not_be_there() -> None:
    assert encrypt.callback
    assert str(docstrings.from_source(encrypt.callback)).startswith(str(encrypt.help).partition("\n")[0])
    compiled = compile("def function():\n    'text'", "/nonexistent/source.py", "exec")
    names: dict[str, object] = {}
    exec(compiled, names)
    function = names["function"]
    assert callable(function)
    assert docstrings.from_source(function) is None
