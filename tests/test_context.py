"""One set of pairs has exactly one text, two sets never share one, and KMS takes every text that is made."""

import itertools
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmstool.api import context
from kmstool.api.context import Context
from kmstool.cli import params
from kmstool.errors import InputError, UsageError
from kmstool.server.app import EmbeddedKms

PAIRS = st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=5)


def context_of(words: list[str]) -> Context:
    return params.context_of(words, "--context")


def test_words_are_split_at_the_first_equals_sign() -> None:
    assert context_of(["app=billing", "query=a=b=", "empty=", "blank = x "]) == {
        "app": "billing",
        "query": "a=b=",
        "empty": "",
        "blank ": " x ",
    }


def test_no_words_are_no_pairs() -> None:
    assert context_of([]) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["app"], "'app'"),
        (["app=1", ""], "''"),
        (["=billing"], "'=billing'"),
        (["="], "'='"),
        (["app=1", "app=2"], "'app' is given twice"),
        (["app=1", "app=1"], "'app' is given twice"),
    ],
)
def test_other_words_are_refused_by_name(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        context_of(words)
    assert said in caught.value.message
    assert caught.value.hint


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=8), max_size=4))
@settings(deadline=None)
def test_any_words_give_their_pairs_or_a_usage_error(words: list[str]) -> None:
    try:
        pairs = context_of(words)
    except (UsageError, InputError):
        return
    if isinstance(pairs, str):
        assert [pairs] == words
        return
    assert [f"{name}={value}" for name, value in pairs.items()] == words


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ({}, ""),
        ({"a": "b"}, '{"a":"b"}'),
        ({"b": "2", "a": "1", "B": "3", "": ""}, '{"":"","B":"3","a":"1","b":"2"}'),
        ({"应用": "账单 é"}, '{"应用":"账单 é"}'),
        ({"a": 'quote " \\ slash /'}, '{"a":"quote \\" \\\\ slash /"}'),
        ({"a": "line\n\x00\x7f"}, '{"a":"line\\n\\u0000\x7f"}'),
        ({"𐀀": "1", "\uffff": "2"}, '{"\uffff":"2","𐀀":"1"}'),
    ],
)
def test_the_text_is_sorted_compact_json(pairs: dict[str, str], text: str) -> None:
    assert context.canonical(pairs) == text


def test_the_order_of_the_pairs_does_not_matter() -> None:
    pairs = [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]
    assert len({context.canonical(dict(order)) for order in itertools.permutations(pairs)}) == 1


@given(PAIRS, PAIRS)
@settings(deadline=None)
def test_the_text_holds_the_pairs_and_no_two_sets_share_one(one: dict[str, str], other: dict[str, str]) -> None:
    text = context.canonical(one)
    assert (json.loads(text) if text else {}) == one
    assert (text == context.canonical(other)) == (one == other)


def test_a_text_of_1024_characters_is_the_longest() -> None:
    rest = len('{"a":""}')
    assert len(context.canonical({"a": "é" * (1024 - rest)})) == 1024
    with pytest.raises(InputError, match="1,025 characters"):
        context.canonical({"a": "é" * (1025 - rest)})


def test_escapes_count_towards_the_length() -> None:
    with pytest.raises(InputError, match="characters"):
        context.canonical({"a": "\x00" * 200})


@pytest.mark.parametrize("pairs", [{"a": "\udcff"}, {"\ud800": "b"}])
def test_bytes_that_are_not_unicode_are_refused(pairs: dict[str, str]) -> None:
    with pytest.raises(InputError, match="UTF-8"):
        context.canonical(pairs)


@given(PAIRS)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kms_takes_every_text(kms: EmbeddedKms, pairs: dict[str, str]) -> None:
    keys = kms.call("ListKeys", {})["Keys"]
    key_id = keys[0]["KeyId"] if keys else kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    text = {"EncryptionContext": context.canonical(pairs)}
    blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": "QUJD", **text})["CiphertextBlob"]
    assert kms.call("Decrypt", {"CiphertextBlob": blob, **text})["Plaintext"] == "QUJD"


# The exact text of another program.

FOREIGN = ['{"app": "billing", "env": "prod"}', '{"b":"2","a":"1"}', '{\n  "a": "\\u8d26"\n}', "{}", ' {"a":"b"} ']


@pytest.mark.parametrize("text", FOREIGN)
def test_a_context_in_json_is_taken_as_it_is_written(text: str) -> None:
    assert context_of([text]) == context.exact(text) == context.text_of(text) == text
    assert context.pairs_of(text) == json.loads(text)


@pytest.mark.parametrize("words", [['{"a":"b"}', "c=d"], ["c=d", '{"a":"b"}'], ['{"a":"b"}', '{"a":"b"}']])
def test_a_context_in_json_is_all_of_it(words: list[str]) -> None:
    with pytest.raises(UsageError, match="all of it"):
        context_of(words)


def test_a_brace_may_begin_a_name() -> None:
    assert context_of(["{a=b", "{c}=d"]) == {"{a": "b", "{c}": "d"}


@pytest.mark.parametrize(
    "text", ["", "a=b", "[]", '"a"', '{"a":', "{" * 5000, '{"a": "' + "b" * 1020 + '"}', '{"a":"\udcff"}']
)
def test_what_kms_takes_as_no_context(text: str) -> None:
    with pytest.raises(InputError):
        context.exact(text)


def test_pairs_that_are_no_texts() -> None:
    with pytest.raises(InputError, match="not a JSON object of texts"):
        context.pairs_of('{"a": 1}')
    assert context.pairs_of("") == {}
    assert context.text_of("") == context.text_of({}) == ""
