"""A new passphrase is long enough, wherever one is chosen; an old one is only asked whether it opens."""

from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.program import kmstool

SHORT, WEAK, GOOD = "sevenxx", "elevenchars", "twelve chars"

COMMANDS = {
    "protect": ("local", "protect", "passphrase", "--yes"),
    "login": ("auth", "login", "--profile", "work", "--store", "file", "--no-verify"),
    "import-tccli": ("auth", "import-tccli", "--profile", "work", "--store", "file", "--no-verify"),
    "backup": ("import-material", "--key", "own", "--generate", "--backup", "backup"),
}
PLACES = {
    "protect": "store/root.key",
    "login": ".config/kmstool/work.credential",
    "import-tccli": ".config/kmstool/work.credential",
    "backup": "work/backup",
}


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path, home: Path) -> Path:
    kms.call("CreateKey", {"Alias": "own", "Type": 2})
    (home / ".tccli").mkdir()
    (home / ".tccli" / "default.credential").write_text('{"secretId": "AKIDx0123456789", "secretKey": "x"}')
    return workplace


def said_of(*arguments: str, exit_code: int = 0) -> str:
    """Run a command with a credential on its stdin, and return what it says."""
    return kmstool(*arguments, stdin="AKIDx0123456789\nx\n", exit_code=exit_code).err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_short_passphrase_is_refused_and_a_weak_one_warned_of(command: str, work: Path, home: Path) -> None:
    place = (home if PLACES[command].startswith(".") else work.parent) / PLACES[command]
    before = place.read_bytes() if place.exists() else None
    file = ("--passphrase-file", "passphrase")
    Path("passphrase").write_text(SHORT + "\n")
    refused = said_of(*COMMANDS[command], *file, exit_code=3)
    assert "a passphrase of 7 characters is found by trying: it needs at least 8" in refused
    assert "--weak" in refused
    assert (place.read_bytes() if place.exists() else None) == before, "nothing was done"
    Path("passphrase").write_text(WEAK + "\n")
    assert "a passphrase of 11 characters is weak" in said_of(*COMMANDS[command], *file)
    assert place.exists() is (command != "protect")


@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_wants_a_short_passphrase_says_so(command: str) -> None:
    Path("passphrase").write_text(SHORT + "\n")
    said = said_of(*COMMANDS[command], "--passphrase-file", "passphrase", "--weak")
    assert "characters" not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_a_good_passphrase_is_taken_without_a_word(command: str) -> None:
    Path("passphrase").write_text(GOOD + "\n")
    assert "characters" not in said_of(*COMMANDS[command], "--passphrase-file", "passphrase")


def test_characters_are_counted_and_not_bytes() -> None:
    Path("passphrase").write_text("密码密码密码密\n")
    assert "of 7 characters" in said_of(*COMMANDS["protect"], "--passphrase-file", "passphrase", exit_code=3)


@pytest.mark.parametrize(
    "words",
    [
        ("auth", "login", "--weak"),
        ("auth", "login", "--whitebox", "folder", "--weak"),
        ("import-material", "--key", "own", "--weak", "passphrase"),
    ],
    ids=" ".join,
)
def test_weak_is_refused_where_no_passphrase_is_chosen(words: tuple[str, ...]) -> None:
    Path("passphrase").write_text(SHORT + "\n")
    said_of(*words, exit_code=2)


@pytest.mark.parametrize(
    ("action", "name"),
    [("Encrypt", "Plaintext"), ("EncryptByWhiteBox", "PlainText"), ("ImportDataKey", "ImportKeyMaterial")],
)
def test_a_secret_of_a_request_is_refused_on_the_command_line(action: str, name: str) -> None:
    request = f'{{"{name}": "Y2FuYXJ5"}}'
    said = said_of("api", action, "--params", request, exit_code=2)
    assert f"{name} is a secret" in said
    assert "--params @FILE" in said
    assert "Y2FuYXJ5" not in said
    Path("request").write_text(request)
    for way, stdin in (("@request", ""), ("-", request)):
        done = kmstool("api", action, "--params", way, stdin=stdin, exit_code=None)
        assert "is a secret" not in done.err
        assert done.exit_code in (3, 6), "the request came as far as the KMS"
