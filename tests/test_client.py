"""What KMS answers is checked before it is returned: no missing field, wrong type or wrong base64 passes in silence."""

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.api import protocol
from kmstool.cli.hints import hint_of
from kmstool.errors import InputError, IntegrityError, KeyStateError, NotFoundError, ServiceError
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.words import USAGES
from tests.stores import reseal_folder

SYMMETRIC = USAGES["symmetric"]
PAGE = 200
ABSENT = object()


class Gateway:
    """A way to a real KMS on which one field of one action's answers is altered, as by a bad proxy; keeps the calls."""

    def __init__(self, inner: EmbeddedKms) -> None:
        self.inner = inner
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._alterations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}

    def alter(self, action: str, place: str, value: object) -> None:
        """Set the field at `place` (names and numbers joined by dots) of coming answers, or leave it out."""

        def altered(answer: dict[str, Any]) -> dict[str, Any]:
            *path, last = [int(name) if name.isdecimal() else name for name in place.split(".")]
            inside: Any = answer
            for name in path:
                inside = inside[name]
            if value is ABSENT:
                del inside[last]
            else:
                inside[last] = value
            return answer

        self._alterations[action] = altered

    def answer(self, action: str, answer: dict[str, Any]) -> None:
        """Give this very answer to an action from now on."""
        self._alterations[action] = lambda _: dict(answer)

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((action, params))
        answer = self.inner.call(action, params)
        return self._alterations[action](answer) if action in self._alterations else answer


@pytest.fixture
def gateway(kms: EmbeddedKms) -> Gateway:
    return Gateway(kms)


@pytest.fixture
def client(gateway: Gateway) -> KmsClient:
    return KmsClient(gateway)


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    found = kms.call("CreateKey", {"Alias": "demo", "Description": "of the tests"})["KeyId"]
    assert isinstance(found, str)
    return found


