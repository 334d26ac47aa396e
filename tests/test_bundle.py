"""Key file, IV and ciphertext in one folder decrypt on a bound device, whoever wrote them; exec gives the secret to one child."""

import contextlib
import errno
import fcntl
import itertools
import os
import secrets
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool import words
from kmstool.api import protocol
from kmstool.cli.commands.whitebox.decrypt_keys import tell_devices
from kmstool.cli.hints import hint_of
from kmstool.cli.session.session import Session
from kmstool.errors import AccessError, ArgumentError, InputError, IntegrityError, KmsToolError, OutputError
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.whitebox import bundle, key_file
from kmstool.whitebox.bundle import Bundle
from kmstool.workflows.bundles import download_key
from tests import bundles, vendor_stub
from tests.bundles import ELSEWHERE, FINGERPRINT, HERE, IV, TABLES, encrypt, on_device
from tests.conftest import PROGRAM

TIMEOUT_SECONDS = 60

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A way to make a bundle."""

    def write(plaintext: bytes = b"a secret", *, name: str = "bundle", **options: Any) -> Path:
        return bundles.write(tmp_path / name, plaintext, **options)

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    made = tmp_path / "folder"
    made.mkdir()
    return made


@pytest.mark.parametrize(("algorithm", "name"), bundle.KEY_FILES.items())
def test_what_is_written_is_read_and_decrypted(make: Make, algorithm: words.Cipher, name: str) -> None:
    folder = make(algorithm=algorithm)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["iv.base64", "ciphertext.base64", "mac.base64", name]
    )
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "iv.base64").read_text() == protocol.encode(IV) + "\n"
    found = bundles.authenticated(
        Bundle(folder / name, IV, encrypt(algorithm, b"a secret"), (folder / name).read_bytes())
    )
    assert bundle.read(folder) == found
    assert len(repr(found)) < 500
    assert bundle.read(folder).decrypt(HERE) == b"a secret"


def test_a_device_that_is_not_bound(make: Make) -> None:
    with pytest.raises(IntegrityError, match="01000016"):
        bundle.read(make()).decrypt(ELSEWHERE)


def test_an_unbound_key_file_asks_for_no_device(make: Make) -> None:
    found = bundle.read(make(bound=False))
    assert found.opens_anywhere
    assert found.decrypt({"container": "docker"}) == b"a secret"


def test_a_bound_one_needs_to_know_the_device(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    found = bundle.read(make())
    assert not found.opens_anywhere
    with pytest.raises((AccessError, IntegrityError)):
        found.decrypt({"container": "docker"})


@pytest.mark.parametrize("name", ["iv.base64", "ciphertext.base64", "decrypt_key_sm4.bin"])
def test_nothing_is_written_if_one_file_exists(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"precious")
    with pytest.raises(OutputError, match="it exists already"):
        bundle.write(folder, IV, IV, ("SM4", b"key"))
    assert os.listdir(folder) == [name]
    bundle.write(folder, IV, IV, ("SM4", b"key"), replace=True)
    assert (folder / name).read_bytes() != b"precious"


def test_the_key_file_of_another_algorithm_makes_way(folder: Path) -> None:
    bundle.write(folder, IV, IV, ("SM4", b"key"))
    with pytest.raises(OutputError, match="it exists already"):
        bundle.write(folder, IV, IV, ("AES_256", b"key"))
    bundle.write(folder, IV, IV, ("AES_256", b"key"), replace=True)
    assert bundle.read(folder).key_file.name == "decrypt_key_aes256.bin"
    bundle.write(folder, IV, bytes(16), replace=True)
    assert bundle.read(folder).ciphertext == bytes(16)


@pytest.mark.parametrize("name", ["iv.base64", "ciphertext.base64", "decrypt_key_sm4.bin", "decrypt_key_aes256.bin"])
def test_nothing_is_written_if_a_name_is_a_dangling_link(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / name).symlink_to("nowhere")
    with pytest.raises(OutputError, match=f"{name}: it exists already"):
        bundle.write(folder, IV, IV, ("SM4", b"key"))
    assert [path.name for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", ["iv.base64", "ciphertext.base64", "decrypt_key_sm4.bin"])
def test_nothing_is_replaced_if_one_name_cannot_be(make: Make, name: str) -> None:
    folder = make(algorithm="AES_256")
    (folder / name).unlink(missing_ok=True)
    (folder / name).mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(OutputError, match=f"{name}: it is not a regular file"):
        bundle.write(folder, IV, IV, ("SM4", b"key"), replace=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_a_full_disk_changes_nothing(make: Make) -> None:
    """The file that is prepared last does not fit."""
    folder = make()
    script = (
        "import resource, signal, sys; from pathlib import Path; from kmstool.whitebox import bundle;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999));"
        "bundle.write(Path(sys.argv[1]), bytes(16), bytes(16), ('AES_256', bytes(1000)), replace=True)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, timeout=60, check=False)
    assert b"OutputError: cannot write" in done.stderr
    assert b"file too large" in done.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["ciphertext.base64", "decrypt_key_sm4.bin", "iv.base64", "mac.base64"]
    )
    assert bundle.read(folder).decrypt(HERE) == b"a secret"


NEW_IV = bytes(16)
NEW_KEYS: dict[words.Cipher, bytes] = {
    name: key_file.write(name, "decrypt", bundles.KEY_ID, TABLES[name]) for name in bundle.KEY_FILES
}
# IV, key: the other IV, the other key or the other algorithm alone would already mix.
REPLACEMENTS: list[tuple[bytes, words.Cipher]] = [(NEW_IV, "SM4"), (IV, "SM4"), (NEW_IV, "AES_256"), (IV, "AES_256")]


def whole(folder: Path, *wanted: Bundle) -> Bundle:
    """Read a folder, which is one of these and nothing else."""
    found = bundle.read(folder)
    assert found in wanted
    return found


def steps(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], act: Callable[[int], object]) -> Iterator[int]:
    """Call `act` with a running number before each call of these functions of `os`; return what numbers them."""
    count = itertools.count()

    def stepping(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*words: Any, **options: Any) -> Any:
            act(next(count))
            return real(*words, **options)

        return step

    for name in names:
        monkeypatch.setattr(os, name, stepping(getattr(os, name)))
    return count


def replacing(folder: Path, iv: bytes, algorithm: words.Cipher) -> Bundle:
    data = NEW_KEYS[algorithm]
    bundle.write(folder, iv, b"new ciphertext..", (algorithm, data), replace=True)
    return bundles.authenticated(Bundle(folder / bundle.KEY_FILES[algorithm], iv, b"new ciphertext..", data))


@pytest.mark.parametrize(("iv", "algorithm"), REPLACEMENTS)
def test_a_replacement_that_fails_or_is_read_half_way(
    make: Make, monkeypatch: pytest.MonkeyPatch, iv: bytes, algorithm: words.Cipher
) -> None:
    new = replacing(make(name="reference"), iv, algorithm)
    for failing in range(40):
        folder = make(name=f"bundle{failing}")
        (folder / "mine.txt").write_bytes(b"mine")
        wanted = bundle.read(folder), replace(new, key_file=folder / new.key_file.name)

        def act(number: int, *, failing: int = failing, folder: Path = folder, wanted: Any = wanted) -> None:
            whole(folder, *wanted)
            if number == failing:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as patch:
            count = steps(patch, ("mkdir", "link", "rename", "ftruncate", "fsync", "unlink", "rmdir"), act)
            with contextlib.suppress(OutputError):
                replacing(folder, iv, algorithm)
                # What fails after the exchange is the removal of the former folder.
                assert whole(folder, *wanted) == wanted[1]
        whole(folder, *wanted)
        assert (folder / "mine.txt").read_bytes() == b"mine"
        if failing >= next(count):
            break
    assert 15 < failing < 39


@pytest.mark.parametrize(("iv", "algorithm"), REPLACEMENTS)
def test_a_bundle_that_is_replaced_while_it_is_read(
    make: Make, monkeypatch: pytest.MonkeyPatch, iv: bytes, algorithm: words.Cipher
) -> None:
    """The reader sees the former one or the new one, and needs no second try of its user."""
    new = replacing(make(name="reference"), iv, algorithm)
    outcomes = set()
    for moment in range(80):
        folder = make(name=f"bundle{moment}")
        wanted = bundle.read(folder), replace(new, key_file=folder / new.key_file.name)
        with monkeypatch.context() as patch:

            def act(number: int, *, moment: int = moment, folder: Path = folder, patch: Any = patch) -> None:
                if number == moment:
                    patch.undo()
                    replacing(folder, iv, algorithm)

            count = steps(patch, ("open", "listdir", "fstat", "stat", "lstat"), act)
            outcomes.add(whole(folder, *wanted) == wanted[1])
        if next(count) <= moment:
            break
    assert outcomes == {True, False}
    assert 10 < moment < 79


def test_two_writers_take_turns(make: Make) -> None:
    """What two of them publish at once would be a mix in the end."""
    folder = make()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with ThreadPoolExecutor() as pool:
        try:
            former = bundle.read(folder)
            done = pool.submit(replacing, folder, NEW_IV, "SM4")
            with pytest.raises(TimeoutError):
                done.result(0.2)
            assert bundle.read(folder) == former
        finally:
            os.close(descriptor)
        new = done.result(TIMEOUT_SECONDS)
    assert bundle.read(folder) == new


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        bundle.write(tmp_path / "file" / "folder", IV, IV)
    # Nothing can be made there, for which the kernel says that the folder is missing.
    with pytest.raises(OutputError, match="cannot write"):
        bundle.write(Path("/proc/folder"), IV, IV)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "decrypt_key_sm4.bin").unlink(), "no key file"),
        (lambda folder: (folder / "decrypt_key_aes256.bin").touch(), "two key files"),
        (lambda folder: (folder / "iv.base64").unlink(), r"cannot read .*iv\.base64: no such file"),
        (lambda folder: (folder / "iv.base64").write_text("AAAA"), "the IV has 3 bytes"),
        (lambda folder: (folder / "iv.base64").write_text("=="), "iv.base64 is not base64"),
        (lambda folder: (folder / "iv.base64").write_bytes(b"\xff"), "iv.base64 is not base64"),
        (lambda folder: (folder / "ciphertext.base64").write_text(""), "0 bytes"),
        (lambda folder: (folder / "decrypt_key_sm4.bin").write_bytes(b""), "no key file of the local KMS"),
        (lambda folder: (folder / "iv.base64").write_bytes(bytes(65537)), "iv.base64 is too long: .* 65,536 bytes"),
        (lambda folder: (folder / "ciphertext.base64").write_bytes(bytes(65537)), "ciphertext.base64 is too long"),
        (lambda folder: os.truncate(folder / "decrypt_key_sm4.bin", 2**17 + 1), "131,073 bytes"),
        (lambda folder: os.truncate(folder / "decrypt_key_sm4.bin", 2**24 + 1), "key_sm4.bin is too long"),
        (
            lambda folder: folder.joinpath("iv.base64").rename(folder / "iv") and os.mkfifo(folder / "iv.base64"),
            "regular",
        ),
        (lambda folder: (folder / "decrypt_key_aes256.bin").symlink_to("nowhere"), "two key files"),
    ],
)
def test_a_folder_that_is_none(make: Make, change: Callable[[Path], object], message: str) -> None:
    folder = make()
    (folder / "mac.base64").unlink()
    change(folder)
    with pytest.raises(InputError, match=message):
        bundle.read(folder).decrypt(HERE)


@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_a_folder_that_cannot_be_looked_into(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="cannot read"):
        bundle.read(folder)
    with pytest.raises(OutputError, match="cannot write"):
        bundle.write(folder, IV, IV, replace=True)


@given(data=st.dictionaries(st.sampled_from(["iv.base64", "ciphertext.base64", "decrypt_key_sm4.bin"]), st.binary()))
def test_any_bytes_are_an_error_that_is_known(tmp_path_factory: pytest.TempPathFactory, data: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name, content in data.items():
        (folder / name).write_bytes(content)
    with pytest.raises(KmsToolError):
        bundle.read(folder).decrypt(HERE)


@given(st.binary(max_size=100), st.booleans())
def test_base64_with_line_ends(data: bytes, wrapped: bool) -> None:
    text = protocol.encode(data)
    lines = "\r\n".join(text[at : at + 7] for at in range(0, len(text), 7)) if wrapped else text
    assert bundle.from_text(lines.encode(), "this") == data


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vendor_stub.build(tmp_path_factory.mktemp("stub") / "libydwbcrypto.so")


@pytest.mark.parametrize(("algorithm", "key"), [("AES_256", b"AESZ"), ("SM4", b"SM4Z")])
def test_a_key_file_of_the_cloud_opens_with_its_library(
    folder: Path, library: Path, algorithm: words.Cipher, key: bytes
) -> None:
    bundle.write(folder, IV, vendor_stub.encrypt(key[3], b"a secret"), (algorithm, key))
    found = bundle.read(folder)
    assert not found.opens_anywhere
    assert found.decrypt({}, library=library) == b"a secret"
    assert found.decrypt({bundle.LIBRARY_VARIABLE: str(library)}) == b"a secret"
    with pytest.raises(InputError) as raised:
        found.decrypt({})
    assert "--sdk-lib" in str(hint_of(raised.value))
    renamed = Bundle(found.key_file.rename(folder / "key.bin"), IV, found.ciphertext, key)
    with pytest.raises(ArgumentError, match="algorithm"):
        renamed.decrypt({}, library=library)
    assert renamed.decrypt({}, library=library, algorithm=algorithm) == b"a secret"
    with pytest.raises(InputError, match=r"key\.bin is being replaced"):
        Bundle(renamed.key_file, IV, found.ciphertext, b"former").decrypt({}, library=library, algorithm=algorithm)


def test_the_library_is_named_on_the_command_line(folder: Path, library: Path) -> None:
    bundle.write(folder, IV, vendor_stub.encrypt(ord("k"), b"a secret"), ("SM4", b"SM4k"))
    words, lib = ("--bundle", str(folder)), ("--sdk-lib", str(library))
    assert on_device("whitebox", "decrypt", *words, *lib).stdout == b"a secret"
    assert (
        on_device("whitebox", "exec", *words, *lib, "--env", "API_KEY", "printenv", "API_KEY", fork=True).stdout
        == b"a secret\n"
    )
    pieces = (folder / "decrypt_key_sm4.bin").rename(folder / "key"), f"@{folder / 'iv.base64'}"
    words = ("--key-file", str(pieces[0]), "--iv", pieces[1], "--algorithm", "SM4")
    assert on_device("whitebox", "decrypt", *words, *lib, str(folder / "ciphertext.base64")).stdout == b"a secret"
    assert (
        b"01000012"
        in on_device(
            "whitebox", "decrypt", *words[:-1], "AES_256", *lib, str(folder / "ciphertext.base64"), exit_code=5
        ).stderr
    )


def test_with_the_library_too_our_key_files_are_read_here(make: Make, library: Path) -> None:
    assert bundle.read(make()).decrypt(HERE, library=library) == b"a secret"


@pytest.mark.parametrize("name", ["AES_128", "", "aes_256"])
def test_an_algorithm_that_is_not_known(name: str) -> None:
    with pytest.raises(InputError):
        bundle.algorithm_of(name)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 4096])
def test_the_pieces_by_themselves(make: Make, size: int) -> None:
    plaintext = secrets.token_bytes(size)
    folder = make(plaintext)
    iv, key, ciphertext = folder / "iv.base64", folder / "decrypt_key_sm4.bin", folder / "ciphertext.base64"
    words = ("whitebox", "decrypt", "--key-file", str(key))
    assert on_device("whitebox", "decrypt", "--bundle", str(folder)).stdout == plaintext
    assert on_device(*words, "--iv", f"@{iv}", str(ciphertext)).stdout == plaintext
    assert on_device(*words, "--iv", protocol.encode(IV), stdin=ciphertext.read_bytes()).stdout == plaintext
    assert (
        on_device(*words, "--iv", f"@{iv}", "--input-encoding", "raw", stdin=encrypt("SM4", plaintext)).stdout
        == plaintext
    )
    key.write_text(protocol.encode(key.read_bytes()))
    assert on_device(*words, "--iv", f"@{iv}", str(ciphertext)).stdout == plaintext


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--key-file", "k"),
        ("--iv", "AAAA"),
        ("--bundle", "b", "--key-file", "k", "--iv", "AAAA"),
        ("--bundle", "b", "--input-encoding", "raw"),
        ("--bundle", "b", "file"),
        ("file",),
    ],
)
def test_half_of_the_pieces(words: tuple[str, ...]) -> None:
    assert b"give --bundle DIR alone, or" in on_device("whitebox", "decrypt", *words, exit_code=2).stderr


def test_an_empty_name_is_not_the_working_folder() -> None:
    assert b"an empty name is no folder" in on_device("whitebox", "decrypt", "--bundle", "", exit_code=2).stderr


@pytest.mark.parametrize("name", ["iv.base64", "ciphertext.base64", "decrypt_key_sm4.bin"])
def test_the_output_is_none_of_the_files_to_decrypt_with(make: Make, name: str) -> None:
    folder = make()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder.parent / "link").symlink_to(folder / name)
    pieces = ("--key-file", str(folder / "decrypt_key_sm4.bin"), "--iv", f"@{folder / 'iv.base64'}")
    for out in (folder / name, folder.parent / "link"):
        words = ("whitebox", "decrypt", "-o", str(out), "--force")
        assert b"is both input and output" in on_device(*words, "--bundle", str(folder), exit_code=2).stderr
        assert (
            b"is both input and output"
            in on_device(*words, *pieces, str(folder / "ciphertext.base64"), exit_code=2).stderr
        )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    on_device("whitebox", "decrypt", "-o", str(folder / "new"), "--bundle", str(folder))
    assert (folder / "new").read_bytes() == b"a secret"


def test_the_key_file_may_be_a_pipe(make: Make) -> None:
    folder = make()
    script = 'exec "$@" --key-file <(cat decrypt_key_sm4.bin) --iv @iv.base64 ciphertext.base64'
    words = ("bash", "-c", script, "bash", *PROGRAM, "whitebox", "decrypt")
    environ = {**os.environ, **HERE}
    done = subprocess.run(words, env=environ, cwd=folder, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.stdout == b"a secret", done.stderr
    os.truncate(folder / "decrypt_key_sm4.bin", 2**24 + 1)
    words = ("--key-file", str(folder / "decrypt_key_sm4.bin"), "--iv", f"@{folder / 'iv.base64'}")
    assert (
        b"16,777,217 bytes"
        in on_device("whitebox", "decrypt", *words, str(folder / "ciphertext.base64"), exit_code=3).stderr
    )


class Meddling:
    """A KMS where somebody else binds devices during the download, of a key file that may be the cloud's."""

    def __init__(self, kms: EmbeddedKms, after: list[DeviceFingerprint] | None, key: bytes | None) -> None:
        self.kms, self.after, self.key = kms, after, key

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if action == "DescribeWhiteBoxDecryptKey" and self.after is not None:
            KmsClient(self.kms).overwrite_fingerprints(params["KeyId"], self.after)
        answer = self.kms.call(action, params)
        if action == "DescribeWhiteBoxDecryptKey" and self.key is not None:
            answer["DecryptKey"] = protocol.encode(self.key)
        return answer


