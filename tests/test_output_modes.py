"""A file that holds a secret is for its owner only; of one that is there to be given away the umask says who reads it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kmstool.cli.main import root
from kmstool.server.app import EmbeddedKms
from kmstool.system import ownership
from kmstool.words import USAGES
from tests.program import kmstool

UMASKS = (0o022, 0o002, 0o077)

# Ciphertexts, public keys, signatures, digests; `{n}` tells the runs apart.
PUBLIC = (
    "encrypt --key demo plain -o out",
    "reencrypt blob -o out",
    "envelope encrypt --key demo plain -o out",
    "envelope encrypt --key demo plain -o payload --detached out",
    "envelope import-legacy --blob dek.blob --input-encoding raw --trailing-zeros keep --key demo legacy -o out",
    "public-key rsa -o out",
    "asymmetric encrypt --key rsa plain -o out",
    "sign --key signer plain -o out",
    "digest --algorithm sha256 plain -o out",
    "data-key blob dek -o out",
    "material wrap --params params material -o out",
)
SECRET = (
    "decrypt blob -o out",
    "random 8 -o out",
    "envelope decrypt envelope -o out",
    "envelope import-legacy --blob dek.blob --input-encoding raw --trailing-zeros keep --to-plaintext legacy -o out",
    "asymmetric decrypt --key rsa ciphertext -o out",
    "data-key plaintext dek -o out",
    "data-key generate --key demo --name dek{n} -o out",
    "whitebox download-key app -o out",
    "whitebox decrypt --key-file app.key --iv @sealed/iv.base64 sealed/ciphertext.base64 -o out",
    "import-material --key external{n} --generate --backup out",
    "local backup out",
    "local export -o out",
    # Names of files, and contexts.
    "rotate plan --from demo --to other folder -o out",
)
# Their files are in a folder that is for its owner only, or need what is not here.
ELSEWHERE = {"whitebox encrypt", "whitebox bundle", "material params", "migrate plan"}


@pytest.fixture
def things(kms: EmbeddedKms, workplace: Path) -> None:
    """What the commands with an output need."""
    for alias, usage in (("demo", "symmetric"), ("other", "symmetric"), ("rsa", "rsa-2048"), ("signer", "sign-ecc")):
        kms.call("CreateKey", {"Alias": alias, "KeyUsage": USAGES[usage]})
    for alias in ("external", *(f"external{umask}" for umask in UMASKS)):
        kms.call("CreateKey", {"Alias": alias, "Type": 2})
    Path("plain").write_bytes(b"a secret")
    for name, size in (("material", 16), ("legacy", 32), ("key", 32)):
        Path(name).write_bytes(bytes(range(size)))
        Path(name).chmod(0o600)
    Path("folder").mkdir()
    for command in (
        "encrypt --key demo plain -o blob",
        "encrypt --key demo plain -o folder/blob",
        "encrypt --key demo key -o dek.blob",
        "envelope encrypt --key demo plain -o envelope",
        "asymmetric encrypt --key rsa plain -o ciphertext",
        "data-key generate --key demo --name dek",
        "material params --key external -o params",
        "whitebox create --alias app --algorithm SM4",
        "whitebox encrypt --key app plain -o sealed",
        "whitebox download-key app -o app.key",
    ):
        kmstool(*command.split())


def mode_of(name: str) -> int:
    return stat.S_IMODE(os.lstat(name).st_mode)


@pytest.mark.usefixtures("things")
def test_every_output_has_the_mode_of_its_sort() -> None:
    modes = {}
    for umask in UMASKS:
        for command in (*PUBLIC, *SECRET):
            kmstool(*command.format(n=umask).split(), umask=umask)
            modes[command, oct(umask)] = oct(mode_of("out"))
            for name in ("out", "payload"):
                Path(name).unlink(missing_ok=True)
    assert modes == {
        (command, oct(umask)): oct(0o666 & ~umask if command in PUBLIC else 0o600)
        for umask in UMASKS
        for command in (*PUBLIC, *SECRET)
    }


@pytest.mark.usefixtures("things")
def test_envelopes_of_a_folder_go_by_the_umask_and_what_is_in_them_does_not() -> None:
    kmstool("envelope", "encrypt", "--key", "demo", "-r", "folder", "-o", "sealed-folder", umask=0o022)
    assert {oct(mode_of(str(path))) for path in Path("sealed-folder").iterdir()} == {"0o644"}
    kmstool("envelope", "decrypt", "-r", "sealed-folder", "-o", "opened", umask=0o022)
    assert oct(mode_of("opened/blob")) == "0o600"


def writing(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the commands that have an option for their output."""
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from writing(sub, (*path, name))
    elif any(param.name == "out" for param in command.params):
        yield " ".join(path)


def test_no_command_with_an_output_is_left_out() -> None:
    tried = (*PUBLIC, *SECRET)
    left = [path for path in writing(root) if not any(command.startswith(f"{path} ") for command in tried)]
    assert set(left) == ELSEWHERE


def test_the_umask_is_known_where_the_system_does_not_tell_it(monkeypatch: pytest.MonkeyPatch) -> None:
    former = os.umask(0o027)
    try:
        assert ownership.public_mode() == 0o640
        monkeypatch.setattr(Path, "read_bytes", lambda _: b"Name:\tpython\n")
        assert ownership.public_mode() == 0o640
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(former)
