"""A folder of envelopes is opened as it was sealed: every file at its place, none missing, none extra, none led elsewhere."""

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.conftest import small_disk
from tests.envelopes import calls_of, done, envelope, fails, key_id, make_keys, make_tree, recipients_of, tree_of
from tests.foreign import openssl
from tests.program import TIMEOUT_SECONDS, started, until

# More than a machine encrypts in the time that a signal takes.
FILES = 1000
MANIFEST = ".kmstool-manifest.kte"
ENCRYPT = ("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
OPEN = ("decrypt", "-r", "sealed", "-o", "opened")


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in an empty folder, with a store that holds the keys demo, other and, in another region, abroad."""
    make_keys(kms)
    return workplace


@pytest.fixture
def tree() -> dict[str, bytes]:
    """Seal a tree of seven files; return their contents."""
    Path("tree", "sub").mkdir(parents=True)
    for name in ("a", "b", "c", "sub/a", "sub/b", "sub/c", "sub/ü"):
        Path("tree", name).write_text(f"content of {name}")
    done(*ENCRYPT)
    return tree_of("tree")


# Names and links.


def test_names_that_are_not_utf8_are_names() -> None:
    """Case 13: a tree from a Windows ZIP or an old server, with names in GBK."""
    folder, name = os.fsdecode("目录".encode("gbk")), os.fsdecode("中文%41.txt".encode("gbk"))
    Path("tree", folder).mkdir(parents=True)
    for path in ("a", name, f"{folder}/{name}"):
        Path("tree", path).write_text(f"content of {path!a}")
    done(*ENCRYPT)
    assert (
        json.loads(done("inspect", "--format", "json", f"sealed/{name}.kte"))["Aad"]["path"] == "/%D6%D0%CE%C4%2541.txt"
    )
    # Once more, and all are kept; another recipient, and all are still at their places.
    assert done(*ENCRYPT) == b""
    done("rewrap", "-r", "sealed", "--to", "other")
    done("verify", "-r", "sealed")
    done(*OPEN)
    assert tree_of("opened") == tree_of("tree")
    os.rename(f"sealed/{name}.kte", "sealed/renamed.kte")
    errors = fails(9, "1 missing", *OPEN, "--force")
    assert r"\xd6\xd0\xce\xc4%41.txt: it is missing" in errors


def test_the_longest_names_are_names(tree: dict[str, bytes]) -> None:
    """255 bytes are the most that file systems take; .kte makes some longer, and so do names of files that are made meanwhile."""
    longest, plain = "名" * 85, "n" * 251
    Path("tree", longest[:-1] + "aa").write_bytes(b"long")
    Path("tree", plain).write_bytes(b"short enough")
    errors = fails(9, "1 of 9 files", *ENCRYPT)
    assert "file name too long" in errors
    done(*OPEN, exit_code=9)
    assert tree_of("opened") == tree | {plain: b"short enough"}
    hint = fails(8, "file name too long", "encrypt", f"tree/{longest[:-1]}aa", "--key", "demo")
    assert "hint: choose a shorter name" in hint
    done("encrypt", "tree/a", "-o", longest, "--key", "demo")
    done("rewrap", longest, "--to", "other")
    done("decrypt", longest, "-o", "n" * 255)
    assert Path("n" * 255).read_bytes() == b"content of a"


@pytest.mark.parametrize("name", [".kte", "..kte", "...kte"])
@pytest.mark.parametrize("folder", ["sealed", "sealed/sub"])
def test_a_name_of_which_nothing_is_left_is_one_failure(name: str, folder: str, tree: dict[str, bytes]) -> None:
    shutil.copy("sealed/a.kte", Path(folder, name))
    for more in (("--no-manifest",), ("--no-manifest", "--ignore-path"), ("--ignore-path",)):
        errors = fails(9, "1 of 8 files", *OPEN, *more, "--force")
        assert "nothing is left of its name without .kte" in errors
        assert tree_of("opened") == tree
    for line in (["decrypt", f"{folder}/{name}"], ["decrypt", name]):
        fails(2, "so the output needs a name", *line)


def test_no_link_is_followed_out_of_the_output(tree: dict[str, bytes]) -> None:
    Path("outside").mkdir()
    Path("opened").mkdir()
    Path("opened", "sub").symlink_to("../outside")
    errors = fails(9, "4 of 7 files", *OPEN)
    assert "sub is a link, and links are not followed" in errors
    assert os.listdir("outside") == []
    assert Path("opened", "sub").is_symlink()
    Path("sealed-2").mkdir()
    Path("sealed-2", "sub").symlink_to("../outside")
    fails(9, "4 of 7 files", "encrypt", "-r", "tree", "-o", "sealed-2", "--key", "demo")
    assert os.listdir("outside") == []


def test_the_folder_itself_may_be_a_link(tree: dict[str, bytes]) -> None:
    Path("real").mkdir()
    Path("opened").symlink_to("real")
    done(*OPEN)
    assert tree_of("real") == tree


def test_a_link_under_the_name_of_an_output_is_replaced_and_not_followed(tree: dict[str, bytes]) -> None:
    Path("opened").mkdir()
    Path("precious").write_text("precious")
    Path("opened", "a").symlink_to("../precious")
    fails(9, "1 of 7 files", *OPEN)
    done(*OPEN, "--force")
    assert Path("precious").read_text() == "precious"
    assert tree_of("opened") == tree


@pytest.mark.parametrize("where", ["source", "target"])
def test_a_folder_that_becomes_a_link_meanwhile_leads_nowhere(where: str, tree: dict[str, bytes]) -> None:
    """It is swapped again and again while files are opened; whatever comes of it, nothing is written or read outside."""
    Path("outside").mkdir()
    Path("outside", "a").write_text("outside")
    swap = 'while :; do mv sub real; ln -s "$1" sub; rm sub; mv real sub; done'
    folder = "tree" if where == "source" else "opened"
    Path(folder, "sub").mkdir(parents=True, exist_ok=True)
    with subprocess.Popen(["bash", "-c", swap, "swap", str(Path("outside").resolve())], cwd=folder,
                          stderr=subprocess.DEVNULL) as swapper:  # fmt: skip
        try:
            for _ in range(5):
                ran = envelope(*(ENCRYPT if where == "source" else OPEN), "--force", exit_code=None)
                assert ran.exit_code in (0, 9), ran.stderr
        finally:
            swapper.kill()
    assert os.listdir("outside") == ["a"]
    assert Path("outside", "a").read_text() == "outside"
    if where == "source":
        envelope(*OPEN, "--no-manifest")
        assert b"outside" not in tree_of("opened").values()


# Places.


def swap(first: str, second: str) -> None:
    Path(first).rename("swap")
    Path(second).rename(first)
    Path("swap").rename(second)


@pytest.mark.parametrize("more", [(), ("--no-manifest",)])
def test_files_that_were_swapped_or_renamed_are_failures(more: tuple[str, ...], tree: dict[str, bytes]) -> None:
    swap("sealed/a.kte", "sealed/sub/a.kte")
    for line in ([*OPEN], ["verify", "-r", "sealed"]):
        errors = fails(9, "2 of 7 files", *line, *more)
        assert "a.kte: it states the path 'sub/a': it was renamed, moved or swapped" in errors
    assert tree_of("opened") == {name: data for name, data in tree.items() if name not in ("a", "sub/a")}
    done(*OPEN, *more, "--ignore-path", "--force")
    assert tree_of("opened")["a"] == tree["sub/a"]


def test_a_folder_may_be_moved_as_a_whole_and_a_part_of_it_is_no_folder(tree: dict[str, bytes]) -> None:
    Path("elsewhere").mkdir()
    Path("sealed").rename("elsewhere/moved")
    done("decrypt", "-r", "elsewhere/moved", "-o", "opened")
    assert tree_of("opened") == tree
    part = ("decrypt", "-r", "elsewhere/moved/sub", "-o", "part")
    fails(9, "4 of 4 files", *part)
    fails(9, "manifest.kte is missing, which the files say there is", *part, "--ignore-path")
    done(*part, "--ignore-path", "--no-manifest", "--force")
    assert len(tree_of("part")) == 4


def test_an_envelope_that_states_no_path_is_no_file_of_a_folder(tree: dict[str, bytes]) -> None:
    done("encrypt", "tree/a", "-o", "sealed/b.kte", "--key", "demo", "--force")
    errors = fails(9, "1 of 7 files", *OPEN, "--no-manifest")
    assert "b.kte: it states no path" in errors


# What is missing or extra.


def test_what_is_missing_or_extra_is_named(tree: dict[str, bytes]) -> None:
    Path("sealed/sub/ü.kte").unlink()
    Path("tree-2").mkdir()
    Path("tree-2", "extra").write_text("from another tree")
    done("encrypt", "-r", "tree-2", "-o", "sealed-2", "--key", "demo")
    Path("sealed-2/extra.kte").rename("sealed/extra.kte")
    for line in ([*OPEN], ["verify", "-r", "sealed"]):
        errors = fails(9, "1 extra; 1 missing", *line)
        assert "sub/ü: it is missing: the manifest lists it" in errors
        assert "extra.kte: it is extra: the manifest does not list it" in errors
    assert tree_of("opened") == {name: data for name, data in tree.items() if name != "sub/ü"}
    done("verify", "-r", "sealed", "--no-manifest")
    errors = fails(9, "1 of 7 files.*; 1 missing", "verify", "-r", "sealed", "--ignore-path")
    assert "extra.kte: the manifest does not list it" in errors


def test_an_older_envelope_of_the_same_file_is_another_one(tree: dict[str, bytes]) -> None:
    Path("old.kte").write_bytes(Path("sealed/a.kte").read_bytes())
    Path("tree/a").write_text("newer")
    done(*ENCRYPT, "--force")
    Path("old.kte").rename("sealed/a.kte")
    errors = fails(9, "1 of 7 files", *OPEN)
    assert "a.kte: it is another envelope than the one that the manifest lists" in errors
    assert "a" not in tree_of("opened")


def test_not_too_many_names_are_named() -> None:
    make_tree(100)
    done(*ENCRYPT)
    for path in list(Path("sealed").rglob("file-*"))[:70]:
        path.unlink()
    errors = fails(9, "70 missing", "verify", "-r", "sealed")
    assert errors.count("the manifest lists it") == 21
    assert "and 50 more: it is missing" in errors


def test_a_folder_that_was_emptied_is_not_a_success(tree: dict[str, bytes]) -> None:
    """Who takes all envelopes away takes the manifest too."""
    shutil.rmtree("sealed")
    Path("sealed").mkdir()
    for line in (OPEN, ("verify", "-r", "sealed")):
        fails(9, "neither an envelope nor a manifest", *line)
    done(*OPEN, "--no-manifest")
    Path("empty").mkdir()
    done("encrypt", "-r", "empty", "-o", "sealed-2", "--key", "demo")
    done("verify", "-r", "sealed-2")


def test_a_manifest_that_is_lost_is_missed(tree: dict[str, bytes]) -> None:
    """Each file says that there is one; a folder of a former kmstool has none, which is said."""
    Path("sealed", MANIFEST).unlink()
    fails(9, "manifest.kte is missing, which the files say there is", *OPEN)
    assert tree_of("opened") == tree
    done("verify", "-r", "sealed", "--no-manifest")
    shutil.rmtree("sealed")
    done(*ENCRYPT, "--no-manifest")
    assert MANIFEST not in os.listdir("sealed")
    assert "manifest" not in json.loads(done("inspect", "sealed/a.kte", "--query", "Aad"))
    ran = envelope("verify", "-r", "sealed")
    assert ran.stdout == b"7 envelopes valid\n"
    assert b"the folder has no manifest: files that are missing or extra are not noticed" in ran.stderr
    assert json.loads(done("verify", "-r", "sealed", "--format", "json", "--no-manifest")) == {
        "Valid": True,
        "Files": 7,
    }


@pytest.mark.parametrize("other", ["altered", "a file", "of another tree", "link", "pipe", "no list"])
def test_a_manifest_that_is_none_opens_nothing(other: str, tree: dict[str, bytes]) -> None:
    place = Path("sealed", MANIFEST)
    data = place.read_bytes()
    place.unlink()
    code, reason = 3, "manifest"
    if other == "altered":
        place.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        code = 5
    elif other == "a file":
        shutil.copy("sealed/a.kte", place)
        code, reason = 5, "states the path 'a'"
    elif other == "no list":
        done("encrypt", "tree/a", "--aad", "path=.kmstool-manifest", "--key", "demo", "-o", str(place))
        reason = "the manifest is malformed"
    elif other == "of another tree":
        Path("tree-2").mkdir()
        done("encrypt", "-r", "tree-2", "-o", "sealed-2", "--key", "demo")
        shutil.copy(Path("sealed-2", MANIFEST), place)
        code, reason = 9, "7 extra"
    elif other == "link":
        Path("elsewhere").write_bytes(data)
        place.symlink_to("../elsewhere")
    else:
        os.mkfifo(place)
    fails(code, reason, *OPEN)
    assert not Path("opened").exists()
    done(*OPEN, "--no-manifest")
    assert tree_of("opened") == tree


def test_a_file_with_the_name_of_the_manifest_is_refused() -> None:
    Path("tree/sub").mkdir(parents=True)
    for name in (".kmstool-manifest", "a", "sub/.kmstool-manifest"):
        Path("tree", name).write_text("mine")
    errors = fails(9, "1 of 3 files", *ENCRYPT)
    assert ".kmstool-manifest: its name is that of the manifest" in errors


def test_what_was_not_sealed_is_missing_later(tree: dict[str, bytes]) -> None:
    """A folder of which something could not be read is not called complete when it is opened."""
    Path("sealed/a.kte").write_text("in the way")
    fails(9, "1 of 7 files", *ENCRYPT)
    Path("sealed/a.kte").unlink()
    errors = fails(9, "1 missing", "verify", "-r", "sealed")
    assert "a: it is missing: the manifest lists it" in errors
    done(*ENCRYPT)
    done("verify", "-r", "sealed")


def test_a_rewrap_of_all_files_keeps_the_folder_whole(kms: EmbeddedKms, tree: dict[str, bytes]) -> None:
    names = [str(path) for path in Path("sealed").rglob("*.kte")]
    assert len(names) == 8
    done("rewrap", *names, "--to", "other")
    assert {recipients_of(name)[0] for name in names} == {key_id(kms, "other")}
    done("rewrap", *names, "--server-side", "--from", "other", "--to", "demo")
    done(*OPEN)
    assert tree_of("opened") == tree


# Running it again.


def test_a_folder_that_was_stopped_is_finished_by_running_it_again() -> None:
    before = make_tree(FILES)
    with started("envelope", *ENCRYPT) as process:
        until(lambda: sum(len(names) for _, _, names in os.walk("sealed")) >= 20)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == -signal.SIGTERM
    line = rb"kmstool: stopped: ([0-9,]+) of ([0-9,]+) files are done; the same command goes on\n"
    counts = re.search(line, stderr)
    assert counts, stderr
    assert int(counts[2].replace(b",", b"")) == FILES
    assert int(counts[1].replace(b",", b"")) < FILES
    made = len(tree_of("sealed"))
    assert 20 <= made < FILES
    assert not Path("sealed", MANIFEST).exists()
    ran = envelope(*ENCRYPT)
    found = re.search(rb"([0-9]+) files were encrypted, and ([0-9]+) were there already", ran.stderr)
    assert found
    assert (int(found[1]), int(found[2])) == (FILES - made, made)
    assert f"0 files were encrypted, and {FILES} were there already" in envelope(*ENCRYPT).err
    done(*OPEN)
    assert tree_of("opened") == before


@pytest.mark.parametrize(
    "change",
    [
        "content",
        "longer",
        "touched",
        "cut",
        "garbage",
        "recipients",
        "facts",
        "context",
        "suite",
        "swapped",
        "detached",
    ],
)
def test_an_envelope_that_is_not_that_of_the_file_is_not_taken_for_it(change: str, tree: dict[str, bytes]) -> None:
    again = list(ENCRYPT)
    place = Path("sealed/a.kte")
    if change == "content":
        Path("tree/a").write_bytes(tree["a"][::-1])
    elif change == "longer":
        Path("tree/a").write_bytes(tree["a"] + b"x")
        os.utime("tree/a", ns=(1, 1))
    elif change == "touched":
        # The time of the content may be set to any other one, that of the change not.
        Path("tree/a").write_bytes(tree["a"][::-1])
        os.utime("tree/a", ns=(1, 1))
    elif change == "cut":
        place.write_bytes(place.read_bytes()[:-1])
    elif change == "garbage":
        place.write_bytes(b"something else")
    elif change == "swapped":
        shutil.copy("sealed/b.kte", place)
    elif change == "detached":
        done("encrypt", "tree/a", "--key", "demo", "--detached", str(place), "-o", "payload", "--force")
    else:
        again += {
            "recipients": ["--key", "other"],
            "facts": ["--aad", "x=y"],
            "context": ["--context", "app=demo"],
            "suite": ["--suite", "sm4-gcm"],
        }[change]
    before = tree_of("sealed")
    all_of_them = change in ("recipients", "facts", "context", "suite")
    errors = fails(9, "7 of 7 files" if all_of_them else "1 of 7 files", *again)
    assert re.search("^kmstool: a: cannot write .*it exists already, and is not the whole", errors, re.MULTILINE)
    after = tree_of("sealed")
    assert {name: data for name, data in after.items() if name != MANIFEST} == {
        name: data for name, data in before.items() if name != MANIFEST
    }


def test_a_second_folder_into_the_same_one_keeps_what_the_manifest_lists(tree: dict[str, bytes]) -> None:
    Path("tree-2").mkdir()
    Path("tree-2", "z").write_text("more")
    calls = calls_of("encrypt", "-r", "tree-2", "-o", "sealed", "--key", "demo")
    assert calls == ["ListKeyDetail", "GenerateDataKey", "Decrypt"]
    done(*OPEN)
    assert tree_of("opened") == {**tree, "z": b"more"}
    Path("sealed/z.kte").unlink()
    fails(9, "1 missing", "verify", "-r", "sealed")


def test_a_second_run_by_one_who_cannot_open_the_manifest_says_so(kms: EmbeddedKms) -> None:
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "private.pem")
    openssl("pkey", "-in", "private.pem", "-pubout", "-out", "public.pem")
    make_tree(3)
    line = ("encrypt", "-r", "tree", "-o", "sealed", "--public-key", "public.pem")
    done(*line)
    ran = envelope(*line)
    assert b"0 files were encrypted, and 3 were there already" in ran.stderr
    assert b"the new one lists the files of this folder only" in ran.stderr
    done(*OPEN, "--identity", "private.pem")


def test_a_dry_run_makes_nothing(tree: dict[str, bytes]) -> None:
    before = tree_of(".")
    for line in (["encrypt", "-r", "tree", "-o", "again", "--key", "demo"], [*OPEN]):
        ran = envelope(*line, "--dry-run")
        assert f"would {line[0]} 7 files into ".encode() in ran.stdout
        assert b"dry run, nothing was changed" in ran.stderr
    assert tree_of(".") == before


def test_a_full_disk_is_not_said_to_have_changed_nothing(tmp_path: Path) -> None:
    """Some files are there by then."""
    for name in make_tree(60):
        Path("tree", name).write_bytes(bytes(100_000))
    with small_disk(tmp_path / "disk", "2m") as disk:
        ran = envelope("encrypt", "-r", "tree", "-o", str(disk / "sealed"), "--key", "demo", exit_code=9)
        said = ran.stderr.decode()
        assert "no space left" in said
        assert "no file was changed" not in said
        assert "the manifest was not written" in said or MANIFEST in os.listdir(disk / "sealed")
