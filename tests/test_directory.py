"""A name means one key or an error: a whole id without asking, an alias exactly, the first 8 characters of an id."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.api.cmk_rules import KeyAddress
from kmstool.cli.hints import hint_of
from kmstool.errors import ArgumentError, NotFoundError
from kmstool.kms import names
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.words import USAGES

SOME_ID = "0b1c2d3e-1111-11ee-8000-525400abcdef"


class Silent:
    """A KMS that must not be asked."""

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        pytest.fail(f"{action} was called with {params}")


@pytest.fixture
def client(kms: EmbeddedKms) -> KmsClient:
    return KmsClient(kms)


def create(client: KmsClient, alias: str) -> str:
    return client.create_key(alias, usage=USAGES["symmetric"]).key_id


def find(client: KmsClient, text: str) -> str:
    return names.find_key_id(client, KeyAddress.parse(text))


def test_a_whole_key_id_needs_no_call() -> None:
    assert find(KmsClient(Silent()), SOME_ID) == SOME_ID
    assert find(KmsClient(Silent()), f"ap-tokyo:{SOME_ID}") == SOME_ID
    assert find(KmsClient(Silent()), f"profile/local/{SOME_ID}") == SOME_ID


@pytest.mark.parametrize("written", ["{}", "alias/{}", "ap-guangzhou:{}", "profile/local/alias/{}"])
def test_an_alias_is_found_exactly(client: KmsClient, written: str) -> None:
    expected = create(client, "order")
    for other in ("orders", "my-order", "Order", "order-", "order_1"):
        create(client, other)
    assert find(client, written.format("order")) == expected


def test_the_beginning_of_an_id_is_enough_from_8_characters(client: KmsClient) -> None:
    expected = create(client, "orders")
    for length in range(8, 37):
        assert find(client, expected[:length]) == expected
    for length in (1, 4, 7):
        with pytest.raises(NotFoundError):
            find(client, expected[:length])


@pytest.mark.parametrize("start", [1, 4, 9, 28])
def test_another_part_of_an_id_is_no_name(client: KmsClient, start: int) -> None:
    key_id = create(client, "orders")
    with pytest.raises(NotFoundError):
        find(client, key_id[start : start + 12].strip("-"))


def test_an_id_in_capitals_is_no_id(client: KmsClient) -> None:
    create(client, "orders")
    with pytest.raises(NotFoundError):
        find(client, "ABCDEF01-1111-11EE-8000-525400ABCDEF")


def test_an_alias_that_begins_another_keys_id_is_ambiguous(client: KmsClient) -> None:
    one = create(client, "orders")
    other = create(client, one[:8])
    with pytest.raises(ArgumentError) as caught:
        find(client, one[:8])
    assert all(part in caught.value.message for part in (one, other, "orders"))
    assert find(client, f"alias/{one[:8]}") == other
    assert find(client, one[:9]) == one
    assert find(client, one) == one


def test_an_alias_may_look_like_an_id(client: KmsClient) -> None:
    expected = create(client, SOME_ID)
    assert find(client, f"alias/{SOME_ID}") == expected
    assert find(client, SOME_ID) == SOME_ID


def test_the_word_alias_rules_out_ids(client: KmsClient) -> None:
    key_id = create(client, "orders")
    for name in (key_id, key_id[:8], key_id[:20]):
        with pytest.raises(NotFoundError):
            find(client, f"alias/{name}")


def test_an_unknown_name_is_refused_with_the_near_ones(client: KmsClient) -> None:
    for alias in ("orders", "order-archive", "invoices"):
        create(client, alias)
    with pytest.raises(NotFoundError) as caught:
        find(client, "ap-guangzhou:alias/oders")
    assert "ap-guangzhou:alias/oders" in caught.value.message
    assert "orders" in (hint_of(caught.value) or "")
    assert "invoices" not in (hint_of(caught.value) or "")


def test_an_unknown_name_with_nothing_near_leads_to_the_list(client: KmsClient) -> None:
    with pytest.raises(NotFoundError) as caught:
        find(client, "orders")
    assert "kmstool key list" in (hint_of(caught.value) or "")


def test_keys_of_every_origin_are_found(client: KmsClient) -> None:
    expected = client.create_key("imported", usage=USAGES["symmetric"], external=True).key_id
    assert find(client, "imported") == expected
    assert find(client, expected[:8]) == expected


def test_a_key_of_another_region_is_not_found(tmp_path: Path) -> None:
    here, there = EmbeddedKms(tmp_path / "store", "ap-guangzhou"), EmbeddedKms(tmp_path / "store", "ap-singapore")
    try:
        key_id = create(KmsClient(there), "orders")
        assert find(KmsClient(there), "orders") == key_id
        for name in ("orders", key_id[:8]):
            with pytest.raises(NotFoundError):
                find(KmsClient(here), name)
    finally:
        here.close()
        there.close()


def test_a_key_far_down_the_list_is_found(client: KmsClient) -> None:
    expected = create(client, "order")
    for number in range(210):
        create(client, f"order-{number}")
    assert find(client, "order") == expected


def test_a_data_key_is_named_as_a_key_is(client: KmsClient) -> None:
    key_id = create(client, "user-17")
    expected = client.host_data_key(key_id, "user-17", 32, {}).data_key_id
    client.host_data_key(key_id, "user-171", 32, {})

    def find_data_key(text: str) -> str:
        return names.find_data_key_id(client, KeyAddress.parse(text))

    for text in ("user-17", "alias/user-17", "ap-guangzhou:user-17", expected, expected[:20]):
        assert find_data_key(text) == expected
    assert names.find_data_key_id(KmsClient(Silent()), KeyAddress.parse(SOME_ID)) == SOME_ID
    with pytest.raises(NotFoundError) as caught:
        find_data_key("user-18")
    assert caught.value.message == "there is no data key 'user-18'"
    assert "user-17" in (hint_of(caught.value) or "")
    with pytest.raises(NotFoundError) as caught:
        find_data_key("zzzzzz")
    assert hint_of(caught.value) == "see what there is: kmstool data-key list"
    client.host_data_key(key_id, expected[:8], 32, {})
    with pytest.raises(ArgumentError, match=r"the data key .* is ambiguous"):
        find_data_key(expected[:8])
