"""The code keeps the shape that it is read by: layers, sizes, names, a light start, commands that are shown.

Every rule here is broken one import or one line at a time; the test that fails says which.
"""

import ast
import builtins
import dataclasses
import functools
import http.server
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import typing
from collections.abc import Iterator, Sequence
from keyword import iskeyword
from pathlib import Path
from types import ModuleType

import click
import pytest

import kmstool
from kmstool import errors, words
from kmstool.api import protocol
from kmstool.cli import main, options, params, shards
from kmstool.cli.commands.local import serve
from kmstool.cli.commands.rotate import words as rotation_words
from kmstool.cli.lazy import LazyGroup
from tests.conftest import unable

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kmstool"
CLI = PACKAGE / "cli"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [*MODULES, *(path for name in ("tests", "benchmarks") for path in sorted((ROOT / name).rglob("*.py")))]
README = ROOT / "README.md"
SESSIONS = sorted((ROOT / "tests" / "sessions").glob("*.md"))

HEAVY = {
    "botocore",
    "cosfs",
    "cryptography",
    "fsspec",
    "jmespath",
    "keyring",
    "platformdirs",
    "requests",
    "rich",
    "s3fs",
    "sqlite3",
    "tencentcloud",
}
DOMAIN = ("kmstool.crypto", "kmstool.kms", "kmstool.api.protocol", "kmstool.server", "kmstool.whitebox")
SERVICE_PACKAGES = {PACKAGE / "whitebox"}
MAX_MODULE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_BODY_STATEMENTS = 16
KEY_ID = "6f6e2a6c-e7ca-11f1-8000-525400000001"
MAX_SUMMARY_CHARACTERS = 60
CLICKS_OWN = {"settings", "words"}
"""Keyword arguments for click's own constructors, and click's words on their way into a value."""
NAMELESS = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
ENDS = {0, main.HANGUP, main.INTERRUPTED, main.CLOSED_PIPE, main.TERMINATED}

LIST_MODULES = """
import sys
from kmstool.__main__ import main
sys.argv[1:] = {arguments!r}
code = main()
assert not code, code
print(*sys.modules, file=sys.stderr)
"""


def commands(command: click.Command = main.root, path: str = "kmstool") -> Iterator[tuple[str, click.Command]]:
    """Yield every command and group of the tree with its path, such as `kmstool key list`."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from commands(command.commands[name], f"{path} {name}")


def failures(kind: type[errors.KmsToolError] = errors.KmsToolError) -> list[type[errors.KmsToolError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in failures(child))]


TREE = dict(commands())
LEAVES = {path: command for path, command in TREE.items() if not isinstance(command, click.Group)}
FAILURES = failures()


def shown() -> set[str]:
    """Return every command line that the README or a session shows, and so runs."""
    texts = [path.read_text("utf-8") for path in (README, *SESSIONS)]
    return {line[2:] for text in texts for line in text.split("\n") if line.startswith("$ ")}


def example(command: click.Command) -> str:
    found: str = getattr(command, "example", "")
    return found


def module_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def listed_modules(arguments: list[str], folder: Path, given: str = "", **variables: str) -> tuple[str, set[str]]:
    """Run a command that has to succeed in a folder, and return its stdout and the modules that it loaded."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", LIST_MODULES.format(arguments=arguments)]
    done = subprocess.run(
        command, cwd=folder, env=clean | variables, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(done.stderr.split())


def test_imports_only_go_down() -> None:
    """The layers of `pyproject.toml` hold.

    A module that imports upwards or sideways can no longer be read, tested or replaced by
    itself; above all, `kms` and `server` must not agree by sharing code, or a mistake in one
    hides in the other. Move what both need to a lower layer.
    """
    beside = Path(sys.executable).with_name("lint-imports")
    program = str(beside) if beside.exists() else shutil.which("lint-imports")
    if program is None:
        unable("import-linter is not installed")
    done = subprocess.run(
        [program, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["--help"], ["key", "--help"], ["key", "create", "--help"], ["encrypt", "--help"]],
    ids=" ".join,
)
def test_help_is_light(arguments: list[str], tmp_path: Path) -> None:
    """Neither `--version` nor any `--help` imports a heavy library.

    Start-up is a feature: completion asks for help on every TAB, scripts ask for the version
    on every run, and each of these libraries costs more than all the rest of the start. If
    this fails, an import at the top of a module brought one in. `python -X importtime -m
    kmstool --help` shows through which module; move that import into the function that needs
    it, and if it is only for annotations, under `if TYPE_CHECKING:`.
    """
    shown, loaded = listed_modules(arguments, tmp_path)
    assert shown
    assert "kmstool.__main__" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY == set()
    assert not {name for name in loaded if name.startswith(DOMAIN)}, "help imported the domain"
    if arguments[0] not in main.COMMANDS:
        places = {place.partition(":")[0] for place, _ in main.COMMANDS.values()}
        assert not places & loaded, "the list of commands imported a command"


def test_encrypting_over_the_network_is_light(tmp_path: Path) -> None:
    """One `encrypt` imports the transport and little else: no SDK, no crypto library, no store.

    A shell loop pays for every import of every round. What was imported too much is found
    with `python -X importtime`, as for help.
    """
    answer = json.dumps({"Response": {"CiphertextBlob": "a-k-b-k-c", "KeyId": KEY_ID, "RequestId": "1"}})

    class Kms(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Kms) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        credential = {"TENCENTCLOUD_SECRET_ID": "AKIDtests", "TENCENTCLOUD_SECRET_KEY": "key"}
        arguments = ["encrypt", "--key", KEY_ID, "--endpoint", f"http://127.0.0.1:{server.server_port}"]
        printed, loaded = listed_modules(arguments, tmp_path, "text", **credential)
        thread.join(60)
    assert printed.strip() == "a-k-b-k-c"
    assert "kmstool.kms.transport.cloud" in loaded
    assert {name.partition(".")[0] for name in loaded} & (HEAVY | {"asyncio", "certifi", "urllib3"}) == set()
    assert not {name for name in loaded if name.startswith(("kmstool.crypto", "kmstool.server", "kmstool.envelope"))}


def test_encrypting_with_the_embedded_kms_is_light(tmp_path: Path) -> None:
    """One `envelope encrypt` imports no code of key pairs and of other actions: that was half of its start."""
    (tmp_path / "plain").write_text("text")
    for arguments in (["init", "--local"], ["envelope", "encrypt", "plain"]):
        _, loaded = listed_modules(arguments, tmp_path, KMSTOOL_HOME=str(tmp_path))
    assert (tmp_path / "plain.kte").exists()
    assert "kmstool.server.actions.ciphers" in loaded
    assert not {"http.client", "ssl", "kmstool.kms.transport.connection", "kmstool.system.folders"} & loaded
    other = {"asymmetric", "material", "service", "whitebox"}
    assert not {f"kmstool.server.actions.{name}" for name in other} & loaded
    assert not {name for name in loaded if name.startswith(("kmstool.crypto.keys", "kmstool.whitebox"))}
    assert "cryptography.hazmat.primitives.serialization" not in loaded


@pytest.mark.parametrize("arguments", [["--version"], ["random", "--bytes", "many"]], ids=" ".join)
def test_the_program_ends_at_once_and_its_output_is_whole(arguments: list[str]) -> None:
    """After the exit code is known Python is not taken apart: that takes longer than its start."""
    late = "import atexit, sys; from kmstool.__main__ import run; atexit.register(print, 'late')"
    code = f"{late}; sys.argv[1:] = {arguments!r}; run()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    if arguments == ["--version"]:
        assert (done.returncode, done.stdout, done.stderr) == (0, f"kmstool {kmstool.__version__}\n", "")
    else:
        assert (done.returncode, done.stdout) == (errors.UsageError.exit_code, "")
        assert done.stderr.startswith("kmstool: error: ")


def statements(body: Sequence[ast.stmt]) -> int:
    """Count statements, those inside of others too, but neither docstrings nor the bodies of functions."""
    counted = [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    blocks = [
        getattr(node, part, ())
        for node in counted
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef))
        for part in ("body", "orelse", "handlers", "finalbody")
    ]
    return len(counted) + sum(map(statements, blocks))


@pytest.mark.parametrize(
    "path", [path for path in MODULES if PACKAGE / "cli" / "commands" in path.parents], ids=module_name
)
def test_a_command_parses_asks_opens_and_prints(path: Path) -> None:
    """What takes more than that is a call of the library below, or a function of its own."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name
            if any("command(" in ast.unparse(decorator) for decorator in node.decorator_list):
                assert statements(node.body) <= MAX_BODY_STATEMENTS, node.name


@pytest.mark.parametrize("path", [path for path in TREE if isinstance(TREE[path], LazyGroup)])
def test_tables_of_commands_are_sorted_and_tell_the_truth(path: str) -> None:
    """A table repeats the first line of each command's docstring, so that help need not import it."""
    group = TREE[path]
    assert isinstance(group, LazyGroup)
    assert list(group.commands) == sorted(group.commands)
    for name, summary in group.summaries.items():
        command = group.commands[name]
        assert command.name == name
        assert (command.help or "").split("\n")[0] == summary


@pytest.mark.parametrize("path", [path for path in TREE if " " in path])
def test_a_command_stands_where_its_name_says(path: str) -> None:
    """`kmstool local faults add` is `add` of cli/commands/local/faults/add.py, a group stands in its folder's group.py.

    A name that Python itself has ends in an underscore; of a file only a keyword does.
    """
    words = [name.replace("-", "_") for name in path.split()[1:]]
    *folders, last = words
    file = [*words, "group"] if isinstance(TREE[path], click.Group) else [*folders, last + "_" * iskeyword(last)]
    module = importlib.import_module(".".join(["kmstool.cli.commands", *file]))
    assert getattr(module, last + "_" * (iskeyword(last) or hasattr(builtins, last))) is TREE[path]


NAMELESS_BINDINGS = {"found", "given", "made", "place", "what"}


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and name of every variable, parameter and exception that a module binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            yield node.lineno, node.name


def test_a_binding_names_what_it_is() -> None:
    """What was found, made or given is a key, a status, a match: `found` says how it came here and not what it is."""
    assert not [
        (module_name(path), line, name)
        for path in MODULES
        for line, name in bound_names(tree_of(path))
        if name in NAMELESS_BINDINGS
    ]


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every string literal of a module that is no docstring."""
    tree = tree_of(path)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.lineno, node.value


BELOW_THE_COMMAND_LINE = [
    path for path in MODULES if PACKAGE / "cli" not in path.parents and path.name not in {"__main__.py", "errors.py"}
]
# The name of the store's entries in the keyring, of which there are some already.
NO_COMMAND = {"kmstool local KMS"}
SPOKEN = re.compile(r"(?<![\w-])--[a-z]|\bkmstool (?:" + "|".join(main.COMMANDS) + r")\b")


def test_only_the_command_line_speaks_of_commands_and_options() -> None:
    """A message from below that says `--key` is wrong for whoever calls the library from Python.

    Raise the error with a `Reason` and its facts in place of the hint, and give `cli/hints.py` the text.
    """
    assert not [
        (module_name(path), line, text)
        for path in BELOW_THE_COMMAND_LINE
        for line, text in texts_of(path)
        if SPOKEN.search(text) and text not in NO_COMMAND
    ]


def test_a_usage_error_is_the_command_lines() -> None:
    """What a caller chose wrongly is an `ArgumentError` below; the command line makes a `UsageError` of it."""
    assert not [
        (module_name(path), node.lineno)
        for path in BELOW_THE_COMMAND_LINE
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.alias, ast.Attribute))
        and "UsageError" in {getattr(node, "name", ""), getattr(node, "attr", "")}
    ]


def typed_parameters(command: click.Command) -> dict[str, str]:
    """Return the annotations of what a command reads: the fields of its options, or its parameters."""
    function = inspect.unwrap(command.callback or unable)
    names = {name: str(kind) for name, kind in function.__annotations__.items() if name not in ("session", "return")}
    if set(names) == {"wanted"}:
        kind = getattr(importlib.import_module(function.__module__), names["wanted"])
        return {field.name: str(field.type) for field in dataclasses.fields(kind)}
    return names


def literals(module: ModuleType, name: str) -> tuple[str, ...]:
    """Return the words of a `Literal` that a module imports for its annotations."""
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    (place,) = (
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]
    )
    stated = getattr(importlib.import_module(str(place)), name)
    parts = typing.get_args(stated)
    return tuple(word for part in parts for word in typing.get_args(part) or (part,))


def value_type(param: click.Parameter, module: ModuleType, annotation: str) -> str:
    """Return the annotation that fits what click makes of a parameter's words."""
    if param.callback is params.collected_context:
        return "Context"
    if param.multiple and isinstance(param, click.Option) and param.metavar == "K=V" and param.callback:
        return "Mapping[str, str]"
    names = {params.KEY: "KeyAddress", params.END: "times.End", params.RANGE: "ByteRange", params.DELAY: "float"}
    names |= {params.PUBLIC_KEY: "PublicKeyFile", shards.SHARD: "Shard", rotation_words.VERIFY: "int"}
    names |= {serve.QUOTA: "Rates"}
    kinds = {click.types.BoolParamType: "bool", click.types.IntParamType: "int", click.IntRange: "int"}
    kinds |= {options.NumberRange: "float"}
    name = names.get(param.type) or kinds.get(type(param.type), "str")
    if isinstance(param.type, params.Parsed) and param.type.name == "duration":
        name = "int"
    if isinstance(param.type, click.Choice) and (stated := annotation.removesuffix(" | None")) != "str":
        assert set(param.type.choices) <= set(literals(module, stated))
        name = stated
    if param.multiple or param.nargs == -1:
        return f"tuple[{name}, ...]"
    is_there = param.required or isinstance(param.get_default(click.Context(main.root)), (str, int, float))
    return name if is_there else f"{name} | None"


