"""Tables never break: ids, dates and fingerprints stay whole, names are cut, columns give way and a note says which.

What a pipe gets depends on no terminal.
"""

import io
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool.cli import watching
from kmstool.cli.io import columns, pager, tables
from kmstool.cli.io.columns import CUT, Column
from kmstool.server.app import EmbeddedKms
from tests.program import kmstool, on_terminal, started

ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
KEY_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

ALIAS, USAGE, KEY = Column("ALIAS", fit=CUT), Column("USAGE", 2), Column("KEY ID")
OWNER = Column("OWNER", 4, extra=True)


@pytest.fixture(autouse=True)
def store(kms: EmbeddedKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedKms:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "PAGER", "LESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    return kms


def shown_by(*arguments: str, **variables: str) -> list[str]:
    """Run the program on a terminal; return the lines that this shows, without colours."""
    return ESCAPE.sub("", on_terminal(*arguments, **variables).out).replace("\r\n", "\n").splitlines()


@pytest.mark.parametrize(
    ("text", "size"), [("demo", 4), ("发票", 4), ("é", 1), ("e\u0301", 1), ("한국", 4), ("ﾊﾝ", 2), ("Ａ", 2), ("", 0)]
)
def test_a_text_is_as_wide_as_a_terminal_shows_it(text: str, size: int) -> None:
    assert columns.width(text) == size


@pytest.mark.parametrize(
    ("text", "size", "shown"),
    [
        ("billing", 7, "billing"),
        ("billing", 6, "billi…"),
        ("发票账单", 8, "发票账单"),
        ("发票账单", 7, "发票账…"),
        ("发票账单", 6, "发票…"),
    ],
)
def test_a_name_is_cut_with_an_ellipsis(text: str, size: int, shown: str) -> None:
    assert columns.cut(text, size) == shown
    assert columns.width(shown) <= size


@given(st.text(st.sampled_from("ab 发é")), st.integers(2, 20))
def test_sentences_wrap_between_words_and_lose_none(text: str, size: int) -> None:
    lines = columns.wrapped(text, size)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(columns.width, lines)) <= size
    words = text.split()
    assert max(map(columns.width, words), default=0) > size or " ".join(lines).split() == words


@given(st.integers(36, 200), st.lists(st.text(st.sampled_from("ab发"), max_size=60), min_size=1, max_size=5))
def test_a_line_is_never_longer_than_the_terminal_and_an_id_is_whole(room: int, aliases: list[str]) -> None:
    headings = (ALIAS, USAGE, KEY, OWNER)
    rows = [(alias, "sign-rsa-3072", "k" * 36, "user") for alias in aliases]
    chosen = columns.layout(headings, rows, room)
    if chosen is None:
        assert room < 36 + len(columns.GAP) + 6
        return
    for row in rows:
        for cells in columns.lines_of(headings, row, chosen):
            assert columns.width(columns.GAP.join(cells)) <= room
            assert "k" * 36 in cells


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (100, ("ALIAS", "USAGE", "KEY ID", "OWNER")),
        (79, ("ALIAS", "USAGE", "KEY ID")),
        (60, ("ALIAS", "KEY ID")),
        (40, None),
    ],
)
def test_the_least_important_column_gives_way_first(room: int, shown: tuple[str, ...] | None) -> None:
    headings = (ALIAS, USAGE, KEY, OWNER)
    chosen = columns.layout(headings, [("a" * 60, "sign-rsa-3072", "k" * 36, "a product")], room)
    assert (chosen and tuple(headings[place].heading for place in chosen.indices)) == shown


def test_an_extra_column_without_values_takes_no_room() -> None:
    chosen = columns.layout((ALIAS, KEY, OWNER), [("a", "k", "-"), ("b", "k", "")], 200)
    assert chosen is not None
    assert chosen.indices == (0, 1)


@pytest.fixture
def keys(store: EmbeddedKms) -> list[str]:
    """Keys with long aliases, in several states, one with a description in Chinese and rotation; return their ids."""
    made = []
    for number in range(30):
        usage = "ENCRYPT_DECRYPT" if number else "ASYMMETRIC_SIGN_VERIFY_ECDSA384"
        key = {"Alias": f"prod-billing-{number}-" + "x" * 40, "Description": "发票和账单的密钥", "KeyUsage": usage}
        made.append(store.call("CreateKey", key)["KeyId"])
    store.call("EnableKeyRotation", {"KeyId": made[5]})
    store.call("DisableKeys", {"KeyIds": made[:2]})
    store.call("ScheduleKeyDeletion", {"KeyId": made[0], "PendingWindowInDays": 7})
    return made


@pytest.mark.parametrize("width", [60, 80, 160])
def test_a_list_of_keys_never_breaks(keys: list[str], width: int) -> None:
    lines = shown_by("key", "list", "--no-pager", COLUMNS=str(width))
    table = [line for line in lines if KEY_ID.search(line)]
    assert [match for line in table for match in KEY_ID.findall(line)] == keys[::-1]
    assert max(map(columns.width, lines[: len(keys) + 4])) <= width
    assert all("…" in line for line in table)
    missed = {60: "STATE, USAGE", 80: "USAGE", 160: ""}[width]
    assert (f"kmstool: no room for {missed}: " in " ".join(lines)) == bool(missed)
    assert ("DESCRIPTION" in lines[0], "NEXT ROTATION" in lines[0], "DELETION" in lines[0], "OWNER" in lines[0]) == (
        (width == 160,) * 4
    )