ONE, TWO = [DeviceFingerprint(FINGERPRINT)], [DeviceFingerprint(FINGERPRINT), DeviceFingerprint("0" + FINGERPRINT[1:])]


@pytest.mark.parametrize(
    ("before", "after", "key", "said"),
    [
        (ONE, None, None, "opens on 1 device, and nowhere else"),
        (ONE, TWO, None, "opens on 2 devices, and nowhere else"),
        (ONE, [], None, "is bound to no device"),
        ([], ONE, None, "opens on 1 device, and nowhere else"),
        (TWO, None, b"SM4k", "opens on 2 devices, and nowhere else"),
        (TWO, TWO[::-1], b"SM4k", "opens on 2 devices, and nowhere else"),
        ([], None, b"SM4k", "is bound to no device"),
        (TWO, ONE, b"SM4k", "were changed during the download"),
        (ONE, [], b"SM4k", "were changed during the download"),
        ([], ONE, b"SM4k", "were changed during the download"),
    ],
)
def test_where_a_key_file_opens_is_not_promised_too_early(
    kms: EmbeddedKms,
    capsys: pytest.CaptureFixture[str],
    before: list[DeviceFingerprint],
    after: list[DeviceFingerprint] | None,
    key: bytes | None,
    said: str,
) -> None:
    client = KmsClient(kms)
    key_id = client.create_white_box_key("app", "SM4").key_id
    client.overwrite_fingerprints(key_id, before)
    tell_devices(Session({}), download_key(KmsClient(Meddling(kms, after, key)), key_id))
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [("decrypt",), ("exec", "--env", "API_KEY", "true")])
def test_an_empty_name_is_no_library(make: Make, words: tuple[str, ...]) -> None:
    command, *others = words
    said = on_device("whitebox", command, "--bundle", str(make()), "--sdk-lib", "", *others, exit_code=2).stderr
    assert b"an empty name is no file" in said


@pytest.mark.parametrize("iv", ["=", "é", b"\xff"])
def test_an_iv_that_is_no_base64(make: Make, iv: str | bytes) -> None:
    words = ("--key-file", str(make() / "decrypt_key_sm4.bin"), "--iv", os.fsdecode(iv))
    assert b"the IV is not base64" in on_device("whitebox", "decrypt", *words, exit_code=3).stderr


def execute(folder: Path, *command: str, exit_code: int = 0, name: str = "API_KEY") -> bytes:
    words = ("whitebox", "exec", "--bundle", str(folder), "--env", name)
    ran = on_device(*words, *command, exit_code=exit_code, fork=True)
    return ran.stderr if exit_code else ran.stdout


def test_the_child_has_the_secret_and_its_own_words(make: Make) -> None:
    secret = "a säcret ".encode() + b"\xff\n"
    script = "import os, sys; sys.stdout.buffer.write(os.environb[b'API_KEY']); print(sys.argv[1:])"
    for separator in ((), ("--",)):
        words = (*separator, sys.executable, "-c", script, "--quiet", "--", "x")
        assert execute(make(secret, name=f"bundle{len(separator)}"), *words) == secret + b"['--quiet', '--', 'x']\n"


def test_the_command_is_not_looked_up_in_the_secret(make: Make, tmp_path: Path) -> None:
    (tmp_path / "cat").write_text("#!/bin/sh\necho the wrong program")
    (tmp_path / "cat").chmod(0o755)
    secret = str(tmp_path).encode()
    assert b"PATH=" + secret + b"\0" in execute(make(secret), "cat", "/proc/self/environ", name="PATH")


