"""Profiles come back as they were put, `local` is always there, and a file that makes no sense is refused."""

import re
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import words
from kmstool.errors import ArgumentError, InputError, OutputError
from kmstool.kms.profiles import LOCAL, Profile, Profiles


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(tmp_path / "configuration" / "kmstool")


def written(profiles: Profiles, text: bytes) -> Profiles:
    profiles.path.parent.mkdir(parents=True, exist_ok=True)
    profiles.path.write_bytes(text)
    return profiles


def test_without_a_file_there_is_local_and_nothing_is_written(profiles: Profiles) -> None:
    assert profiles.names() == [LOCAL]
    assert profiles.get(LOCAL) == Profile(LOCAL, words.REGION, "")
    assert profiles.current is None
    assert not profiles.path.parent.exists()


def test_round_trip(profiles: Profiles) -> None:
    production = Profile("production", "ap-singapore", "alias/orders")
    profiles.put(production)
    assert profiles.get("production") == production
    assert Profiles(profiles.path.parent).get("production") == production
    assert profiles.names() == [LOCAL, "production"]


def test_names_are_sorted_after_local(profiles: Profiles) -> None:
    for name in ("zeta", LOCAL, "Alpha", "beta"):
        profiles.put(Profile(name))
    assert profiles.names() == [LOCAL, "Alpha", "beta", "zeta"]


def test_a_profile_put_again_is_replaced_and_the_others_stay(profiles: Profiles) -> None:
    profiles.put(Profile("one", "ap-shanghai", "orders"))
    profiles.put(Profile("two", "ap-beijing"))
    profiles.put(Profile("one", "ap-tokyo"))
    assert profiles.get("one") == Profile("one", "ap-tokyo", "")
    assert profiles.get("two") == Profile("two", "ap-beijing", "")


def test_local_can_be_given_another_region(profiles: Profiles) -> None:
    profiles.put(Profile(LOCAL, "ap-singapore", "demo"))
    assert profiles.get(LOCAL) == Profile(LOCAL, "ap-singapore", "demo")


def test_names_differ_in_case(profiles: Profiles) -> None:
    profiles.put(Profile("one", "ap-shanghai"))
    profiles.put(Profile("ONE", "ap-tokyo"))
    assert (profiles.get("one").region, profiles.get("ONE").region) == ("ap-shanghai", "ap-tokyo")


def test_the_profile_in_use_is_remembered(profiles: Profiles) -> None:
    profiles.put(Profile("production"))
    profiles.use("production")
    assert profiles.current == "production"
    profiles.use(LOCAL)
    assert profiles.current == LOCAL
    profiles.put(Profile("other"))
    assert profiles.current == LOCAL


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nowhere", "one of: local, production"),
        ("", "one of: local, production"),
        ("LOCAL", "did you mean local?"),
        ("profile production", "did you mean production?"),
    ],
)
def test_an_unknown_profile_is_named_and_the_near_ones_or_all_are_listed(
    profiles: Profiles, name: str, hint: str
) -> None:
    profiles.put(Profile("production"))
    for method in (profiles.get, profiles.use):
        with pytest.raises(ArgumentError) as caught:
            method(name)
        assert repr(name) in caught.value.message
        assert caught.value.hint == hint
    assert profiles.current is None


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a]", "a/b", "a=b", "a\n", "a\nb", "é", "a" * 61])
def test_a_name_that_would_not_come_back_is_refused(profiles: Profiles, name: str) -> None:
    with pytest.raises(ArgumentError):
        profiles.put(Profile(name))
    assert not profiles.path.exists()


@pytest.mark.parametrize("value", [" /folder", "/folder ", "\u3000/folder", "two\nlines", "\x00"])
def test_a_value_that_would_not_come_back_is_refused(profiles: Profiles, value: str) -> None:
    with pytest.raises(ArgumentError, match="the whitebox of a profile is a line of text"):
        profiles.put(Profile("production", whitebox=value))
    assert not profiles.path.exists()
    profiles.put(Profile("production", whitebox="/a folder"))
    assert profiles.get("production").whitebox == "/a folder"


@given(
    st.dictionaries(
        st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,59}", fullmatch=True),
        st.tuples(
            st.from_regex(r"[a-z]{2}-[a-z0-9-]{1,20}", fullmatch=True),
            st.from_regex(r"(profile/[a-z]+/)?([a-z-]+:)?(alias/)?[0-9A-Za-z][0-9A-Za-z_-]{0,59}", fullmatch=True),
        ),
        max_size=4,
    )
)
@settings(deadline=None, max_examples=30)
def test_any_profiles_come_back(tmp_path_factory: pytest.TempPathFactory, found: dict[str, tuple[str, str]]) -> None:
    profiles = Profiles(tmp_path_factory.mktemp("configuration"))
    for name, (region, key) in found.items():
        profiles.put(Profile(name, region, key))
    assert set(profiles.names()) == {LOCAL, *found}
    for name, (region, key) in found.items():
        assert profiles.get(name) == Profile(name, region, key)


