"""`terraform apply`, `plan` and `destroy` of every resource that the provider has for KMS, request by request."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import KeyStateError, KmsToolError, ServiceError
from kmstool.server import tag_service
from kmstool.server.app import EmbeddedKms
from tests import terraform
from tests.asking import Ask, Server, serving
from tests.terraform import CloudResourceAttachment, DeviceFingerprints, ExternalKey, Key, WhiteBoxKey

REGION = words.REGION
MATERIAL = protocol.encode(bytes(range(16)))
TAGS = {"team": "billing", "环境": "测试"}
MANY = {f"tag-{number}": str(number) for number in range(10)}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture(params=["in process", "served"])
def send(request: pytest.FixtureRequest, kms: EmbeddedKms) -> terraform.Send:
    """Send a request to the service that has its action: straight, or signed as the provider's SDK does it."""
    if request.param == "served":
        served: Server = request.getfixturevalue("server")
        return lambda action, params: ask(served, action, params)

    def send(action: str, params: dict[str, Any]) -> dict[str, Any]:
        return tag_service.call(kms, action, params) if action in tag_service.ACTIONS else kms.call(action, params)

    return send


def ask(server: Server, action: str, params: dict[str, Any]) -> dict[str, Any]:
    """Send a signed request; raise what the answer says for one that is refused."""
    for_tags = action in tag_service.ACTIONS
    headers = {"x-tc-version": tag_service.VERSION if for_tags else protocol.VERSION}
    body = json.dumps(params).encode()
    answer = Ask(action=action, body=body, service="tag" if for_tags else "kms", headers=headers).send(server)
    if "Error" in answer:
        raise protocol.error(answer["Error"]["Code"], answer["Error"]["Message"])
    return answer


def alias(request: pytest.FixtureRequest) -> str:
    """Return an alias that no other test has: the served KMS is one for all."""
    return f"tf-{abs(hash(request.node.name)) % 10**12}"


def as_configured(resource: terraform.Resource, config: dict[str, Any]) -> bool:
    """Tell whether a plan would be empty: all that is configured was seen."""
    states = {"is_enabled": words.ENABLED, "is_archived": words.ARCHIVED}
    wanted = {"description": "", "tags": {}} | {
        name: value for name, value in config.items() if name in resource.state and name != "key_material_base64"
    }
    named = [state for name, state in states.items() if config.get(name)]
    return all(resource.state[name] == value for name, value in wanted.items()) and (
        not named or resource.state["key_state"] == named[0]
    )


KEYS: list[list[dict[str, Any]]] = [
    [{"is_enabled": True}],
    [{"is_enabled": False, "description": "disabled from the first"}],
    [{"is_enabled": True, "tags": TAGS}, {"is_enabled": True, "tags": {"team": "orders"}}, {"is_enabled": True}],
    [
        {"is_enabled": True, "tags": MANY},
        {"is_enabled": True, "tags": MANY | TAGS | {f"more-{n}": "1" for n in range(8)}},
    ],
    [{"is_enabled": True}, {"is_enabled": False}, {"is_enabled": False, "tags": TAGS}, {"is_enabled": True}],
    [{"is_enabled": True, "key_rotation_enabled": True, "description": "turns"}, {"is_enabled": True}],
    [{"is_enabled": True, "description": "one"}, {"is_enabled": True, "description": "two", "alias": "renamed"}],
    [{"is_enabled": True, "key_usage": words.USAGES["sign-sm2"], "tags": TAGS}],
]


@pytest.mark.parametrize("steps", KEYS, ids=range(len(KEYS)))
def test_a_key_is_created_changed_and_destroyed(
    send: terraform.Send, request: pytest.FixtureRequest, steps: list[dict[str, Any]]
) -> None:
    key, name = Key(send), alias(request)
    configs = [
        {"alias": f"{name}{'-new' if 'alias' in step else ''}", **{k: v for k, v in step.items() if k != "alias"}}
        for step in steps
    ]
    key.create(configs[0])
    assert as_configured(key, configs[0])
    for config in configs[1:]:
        key.update(config)
        assert as_configured(key, config)
        key.read()
        assert as_configured(key, config)
    key.destroy(configs[-1])
    assert key.describe()["KeyState"] == words.PENDING_DELETE


EXTERNAL: list[list[dict[str, Any]]] = [
    [{}],
    [{"tags": TAGS}, {"tags": {}, "description": "waits"}],
    [{"is_enabled": True, "key_material_base64": MATERIAL, "tags": TAGS}],
    [{"is_enabled": True, "key_material_base64": MATERIAL, "valid_to": 2_147_443_200}],
    [{"is_enabled": False, "key_material_base64": MATERIAL, "wrapping_algorithm": words.OAEP_SHA_256}],
    [{}, {"key_material_base64": MATERIAL, "is_enabled": True, "wrapping_algorithm": words.OAEP_SHA_1}],
    [{"is_enabled": True, "key_material_base64": MATERIAL}, {}],
]