@pytest.mark.parametrize("code", [0, 3, 99])
def test_the_exit_code_is_that_of_the_child(make: Make, code: int) -> None:
    execute(make(), sys.executable, "-c", f"raise SystemExit({code})", exit_code=code)


def test_a_closed_pipe_ends_the_child_as_any_other(make: Make) -> None:
    """Python programs ignore SIGPIPE, and what they start would too."""
    ignored = int(execute(make(), "grep", "SigIgn", "/proc/self/status").split()[1], 16)
    assert not [number for number in (signal.SIGPIPE, signal.SIGXFSZ) if ignored >> (number - 1) & 1]


@pytest.mark.parametrize("name", ["", "1A", "A=B", "A B", "Ä"])
def test_a_variable_that_cannot_be(make: Make, name: str) -> None:
    assert b"cannot name a variable" in execute(make(), "true", name=name, exit_code=2)


def test_a_secret_that_no_variable_can_hold(make: Make) -> None:
    said = execute(make(b"canary\0secret"), "true", exit_code=3)
    assert b"a byte 0" in said
    assert b"canary" not in said


@pytest.mark.parametrize("command", ["/nonexistent/program", "/", ""])
def test_a_command_that_is_not_there(make: Make, command: str) -> None:
    assert f"cannot run {command}: ".encode() in execute(make(), command, exit_code=2)
