"""The embedded KMS answers every action of the API: served, or `UnsupportedOperation` as its documentation lists."""

import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from kmstool.api import protocol
from kmstool.errors import KmsToolError, ServiceError
from kmstool.server.app import EmbeddedKms, writes
from kmstool.server.handlers import ACTIONS
from tests import scenarios

DOCUMENT = Path(__file__).parent.parent / "docs" / "local-kms.md"


def documented() -> list[str]:
    """Return the list of unserved actions in docs/local-kms.md."""
    found = re.search(r"<!-- unserved actions.*?```text\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/local-kms.md has lost its list of unserved actions"
    return found[1].split()


def test_documented_list_is_what_the_code_does_not_serve() -> None:
    assert documented() == sorted(set(protocol.actions()) - set(ACTIONS))


def test_every_served_action_is_in_the_api() -> None:
    assert set(ACTIONS) <= set(protocol.actions())


@pytest.mark.parametrize("action", ACTIONS)
def test_the_code_of_every_served_action_is_where_the_table_says(action: str) -> None:
    run = ACTIONS[action].run
    module = ACTIONS[action].function.partition(":")[0]
    # What only sets a state is made by one function for keys of all kinds.
    assert run.__module__ in (f"kmstool.server.actions.{module}", "kmstool.server.actions.states")
    assert callable(run)
    places = [handler.function for handler in ACTIONS.values()]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_that_only_reads_leaves_the_store_as_it_is(kms: EmbeddedKms, action: str) -> None:
    """Which actions change something is said once, by the API's words; the store is opened for writing by that alone."""
    request = scenarios.request(action, kms.call)
    before = kms.store.save()
    kms.call(action, request)
    assert writes(action, request) or kms.store.save() == before


@pytest.mark.parametrize("action", documented())
def test_unserved_action_is_refused_after_its_shape_was_checked(kms: EmbeddedKms, action: str) -> None:
    model = protocol.actions()[action].request
    sample = {"string": "x", "uint64": 1, "int64": 1, "list<string>": ["x"]}
    params = {name: sample[kind[:-1]] for name, kind in model.items() if kind.endswith("!")}
    with pytest.raises(ServiceError) as caught:
        kms.call(action, params)
    assert caught.value.kms_code == "UnsupportedOperation"
    if params:
        with pytest.raises(ServiceError) as caught:
            kms.call(action, {})
        assert caught.value.kms_code == "MissingParameter"


def test_unknown_action_and_region_are_refused(kms: EmbeddedKms, tmp_path: Path) -> None:
    with pytest.raises(ServiceError) as caught:
        kms.call("MakeCoffee", {})
    assert caught.value.kms_code == "InvalidAction"
    with pytest.raises(ServiceError) as caught:
        EmbeddedKms(tmp_path / "store", "ap-atlantis")
    assert caught.value.kms_code == "UnsupportedRegion"


def test_every_answer_and_every_refusal_has_a_request_id(kms: EmbeddedKms) -> None:
    assert uuid.UUID(kms.call("GetRegions", {})["RequestId"]).version == 4
    with pytest.raises(KmsToolError) as caught:
        kms.call("DescribeKey", {"KeyId": "x"})
    assert uuid.UUID(caught.value.request_id).version == 4


SERVES = """
import sys
from pathlib import Path
from kmstool.crypto import keys, pem
from kmstool.server import key_pairs, protection
from kmstool.server.web import gateway
server = gateway.Gateway(Path(sys.argv[1]), protection.no_passphrase, quota=None, report=print)
loaded = set(sys.modules)
public_key = pem.write_public_key(keys.from_pkcs8(key_pairs.make("SM2")).public_key)
kms = server._writer
for usage in ("ENCRYPT_DECRYPT", "ASYMMETRIC_SIGN_VERIFY_SM2", "ASYMMETRIC_DECRYPT_RSA_2048"):
    key_id = kms.call("CreateKey", {"Alias": usage, "KeyUsage": usage})["KeyId"]
    if usage == "ENCRYPT_DECRYPT":
        kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionPublicKey": public_key})
    else:
        kms.call("GetPublicKey", {"KeyId": key_id})
kms.call("CreateWhiteBoxKey", {"Alias": "app", "Algorithm": "AES_256"})
server.close()
print(*(name for name in sys.modules if name.startswith("kmstool") and name not in loaded))
"""


def test_a_server_has_all_its_code_from_the_start(tmp_path: Path) -> None:
    """While it runs its files may be replaced by those of another version."""
    command = [sys.executable, "-c", SERVES, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr
