"""A change of the devices of a key is planned and shown before it is made, as a whole."""

import pytest

from kmstool.errors import NotFoundError, ServiceError
from kmstool.kms.calls.white_box import DeviceFingerprint
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from kmstool.workflows import devices
from kmstool.workflows.connections import KeyPlace
from tests.bundles import FINGERPRINT

ONE, TWO = DeviceFingerprint(FINGERPRINT, "web-1"), DeviceFingerprint("0" + FINGERPRINT[1:])


@pytest.fixture
def place(kms: EmbeddedKms) -> KeyPlace:
    client = KmsClient(kms)
    return KeyPlace(client, client.create_white_box_key("app", "SM4").key_id, "ap-guangzhou", "cn")


def bound(place: KeyPlace) -> list[DeviceFingerprint]:
    return list(place.client.fingerprints(place.key_id))


def test_devices_are_bound_unbound_and_replaced(place: KeyPlace) -> None:
    change = devices.bind(place, [ONE])
    assert (change.lines, bound(place)) == ([f"+ {FINGERPRINT}  web-1"], [])
    change.make()
    assert devices.bind(place, [ONE]).lines == []
    devices.bind(place, [TWO]).make()
    assert bound(place) == [ONE, TWO]
    devices.unbind(place, [ONE.identity]).make()
    assert bound(place) == [TWO]
    devices.replace_all(place, [ONE]).make()
    assert bound(place) == [ONE]


def test_a_device_that_is_not_bound_is_named(place: KeyPlace) -> None:
    with pytest.raises(NotFoundError, match=FINGERPRINT):
        devices.unbind(place, [FINGERPRINT])


def test_a_change_of_somebody_else_is_noticed(place: KeyPlace) -> None:
    change = devices.bind(place, [ONE])
    devices.bind(place, [TWO]).make()
    with pytest.raises(ServiceError, match="somebody else"):
        change.make()
    assert bound(place) == [TWO]
