"""What the embedded KMS encrypts, it decrypts: under the same key and context, and nothing else."""

import base64

import pytest

from kmstool.errors import IntegrityError
from kmstool.server.app import EmbeddedKms


def test_round_trip(kms: EmbeddedKms) -> None:
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": base64.b64encode(b"secret").decode()})["CiphertextBlob"]
    assert kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == base64.b64encode(b"secret").decode()
    with pytest.raises(IntegrityError):
        kms.call("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": '{"a":"b"}'})
