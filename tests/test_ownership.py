"""What kmstool trusts was made by this user or root, and nobody else can change it; a secret, nobody else can read."""

import contextlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmstool.errors import AccessError, InputError, OutputError
from kmstool.server.web import listening
from kmstool.system import folders, ownership
from tests import warm
from tests.conftest import PROGRAM, need, unable
from tests.program import Ran, kmstool

USER, STRANGER = 65534, 65533
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
# Opens profiles, database and root key.
USES_ALL = ("encrypt", "--key", "alias/default")
SECRET_KEY = "canary-of-the-secret-key"


@pytest.fixture(autouse=True)
def root() -> None:
    if os.geteuid() != 0:
        unable("only root can be two users")


@pytest.fixture
def users_home(passable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME of another user."""
    folder = passable / "users-home"
    folder.mkdir(mode=0o700)
    os.chown(folder, USER, USER)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(
    *arguments: str, user: bool = False, exit_code: int = 0, umask: int = 0o022, given: str = "x", **variables: str
) -> Ran:
    """Run kmstool, as another user too."""
    warm.load()
    return kmstool(*arguments, exit_code=exit_code, umask=umask, stdin=given, user=USER if user else None, **variables)


def made(folder: Path) -> list[Path]:
    return list(folder.rglob("*"))


def config(home: Path) -> Path:
    return home / ".config" / "kmstool"


def store(home: Path) -> Path:
    return home / ".local" / "share" / "kmstool" / "local"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_all_that_is_made_is_closed_whatever_the_umask(home: Path, umask: int) -> None:
    run("init", "--local", umask=umask)
    wrong = [
        (str(path), oct(path.stat().st_mode))
        for path in made(home)
        if stat.S_IMODE(path.stat().st_mode) != (0o700 if path.is_dir() else 0o600)
    ]
    assert wrong == []
    assert {"profiles.ini", "root.key", "kms.sqlite3"} <= {path.name for path in made(home)}
    run("key", "list")


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("config", 0o770), ("config", 0o707), ("config/profiles.ini", 0o620), ("config/profiles.ini", 0o602),
        ("store", 0o720), ("store", 0o702), ("store/root.key", 0o640), ("store/root.key", 0o604),
        ("store/kms.sqlite3", 0o660), ("store/kms.sqlite3", 0o606), ("store/kms.sqlite3", 0o644),
    ],
    ids=str,
)  # fmt: skip
def test_what_others_may_change_is_refused_with_the_way_out(home: Path, name: str, mode: int) -> None:
    run("init", "--local")
    place, _, file = name.partition("/")
    path = {"config": config, "store": store}[place](home) / file
    before = stat.S_IMODE(path.stat().st_mode)
    path.chmod(mode)
    done = run(*USES_ALL, exit_code=4)
    assert f"hint: close it: chmod {before:o} {path}" in done.err
    subprocess.run(done.err.partition("close it: ")[2], shell=True, check=True)
    run(*USES_ALL)


@pytest.mark.parametrize("name", ["config", "config/profiles.ini", "store", "store/root.key", "store/kms.sqlite3"])
@pytest.mark.parametrize("victim", ["root", "user"])
def test_what_another_user_put_there_is_refused(
    users_home: Path, home: Path, name: str, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home if victim == "root" else users_home
    monkeypatch.setenv("HOME", str(place))
    run("init", "--local", user=victim == "user")
    folder, _, file = name.partition("/")
    path = {"config": config, "store": store}[folder](place) / file
    os.chown(path, STRANGER, STRANGER)
    path.chmod(0o755 if path.is_dir() else 0o644)
    done = run(*USES_ALL, user=victim == "user", exit_code=4)
    assert f"{path} belongs to another user (uid {STRANGER})" in done.err or "may not be read" in done.stderr
    assert f"chown {0 if victim == 'root' else USER} {path}" in done.err


def test_a_folder_that_others_can_exchange_is_refused(home: Path) -> None:
    run("init", "--local")
    (home / ".config").chmod(0o777)
    done = run("key", "list", exit_code=4)
    assert f"close it: chmod o-w {home / '.config'}" in done.err
    (home / ".config").chmod(0o1777)
    run("key", "list")


@pytest.mark.parametrize("owner", [0, STRANGER], ids=["own", "a stranger's"])
def test_a_link_is_trusted_as_its_owner_is(home: Path, owner: int) -> None:
    run("init", "--local")
    folder = config(home)
    folder.rename(home / "elsewhere")
    folder.symlink_to(home / "elsewhere")
    os.chown(folder, owner, owner, follow_symlinks=False)
    done = run("key", "list", exit_code=4 if owner else 0)
    assert not owner or f"{folder} belongs to another user (uid {STRANGER})" in done.err


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="symbolic links"):
        ownership.read(tmp_path / "a", 1)


def test_a_way_without_links_is_that_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "folder" / "deeper").mkdir(parents=True)
    (tmp_path / "folder" / "deeper" / "file").write_text("x")
    (tmp_path / "relative").symlink_to("folder/../folder/./deeper")
    (tmp_path / "whole").symlink_to(tmp_path / "relative")
    for text in ("relative/file", "whole/../deeper/file", "whole/missing/file", "folder/deeper/file", "./folder"):
        assert ownership.resolve(tmp_path / text) == Path(os.path.realpath(tmp_path / text)), text


def test_one_run_of_root_in_a_users_home_leaves_all_to_the_user(users_home: Path) -> None:
    """`sudo -E kmstool`: HOME is the user's, and so is all that is made there."""
    run("init", "--local", umask=0o077)
    run("random", "32", "-o", str(users_home / "random"))
    lines = f"AKIDcanary0123456789\n{SECRET_KEY}\n"
    (users_home / "passphrase").write_text("correct horse battery")
    file = ("--store", "file", "--passphrase-file", str(users_home / "passphrase"))
    run("auth", "login", "--profile", "work", "--no-verify", *file, given=lines)
    assert config(users_home).joinpath("work.credential").exists()
    (users_home / "passphrase").unlink()
    foreign = [str(path) for path in made(users_home) if (path.stat().st_uid, path.stat().st_gid) != (USER, USER)]
    assert foreign == []
    run("profile", "use", "local", user=True)
    run("key", "create", "--alias", "mine", user=True)
    run("key", "list")
    run("key", "create", "--alias", "roots")
    run("key", "list", user=True)


def test_root_goes_on_with_what_a_user_made(users_home: Path) -> None:
    run("init", "--local", user=True)
    before = {path: path.stat().st_uid for path in made(users_home)}
    run("key", "create", "--alias", "roots")
    run("profile", "set", "local", "--region", "ap-shanghai")
    assert {path: path.stat().st_uid for path in made(users_home)} == before
    run("key", "list", user=True)


@pytest.mark.parametrize("variable", ["KMSTOOL_HOME", "KMSTOOL_LOCAL_HOME"])
@pytest.mark.parametrize("command", [["key", "list"], ["local", "status"], ["local", "reset", "--yes"]], ids=" ".join)
def test_root_works_in_no_strangers_folder(users_home: Path, home: Path, variable: str, command: list[str]) -> None:
    place = users_home / "stranger"
    place.mkdir(mode=0o700)
    os.chown(place, USER, USER)
    run("init", "--local", user=True, **{variable: str(place)})
    before = {path: path.stat().st_mtime_ns for path in made(place)}
    assert before
    done = run(*command, "--profile", "local", exit_code=4, **{variable: str(place), "HOME": str(home)})
    assert f"{users_home} belongs to another user (uid {USER})" in done.err
    assert {path: path.stat().st_mtime_ns for path in made(place)} == before


def test_what_root_gives_to_a_service_may_be_open_to_its_group(users_home: Path, tmp_path: Path) -> None:
    path = users_home / "given"
    path.write_text("x")
    os.chown(path, 0, USER)
    program = "import sys; from pathlib import Path; from kmstool.system import ownership as o; print(o.read(Path(sys.argv[1]), 9))"
    for mode, readable in ((0o440, True), (0o640, True), (0o444, False), (0o660, False)):
        path.chmod(mode)
        done = subprocess.run(
            [*AS_USER, sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is readable, (oct(mode), done.stderr)


def test_a_file_exchanged_after_its_check_is_not_read(tmp_path: Path) -> None:
    """The descriptor is checked, not the name: what is read is what was looked at."""
    path = tmp_path / "secret"
    path.write_text("mine")
    with ownership.open_file(path) as descriptor:
        path.unlink()
        path.write_text("a stranger's")
        os.chown(path, STRANGER, STRANGER)
        assert os.read(descriptor, 99) == b"mine"
    with pytest.raises(AccessError, match="another user"):
        ownership.read(path, 99)


def test_in_a_sandbox_the_systems_folders_are_nobodys(tmp_path: Path) -> None:
    """In a user namespace root's folders show as those of user 65534, who is nobody there."""
    command = ["unshare", "--user", "--map-current-user", *PROGRAM, "init", "--local"]
    if subprocess.run([*command[:3], "true"], capture_output=True, check=False).returncode:
        unable("there are no user namespaces here")
    home = tmp_path / "sandbox"
    home.mkdir()
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HOME": str(home)}, check=False)
    assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def made_by_root(folder: Path) -> Iterator[None]:
    ownership.make_folder(folder)
    yield


@pytest.mark.parametrize("of_bundle", [False, True])
def test_a_name_that_a_user_exchanges_leads_root_nowhere(
    users_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of_bundle: bool
) -> None:
    """In a user's home that user can put a link in the place of a folder that root makes just now."""
    roots = tmp_path / "roots"
    roots.mkdir()
    roots.chmod(0o755)
    make = os.mkdir

    def exchanged(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        make(name, mode, dir_fd=dir_fd)
        os.rename(name, f"{name} moved", src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
        os.symlink(roots, name, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", exchanged)
    folder = users_home / "folder"
    with pytest.raises((OSError, OutputError)), folders.changed(folder, ()) if of_bundle else made_by_root(folder):
        pass
    found = roots.stat()
    assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o755, 0)


def test_root_gives_a_user_no_file_that_it_did_not_make(users_home: Path) -> None:
    """A file of root's in the home can be moved by the home's owner to where root looks for its own."""
    run("init", "--local", user=True)
    lock = store(users_home) / "serve.lock"
    lock.write_text("of root")
    lock.chmod(0o600)
    with listening._only_server(lock.parent):
        assert lock.stat().st_uid == 0
    lock.unlink()
    with listening._only_server(lock.parent):
        assert lock.stat().st_uid == USER


KEPT = ("passphrase", "identity.pem", "library.so")


@pytest.fixture
def kept(work: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, ...]]:
    """A locked store and an envelope for a private key, and the command that needs each file."""
    run("init", "--local")
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-out", "identity.pem"], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", "identity.pem", "-pubout", "-out", "public.pem"], check=True)
    run("envelope", "encrypt", "--public-key", "public.pem", "-o", "envelope", given="text")
    Path("library.so").write_bytes(b"none")
    Path("passphrase").write_text("correct horse battery")
    run("local", "protect", "passphrase", "--yes", "--passphrase-file", "passphrase")
    monkeypatch.setenv("KMSTOOL_PASSPHRASE_FILE", "passphrase")
    return {
        "passphrase": USES_ALL,
        "identity.pem": ("envelope", "decrypt", "--identity", "identity.pem", "envelope", "-o", "-"),
        "library.so": (
            "whitebox",
            "decrypt",
            "--key-file",
            "public.pem",
            "--iv",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "--input-encoding",
            "raw",
            "--sdk-lib",
            "library.so",
            "--algorithm",
            "AES_256",
            "public.pem",
        ),
    }


@pytest.mark.parametrize("name", KEPT)
def test_a_file_that_a_user_names_is_checked_too(kept: dict[str, tuple[str, ...]], name: str) -> None:
    usual = 3 if name == "library.so" else 0
    run(*kept[name], exit_code=usual)
    for mode in (0o620, 0o602, *(() if name == "library.so" else (0o640, 0o604))):
        Path(name).chmod(mode)
        assert f"close it: chmod 600 {name}" in run(*kept[name], exit_code=4).err
    Path(name).chmod(0o600)
    os.chown(name, STRANGER, STRANGER)
    assert f"{name} belongs to another user (uid {STRANGER})" in run(*kept[name], exit_code=4).err
    os.chown(name, 0, 0)
    run(*kept[name], exit_code=usual)


def test_what_is_open_already_is_taken_as_it_is(kept: dict[str, tuple[str, ...]]) -> None:
    """Whoever gives a descriptor has decided; so pipes of the shell and of sudo work."""
    Path("passphrase").chmod(0o644)
    with open("passphrase", "rb") as file:
        os.set_inheritable(file.fileno(), True)
        command = [*PROGRAM, *USES_ALL]
        environ = {**os.environ, "KMSTOOL_PASSPHRASE_FILE": f"/dev/fd/{file.fileno()}"}
        done = subprocess.run(command, input=b"x", env=environ, close_fds=False, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def findings(output: str) -> dict[str, tuple[str, str]]:
    return {item["Name"]: (item["Verdict"], item["Text"]) for item in json.loads(output)["Checks"]}


def test_the_doctor_tells_whose_files_are_wrong_and_what_a_kill_left(home: Path) -> None:
    run("init", "--local")
    doctor = ("doctor", "--format", "json", "--profile", "local")
    found = findings(run(*doctor).out)
    assert {found[name][0] for name in ("files", "file system", "leftovers")} == {"ok"}
    before = made(home)
    left = store(home) / ".kmstool-0123456789abcdef"
    left.write_bytes(b"")
    serve_lock = store(home) / "serve.lock"
    serve_lock.touch(mode=0o600)
    serve_lock.chmod(0o644)
    stray = config(home) / "work.credential"
    stray.touch(mode=0o600)
    os.chown(stray, STRANGER, STRANGER)
    found = findings(run(*doctor, exit_code=4).out)
    assert found["files"][0] == "FAIL"
    for text in (f"others may read {serve_lock}", f"chmod 600 {serve_lock}", f"{stray} belongs to another user"):
        assert text in found["files"][1]
    assert (found["leftovers"][0], str(left) in found["leftovers"][1]) == ("note", True)
    assert set(made(home)) == {*before, left, serve_lock, stray}


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ("link,linkat", "has no hard links: new files are renamed"),
        ("link,linkat,renameat2", "has no hard links: a name is taken by an empty file until the new one replaces it"),
        ("flock", "has no locks, so that commands at the same time may undo each other's changes"),
    ],
    ids=["links", "renaming", "locks"],
)
def test_the_doctor_tells_what_a_file_system_lacks(home: Path, refused: str, said: str) -> None:
    """As FAT and many others do; the kernel's answer is put in its place here."""
    run("init", "--local")
    before = set(made(home))
    command = [need("strace"), "-f", "-o", "/dev/null", "-e", f"inject={refused}:error=EOPNOTSUPP", *PROGRAM]
    words = ("doctor", "--format", "json", "--profile", "local")
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    verdict, text = findings(done.stdout)["file system"]
    assert (verdict, said in text) == ("note", True), text
    assert set(made(home)) == before


@pytest.mark.parametrize(
    ("name", "mode"), [("", 0o770), ("iv.base64", 0o602), ("key", 0o640), ("key", 0o604), ("key", 0o620)], ids=str
)
def test_a_bundle_is_refused_when_others_may_use_it(work: Path, name: str, mode: int) -> None:
    run("init", "--local")
    key = run("whitebox", "create", "--alias", "app", "--algorithm", "SM4").out.strip()
    assert key
    run("whitebox", "bundle", "--key", "app", "-o", "bundle", given="text")
    path = work / "bundle" / ("decrypt_key_sm4.bin" if name == "key" else name)
    assert run("whitebox", "decrypt", "--bundle", "bundle").out == "text"
    path.chmod(mode)
    assert "close it: chmod" in run("whitebox", "decrypt", "--bundle", "bundle", exit_code=4).err