def test_states_have_a_sign_and_are_counted(keys: list[str]) -> None:
    lines = shown_by("key", "list", "--no-pager", COLUMNS="160")
    state = {KEY_ID.findall(line)[0]: line for line in lines if KEY_ID.search(line)}
    assert "✗ PendingDelete" in state[keys[0]]
    assert "- Disabled" in state[keys[1]]
    assert "✓ Enabled" in state[keys[2]]
    assert "30 keys in ap-guangzhou: 28 Enabled, 1 Disabled, 1 PendingDelete" in " ".join(lines)


def test_a_terminal_without_unicode_gets_signs_of_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    lines, _ = tables.drawn(
        pager.Console(os.environ), (ALIAS, tables.STATE), [("demo", "Enabled"), ("old", "PendingDelete")], None
    )
    assert [ESCAPE.sub("", line) for line in lines[1:]] == ["demo   + Enabled", "old    x PendingDelete"]


def test_a_pipe_gets_the_whole_names_and_the_same_columns_at_any_width(keys: list[str]) -> None:
    narrow, wide = (kmstool("key", "list", COLUMNS=width).out for width in ("40", "200"))
    assert narrow == wide
    first = narrow.splitlines()[-1].split("\t")
    assert first == ["prod-billing-0-" + "x" * 40, "PendingDelete", "sign-ecc-p384", keys[0]]


def test_what_fits_no_table_is_shown_as_lines_of_names_and_values(keys: list[str]) -> None:
    lines = shown_by("key", "list", "--no-pager", "--search", keys[2], COLUMNS="41")
    assert lines[:4] == [
        "alias: prod-billing-2-" + "x" * 40,
        "state: ✓ Enabled",
        "usage: symmetric",
        f"key id: {keys[2]}",
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("key", "list"), "there are no keys in ap-guangzhou; for a first one: kmstool key create --alias NAME"),
        (("key", "list", "--state", "archived"), "no key in ap-guangzhou is like that; see all: kmstool key list"),
        (
            ("data-key", "list"),
            "there are no data keys in ap-guangzhou; for a first one: kmstool data-key generate --name NAME",
        ),
        (
            ("whitebox", "list"),
            "there are no white-box keys in ap-guangzhou; for a first one: kmstool whitebox create --alias NAME",
        ),
        (("local", "faults", "list"), "there are no rules; for a first one: kmstool local faults add"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "said",
)
def test_an_empty_list_says_so_and_how_to_fill_it(command: tuple[str, ...], said: str) -> None:
    (line,) = shown_by(*command)
    assert line.removeprefix("kmstool: ").startswith(said)
    assert kmstool(*command).err == "", "a script that reads an empty list wants no notes"


def test_a_long_list_goes_through_the_pager(keys: list[str]) -> None:
    """As git does it: `less` gets the options that leave the screen as it is, unless the user has set others."""
    Path("pager").write_text('#!/bin/sh\necho "through $0 $1 with $LESS"\nhead -n 2\n')
    Path("pager").chmod(0o755)
    lines = shown_by("key", "list", PAGER="./pager -x")
    assert lines[0] == "through ./pager -x with FRX"
    assert lines[1].split()[0] == "ALIAS"
    assert KEY_ID.findall(lines[2]) == [keys[-1]]
    assert "through" not in "".join(shown_by("key", "list", "--search", keys[0], PAGER="./pager"))
    assert "through" not in "".join(shown_by("key", "list", "--no-pager", PAGER="./pager"))
    assert "with -S" in shown_by("key", "list", PAGER="./pager", LESS="-S")[0]
    assert "through" not in kmstool("key", "list", PAGER="./pager").out


@pytest.mark.parametrize("command", ["", "cat", "./missing", "'", "./not-a-program"])
def test_without_a_pager_that_works_the_list_is_printed(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], console: pager.Console
) -> None:
    Path("not-a-program").write_text("")
    Path("not-a-program").chmod(0o755)
    monkeypatch.setenv("PAGER", command)
    pager.show(console, [str(number) for number in range(100)])
    assert capsys.readouterr().out.splitlines() == [str(number) for number in range(100)]


@pytest.fixture
def console() -> pager.Console:
    return pager.Console(os.environ)


def test_a_watched_list_in_a_pipe_prints_what_is_new(store: EmbeddedKms) -> None:
    store.call("CreateKey", {"Alias": "first"})
    with started("key", "list", "--watch") as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith(b"first\tEnabled\t")
        key_id = store.call("CreateKey", {"Alias": "second"})["KeyId"]
        assert program.stdout.readline().decode() == f"second\tEnabled\tsymmetric\t{key_id}\n"
        program.send_signal(signal.SIGINT)
        assert program.stdout.read() == b""


def test_a_watched_list_is_for_people() -> None:
    assert "--watch" in kmstool("key", "list", "--watch", "--format", "json", exit_code=2).error["message"]


def test_a_redrawn_list_leaves_nothing_of_what_was_there_and_keeps_its_count() -> None:
    few = watching.redrawn(["a", "", "1 key"], 24)
    assert ESCAPE.sub("", few) == "a\n\n1 key\n"
    assert few.startswith("\x1b[H")
    assert few.endswith("\x1b[J")
    assert few.count("\x1b[K\n") == 3
    many = ESCAPE.sub("", watching.redrawn([*map(str, range(100)), "", "100 keys"], 24)).splitlines()
    assert many == [*map(str, range(21)), "… 80 more lines", "100 keys"]


def test_every_list_is_drawn_by_the_one_module() -> None:
    """A table drawn by hand would break on the first terminal that is narrow."""
    folder = Path(sys.modules["kmstool.cli.main"].__file__ or "").parent
    drawing = [
        path for path in folder.rglob("*.py") if "rich.table" in path.read_text() or '"\\t".join' in path.read_text()
    ]
    assert [os.path.relpath(path, folder) for path in drawing] == ["io/tables.py"]
