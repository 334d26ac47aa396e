"""Shares of a job without a coordinator: each name falls on one, whoever asks, and the scheduler's variables say which."""

import re
from pathlib import Path

import pytest

from kmstool.cli.shards import parse_shard
from kmstool.errors import UsageError
from kmstool.server.app import EmbeddedKms
from tests.envelopes import done, fails, make_keys, make_tree, tree_of
from tests.program import kmstool

SLURM = "SLURM_ARRAY_TASK_"


@pytest.mark.parametrize(
    ("word", "variables", "shard"),
    [
        ("3/4", {}, (3, 4)),
        ("auto/4", {"JOB_COMPLETION_INDEX": "0"}, (1, 4)),
        ("auto/4", {"JOB_COMPLETION_INDEX": "3"}, (4, 4)),
        ("auto/4", {SLURM + "ID": "0"}, (1, 4)),
        ("auto", {SLURM + "ID": "12", SLURM + "MIN": "10", SLURM + "COUNT": "5"}, (3, 5)),
        ("auto", {SLURM + "ID": "20", SLURM + "MIN": "0", SLURM + "STEP": "10", SLURM + "COUNT": "4"}, (3, 4)),
    ],
)
def test_a_share_is_named_or_that_of_the_scheduler(
    word: str, variables: dict[str, str], shard: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parse_shard(word) == shard


@pytest.mark.parametrize(
    ("word", "variables"),
    [
        ("auto", {}),
        ("auto/4", {}),
        ("auto", {"JOB_COMPLETION_INDEX": "0"}),
        ("auto/4", {"JOB_COMPLETION_INDEX": "4"}),
        ("0/4", {}),
        ("5/4", {}),
        ("auto", {SLURM + "ID": "7", SLURM + "MIN": "3", SLURM + "COUNT": "2"}),
        ("auto", {SLURM + "ID": "5", SLURM + "MIN": "0", SLURM + "STEP": "10", SLURM + "COUNT": "4"}),
    ],
)
def test_what_says_no_share(word: str, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError):
        parse_shard(word)


def test_a_folder_is_done_by_shares_and_listed_at_the_end(kms: EmbeddedKms, workplace: Path) -> None:
    """Each file belongs to one of them, under the same number when it is opened; a last run over all writes the list."""
    make_keys(kms)
    before, encrypt = make_tree(40), ("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    counts = []
    for number in (1, 2, 3):
        ran = kmstool("envelope", *encrypt, "--shard", "auto/3", JOB_COMPLETION_INDEX=str(number - 1))
        counts.append(int(re.findall(r"([0-9]+) files were encrypted", ran.err)[0]))
    assert sum(counts) == 40
    assert min(counts) > 0
    assert not Path("sealed", ".kmstool-manifest.kte").exists()
    assert "0 files were encrypted, and 40 were there already" in kmstool("envelope", *encrypt).err
    for number, count in enumerate(counts, 1):
        assert done("verify", "-r", "sealed", "--shard", f"{number}/3") == f"{count} envelopes valid\n".encode()
        done("decrypt", "-r", "sealed", "-o", "opened", "--shard", f"{number}/3")
        assert len(tree_of("opened")) == sum(counts[:number])
    assert tree_of("opened") == before
    rewrapped = [kmstool("envelope", "rewrap", "-r", "sealed", "--to", "other", "--shard", f"{n}/3") for n in (1, 2, 3)]
    assert sum(int(re.findall(r"([0-9]+) envelopes have", ran.err)[0]) for ran in rewrapped) == 41
    done("verify", "-r", "sealed", "--key", "other")


def test_a_share_misses_its_own_files_only(kms: EmbeddedKms, workplace: Path) -> None:
    make_keys(kms)
    make_tree(20)
    done("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    Path("sealed/3/file-3.kte").unlink()
    ran = [kmstool("envelope", "verify", "-r", "sealed", "--shard", f"{number}/2", exit_code=None) for number in (1, 2)]
    assert sorted(one.exit_code for one in ran) == [0, 9]
    assert "file-3: it is missing" in "".join(one.err for one in ran)


def test_options_that_exclude_each_other(kms: EmbeddedKms, workplace: Path) -> None:
    make_keys(kms)
    make_tree(1)
    for line in (("encrypt", "tree/0/file-0"), ("verify", "a.kte"), ("rewrap", "a.kte", "--to", "demo")):
        fails(2, "--shard goes with --recursive only", *line, "--shard", "1/2")
    fails(2, "--shard and --ignore-path exclude", "verify", "-r", "tree", "--ignore-path", "--shard", "1/2")