@pytest.mark.parametrize("path", LEAVES)
def test_options_have_the_types_that_click_gives_them(path: str) -> None:
    """The type checker believes the annotations; only this test knows what click makes of the words."""
    command = LEAVES[path]
    stated = typed_parameters(command)
    module = importlib.import_module(inspect.unwrap(command.callback or unable).__module__)
    exposed = [param for param in command.params if param.expose_value]
    assert stated == {str(param.name): value_type(param, module, stated[str(param.name)]) for param in exposed}


def test_no_option_is_read_by_a_string() -> None:
    """A mistyped string passes every checker, and is a fault of the run in which it is reached."""
    read = []
    for path in sorted((PACKAGE / "cli").rglob("*.py")):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef) and node.args.kwarg and node.args.kwarg.arg not in CLICKS_OWN:
                read.append(f"{module_name(path)}: **{node.args.kwarg.arg} of {node.name}")
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.slice, ast.Constant)
                and ast.unparse(node.value) in ("choices", "wanted", "options", "kwargs", "ctx.params")
            ):
                read.append(f"{module_name(path)}: {ast.unparse(node)}")
    assert not read


@pytest.mark.parametrize("path", TREE)
def test_a_summary_is_one_short_line(path: str) -> None:
    summary, *rest = (TREE[path].help or "").split("\n")
    assert summary.endswith(".")
    assert len(summary) <= MAX_SUMMARY_CHARACTERS
    assert not rest or rest[0] == "", "the first line of the docstring is not a paragraph of its own"


@pytest.mark.parametrize("path", TREE)
def test_options_have_a_help_text(path: str) -> None:
    silent = [param.name for param in TREE[path].params if isinstance(param, click.Option) and not param.help]
    assert not silent


@pytest.mark.parametrize("path", LEAVES)
def test_an_example_is_run(path: str) -> None:
    """Help ends with an example, and an example that nothing runs is wrong sooner or later.

    Show it, letter for letter, as a command of `tests/sessions/*.md` or of the README.
    """
    line = example(LEAVES[path])
    assert line, f"{path} has no example"
    assert f"{line} ".startswith(f"{path} "), f"the example of {path} is one of another command"
    assert any(f"{run} ".startswith(f"{line} ") for run in shown()), f"no session shows $ {line}"


