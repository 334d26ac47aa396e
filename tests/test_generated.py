"""What is generated from the command tree is up to date, and real shells and a real roff understand it.

After a change of a command or an option: python -m kmstool.cli.generated.man
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import pytest

from kmstool import __version__, errors, words
from kmstool.cli import main, options, topics
from kmstool.cli.generated import completion, man
from tests.conftest import need

ROOT = Path(__file__).parents[1]
AGAIN = "regenerate and commit: python -m kmstool.cli.generated.man"
COMPLETIONS = ("completions/kmstool.bash", "completions/_kmstool", "completions/kmstool.fish")
FILE = "secret.txt"

# Everything that means something to a shell, to zsh's _arguments or to roff.
ODD = r"""It's "odd" $HOME $(touch canary) `touch canary` [b] {c} :d: \e \(em %B*? ~ #x; & | <y> 100% é…"""

BASH = r"""
probe() {
  COMP_LINE=$1 COMP_POINT=${#1}
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _kmstool kmstool "${!#}"
  local IFS=$'\t'
  printf '%s\n' "${COMPREPLY[*]}"
}
"""

# Each line is put on the command line of an interactive zsh, and the completion system's own matches are noted.
ZSHRC = r"""
fpath=($PROBE_FOLDER $fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  local -a matches
  builtin compadd -A matches "$@"
  found+=($matches)
  builtin compadd "$@"
}
offer() { _main_complete; compstate[insert]= compstate[list]= }
zle -C offer complete-word offer
zle-line-init() {
  local each
  local -a found
  for each in ${(f)PROBE_LINES}; do
    found=() BUFFER=$each CURSOR=$#each
    zle offer
    print -r -- ${(pj:\t:)found} >> $PROBE_ANSWERS
  done
  exit
}
zle -N zle-line-init
"""
ZSH = "zmodload zsh/zpty; zpty probe zsh -i; while zpty -r probe text; do :; done"

FISH = r"""
source $argv[1]
for line in $argv[2..]
    set found (complete -C $line | string replace -r '\t.*' '' | string join \t)
    printf '%s\n' "$found"
end
"""


def ran(arguments: Sequence[str], cwd: Path, **environment: str) -> str:
    """Return the output of a program that must neither fail nor complain."""
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        timeout=240,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode()


def in_bash(folder: Path, lines: Sequence[str], cwd: Path) -> list[str]:
    # Bash cuts words at these before it calls a completion function.
    words = [re.findall(r"[=:@<>]+|[^\s=:@<>]+", line) + [""] * line.endswith(" ") for line in lines]
    probes = [shlex.join(["probe", line, *cut]) for line, cut in zip(lines, words, strict=True)]
    script = "\n".join([f"source {shlex.quote(str(folder / 'kmstool.bash'))}", BASH, *probes])
    return ran([need("bash"), "--norc", "-c", script], cwd).splitlines()


def in_zsh(folder: Path, lines: Sequence[str], cwd: Path) -> list[str]:
    home = cwd / ".zsh"
    home.mkdir(exist_ok=True)
    (home / ".zshrc").write_text(ZSHRC)
    answers = home / "answers"
    answers.unlink(missing_ok=True)
    probe = {"PROBE_FOLDER": str(folder), "PROBE_LINES": "\n".join(lines), "PROBE_ANSWERS": str(answers)}
    ran([need("zsh"), "-fc", ZSH], cwd, ZDOTDIR=str(home), **probe)
    return answers.read_text().splitlines()


def in_fish(folder: Path, lines: Sequence[str], cwd: Path) -> list[str]:
    return ran([need("fish"), "-c", FISH, str(folder / "kmstool.fish"), *lines], cwd).splitlines()


SHELLS = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}
Shell = Callable[[Path, Sequence[str], Path], list[str]]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> Shell:
    return SHELLS[request.param]


def tree(command: click.Command = main.root, path: str = "kmstool") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, below in completion.commands(command).items():
        yield from tree(below, f"{path} {name}")


def long_options(command: click.Command, prefix: str = "--") -> set[str]:
    parameters = command.get_params(click.Context(command, **command.context_settings))
    found = [param for param in parameters if isinstance(param, click.Option) and not param.hidden]
    return {name for param in found for name in completion.spellings(param) if name.startswith(prefix)}