@pytest.mark.parametrize(
    "text",
    [
        b"region = ap-tokyo\n",
        b"[profile a\nregion = ap-tokyo\n",
        b"[profile a]\nregion\n",
        b"[profile a]\nregion = x\nregion = y\n",
        b"[profile a]\n[profile a]\n",
        b"[profile a]\nregion = \xff\n",
        b"\xff\xfe[\0p\0",
        b"\0",
        b"<html></html>\n",
    ],
)
def test_a_malformed_file_is_refused_and_left_alone(profiles: Profiles, text: bytes) -> None:
    written(profiles, text)
    for use in (
        profiles.names,
        lambda: profiles.current,
        lambda: profiles.get("a"),
        lambda: profiles.get(LOCAL),
        lambda: profiles.put(Profile("b")),
        lambda: profiles.use(LOCAL),
    ):
        with pytest.raises(InputError) as caught:
            use()
        assert str(profiles.path) in caught.value.message + (caught.value.hint or "")
        assert "\n" not in caught.value.message
    assert profiles.path.read_bytes() == text


def test_a_file_that_cannot_be_read_is_refused(profiles: Profiles) -> None:
    profiles.path.mkdir(parents=True)
    with pytest.raises(InputError, match="directory"):
        profiles.names()


@given(st.binary(max_size=60) | st.text("[]=# \nprofileky", max_size=60).map(str.encode))
@settings(deadline=None, max_examples=200)
def test_any_file_gives_profiles_or_an_input_error(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    profiles = written(Profiles(tmp_path_factory.getbasetemp() / "any-profiles"), text)
    try:
        names = profiles.names()
        found = [profiles.get(name).name for name in names]
    except InputError:
        return
    assert found == names
    assert names[0] == LOCAL


def test_what_people_write_by_hand_is_understood(profiles: Profiles) -> None:
    written(
        profiles,
        b"# mine\n[kmstool]\nprofile=production\n\n[profile production]\n# where the data is\n  region  =  ap-tokyo\n"
        b"REGION-NOTE = ignored\nkey = profile/local/alias/a\n[other]\nx = 1\n",
    )
    assert profiles.current == "production"
    assert profiles.names() == [LOCAL, "production"]
    assert profiles.get("production") == Profile("production", "ap-tokyo", "profile/local/alias/a")


def test_other_sections_survive_a_change(profiles: Profiles) -> None:
    written(profiles, b"[other]\nx = 1\n")
    profiles.put(Profile("production"))
    assert "[other]\nx = 1" in profiles.path.read_text()


def test_a_percent_sign_is_no_interpolation(profiles: Profiles) -> None:
    written(profiles, b"[profile a]\nregion = %(region)s %x\n")
    assert profiles.get("a").region == "%(region)s %x"


def test_the_file_is_for_its_owner_only(profiles: Profiles) -> None:
    profiles.put(Profile("production"))
    assert stat.S_IMODE(profiles.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(profiles.path.parent.stat().st_mode) == 0o700
    assert [entry.name for entry in profiles.path.parent.iterdir()] == [profiles.path.name]


def test_profiles_that_are_put_at_once_are_all_there(profiles: Profiles) -> None:
    """They begin together on a folder that is not there yet; each has read the file before, as processes do."""
    names = {f"p{number}" for number in range(12)}
    barrier = threading.Barrier(len(names))

    def put(name: str) -> None:
        mine = Profiles(profiles.path.parent)
        assert mine.names() == [LOCAL]
        barrier.wait()
        mine.put(Profile(name))

    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(put, names))
    assert set(profiles.names()) == {LOCAL, *names}


def test_changes_of_one_profile_at_once_are_all_kept(profiles: Profiles) -> None:
    changes = [{"region": "ap-tokyo"}, {"key": "alias/a"}, {"endpoint": "a.example"}, {"credentials": "tke"}]
    barrier = threading.Barrier(len(changes))

    def change(fields: dict[str, str]) -> None:
        mine = Profiles(profiles.path.parent)
        assert mine.names() == [LOCAL]
        barrier.wait()
        mine.change("one", **fields)

    with ThreadPoolExecutor(len(changes)) as threads:
        list(threads.map(change, changes))
    assert profiles.get("one") == Profile("one", "ap-tokyo", "alias/a", "a.example", "tke")


def test_what_is_not_changed_stays_and_what_is_emptied_goes(profiles: Profiles) -> None:
    written(profiles, b"[profile one]\nregion = ap-tokyo\nkey = a\nnote = mine\n")
    profiles.change("one", key="", endpoint="a.example")
    assert profiles.get("one") == Profile("one", "ap-tokyo", "", "a.example")
    assert "note = mine" in profiles.path.read_text()
    assert "key" not in profiles.path.read_text()


def test_what_another_process_did_since_is_kept(profiles: Profiles) -> None:
    profiles.put(Profile("one"))
    profiles.use("one")
    assert profiles.current == "one"
    other = Profiles(profiles.path.parent)
    other.put(Profile("two"))
    profiles.use("two")
    assert profiles.current == "two"
    other.use(LOCAL)
    profiles.remove("two")
    assert profiles.current == LOCAL
    other.remove("one")
    with pytest.raises(ArgumentError):
        profiles.use("one")


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    profiles = Profiles(tmp_path / "file" / "kmstool")
    with pytest.raises(OutputError, match=re.escape(f"cannot write {profiles.path.parent}: not a directory")):
        profiles.put(Profile("production"))