TESTED_IN = {
    "sessions/asymmetric.md": "cli.commands.asymmetric.ciphertexts",
    "sessions/batch.md": "cli.commands.batch.lines",
    "sessions/data_keys.md": "cli.commands.data_key.hosted cli.commands.data_key.states",
    "sessions/lifecycle.md": "cli.commands.key.products cli.commands.local.offsets cli.key_changes cli.several",
    "sessions/keys.md": "cli.commands.key.usage_names cli.list_filters",
    "sessions/material.md": "cli.commands.material.inputs",
    "sessions/auth.md": "cli.commands.profile.answers workflows.identity",
    "sessions/serving.md": "cli.commands.local.credentials.lifetimes",
    "sessions/whitebox.md": "cli.commands.whitebox.plaintexts",
    "README.md": "cli.blobs cli.plaintexts",
    "test_admin.py": "server.clock server.copies",
    "test_app.py": "server.actions.service",
    "test_asking.py": "cli.input_files cli.io.pickers",
    "test_asymmetric.py": "server.key_pairs",
    "test_atomic.py": "system.publishing",
    "test_gateway.py": "server.web.desk server.web.older_signatures server.web.quota server.web.refusals server.web.services",
    "test_ciphers.py": "server.wrapping",
    "test_client.py": "kms.calls.byok kms.calls.crypt kms.calls.states",
    "test_cloud.py": "kms.transport.json_answers",
    "test_connection.py": "kms.transport.sockets",
    "test_credentials.py": "cli.commands.auth.keeping cli.io.questions cli.session.prompts kms.credentials.sources "
    "system.keychain workflows.sts_connections",
    "test_dask.py": "cli.clusters workflows.batches_there workflows.keeping workflows.reconnecting "
    "workflows.rotation.movers_there",
    "test_envelope.py": "cli.envelope_files cli.io.progress cli.recipients workflows.rewrapping",
    "test_completion.py": "cli.generated.bash cli.generated.fish cli.generated.values cli.generated.zsh",
    "test_http_abuse.py": "server.web.turns",
    "test_key_replacement.py": "kms.tags",
    "test_storage.py": "storage.buffered storage.s3",
    "test_lifecycle.py": "server.actions.parameters server.actions.states server.due server.identifiers",
    "test_main.py": "__main__ cli.streams",
    "test_migration.py": "workflows.beta_connections",
    "test_mounts.py": "system.keeping system.signals",
    "test_one_object.py": "cli.topic_texts",
    "test_output.py": "cli.answers cli.console cli.io.outputs",
    "test_pem.py": "crypto.curve_names",
    "test_pipes.py": "cli.io.inputs",
    "test_protection.py": "server.renewal server.root_key",
    "test_rotation.py": "workflows.rotation.headers",
    "test_sdk_transport.py": "kms.transport.senders",
    "test_seals.py": "server.tables.sealed_rows",
    "test_seed.py": "server.seed.white_box",
    "test_shell.py": "cli.parameter_kinds cli.shell.processes workflows.kept",
    "test_signing.py": "cli.key_files cli.signed_messages",
    "test_store.py": "server.founding server.store_row",
    "test_trees.py": "cli.commands.envelope.folders cli.envelope_folders workflows.folders workflows.many "
    "workflows.tree_opening workflows.tree_rewrapping workflows.tree_sealing",
    "test_ways.py": "cli.file_checks system.abilities",
    "test_whitebox.py": "whitebox.circuits",
}
"""Where the modules are tested that no test imports and none is named for: under a command or another module."""

STEPS = 3
"""How many imports there are at most from what a test or session uses to a module that it tests."""


def imported(path: Path) -> set[str]:
    """Return the modules, and the names in modules, that a file imports."""
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def implementation(command: click.Command) -> str:
    """Return the module in which a command stands."""
    return inspect.unwrap(command.callback or unable).__module__


def used(place: str) -> set[str]:
    """Return what a test imports, itself or by those that help it, or the modules of the commands that it runs."""
    path = ROOT / (place if place == "README.md" else f"tests/{place}")
    text = path.read_text("utf-8")
    commands = {implementation(LEAVES[line]) for line in LEAVES if f"{line} " in text}
    if path.suffix == ".md":
        return commands
    helpers = {name for name in imported(path) if name.startswith("tests.") and not name.startswith("tests.program.")}
    files = [path, *(file for name in helpers if (file := ROOT / f"{name.replace('.', '/')}.py").exists())]
    runs_commands = {"tests.program", "tests.conftest.PROGRAM"} & imported(path)
    return {name for file in files for name in imported(file)} | (
        set(map(implementation, LEAVES.values())) if runs_commands else set()
    )


def test_every_module_has_its_tests() -> None:
    """By a file of its name, by a test that imports it, by the session of its command, or where TESTED_IN says.

    A newcomer who changes a module has to find what tests it, and a module that nothing tests has to be seen.
    """
    files = {path.name: imported(path) for path in (ROOT / "tests").rglob("test_*.py")}
    known = {name for names in files.values() for name in names} | set(map(implementation, LEAVES.values()))
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES}
    listed = {f"kmstool.{name}": place for place, names in TESTED_IN.items() for name in names.split()}
    homeless = {
        name
        for name, path in modules.items()
        if path.name not in ("__init__.py", "group.py")
        and f"test_{path.stem.strip('_')}.py" not in files
        and name not in known
    }
    assert homeless <= set(listed) <= set(modules)
    imports = {name: imported(path) & set(modules) for name, path in modules.items()}
    # By their names only: the code of an action, and the command line.
    imports["kmstool.server.handlers"] |= {name for name in modules if name.startswith("kmstool.server.actions.")}
    imports["kmstool.cli.main"] |= {"kmstool.__main__"}
    for name, place in listed.items():
        reached = used(place) & set(modules)
        for _ in range(STEPS):
            reached |= {other for one in reached for other in imports[one]}
        assert name in reached, f"{place} does not reach {name}"


def test_the_states_of_options_are_those_of_the_api() -> None:
    assert options.STATES == ("enabled", "disabled", "pending-delete", "pending-import", "archived")
    assert words.STATES[:3] == words.DATA_KEY_STATES
    assert words.STATES[:2] == words.WHITE_BOX_STATES


def test_the_literals_of_all_layers_cost_nothing_to_import() -> None:
    """Options take them from there, and `--help` imports the options."""
    tree = ast.parse(Path(str(words.__file__)).read_text("utf-8"))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"__future__", "typing"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]


WORDS = {name: value for name, value in vars(words).items() if name.isupper()}
COMMON = {words.USER, words.FILE, words.KEYRING, words.PASSPHRASE, words.REGION}
"""Words that stand elsewhere for other things; of these only the whole lists are looked for."""
LITERALS = {value for value in WORDS.values() if isinstance(value, str)} - COMMON | {
    *words.USAGES.values(),
    *words.KEY_SPECS,
}
LISTS = {frozenset(value) for value in WORDS.values() if isinstance(value, tuple)}


def written_again(tree: ast.Module) -> Iterator[str]:
    """Yield what of `words` a module writes itself: a literal, a whole list, or a limit under the same name."""
    shown = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(value)) if value in LITERALS and id(node) not in shown:
                yield f"line {node.lineno}: {value!r}"
            case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
                values = frozenset(item.value for item in items if isinstance(item, ast.Constant))
                if len(values) == len(items) and values in LISTS:
                    yield f"line {node.lineno}: {sorted(values)}"
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)) if (
                name in WORDS and WORDS[name] == value
            ):
                yield f"line {node.lineno}: {name}"
            case ast.Call(
                func=ast.Name(id="range"), args=[ast.Constant(value=int(first)), ast.Constant(value=int(end))]
            ):
                if range(first, end) in WORDS.values():
                    yield f"line {node.lineno}: range({first}, {end})"


def test_what_words_has_is_written_nowhere_else() -> None:
    """Usages, states, algorithms and limits that stand twice differ one day; take them from `kmstool.words`."""
    again = {
        module_name(path): lines
        for path in MODULES
        if path.name != "words.py" and (lines := list(written_again(tree_of(path))))
    }
    assert again == {}


def test_no_request_is_made_up_for_its_transaction() -> None:
    """Whoever needs the rows of the embedded KMS asks for a `transaction(write=...)`; an action is a client's word."""
    made_up = [
        (module_name(path), node.lineno)
        for path in SOURCES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "request"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in protocol.actions()
    ]
    assert made_up == []


def test_no_command_reads_the_rows_of_the_store() -> None:
    """What the owner of an embedded KMS does to it is a function of `server.admin`; commands parse and print."""
    rows = [
        (module_name(path), node.lineno)
        for path in MODULES
        if CLI in path.parents
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in ("db", "vault", "transaction")
    ]
    assert rows == []


def test_every_promise_names_its_attacks() -> None:
    """A row of the threat model whose test is gone or renamed promises what nobody attacks."""
    rows = re.findall(
        r"^\| (P[0-9]+) \|.*\| ([^|]+) \|$", (ROOT / "docs" / "threat-model.md").read_text("utf-8"), re.MULTILINE
    )
    assert [number for number, _ in rows] == [f"P{number}" for number in range(1, len(rows) + 1)]
    assert len(rows) >= 50
    for number, cell in rows:
        tests = re.findall(r"`(test_[a-z_0-9]+\.py)::(test_[a-z_0-9]+)`", cell)
        assert tests, number
        for file, name in tests:
            assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8"), (number, file, name)
    named = set(re.findall(r"\bP[0-9]+\b", (ROOT / "SECURITY.md").read_text("utf-8")))
    assert named <= {number for number, _ in rows}


def test_the_readme_lists_the_exit_codes() -> None:
    listed = [int(code) for code in re.findall(r"^\| `([0-9]+)` \|", README.read_text("utf-8"), re.MULTILINE)]
    assert sorted(listed) == sorted({failure.exit_code for failure in FAILURES} | ENDS)


def test_signals_have_the_codes_of_a_shell() -> None:
    assert {0, 129, 130, 141, 143} == ENDS
    assert errors.DryRunDone.exit_code == 0


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.__name__)
def test_a_failure_says_when_it_is_raised(failure: type[errors.KmsToolError]) -> None:
    assert failure.__module__ == "kmstool.errors", "all failures stand in errors.py, with their exit codes"
    assert (failure.__dict__.get("__doc__") or "").strip()
    assert 1 <= failure.exit_code <= 9


def test_a_module_can_be_read_at_once() -> None:
    """A module of more lines does two things; the docstring of each half will say which."""
    lines = {module_name(path): len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert {name: count for name, count in lines.items() if count > MAX_MODULE_LINES} == {}


def test_a_module_says_what_it_holds() -> None:
    modules = [path for path in MODULES if path.name != "__init__.py"]
    assert not [module_name(path) for path in modules if not ast.get_docstring(tree_of(path))]
    # A module and its folder are named for what they hold.
    assert not [module_name(path) for path in modules if {*path.stem.split("_"), path.parent.name} & NAMELESS]


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=module_name)
def test_a_package_file_imports_nothing(path: Path) -> None:
    """Whoever imports one module of a package would pay for everything that `__init__.py` imports.

    It is empty, but for the functions of a package that other programs use; they import when they are called.
    """
    text = path.read_text("utf-8")
    if path.parent == PACKAGE:
        assert re.fullmatch(r'__version__ = "[0-9]+\.[0-9]+\.[0-9]+[a-z0-9.]*"\n', text)
    elif path.parent in SERVICE_PACKAGES:
        (_, future, *functions) = ast.parse(text).body
        assert isinstance(future, ast.ImportFrom)
        assert future.module == "__future__"
        assert functions
        assert all(isinstance(function, ast.FunctionDef) for function in functions)
    else:
        assert text == ""


# By construction: nothing else reads what others wrote.

READS = {"read", "read1", "readall", "readinto", "readinto1", "readline", "readlines", "read_bytes", "read_text"}
OF_OS = {"read", "readv", "pread", "preadv", "write", "writev", "pwrite", "pwritev", "fdopen"}