def offered(shell: Shell, folder: Path, expected: Mapping[str, set[str]], cwd: Path) -> dict[str, set[str]]:
    """Return what a shell offers for each line, without the part of the word that some shells repeat."""
    answers = shell(folder, list(expected), cwd)
    assert len(answers) == len(expected)
    return {
        line: {re.sub(r"^(--[a-z-]+=)?@?", "", word) for word in answer.split("\t") if word}
        for line, answer in zip(expected, answers, strict=True)
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the man pages, which lie in no repository: the wheel is built with them."""
    folder = tmp_path_factory.mktemp("generated")
    man.write(folder, man.render())
    return folder / "man"


def test_completions_are_up_to_date() -> None:
    stale = [name for name in COMPLETIONS if not same(ROOT / name, man.render()[name])]
    assert not stale, AGAIN
    assert {f"completions/{path.name}" for path in (ROOT / "completions").iterdir()} == set(COMPLETIONS)


def same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def test_writing_again_gives_the_same_bytes_and_removes_old_pages(tmp_path: Path) -> None:
    """Neither the process, its hash seed, its time nor its locale is in what is written."""
    pages = tmp_path / "out" / "man"
    pages.mkdir(parents=True)
    for name in ("kmstool-gone.1", "other.1"):
        (pages / name).touch()
    ran(
        [sys.executable, "-m", "kmstool.cli.generated.man", "out"],
        tmp_path,
        PYTHONHASHSEED="7",
        PYTHONPATH=str(ROOT),
        LC_ALL="C",
    )
    assert {name for name, text in man.render().items() if not same(tmp_path / "out" / name, text)} == set()
    assert not (pages / "kmstool-gone.1").exists()
    assert (pages / "other.1").exists()


def test_starting_does_not_import_the_generator(tmp_path: Path) -> None:
    code = "import sys, kmstool.cli.main; print(*(name for name in sys.modules if name.startswith('kmstool.')))"
    loaded = ran([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(ROOT)).split()
    assert "kmstool.cli.main" in loaded
    assert not {"kmstool.cli.generated.man", "kmstool.cli.generated.completion", "kmstool.cli.generated.bash"} & set(
        loaded
    )


@pytest.mark.parametrize(
    "check", [["bash", "-n", COMPLETIONS[0]], ["zsh", "-n", COMPLETIONS[1]], ["fish", "--no-execute", COMPLETIONS[2]]]
)
def test_a_shell_can_read_its_completions(check: list[str]) -> None:
    assert ran([need(check[0]), *check[1:]], ROOT) == ""


def test_every_command_and_option_is_offered(shell: Shell, tmp_path: Path) -> None:
    expected: dict[str, set[str]] = {}
    for path, command in tree():
        expected[f"{path} --"] = long_options(command)
        if isinstance(command, click.Group):
            expected[f"{path} "] = set(completion.commands(command))
    assert offered(shell, ROOT / "completions", expected, tmp_path) == expected


def test_the_word_at_the_cursor_is_completed(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    key, keys = main.root.commands["key"], completion.commands(main.root.commands["key"])
    initial_k = {name for name in completion.commands(main.root) if name.startswith("k")}
    expected = {
        "kmstool k": initial_k,
        "kmstool --profile local k": initial_k,
        "kmstool --profile=local --yes k": initial_k,
        "kmstool -- k": initial_k,
        "kmstool --profile key key ": set(keys),
        "kmstool key --profile key ": set(keys),
        "kmstool key --form": long_options(key, "--form"),
        "kmstool key list --sta": long_options(keys["list"], "--sta"),
        "kmstool --profile local key list --sta": long_options(keys["list"], "--sta"),
        "kmstool key show some-key --form": long_options(keys["show"], "--form"),
        "kmstool key list --state ": set(options.STATES),
        "kmstool key list --state e": {"enabled"},
        "kmstool key list --state=e": {"enabled"},
        "kmstool key list --format json --state e": {"enabled"},
        "kmstool key list --format=json --state=e": {"enabled"},
        "kmstool key create --usage ": set(words.USAGES),
        "kmstool --format ": {"text", "json"},
        "kmstool encrypt --format j": {"json"},
        "kmstool encrypt sec": {FILE},
        "kmstool encrypt --key ap-guangzhou:demo sec": {FILE},
        "kmstool encrypt -- sec": {FILE},
        "kmstool encrypt -o sec": {FILE},
        "kmstool encrypt --out sec": {FILE},
        "kmstool encrypt --out=sec": {FILE},
        "kmstool encrypt here sec": set(),
        "kmstool api GenerateRandom --params @sec": {FILE},
        "kmstool api GenerateRandom --params=@sec": {FILE},
        "kmstool api GenerateRandom --params sec": set(),
        "kmstool key show sec": set(),
        "kmstool no-such-command k": set(),
    }
    if shell is not in_fish:
        # Fish does not tell a completion which word is the target of a redirection.
        expected["kmstool encrypt here > sec"] = {FILE}
    assert offered(shell, ROOT / "completions", expected, tmp_path) == expected


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Completions and pages of a tree whose texts hold every special character."""

    @click.command(cls=options.Group, help=ODD)
    def root() -> None: ...

    text = f"{ODD}\n\n.SH dot\n\n'quote\n\n\b\n.kept\n  as it is"
    plain = options.Command("odd-one", help=text, example=f"kmstool odd-one '{ODD}'")
    plain.params = [
        click.Option(["--note"], help=ODD, metavar="A:B[C]'$(touch canary)"),
        click.Option(["--pick"], help=ODD, type=click.Choice(["a b", "$(touch canary)", "`touch canary`", "it's"])),
        click.Option(["-t", "--two"], help=ODD, nargs=2, metavar="FILE"),
        click.Option(["--on/--off"], help=ODD, default=True, show_default=True),
        click.Option(["-c", "--count"], help=ODD, count=True),
        click.Option(["--secret"], hidden=True),
        click.Argument(["kind"], type=click.Choice(["first", "second"])),
        click.Argument(["files"], nargs=-1, metavar="FILE..."),
    ]
    root.add_command(plain)
    root.add_command(options.Command("hidden", hidden=True))
    for name, content in man.render(root).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def test_texts_are_never_taken_for_code(shell: Shell, odd: Path) -> None:
    (odd / FILE).touch()
    expected = {
        "kmstool ": {"odd-one"},
        "kmstool odd-one --o": {"--on", "--off"},
        "kmstool odd-one --secret": set(),
        "kmstool odd-one --two first --": set(),
        "kmstool odd-one --two a sec": {FILE},
        "kmstool odd-one --two a b f": {"first"},
        "kmstool odd-one -c first sec": {FILE},
        "kmstool odd-one first x y sec": {FILE},
    }
    assert offered(shell, odd / "completions", expected, odd) == expected
    words = {"kmstool odd-one --pick ": set[str]()}
    assert offered(shell, odd / "completions", words, odd) != words
    assert not (odd / "canary").exists()


def test_fish_shows_texts_as_they_are(odd: Path) -> None:
    script = "source completions/kmstool.fish; complete -C 'kmstool '; complete -C 'kmstool odd-one --on'"
    shown = ran([need("fish"), "-c", script], odd).splitlines()
    assert shown == [f"odd-one\t{ODD}", f"--on\t{ODD}"]


def page(name: Path, cwd: Path) -> str:
    """Return a page as plain text, each run of blanks as one; a warning of roff is a failure."""
    return " ".join(ran([need("groff"), "-man", "-ww", "-Tutf8", "-P-cbou", str(name)], cwd).split())


def test_roff_has_no_complaint_about_any_page(pages: Path) -> None:
    names = sorted(map(str, pages.glob("*.[17]")))
    assert len(names) == len(dict(tree())) + len(topics.TOPICS)
    assert ran([need("groff"), "-man", "-ww", "-z", "-Tutf8", *names], ROOT) == ""


def test_a_page_ends_with_the_version_and_no_date(pages: Path) -> None:
    """The same commands give the same page on any day."""
    assert page(pages / "kmstool.1", ROOT).endswith(f" kmstool {__version__} KMSTOOL(1)")


def test_pages_show_texts_as_they_are(odd: Path) -> None:
    shown = page(odd / "man" / "kmstool-odd-one.1", odd)
    for text in (f"DESCRIPTION {ODD} .SH dot 'quote .kept as it is OPTIONS", f"--note A:B[C]'$(touch canary) {ODD}"):
        assert text in shown
    assert f"EXAMPLES kmstool odd-one '{ODD}'" in shown
    assert f"--on, --off {ODD} Default: on." in shown
    assert "--secret" not in shown


def test_the_first_page_explains_every_exit_code_and_page(pages: Path) -> None:
    shown = page(pages / "kmstool.1", ROOT)
    listed = shown.partition("EXIT STATUS")[2].partition("ENVIRONMENT")[0]
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.KmsToolError):
            assert f" {kind.exit_code} " in listed
            assert (kind.__doc__ or "").split("\n")[0] in listed
    for code in (0, main.HANGUP, main.INTERRUPTED, main.CLOSED_PIPE, main.TERMINATED):
        assert f" {code} " in listed
    for name in completion.commands(main.root):
        assert f"kmstool-{name}(1)" in shown


def test_pages_are_made_where_there_is_click_alone() -> None:
    """A wheel is built in an environment of its own, which has what builds it and no crypto library."""
    script = (
        "import sys\n"
        "for name in ('cryptography', 'jmespath', 'keyring', 'platformdirs', 'prompt_toolkit', 'rich', 'certifi'):\n"
        "    sys.modules[name] = None\n"
        "from kmstool.cli.generated import man\n"
        "print(len(man.pages()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) == sum(name.startswith("man/") for name in man.render())
