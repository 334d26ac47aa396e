"""Every refusal has its way out: a hint or a reason where it is raised, else by what it is about or by its kind."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmstool import errors
from kmstool.cli.hints import hint_of
from kmstool.cli.plain_words import plain
from kmstool.cli.refusals import ABOUT, FIRST, KINDS, is_in, way_out
from kmstool.errors import InputError, KmsToolError, ServiceError
from kmstool.server.app import EmbeddedKms
from tests.program import kmstool

PACKAGE = Path(errors.__file__).parent
KINDS_OF_ERRORS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, KmsToolError)
}
# A bug is none of the user's doing, a wrong command line has the help of its command, and a home says what it needs.
APART = {"KmsToolError", "UsageError", "NoHomeError"}


def raised() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield each error that is made in the package without a hint, a reason or a code: where, its class and its call."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or name not in KINDS_OF_ERRORS.keys() - APART or not node.args:
                continue
            if not {"hint", "reason", "kms_code", None} & {keyword.arg for keyword in node.keywords}:
                yield f"{path.relative_to(PACKAGE.parent)}:{node.lineno}", name, node


def text_of(node: ast.expr, place: str) -> str:
    """Return the text of a message, with what it is filled in with in braces."""
    if isinstance(node, ast.Name):
        module = importlib.import_module(place.partition(":")[0].removesuffix(".py").replace("/", "."))
        return str(getattr(module, node.id, f"{{{node.id}}}"))
    return ast.unparse(node).removeprefix("f").strip("'\"")


REFUSALS = [(place, name, text_of(node.args[0], place)) for place, name, node in raised()]


def test_every_refusal_has_a_way_out() -> None:
    """Give one that fails here a hint or a reason; or say in `refusals.ABOUT` what else is like it."""
    assert len(REFUSALS) > 200
    lost = [(place, text) for place, name, text in REFUSALS if not way_out(KINDS_OF_ERRORS[name](text))]
    assert not lost


def test_nothing_is_said_of_what_no_refusal_is_about() -> None:
    """A phrase that another one comes before, or the kind of the failure, is as good as none."""
    chosen = [(text, way_out(KINDS_OF_ERRORS[name](text))) for _, name, text in REFUSALS]
    unused = [
        phrase
        for phrases, hint in (*FIRST, *ABOUT)
        for phrase in phrases
        if not any(
            way == hint and is_in(text, phrase) and not any(is_in(text, other) for other in phrases if other != phrase)
            for text, way in chosen
        )
    ]
    assert not unused
    # Values are there in the source and not in a run.
    assert not [phrase for phrases, _ in (*FIRST, *ABOUT) for phrase in phrases if "{" in phrase]


def test_a_reason_and_a_hint_come_first() -> None:
    assert hint_of(InputError("the private key is malformed", hint="its own")) == "its own"
    assert hint_of(ServiceError("the private key", kms_code="New.Code")) is None
    assert hint_of(InputError("the private key is malformed")) == way_out(InputError("the private key is malformed"))


@pytest.mark.parametrize("hint", [hint for _, hint in (*FIRST, *ABOUT, *KINDS)])
def test_a_way_out_is_a_line_without_placeholders(hint: str) -> None:
    assert not {"KEY", "FILE"} & set(hint.replace(":", " ").split())
    assert not hint.endswith(".")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Invalid value for '--days': 5 is not in the range 7<=x<=30.", "Invalid value for '--days': 5 is not from 7 to 30"),
        ("Invalid value for '--nth': 0 is not in the range x>=1.", "Invalid value for '--nth': 0 is not at least 1"),
        ("Invalid value: 'x' is not a valid integer range.", "Invalid value: 'x' is not a number"),
        ("Invalid value: 'x' is not a valid float range.", "Invalid value: 'x' is not a number"),
        ("Got unexpected extra argument (b)", "there is no place for b"),
        ("Got unexpected extra arguments (b c)", "there is no place for b c"),
        ("Missing parameter: count", "Missing value: count"),
        ("something else", "something else"),
    ],
)  # fmt: skip
def test_what_the_parser_says_is_said_plainly(said: str, meant: str) -> None:
    assert plain(said) == meant


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("random", "8", "9"), "there is no place for 9"),
        (("random", "x"), "'x' is not a number"),
        (("random", "8", "--timeout", "x"), "'x' is not a number"),
        (("key", "schedule-deletion", "a", "--days", "5"), "5 is not from 7 to 30"),
    ],
)
def test_a_command_line_that_is_wrong_has_the_help_as_its_way_out(words: tuple[str, ...], said: str) -> None:
    error, hint = kmstool(*words, exit_code=2).err.splitlines()
    assert error.endswith(said)
    assert hint.startswith("kmstool: hint: see kmstool ")
    assert hint.endswith("--help")


def test_options_that_exclude_each_other_have_it_too() -> None:
    done = kmstool("digest", "--algorithm", "sha256", "--id", "x", stdin="a", exit_code=2)
    assert done.err.splitlines()[-1] == "kmstool: hint: see kmstool digest --help"


@pytest.mark.usefixtures("workplace")
def test_keys_that_fit_are_named_where_one_does_not(kms: EmbeddedKms) -> None:
    for alias, usage in (
        ("rsa", "ASYMMETRIC_DECRYPT_RSA_2048"),
        ("demo", "ENCRYPT_DECRYPT"),
        ("two", "ENCRYPT_DECRYPT"),
    ):
        kms.call("CreateKey", {"Alias": alias, "KeyUsage": usage})
    kms.call("DisableKey", {"KeyId": kms.call("CreateKey", {"Alias": "off"})["KeyId"]})
    hint = "kmstool: hint: it takes a symmetric key: kmstool key list --usage symmetric; these fit: demo, two"
    assert kmstool("encrypt", "--key", "rsa", stdin="a", exit_code=6).err.splitlines()[-1] == hint
    done = kmstool("sign", "--key", "demo", stdin="a", exit_code=None)
    assert "fit" not in done.err