# The field of `sealing.Source`, which is `descriptors.fill` or reads memory.
SOURCE_READERS = re.compile(r"(.*\.)?(source|payload|sealed)\.read|ArmorReader\(.*\)\.read|io\.BytesIO\(.*\)\.readinto")

READERS_ALLOWED: dict[str, set[str]] = {
    # The one place.
    "system/descriptors.py": {"os.read", "os.readv", "os.preadv", "os.write", "os.pwrite"},
    # The answer of a store, which its library reads.
    "storage/s3.py": {"body.read"},
    # New files of kmstool's own, which Python writes.
    "system/atomic.py": {"os.fdopen"},
    "system/folders.py": {"os.fdopen"},
    # What belongs to kmstool or to the kernel, and is always a regular file.
    "api/protocol.py": {"Path(__file__).with_name('actions.json').read_bytes"},
    "cli/completion_files.py": {"folder / SHELLS[shell].read_text"},
    "cli/commands/completion.py": {"file.read_bytes", "zshrc.read_bytes"},
    "cli/known_names.py": {"folder / 'stamp'.read_text"},
    "system/device.py": {"path.read_text"},
    "system/ownership.py": {"Path('/proc/self/status').read_bytes", "Path('/proc/self/uid_map').read_text"},
    "system/utf8.py": {"open()", "file.read"},
    "server/web/peers.py": {"open()"},
    "server/web/listening.py": {"os.pread", "os.pwrite"},
    # Opened so that its number stays taken, or as a stream that is asked only whether it is a terminal.
    "cli/commands/local/serve.py": {"open()"},
    "cli/streams.py": {"os.fdopen"},
    # By which prompt_toolkit learns the descriptor, which it reads key by key and waits for itself.
    "system/terminal.py": {"os.fdopen"},
    "server/tls_files.py": {"Path(certifi.where()).read_bytes"},
    # The records of a TLS connection in memory.
    "server/web/tls.py": {"self._leaving.read", "self._tls.read"},
    "kms/transport/tls.py": {"self._outgoing.read", "self._tls.read"},
    # A pipe between processes of kmstool.
    "cli/processes.py": {"os.fdopen", "report.read"},
    "workflows/processes.py": {"os.fdopen", "report.read"},
    # A socket's file, which `http.client` asked for; a socket waits by its own timeout.
    "kms/transport/sockets.py": {"self._raw.readinto"},
    "kms/transport/connection.py": {"response.read1"},
    # Where not even memory for an import is left.
    "__main__.py": {"os.write"},
}


def calls_that_read(path: Path) -> set[str]:
    """Return the calls in a module that read or write a descriptor or file, but for functions of other modules."""
    tree = tree_of(path)
    modules = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        holder = ast.unparse(node.value)
        if holder == "os":
            found |= {f"os.{node.attr}"} if node.attr in OF_OS else set()
        elif node.attr in READS and holder not in modules:
            found.add(f"{holder}.{node.attr}")
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return found | {"open()" for call in calls if opens(call)}


def opens(call: ast.Call) -> bool:
    """Tell whether a call opens a file of Python's for reading."""
    first = call.args[0] if call.args else None
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == "open" and isinstance(first, ast.Constant) and str(first.value).startswith("r")
    return isinstance(call.func, ast.Name) and call.func.id == "open"


def test_nothing_else_reads() -> None:
    """`inputs` and `descriptors` read what others wrote, and nothing else does.

    A file of Python's that is non-blocking gives a part, None or an exception, and a command would go on with it: a
    signature over less than was piped in. Read with `kmstool.system.descriptors`; what is no input from outside has
    its reason in READERS_ALLOWED.
    """
    others = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = str(path.relative_to(PACKAGE))
        found = calls_that_read(path) - READERS_ALLOWED.get(name, set())
        if found := {call for call in found if not SOURCE_READERS.fullmatch(call)}:
            others[name] = found
        assert "sys.stdin.buffer" not in path.read_text("utf-8"), name
    assert others == {}
