"""A data key that KMS keeps is a DEK only where what is in the envelope opens to it again; else no envelope is made."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.api import protocol
from kmstool.envelope.floe import AES_256_GCM, SM4_GCM
from kmstool.envelope.stanzas import KEY_ID, REGION, SITE, TENCENT_KMS, Stanza
from kmstool.errors import InputError, IntegrityError, KeyStateError
from kmstool.kms.client import KmsClient
from kmstool.kms.cmk_recipients import CmkIdentity, HostedDek
from kmstool.server.app import EmbeddedKms

REGION_NAME = "ap-guangzhou"
CONTEXT = '{"user":"17"}'


class Swapped:
    """A way to a KMS on which the answers of one action are replaced."""

    def __init__(self, inner: EmbeddedKms, action: str, fields: Mapping[str, Any]) -> None:
        self._inner, self._action, self._fields = inner, action, fields

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._inner.call(action, params)
        return {**answer, **self._fields} if action == self._action else answer


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    return KmsClient(kms).create_key("demo", usage="ENCRYPT_DECRYPT").key_id


def opened(client: KmsClient, stanza: Stanza, context: str) -> bytes | None:
    return CmkIdentity(lambda _: client).unwrap(stanza, context)


@pytest.mark.parametrize("context", ["", CONTEXT])
@pytest.mark.parametrize("suite", [AES_256_GCM, SM4_GCM])
def test_the_same_dek_comes_on_every_machine_and_its_cmk_opens_the_stanza(
    kms: EmbeddedKms, key_id: str, suite: Any, context: str, tmp_path: Path
) -> None:
    made = KmsClient(kms).host_data_key(key_id, "user-17", suite.dek_bytes, context)
    with contextlib.closing(EmbeddedKms(tmp_path / "store")) as elsewhere:
        for machine in (kms, elsewhere):
            client = KmsClient(machine)
            dek, stanza = HostedDek(client, made.data_key_id, REGION_NAME, "intl").new_dek(suite, context)
            assert dek == made.plaintext
            assert (stanza.kind, stanza.text(KEY_ID), stanza.text(REGION)) == (TENCENT_KMS, key_id, REGION_NAME)
            assert stanza.text(SITE) == "intl"
            assert opened(client, stanza, context) == dek


@pytest.mark.parametrize("size", [1, 16, 31, 33])
def test_a_data_key_of_another_size_is_no_dek(kms: EmbeddedKms, key_id: str, size: int) -> None:
    client = KmsClient(kms)
    made = client.host_data_key(key_id, "user-17", size, "")
    with pytest.raises(InputError, match=f"{size} bytes; aes-256-gcm takes 32"):
        HostedDek(client, made.data_key_id, REGION_NAME).new_dek(AES_256_GCM, "")


@pytest.mark.parametrize(("own", "envelopes"), [(CONTEXT, ""), ("", CONTEXT), (CONTEXT, '{"user":"18"}')])
def test_an_envelope_of_another_context_is_not_made(kms: EmbeddedKms, key_id: str, own: str, envelopes: str) -> None:
    client = KmsClient(kms)
    made = client.host_data_key(key_id, "user-17", 32, own)
    with pytest.raises(IntegrityError, match="another context"):
        HostedDek(client, made.data_key_id, REGION_NAME).new_dek(AES_256_GCM, envelopes)


@pytest.mark.parametrize("answer", ["blob", "plaintext"])
def test_a_blob_that_opens_to_another_key_is_refused(kms: EmbeddedKms, key_id: str, answer: str) -> None:
    client = KmsClient(kms)
    made, other = (client.host_data_key(key_id, name, 32, "") for name in ("user-17", "user-18"))
    swapped = {
        "blob": ("GetDataKeyCiphertextBlob", dict(client.data_key_blob(other.data_key_id))),
        "plaintext": ("GetDataKeyPlaintext", {"Plaintext": protocol.encode(other.plaintext or b"")}),
    }
    swapping = HostedDek(KmsClient(Swapped(kms, *swapped[answer])), made.data_key_id, REGION_NAME)
    with pytest.raises(IntegrityError, match="opens to another key") as caught:
        swapping.new_dek(AES_256_GCM, "")
    for secret in (made.plaintext, other.plaintext):
        assert (secret or b"").hex() not in caught.value.message


def test_what_kms_does_not_hand_out_encrypts_nothing(kms: EmbeddedKms, key_id: str) -> None:
    client = KmsClient(kms)
    made = client.host_data_key(key_id, "user-17", 32, "")
    client.archive_key(key_id)
    with pytest.raises(KeyStateError):
        HostedDek(client, made.data_key_id, REGION_NAME).new_dek(AES_256_GCM, "")
    client.cancel_archive(key_id)
    client.disable_data_keys([made.data_key_id])
    with pytest.raises(KeyStateError):
        HostedDek(client, made.data_key_id, REGION_NAME).new_dek(AES_256_GCM, "")
