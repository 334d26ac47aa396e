"""A new key takes the place of an asymmetric one: three steps, and a run that stops after any of them is gone on with."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool import words
from kmstool.api.cmk_rules import KeyAddress
from kmstool.errors import AccessError, InputError, NetworkError, NotFoundError, Reason
from kmstool.kms.answers import Key
from kmstool.kms.client import KmsClient
from kmstool.kms.port import Transport
from kmstool.server import tag_service
from kmstool.server.app import EmbeddedKms
from kmstool.workflows import connections, tag_connections
from kmstool.workflows.connections import Connections
from kmstool.workflows.key_replacement import dated, replace_key
from tests.program import kmstool
from tests.served import serving

TAGS = {"team": "blue", "stage": "test"}


@pytest.fixture
def client(kms: EmbeddedKms, workplace: Path) -> KmsClient:
    return KmsClient(kms)


@pytest.fixture
def signer(client: KmsClient) -> str:
    usage = words.USAGES["sign-ecc"]
    return client.create_key("signer", usage=usage, description="of releases", tags=TAGS).key_id


def names(client: KmsClient) -> dict[str, str]:
    return {key.alias: key.key_id for key in client.list_keys()}


def described(client: KmsClient, alias: str) -> Key:
    return client.describe_key(names(client)[alias])


def tags_of(kms: EmbeddedKms, key: Key) -> dict[str, str]:
    request = {
        "ServiceType": "kms", "ResourcePrefix": "key", "ResourceRegion": "ap-guangzhou",
        "ResourceIds": [key.resource_id], "Limit": 100,
    }  # fmt: skip
    listed = tag_service.call(kms, "DescribeResourceTagsByResourceIds", request)["Tags"]
    return {tag["TagKey"]: tag["TagValue"] for tag in listed}


def test_a_new_key_of_the_same_kind_gets_the_alias(kms: EmbeddedKms, client: KmsClient, signer: str) -> None:
    made = replace_key(connections.connect(), "signer")
    assert made.successor
    day = dated("signer", made.successor.created_unix)
    assert names(client) == {"signer": made.successor.key_id, day: signer}
    new, old = described(client, "signer"), described(client, day)
    assert (new.usage, new.description, tags_of(kms, new)) == (old.usage, "of releases", TAGS)
    assert (old.state, new.state) == ("Enabled", "Enabled")


@pytest.mark.parametrize("usage", ["rsa-2048", "sm2", "sign-sm2", "sign-ecc-p384"])
def test_of_every_usage(client: KmsClient, usage: str) -> None:
    client.create_key("own", usage=words.USAGES[usage])
    replace_key(connections.connect(), "own")
    assert {key.usage for key in client.list_keys()} == {words.USAGES[usage]}


class Dying:
    """Performs so many calls that change something, and then every answer is lost."""

    def __init__(self, inner: Transport, left: int, *, performed: bool) -> None:
        self.inner, self.left, self.performed = inner, left, performed

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if self.left == 1 and not self.performed:
            raise NetworkError("lost")
        answer = self.inner.call(action, params)
        self.left -= 1
        if self.left <= 0:
            raise NetworkError("lost")
        return answer


def dying(left: int, *, performed: bool) -> Connections:
    base = connections.connect()
    return Connections(
        base.environment, base.options, ask_passphrase=lambda _: b"",
        wrap=lambda inner: Dying(inner, left, performed=performed),
    )  # fmt: skip


@pytest.mark.parametrize("performed", [True, False])
@pytest.mark.parametrize("named", ["alias", "id"])
@pytest.mark.parametrize("calls", range(1, 9))
def test_a_run_that_dies_after_any_call_is_gone_on_with(
    client: KmsClient, signer: str, calls: int, named: str, performed: bool
) -> None:
    name = "signer" if named == "alias" else signer
    with contextlib.suppress(NetworkError):
        replace_key(dying(calls, performed=performed), name)
    made = replace_key(connections.connect(), name)
    assert made.successor
    assert names(client) == {"signer": made.successor.key_id, dated("signer", made.successor.created_unix): signer}
    again = replace_key(connections.connect(), name)
    assert again.is_done
    assert len(names(client)) == 2


def test_the_calls_are_those_that_the_test_kills(client: KmsClient, signer: str) -> None:
    with pytest.raises(NetworkError):
        replace_key(dying(8, performed=True), "signer")


def test_a_day_later_the_next_replacement_begins(client: KmsClient, signer: str) -> None:
    first = replace_key(connections.connect(), "signer").successor
    assert first
    assert replace_key(connections.connect(), "signer", now_unix=first.created_unix + 86_399).is_done
    with pytest.raises(
        InputError, match=f"the alias {dated('signer', first.created_unix)} is that of the key {signer}"
    ):
        replace_key(connections.connect(), "signer", now_unix=first.created_unix + 86_401)
    client.update_alias(signer, "signer-old")
    assert not replace_key(connections.connect(), "signer").is_done
    assert len(names(client)) == 3


def test_a_former_key_is_not_replaced_again(client: KmsClient, signer: str) -> None:
    first = replace_key(connections.connect(), "signer").successor
    assert first
    later = first.created_unix + 10 * 86_400
    for name in (signer, dated("signer", first.created_unix)):
        assert replace_key(connections.connect(), name, now_unix=later).successor == first


def test_a_symmetric_key_is_rotated_instead(client: KmsClient) -> None:
    client.create_key("demo")
    with pytest.raises(InputError, match="the key demo is symmetric") as caught:
        replace_key(connections.connect(), "demo")
    assert caught.value.reason is Reason.KEY_ROTATES
    assert list(names(client)) == ["demo"]


def test_what_would_fail_halfway_is_refused_first(client: KmsClient, signer: str) -> None:
    long = client.create_key("a" * 52, usage=words.USAGES["sm2"]).key_id
    with pytest.raises(InputError, match="has 52 characters: with a date behind it"):
        replace_key(connections.connect(), long)
    client.disable_keys([long])
    client.schedule_deletion(long, 7)
    client.update_alias(signer, "s")
    before = names(client)
    with pytest.raises(InputError, match="is PendingDelete"):
        replace_key(connections.connect(), KeyAddress(long))
    client.create_key("s-next", usage=words.USAGES["sm2"])
    with pytest.raises(InputError, match="the alias s-next is that of the key"):
        replace_key(connections.connect(), "s")
    assert names(client).keys() == before.keys() | {"s-next"}


def test_a_name_that_nobody_has(client: KmsClient) -> None:
    with pytest.raises(NotFoundError, match="there is no key 'signer'"):
        replace_key(connections.connect(), "signer")


def test_tags_that_are_given_take_the_place_of_the_others(kms: EmbeddedKms, client: KmsClient, signer: str) -> None:
    kmstool("key", "replace", "signer", "--tag", "team=red")
    assert tags_of(kms, described(client, "signer")) == {"team": "red"}
    assert "exclude each other" in kmstool("key", "replace", "signer", "--tag", "a=b", "--no-tags", exit_code=2).err


def test_a_dry_run_shows_the_new_key_and_makes_none(client: KmsClient, signer: str) -> None:
    shown = kmstool("key", "replace", "signer", "--dry-run").out
    assert 'would call CreateKey: {"Alias": "signer-next"' in shown
    assert '"TagKey": "team"' in shown
    assert list(names(client)) == ["signer"]


def test_tags_that_may_not_be_read(client: KmsClient, signer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> dict[str, Any]:
        raise AccessError("not allowed", kms_code="UnauthorizedOperation")

    monkeypatch.setattr(tag_service, "call", refused)
    with pytest.raises(AccessError) as caught:
        replace_key(connections.connect(), "signer")
    assert caught.value.reason is Reason.TAGS_UNREADABLE
    assert list(names(client)) == ["signer"]
    kmstool("key", "replace", "signer", "--no-tags")
    assert len(names(client)) == 2


@pytest.mark.parametrize(
    ("kms_host", "tag_host"),
    [
        (None, None),
        ("kms.tencentcloudapi.com", "tag.tencentcloudapi.com"),
        ("https://kms.intl.tencentcloudapi.com", "https://tag.intl.tencentcloudapi.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_where_the_tag_service_is(kms_host: str | None, tag_host: str | None) -> None:
    assert tag_connections.endpoint_of(kms_host) == tag_host


def test_over_the_network_the_tags_come_from_the_port_of_kms(tmp_path: Path) -> None:
    with serving(tmp_path, "--port", "0") as server:
        variables: dict[str, Any] = dict(server.variables)
        kmstool("key", "create", "--alias", "signer", "--usage", "sign-ecc", "--tag", "team=blue", **variables)
        new = kmstool("key", "replace", "signer", **variables).out.strip()
        server.stop()
    with contextlib.closing(EmbeddedKms(tmp_path / "store")) as kms:
        client = KmsClient(kms)
        assert tags_of(kms, client.describe_key(new)) == {"team": "blue"}
        assert client.describe_key(new).alias == "signer"