@pytest.mark.parametrize("steps", EXTERNAL, ids=range(len(EXTERNAL)))
def test_an_external_key_is_created_changed_and_destroyed(
    send: terraform.Send, request: pytest.FixtureRequest, steps: list[dict[str, Any]]
) -> None:
    key, name = ExternalKey(send), alias(request)
    configs = [{"alias": name, **step} for step in steps]
    key.create(configs[0])
    assert as_configured(key, configs[0])
    for config in configs[1:]:
        key.update(config)
        assert as_configured(key, config)
    key.destroy(configs[-1])


def test_a_white_box_key_is_created_changed_and_destroyed(send: terraform.Send, request: pytest.FixtureRequest) -> None:
    """Its owner disables it before it goes: DeleteWhiteBoxKey wants that, and the provider does not do it."""
    key, config = WhiteBoxKey(send), {"alias": alias(request), "algorithm": "SM4", "tags": TAGS, "description": "app"}
    key.create(config)
    assert as_configured(key, config)
    with pytest.raises(ServiceError):
        key.destroy(config)
    for changed in ({**config, "tags": {"team": "orders"}}, {**config, "status": words.DISABLED, "tags": {}}):
        key.update(changed)
        assert as_configured(key, changed)
    key.destroy(config)
    assert key.read_tags(key.id) == {}
    with pytest.raises(KmsToolError):
        key.read()


def test_a_white_box_key_that_is_disabled_from_the_first(send: terraform.Send, request: pytest.FixtureRequest) -> None:
    key, config = WhiteBoxKey(send), {"alias": alias(request), "algorithm": "AES_256", "status": words.DISABLED}
    key.create(config)
    assert as_configured(key, config)
    key.destroy(config)


def test_a_resource_is_attached_and_detached(send: terraform.Send, request: pytest.FixtureRequest) -> None:
    key, config = Key(send), {"alias": alias(request), "is_enabled": True}
    key.create(config)
    attachment, bound = CloudResourceAttachment(send), {"key_id": key.id, "product_id": "ssm", "resource_id": "s-1"}
    attachment.create(bound)
    assert attachment.state["Alias"] == config["alias"]
    with pytest.raises(KeyStateError):
        key.destroy(config)
    attachment.destroy(bound)
    key.destroy(config)


def test_the_devices_of_a_white_box_key_are_overwritten(send: terraform.Send, request: pytest.FixtureRequest) -> None:
    key, config = WhiteBoxKey(send), {"alias": alias(request), "algorithm": "SM4"}
    key.create(config)
    fingerprints = DeviceFingerprints(send)
    fingerprints.create({"key_id": key.id, "device_fingerprints": []})
    assert fingerprints.id == key.id
    key.update({**config, "status": words.DISABLED})
    key.destroy(config)


def test_tags_that_were_given_at_creation_are_seen(send: terraform.Send, request: pytest.FixtureRequest) -> None:
    """The tag table is one: what CreateKey stored, the tag service reads, and what it changes KMS filters by."""
    key = Key(send)
    tags = [{"TagKey": name, "TagValue": value} for name, value in TAGS.items()]
    key.id = send("CreateKey", {"Alias": alias(request), "Tags": tags})["KeyId"]
    key.read()
    assert key.state["tags"] == TAGS
    key.change_tags(key.describe()["ResourceId"], TAGS, {"other": alias(request)})
    found = send("ListKeyDetail", {"TagFilters": [{"TagKey": "other", "TagValue": [alias(request)]}]})
    assert [metadata["KeyId"] for metadata in found["KeyMetadatas"]] == [key.id]


def test_the_folder_of_a_store_keeps_changed_tags(kms: EmbeddedKms) -> None:
    def send(action: str, params: dict[str, Any]) -> dict[str, Any]:
        return tag_service.call(kms, action, params) if action in tag_service.ACTIONS else kms.call(action, params)

    key = Key(send)
    key.create({"alias": "demo", "is_enabled": True})
    key.change_tags(key.describe()["ResourceId"], {}, TAGS)
    folder = kms.store.folder
    kms.close()
    again = EmbeddedKms(folder)
    listed = again.call("ListKeyDetail", {"TagFilters": [{"TagKey": name} for name in TAGS]})
    again.close()
    assert listed["TotalCount"] == 1
