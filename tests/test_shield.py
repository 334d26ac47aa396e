"""With a shield the answer of KMS is encrypted to this process, and what is not is refused."""

from collections.abc import Mapping
from typing import Any

import pytest

from kmstool.api import protocol
from kmstool.errors import IntegrityError, ServiceError
from kmstool.kms.client import KmsClient
from kmstool.kms.transport.shield import ShieldingTransport
from kmstool.server.app import EmbeddedKms


class Recorder:
    """A transport that notes what passes, and may put another plaintext into an answer."""

    def __init__(self, inner: EmbeddedKms, plaintext: str | None = None) -> None:
        self.inner, self.plaintext = inner, plaintext
        self.seen: list[tuple[str, Mapping[str, Any], dict[str, Any]]] = []

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.inner.call(action, params)
        self.seen.append((action, params, answer))
        return (
            answer if self.plaintext is None or "Plaintext" not in answer else {**answer, "Plaintext": self.plaintext}
        )


def test_no_plaintext_passes_the_transport(kms: EmbeddedKms) -> None:
    recorder = Recorder(kms)
    client = KmsClient(ShieldingTransport(recorder))
    key_id = client.create_key("demo", usage="ENCRYPT_DECRYPT").key_id
    blob = client.encrypt(key_id, b"the secret", {}).ciphertext_blob
    assert client.decrypt(blob, {}).plaintext == b"the secret"
    made = client.generate_data_key(key_id, "AES_256", {})
    assert len(made.plaintext) == 32
    assert client.decrypt(made.ciphertext_blob, {}).plaintext == made.plaintext
    hosted = client.host_data_key(key_id, "user-17", 32, {})
    assert hosted.plaintext == client.data_key_plaintext(hosted.data_key_id).plaintext
    answers = [answer["Plaintext"] for _, _, answer in recorder.seen if "Plaintext" in answer]
    assert len(answers) == 5
    for answer in answers:
        assert b"the secret" not in protocol.decode(answer)
        assert made.plaintext not in protocol.decode(answer)
        assert (hosted.plaintext or b"") not in protocol.decode(answer)


def test_every_request_has_a_key_of_its_own(kms: EmbeddedKms) -> None:
    recorder = Recorder(kms)
    client = KmsClient(ShieldingTransport(recorder))
    key_id = client.create_key("demo", usage="ENCRYPT_DECRYPT").key_id
    for _ in range(3):
        client.generate_data_key(key_id, "AES_128", {})
    assert (
        len({params["EncryptionPublicKey"] for _, params, _ in recorder.seen if "EncryptionPublicKey" in params}) == 3
    )


@pytest.mark.parametrize("plaintext", [protocol.encode(b"in clear"), "", "!"])
def test_an_answer_that_is_not_wrapped_is_refused(kms: EmbeddedKms, plaintext: str) -> None:
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    with pytest.raises(ServiceError, match="wrap"):
        KmsClient(ShieldingTransport(Recorder(kms, plaintext))).generate_data_key(key_id, "AES_256", {})


def test_an_answer_for_another_key_is_refused(kms: EmbeddedKms) -> None:
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    recorder = Recorder(kms)
    KmsClient(ShieldingTransport(recorder)).generate_data_key(key_id, "AES_256", {})
    replayed = recorder.seen[-1][2]["Plaintext"]
    with pytest.raises(IntegrityError):
        KmsClient(ShieldingTransport(Recorder(kms, replayed))).generate_data_key(key_id, "AES_256", {})