def multiply(folder: Path, count: int) -> None:
    """Copy the newest key's row of a store `count` times, under other ids and aliases, each a second older."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(folder / "kms.sqlite3")) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(cmk)")]
        changed = {
            "key_id": "printf('%08x', n) || substr(key_id, 9)",
            "alias": "alias || '-' || n",
            "created": "created - n",
        }
        values = ", ".join(changed.get(column, column) for column in columns)
        db.execute(
            "INSERT INTO cmk WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
            f" SELECT {values} FROM numbers, (SELECT * FROM cmk ORDER BY created DESC LIMIT 1)",
            (count,),
        )
        db.commit()
    reseal_folder(folder)


def test_the_methods_against_a_kms(client: KmsClient) -> None:
    created = client.create_key("orders", usage=SYMMETRIC, description="all of them", tags={"team": "a", "env": "b"})
    assert (created.tag_code, created.answer["Alias"]) == (0, "orders")
    key = client.describe_key(created.key_id)
    assert (key.key_id, key.alias, key.description) == (created.key_id, "orders", "all of them")
    assert (key.state, key.usage, key.origin, key.owner) == ("Enabled", SYMMETRIC, "TENCENT_KMS", "user")
    assert key.created_unix == key.answer["CreateTime"]
    client.update_alias(key.key_id, "invoices")
    client.update_description(key.key_id, "")
    assert [(key.alias, key.description) for key in client.list_keys()] == [("invoices", "")]
    external = client.create_key("imported", usage=SYMMETRIC, external=True)
    assert client.describe_key(external.key_id).origin == "EXTERNAL"
    assert [key.key_id for key in client.list_keys(TagFilters=[{"TagKey": "team"}])] == [created.key_id]

    encrypted = client.encrypt(key.key_id, b"secret", {"b": "2", "a": "1"})
    assert client.decrypt(encrypted.ciphertext_blob, {"a": "1", "b": "2"}).plaintext == b"secret"
    with pytest.raises(IntegrityError):
        client.decrypt(encrypted.ciphertext_blob, {"a": "1"})
    moved = client.re_encrypt(
        encrypted.ciphertext_blob, to_key_id=None, source_context={"a": "1", "b": "2"}, destination_context={"c": "3"}
    )
    assert (moved.changed, moved.source_key_id, moved.key_id) == (True, key.key_id, key.key_id)
    assert client.decrypt(moved.ciphertext_blob, {"c": "3"}).plaintext == b"secret"
    assert len(client.random(1).plaintext) == 1
    assert len(client.random(1024).plaintext) == 1024
    assert client.algorithms()["SymmetricAlgorithms"][0]["KeyUsage"] == SYMMETRIC


def test_what_kms_refuses_is_raised(client: KmsClient, key_id: str) -> None:
    with pytest.raises(NotFoundError):
        client.describe_key(key_id[:-4] + "0000")
    with pytest.raises(KeyStateError):
        client.encrypt(client.create_key("imported", usage=SYMMETRIC, external=True).key_id, b"secret", {})
    with pytest.raises(ServiceError) as caught:
        client.create_key("demo", usage=SYMMETRIC)
    assert caught.value.kms_code == "InvalidParameterValue.AliasAlreadyExists"
    assert caught.value.request_id


# Every method whose answer holds something that is returned, and the places where it may be damaged.
METHODS: dict[str, tuple[str, Callable[[KmsClient, str], object], list[str]]] = {
    "create": ("CreateKey", lambda client, _: client.create_key("new", usage=SYMMETRIC), ["KeyId"]),
    "describe": (
        "DescribeKey",
        lambda client, key_id: client.describe_key(key_id),
        [
            "KeyMetadata",
            "KeyMetadata.KeyId",
            "KeyMetadata.Alias",
            "KeyMetadata.KeyState",
            "KeyMetadata.KeyUsage",
            "KeyMetadata.CreateTime",
        ],
    ),
    "list": (
        "ListKeyDetail",
        lambda client, _: list(client.list_keys()),
        ["TotalCount", "KeyMetadatas", "KeyMetadatas.0", "KeyMetadatas.0.KeyId", "KeyMetadatas.0.Alias"],
    ),
    "encrypt": ("Encrypt", lambda client, key_id: client.encrypt(key_id, b"secret", {}), ["KeyId", "CiphertextBlob"]),
    "decrypt": (
        "Decrypt",
        lambda client, key_id: client.decrypt(client.encrypt(key_id, b"secret", {}).ciphertext_blob, {}),
        ["KeyId", "Plaintext"],
    ),
    "re_encrypt": (
        "ReEncrypt",
        lambda client, key_id: client.re_encrypt(
            client.encrypt(key_id, b"secret", {}).ciphertext_blob,
            to_key_id=key_id,
            source_context={},
            destination_context={},
        ),
        ["KeyId", "SourceKeyId", "CiphertextBlob", "ReEncrypted"],
    ),
    "random": ("GenerateRandom", lambda client, _: client.random(32), ["Plaintext"]),
    "algorithms": ("ListAlgorithms", lambda client, _: client.algorithms(), ["SymmetricAlgorithms"]),
    "update_alias": ("UpdateAlias", lambda client, key_id: client.update_alias(key_id, "new"), ["RequestId"]),
    "update_description": (
        "UpdateKeyDescription",
        lambda client, key_id: client.update_description(key_id, "new"),
        ["RequestId"],
    ),
}
PLACES = [(name, place) for name, (_, _, places) in METHODS.items() for place in places]


@pytest.mark.parametrize("method", METHODS)
def test_an_unaltered_answer_passes(client: KmsClient, key_id: str, method: str) -> None:
    METHODS[method][1](client, key_id)


@pytest.mark.parametrize("method", METHODS)
def test_an_empty_answer_is_an_error(gateway: Gateway, client: KmsClient, key_id: str, method: str) -> None:
    action, use, _ = METHODS[method]
    gateway.answer(action, {})
    with pytest.raises(ServiceError):
        use(client, key_id)


def refuses(client: KmsClient, key_id: str, method: str) -> bool:
    """Tell whether a method answers with exactly ServiceError; any other exception goes on."""
    try:
        METHODS[method][1](client, key_id)
    except ServiceError as error:
        return type(error) is ServiceError
    return False


@pytest.mark.parametrize(
    ("method", "place", "value"),
    [(*where, None) for where in PLACES] + [(*where, ABSENT) for where in PLACES if not where[1].endswith(".0")],
    ids=lambda value: "absent" if value is ABSENT else None,
)
def test_a_missing_field_is_named(
    gateway: Gateway, client: KmsClient, key_id: str, method: str, place: str, value: object
) -> None:
    action, use, _ = METHODS[method]
    gateway.alter(action, place, value)
    with pytest.raises(ServiceError) as caught:
        use(client, key_id)
    assert type(caught.value) is ServiceError
    assert place.rpartition(".")[2].replace("0", "KeyMetadata") in caught.value.message
    assert hint_of(caught.value)


@pytest.mark.parametrize(("method", "place"), PLACES)
def test_a_field_of_the_wrong_type_is_an_error(
    gateway: Gateway, client: KmsClient, key_id: str, method: str, place: str
) -> None:
    types = {"CreateTime": int, "TotalCount": int, "ReEncrypted": bool, "KeyMetadata": dict, "0": dict}
    types |= {"KeyMetadatas": list, "SymmetricAlgorithms": list}
    right = types.get(place.rpartition(".")[2], str)
    passed = []
    for wrong in (True, 1, 1.5, "text", ["text"], {"KeyId": key_id}):
        if type(wrong) is not right:
            gateway.alter(METHODS[method][0], place, wrong)
            passed += [] if refuses(client, key_id, method) else [wrong]
    assert passed == []


@pytest.mark.parametrize("place", ["Description", "Origin", "Owner"])
def test_a_text_of_a_key_that_is_no_text_is_an_error(
    gateway: Gateway, client: KmsClient, key_id: str, place: str
) -> None:
    passed = []
    for wrong in (True, 1, 1.5, ["text"], {"a": "b"}):
        gateway.alter("DescribeKey", f"KeyMetadata.{place}", wrong)
        passed += [] if refuses(client, key_id, "describe") else [wrong]
    assert passed == []


def test_a_key_may_lack_what_the_api_does_not_promise(gateway: Gateway, client: KmsClient, key_id: str) -> None:
    gateway.alter("DescribeKey", "KeyMetadata.Origin", ABSENT)
    assert client.describe_key(key_id).origin == ""


@pytest.mark.parametrize(
    "text", ["!!!!", "QQ", "QQ=", "QR==", "QQ==\n", "c2Vj cmV0", "-_-_", "c2VjcmV0-k-c2VjcmV0", "é"]
)
@pytest.mark.parametrize("method", ["decrypt", "random"])
def test_wrong_base64_is_an_error(gateway: Gateway, client: KmsClient, key_id: str, method: str, text: str) -> None:
    action, use, _ = METHODS[method]
    gateway.alter(action, "Plaintext", text)
    with pytest.raises(ServiceError, match="Plaintext"):
        use(client, key_id)


@pytest.mark.parametrize("count", [0, 31, 33])
def test_another_number_of_random_bytes_is_an_error(gateway: Gateway, client: KmsClient, count: int) -> None:
    gateway.alter("GenerateRandom", "Plaintext", protocol.encode(bytes(count)))
    with pytest.raises(ServiceError):
        client.random(32)


@pytest.mark.parametrize(
    ("method", "place"), [("encrypt", "KeyId"), ("describe", "KeyMetadata.KeyId"), ("re_encrypt", "KeyId")]
)
def test_the_echo_of_another_key_is_an_error(
    gateway: Gateway, client: KmsClient, key_id: str, method: str, place: str
) -> None:
    action, use, _ = METHODS[method]
    gateway.alter(action, place, key_id[:-4] + "0000")
    with pytest.raises(ServiceError):
        use(client, key_id)


def test_tags_that_were_not_set_are_no_failure(gateway: Gateway, client: KmsClient) -> None:
    gateway.alter("CreateKey", "TagCode", 2)
    created = client.create_key("demo", usage=SYMMETRIC, tags={"a": "b"})
    assert (created.key_id, created.tag_code) == (next(client.list_keys()).key_id, 2)
    for place in ("TagCode", "TagMsg"):
        gateway.alter("CreateKey", place, ABSENT)
        assert client.create_key(f"without-{place}", usage=SYMMETRIC).tag_code == 0


@pytest.mark.parametrize("size", [0, 4097])
def test_a_plaintext_that_kms_would_refuse_is_not_sent(
    gateway: Gateway, client: KmsClient, key_id: str, size: int
) -> None:
    with pytest.raises(InputError, match="4,096"):
        client.encrypt(key_id, bytes(size), {})
    assert gateway.calls == []


@pytest.mark.parametrize("size", [1, 4096])
def test_a_plaintext_of_the_least_and_greatest_size_is_sent(client: KmsClient, key_id: str, size: int) -> None:
    plaintext = b"\xff" * size
    assert client.decrypt(client.encrypt(key_id, plaintext, {}).ciphertext_blob, {}).plaintext == plaintext


def test_a_context_that_kms_would_refuse_is_not_sent(gateway: Gateway, client: KmsClient, key_id: str) -> None:
    for context in ({"a": "b" * 1024}, {"a": "\udcff"}):
        with pytest.raises(InputError):
            client.encrypt(key_id, b"secret", context)
        with pytest.raises(InputError):
            client.decrypt("blob", context)
    assert gateway.calls == []


def test_the_context_is_sent_in_its_one_form_and_an_empty_one_not_at_all(
    gateway: Gateway, client: KmsClient, key_id: str
) -> None:
    blob = client.encrypt(key_id, b"secret", {"b": "2", "a": "1"}).ciphertext_blob
    client.encrypt(key_id, b"secret", {})
    client.re_encrypt(blob, to_key_id=None, source_context={"a": "1", "b": "2"}, destination_context={})
    first, second, third = (params for _, params in gateway.calls)
    assert first["EncryptionContext"] == '{"a":"1","b":"2"}'
    assert second.keys() == {"KeyId", "Plaintext"}
    assert third == {"CiphertextBlob": blob, "SourceEncryptionContext": '{"a":"1","b":"2"}'}


def test_a_new_key_sends_only_what_was_said(gateway: Gateway, client: KmsClient) -> None:
    client.create_key("one", usage=SYMMETRIC)
    client.create_key("two", usage=SYMMETRIC, external=True, description="d", tags={"a": "b"})
    assert [params for _, params in gateway.calls] == [
        {"Alias": "one", "KeyUsage": SYMMETRIC, "Type": 1},
        {
            "Alias": "two",
            "KeyUsage": SYMMETRIC,
            "Type": 2,
            "Description": "d",
            "Tags": [{"TagKey": "a", "TagValue": "b"}],
        },
    ]


@pytest.mark.parametrize("more", [0, PAGE - 2, PAGE - 1, PAGE, 2 * PAGE + 49])
def test_all_pages_of_a_list_are_read_and_no_key_twice(
    tmp_path: Path, gateway: Gateway, client: KmsClient, key_id: str, more: int
) -> None:
    if more:
        multiply(tmp_path / "store", more)
    found = [key.alias for key in client.list_keys()]
    assert sorted(found) == sorted(["demo", *(f"demo-{number}" for number in range(1, more + 1))])
    assert len(gateway.calls) == -(-(more + 1) // PAGE)
    assert {params["Limit"] for _, params in gateway.calls} == {PAGE}


def test_keys_that_are_made_meanwhile_let_no_other_be_listed_twice(
    tmp_path: Path, client: KmsClient, key_id: str
) -> None:
    multiply(tmp_path / "store", PAGE)
    found: list[str] = []
    for key in client.list_keys():
        if not found:
            client.create_key("meanwhile", usage=SYMMETRIC)
        found.append(key.alias)
    assert len(set(found)) == len(found)
    assert len(set(found) - {"meanwhile"}) == PAGE + 1


def test_the_filters_of_a_list_are_kept_on_every_page(
    tmp_path: Path, gateway: Gateway, client: KmsClient, key_id: str
) -> None:
    multiply(tmp_path / "store", 2 * PAGE)
    assert len([*client.list_keys(SearchKeyAlias="demo-", Role=0)]) == 2 * PAGE
    assert [params["Offset"] for _, params in gateway.calls] == [0, PAGE]
    assert {params["SearchKeyAlias"] for _, params in gateway.calls} == {"demo-"}
    assert {params["KeyUsage"] for _, params in gateway.calls} == {"ALL"}


def test_the_next_page_is_asked_for_only_when_it_is_needed(
    tmp_path: Path, gateway: Gateway, client: KmsClient, key_id: str
) -> None:
    multiply(tmp_path / "store", 2 * PAGE)
    keys = client.list_keys()
    assert gateway.calls == []
    assert next(keys).usage == SYMMETRIC
    assert len(gateway.calls) == 1


def test_an_empty_list_is_one(gateway: Gateway, client: KmsClient) -> None:
    assert list(client.list_keys()) == []
    gateway.answer("ListKeyDetail", {"TotalCount": 0, "RequestId": "1"})
    assert list(client.list_keys()) == []


def test_no_plaintext_is_shown(client: KmsClient, key_id: str) -> None:
    plaintext = b"a-secret-of-the-tests"
    decrypted = client.decrypt(client.encrypt(key_id, plaintext, {}).ciphertext_blob, {})
    random = client.random(24)
    for shown, secret in ((decrypted, plaintext), (random, random.plaintext)):
        for text in (repr(shown), str(shown), f"{shown}"):
            assert secret.decode("latin-1") not in text
            assert protocol.encode(secret) not in text
            assert repr(secret) not in text
    assert key_id in repr(decrypted)
