"""Which action which state, usage, origin, owner and binding allows, and what time does to keys: as in the cloud."""

import functools
import itertools
import re
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from kmstool import signing, words
from kmstool.api import cmk_rules, protocol
from kmstool.crypto import formats, keys, rsa
from kmstool.crypto.sm2 import encryption
from kmstool.errors import KmsToolError
from kmstool.server import admin, materials, rules
from kmstool.server.app import EmbeddedKms
from kmstool.server.seed import seeding
from kmstool.server.tables import cmks
from tests import import_requests
from tests.stores import reseal

DOCUMENT = Path(__file__).parent.parent / "docs" / "local-kms.md"
DAY = 86400
BEIJING = 8 * 3600
SYMMETRIC = "ENCRYPT_DECRYPT"
ASYMMETRIC = "ASYMMETRIC_SIGN_VERIFY_SM2"
DECRYPT_RSA = "ASYMMETRIC_DECRYPT_RSA_2048"
DECRYPT_SM2 = "ASYMMETRIC_DECRYPT_SM2"
PLAINTEXT = protocol.encode(b"of the tests")
BINDING = {"ProductId": "ssm", "ResourceId": "secret-1"}
NOBODY = "00000000-0000-1000-8000-000000000000"

DISABLED = "ResourceUnavailable.CmkDisabled"
ARCHIVED = "ResourceUnavailable.CmkArchived"
PENDING = "ResourceUnavailable.KeyPendingDelete"
STATE = "ResourceUnavailable.CmkStateNotSupport"
ENABLED = "ResourceUnavailable.CmkShouldBeDisabled"
KEPT = "ResourceUnavailable.CmkNotPendingDelete"
GONE = "ResourceUnavailable.CmkNotFound"
USED = "FailedOperation.CmkUsedByCloudProduct"
ROLE = "UnsupportedOperation.NotRoleOperation"
NOT_USERS = "UnsupportedOperation.NotUserCreatedCmk"
NO_ROTATION = "UnsupportedOperation.RotateNotSupported"
EXTERNAL = "UnsupportedOperation.ExternalCmkCanNotRotate"
NOT_EXTERNAL = "UnsupportedOperation.NotExternalCmk"
USAGE = "InvalidParameterValue.InvalidKeyUsage"

# What a valid request holds besides the key.
PARAMETERS: dict[str, dict[str, Any]] = {
    "Encrypt": {"Plaintext": PLAINTEXT},
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "ImportDataKey": {"ImportType": 2, "ImportKeyMaterial": PLAINTEXT},
    "UpdateAlias": {"Alias": "renamed"},
    "UpdateKeyDescription": {"Description": "described"},
    "ScheduleKeyDeletion": {"PendingWindowInDays": 7},
    "EnableKeyRotation": {"RotateDays": 30},
    "BindCloudResource": BINDING,
    "UnbindCloudResource": BINDING,
    "SignByAsymmetricKey": {"Message": PLAINTEXT},
    "VerifyByAsymmetricKey": {"Message": PLAINTEXT, "SignatureValue": PLAINTEXT},
    "AsymmetricRsaDecrypt": {"Algorithm": "RSAES_OAEP_SHA_256"},
    "GetParametersForImport": {"WrappingAlgorithm": "RSAES_OAEP_SHA_1", "WrappingKeySpec": "RSA_2048"},
    "ImportKeyMaterial": {"ImportToken": PLAINTEXT, "EncryptedKeyMaterial": PLAINTEXT},
}

# The state that follows on success; every other action leaves the state alone.
FOLLOWS = {
    "EnableKey": "Enabled",
    "EnableKeys": "Enabled",
    "DisableKey": "Disabled",
    "DisableKeys": "Disabled",
    "ArchiveKey": "Archived",
    "CancelKeyArchive": "Enabled",
    "ScheduleKeyDeletion": "PendingDelete",
    "CancelKeyDeletion": "Disabled",
    "ImportKeyMaterial": "Enabled",
    "DeleteImportedKeyMaterial": "PendingImport",
}

# The cloud's table of what works in which state, read from its pages apart from keys.py:
# in the order Enabled, Disabled, PendingDelete, PendingImport, Archived. None: it works.
CLOUD: dict[str, tuple[str | None, ...]] = {
    "Encrypt": (None, DISABLED, DISABLED, DISABLED, ARCHIVED),
    "GenerateDataKey": (None, DISABLED, PENDING, DISABLED, ARCHIVED),
    "ImportDataKey": (None, DISABLED, PENDING, STATE, ARCHIVED),
    "Decrypt": (None, DISABLED, DISABLED, DISABLED, None),
    "DescribeKey": (None, None, None, None, None),
    "DescribeKeys": (None, None, None, None, None),
    "GetKeyRotationStatus": (None, None, None, None, None),
    "DisableKeyRotation": (None, None, None, None, None),
    "UpdateAlias": (None, None, STATE, None, None),
    "UpdateKeyDescription": (None, None, STATE, None, None),
    "EnableKey": (None, None, STATE, STATE, STATE),
    "EnableKeys": (None, None, STATE, STATE, STATE),
    "DisableKey": (None, None, STATE, STATE, STATE),
    "DisableKeys": (None, None, STATE, STATE, STATE),
    "ArchiveKey": (None, None, STATE, STATE, STATE),
    "CancelKeyArchive": (STATE, STATE, STATE, STATE, None),
    "ScheduleKeyDeletion": (ENABLED, None, STATE, None, STATE),
    "CancelKeyDeletion": (KEPT, KEPT, None, KEPT, KEPT),
    "EnableKeyRotation": (None, STATE, STATE, EXTERNAL, STATE),
    "RotateKey": (None, STATE, STATE, NO_ROTATION, STATE),
    "GetPublicKey": (None, STATE, STATE, STATE, STATE),
    "SignByAsymmetricKey": (None, STATE, STATE, STATE, STATE),
    "VerifyByAsymmetricKey": (None, STATE, STATE, STATE, STATE),
    "AsymmetricRsaDecrypt": (None, STATE, STATE, STATE, STATE),
    "AsymmetricSm2Decrypt": (None, STATE, STATE, STATE, STATE),
    "GetParametersForImport": (None, None, None, None, None),
    "ImportKeyMaterial": (None, STATE, STATE, None, STATE),
    "DeleteImportedKeyMaterial": (None, None, STATE, STATE, STATE),
}
IMPORTS = ("GetParametersForImport", "ImportKeyMaterial", "DeleteImportedKeyMaterial")

# What a key is for on which an action works at all; all other actions work with symmetric keys.
USAGES = {
    "GetPublicKey": DECRYPT_SM2,
    "SignByAsymmetricKey": ASYMMETRIC,
    "VerifyByAsymmetricKey": ASYMMETRIC,
    "AsymmetricRsaDecrypt": DECRYPT_RSA,
    "AsymmetricSm2Decrypt": DECRYPT_SM2,
}

# Refused for other reasons than the state alone, likewise read from the cloud's pages: which reason counts first too.
CLOUD_REASONS: list[tuple[str, str, dict[str, Any], set[str | None]]] = [
    ("Encrypt", "Enabled", {"usage": ASYMMETRIC}, {USAGE}),
    ("Encrypt", "Disabled", {"usage": ASYMMETRIC}, {USAGE}),
    ("Decrypt", "Enabled", {"usage": ASYMMETRIC}, {USAGE}),
    ("Decrypt", "PendingDelete", {"usage": ASYMMETRIC}, {USAGE}),
    ("GenerateDataKey", "Enabled", {"usage": ASYMMETRIC}, {USAGE}),
    ("GenerateDataKey", "Archived", {"usage": ASYMMETRIC}, {USAGE}),
    ("ImportDataKey", "Enabled", {"usage": ASYMMETRIC}, {USAGE}),
    ("ImportDataKey", "PendingImport", {"usage": ASYMMETRIC}, {USAGE}),
    ("EnableKeyRotation", "Enabled", {"origin": "EXTERNAL"}, {EXTERNAL}),
    ("EnableKeyRotation", "Enabled", {"usage": ASYMMETRIC}, {"InvalidParameterValue"}),
    ("RotateKey", "Enabled", {"origin": "EXTERNAL"}, {NO_ROTATION}),
    ("RotateKey", "Enabled", {"usage": ASYMMETRIC}, {NO_ROTATION}),
    ("DisableKey", "Enabled", {"bound": True}, {USED}),
    ("DisableKey", "PendingDelete", {"bound": True}, {STATE}),
    ("DisableKey", "Enabled", {"owner": "ssm"}, {NOT_USERS, ROLE}),
    ("DisableKeys", "Enabled", {"bound": True}, {USED}),
    ("DisableKeys", "Enabled", {"owner": "ssm"}, {NOT_USERS, ROLE}),
    ("ArchiveKey", "Enabled", {"bound": True}, {USED}),
    ("ArchiveKey", "Disabled", {"bound": True}, {USED}),
    ("ArchiveKey", "Enabled", {"owner": "ssm"}, {NOT_USERS}),
    ("ScheduleKeyDeletion", "Disabled", {"bound": True}, {USED}),
    ("ScheduleKeyDeletion", "Disabled", {"owner": "ssm"}, {NOT_USERS, ROLE}),
    ("ScheduleKeyDeletion", "Enabled", {"bound": True}, {ENABLED}),
    ("EnableKey", "Disabled", {"bound": True}, {None}),
    ("CancelKeyDeletion", "PendingDelete", {"bound": True}, {None}),
    ("GetPublicKey", "Enabled", {"usage": SYMMETRIC}, {STATE}),
    ("GetPublicKey", "Enabled", {"usage": ASYMMETRIC, "bound": True}, {None}),
    ("SignByAsymmetricKey", "Enabled", {"usage": SYMMETRIC}, {USAGE}),
    ("SignByAsymmetricKey", "Disabled", {"usage": SYMMETRIC}, {USAGE}),
    ("SignByAsymmetricKey", "Enabled", {"usage": DECRYPT_SM2}, {USAGE}),
    ("SignByAsymmetricKey", "Archived", {"usage": DECRYPT_RSA}, {USAGE}),
    ("VerifyByAsymmetricKey", "Enabled", {"usage": SYMMETRIC}, {USAGE}),
    ("VerifyByAsymmetricKey", "PendingDelete", {"usage": DECRYPT_RSA}, {USAGE}),
    ("AsymmetricRsaDecrypt", "Enabled", {"usage": SYMMETRIC}, {USAGE}),
    ("AsymmetricRsaDecrypt", "Enabled", {"usage": DECRYPT_SM2}, {USAGE}),
    ("AsymmetricRsaDecrypt", "Disabled", {"usage": "ASYMMETRIC_SIGN_VERIFY_RSA_2048"}, {USAGE}),
    ("AsymmetricSm2Decrypt", "Enabled", {"usage": SYMMETRIC}, {USAGE}),
    ("AsymmetricSm2Decrypt", "Enabled", {"usage": DECRYPT_RSA}, {USAGE}),
    ("AsymmetricSm2Decrypt", "Disabled", {"usage": ASYMMETRIC}, {USAGE}),
    ("EnableKeyRotation", "Disabled", {"usage": DECRYPT_RSA}, {"InvalidParameterValue"}),
    ("DeleteImportedKeyMaterial", "Enabled", {"origin": "EXTERNAL", "bound": True}, {USED}),
    ("DeleteImportedKeyMaterial", "PendingDelete", {"origin": "EXTERNAL", "bound": True}, {STATE}),
    ("ImportKeyMaterial", "Enabled", {"origin": "EXTERNAL", "bound": True}, {None}),
    ("RotateKey", "Archived", {"usage": DECRYPT_SM2}, {NO_ROTATION}),
]
CLOUD_REASONS += [
    (action, state, {"usage": usage}, {NOT_EXTERNAL})
    for action in IMPORTS
    for state in words.STATES
    for usage in (SYMMETRIC, ASYMMETRIC)
]
CLOUD_REASONS += [
    (action, "Enabled", {"usage": usage}, {None})
    for action in ("SignByAsymmetricKey", "VerifyByAsymmetricKey", "GetPublicKey")
    for usage in signing.SIGNING_USAGES
]


@dataclass(frozen=True, slots=True)
class Condition:
    """What a key is before an action."""

    state: str = "Enabled"
    usage: str = SYMMETRIC
    origin: str = "TENCENT_KMS"
    owner: str = "user"
    bound: bool = False

    def facts(self) -> dict[str, Any]:
        return {"usage": self.usage, "origin": self.origin, "owner": self.owner, "bound": self.bound}

    def follows(self, action: str) -> str:
        """Return the state after an action that works."""
        # These two work only where that is assumed of the cloud.
        if (action, self.state) in {
            ("DisableKey", "PendingImport"), ("DisableKeys", "PendingImport"), ("ImportKeyMaterial", "Disabled")
        }:  # fmt: skip
            return self.state
        return FOLLOWS.get(action, self.state)


def conditions(rule: cmk_rules.Rule) -> Iterator[Condition]:
    """Yield every state and usage, and the other columns where a rule tells them apart."""
    for fields in itertools.product(
        words.STATES,
        (SYMMETRIC, *materials.ASYMMETRIC) if rule.usages or rule.symmetric else (SYMMETRIC, ASYMMETRIC),
        ("TENCENT_KMS", "EXTERNAL") if rule.external or rule.generated else ("TENCENT_KMS",),
        ("user", "ssm") if rule.product else ("user",),
        (False, True) if rule.bound else (False,),
    ):
        yield Condition(*fields)


MATRIX = [(action, condition) for action, rule in cmk_rules.RULES.items() for condition in conditions(rule)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKms]:
    """An embedded KMS for many keys whose tests do not disturb one another."""
    opened = EmbeddedKms(tmp_path_factory.mktemp("shared") / "store")
    yield opened
    opened.close()


def create(kms: EmbeddedKms, **parameters: object) -> str:
    return str(kms.call("CreateKey", {"Alias": f"key-{secrets.token_hex(8)}", **parameters})["KeyId"])


def change(kms: EmbeddedKms, key_id: str, **columns: object) -> None:
    """Write columns of a key that no action can write."""
    names = ", ".join(f"{name} = ?" for name in columns)
    with kms.store.transaction(write=True) as db:
        db.execute(f"UPDATE cmk SET {names} WHERE key_id = ?", (*columns.values(), key_id))
    reseal(kms)


def key_in(kms: EmbeddedKms, condition: Condition) -> tuple[str, str]:
    """Make a key in that condition; return its id and a blob from when it was enabled."""
    key_id = create(kms)
    blob = encrypt(kms, key_id)
    if condition.state == "PendingImport":
        with kms.store.transaction(write=True) as db:
            db.execute("DELETE FROM material WHERE key_id = ?", (key_id,))
    change(
        kms,
        key_id,
        state=condition.state,
        usage=condition.usage,
        origin=condition.origin,
        owner=condition.owner,
        deletion_date=now(kms) + 7 * DAY if condition.state == "PendingDelete" else 0,
    )
    return key_id, blob


@functools.cache
def private_key(usage: str) -> bytes:
    """Return material for a usage, one for all tests."""
    return materials.make(materials.ASYMMETRIC[usage])


@functools.cache
def ciphertext(usage: str) -> str:
    """Return what the private key of a usage decrypts, if it decrypts."""
    if usage not in {DECRYPT_RSA, DECRYPT_SM2}:
        return PLAINTEXT
    key = keys.from_pkcs8(private_key(usage)).public_key
    if isinstance(key, keys.RsaPublicKey):
        return protocol.encode(rsa.encrypt(key.key, "RSAES_OAEP_SHA_256", b"of the tests"))
    assert isinstance(key, keys.Sm2PublicKey)
    return protocol.encode(formats.write_ciphertext(encryption.encrypt(key.key, b"of the tests")))


def request(action: str, key_id: str, blob: str, usage: str = SYMMETRIC) -> dict[str, Any]:
    """Return a valid request of an action on a key."""
    if action == "Decrypt":
        return {"CiphertextBlob": blob}
    if action in {"EnableKeys", "DisableKeys", "DescribeKeys"}:
        return {"KeyIds": [key_id]}
    parameters = dict(PARAMETERS.get(action, {}))
    if action == "UpdateAlias":
        parameters["Alias"] = f"renamed-{secrets.token_hex(8)}"
    if action == "ImportDataKey":
        parameters["DataKeyName"] = f"imported-{secrets.token_hex(8)}"
    if action in {"AsymmetricRsaDecrypt", "AsymmetricSm2Decrypt"}:
        parameters["Ciphertext"] = ciphertext(usage)
    if action in {"SignByAsymmetricKey", "VerifyByAsymmetricKey"}:
        parameters["Algorithm"] = signing.algorithm_of(None, signing.SIGNING_USAGES.get(usage, "SM2")).name
    return {"KeyId": key_id, **parameters}


def refusal(kms: EmbeddedKms, action: str, parameters: dict[str, Any]) -> str | None:
    """Call an action that must be refused and return the code."""
    with pytest.raises(KmsToolError) as caught:
        kms.call(action, parameters)
    return caught.value.kms_code


def outcome(kms: EmbeddedKms, action: str, parameters: dict[str, Any]) -> str | None:
    """Call an action; return None, or the code with which it was refused."""
    try:
        kms.call(action, parameters)
    except KmsToolError as error:
        return error.kms_code
    return None


def metadata(kms: EmbeddedKms, key_id: str) -> dict[str, Any]:
    found = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    assert isinstance(found, dict)
    return found


def state(kms: EmbeddedKms, key_id: str) -> str:
    return str(metadata(kms, key_id)["KeyState"])


def encrypt(kms: EmbeddedKms, key_id: str) -> str:
    return str(kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"])


def decrypt(kms: EmbeddedKms, blob: str) -> str:
    return str(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"])


def now(kms: EmbeddedKms) -> int:
    return int(admin.describe(kms)["Now"])


def advance(kms: EmbeddedKms, seconds: int) -> None:
    admin.move_clock(kms, int(admin.describe(kms)["ClockOffset"]) + seconds)


def set_clock(kms: EmbeddedKms, moment: str) -> int:
    """Set the clock to a time written in ISO 8601 and return it in Unix seconds."""
    unix = int(datetime.fromisoformat(moment).timestamp())
    admin.move_clock(kms, unix - int(time.time()))
    return unix


def material_of(kms: EmbeddedKms, key_id: str) -> bytes:
    """Return the material of a key, or other material for one that has none."""
    with kms.transaction(write=False) as call:
        cmk = cmks.load(call, key_id)
        return cmks.material(call, cmk, 1)[1] if cmks.has_material(call, cmk) else bytes(16)


def wrapped(kms: EmbeddedKms, key_id: str) -> list[bytes]:
    """Return the wrapped material of a key as it lies in the database."""
    with kms.store.transaction() as db:
        return [row[0] for row in db.execute("SELECT wrapped FROM material WHERE key_id = ?", (key_id,))]


@pytest.fixture(scope="module")
def matrix(shared: EmbeddedKms) -> dict[tuple[str, Condition], tuple[str, str]]:
    """Make a key for every cell of the table; return its id and a blob from when it was enabled and symmetric."""
    added = seeding.apply(shared, "".join(f'[[key]]\nalias = "cell-{number}"\n' for number in range(len(MATRIX))))
    cells = {cell: (cmk.key_id, encrypt(shared, cmk.key_id)) for cell, cmk in zip(MATRIX, added, strict=True)}
    with shared.transaction(write=True) as call:
        for (_, condition), cmk in zip(MATRIX, added, strict=True):
            if condition.usage != SYMMETRIC:
                cmks.forget_material(call, cmk.key_id)
                cmks.add_version(call, replace(cmk, usage=condition.usage, version=0), private_key(condition.usage))
    later = now(shared) + 30 * DAY
    with shared.store.transaction(write=True) as db:
        for (action, condition), (key_id, _) in cells.items():
            deletion, cycle = later * (condition.state == "PendingDelete"), action == "RotateKey"
            facts = (condition.state, condition.usage, condition.origin, condition.owner)
            db.execute(
                "UPDATE cmk SET state = ?, usage = ?, origin = ?, owner = ?, deletion_date = ?, rotate_days = ?,"
                " next_rotation = ? WHERE key_id = ?",
                (*facts, deletion, 30 * cycle, later * cycle, key_id),
            )
            if condition.state == "PendingImport":
                db.execute("DELETE FROM material WHERE key_id = ?", (key_id,))
            if condition.bound or action == "UnbindCloudResource":
                db.execute("INSERT INTO binding VALUES (?, ?, ?)", (key_id, *BINDING.values()))
    reseal(shared)
    return cells


@pytest.mark.parametrize(
    ("action", "condition"),
    [pytest.param(*cell, id="-".join([cell[0], *(str(fact) for fact in astuple(cell[1]))])) for cell in MATRIX],
)
def test_every_action_on_every_kind_of_key(
    shared: EmbeddedKms, matrix: dict[tuple[str, Condition], tuple[str, str]], action: str, condition: Condition
) -> None:
    key_id, blob = matrix[action, condition]
    before = metadata(shared, key_id)
    expected = cmk_rules.refusal(action, condition.state, **condition.facts(), rules=rules.of_cmks(shared.assumed()))
    parameters = request(action, key_id, blob, condition.usage)
    if action == "ImportKeyMaterial" and condition.origin == "EXTERNAL" and condition.usage == SYMMETRIC:
        parameters = import_requests.import_request(shared, key_id, material_of(shared, key_id))
    assert outcome(shared, action, parameters) == expected
    after = metadata(shared, key_id)
    if expected is None:
        assert after["KeyState"] == condition.follows(action)
    else:
        assert after == before, "a refused action changed the key"


@pytest.mark.parametrize("state", words.STATES)
@pytest.mark.parametrize("action", CLOUD)
def test_the_table_says_what_the_cloud_says_of_states(action: str, state: str) -> None:
    origin = "EXTERNAL" if state == "PendingImport" or action in IMPORTS else "TENCENT_KMS"
    order = ("Enabled", "Disabled", "PendingDelete", "PendingImport", "Archived")
    found = cmk_rules.refusal(action, state, origin=origin, usage=USAGES.get(action, SYMMETRIC))
    assert found == CLOUD[action][order.index(state)]


@pytest.mark.parametrize(("action", "state", "facts", "codes"), CLOUD_REASONS)
def test_the_table_says_what_the_cloud_says_of_usage_origin_and_users(
    action: str, state: str, facts: dict[str, Any], codes: set[str | None]
) -> None:
    assert cmk_rules.refusal(action, state, **facts) in codes


def reasons(rule: cmk_rules.Rule) -> tuple[str | None, ...]:
    """Return the codes for all that is not the state, in the order of the documented table."""
    return rule.symmetric, rule.asymmetric, rule.external, rule.generated, rule.product, rule.bound


def documented_table() -> str:
    found = re.search(r"<!-- states:[^\n]*-->\n+(.*?)\n+<!-- end of states -->", DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/local-kms.md has lost the marks of its table of states"
    return found[1]


def written_table() -> str:
    """Write keys.RULES as docs/local-kms.md shows it."""

    def cell(code: str | None, fine: str) -> str:
        return fine if code is None else f"`{code.rpartition('.')[2]}`"

    headings = [
        "action",
        *words.STATES,
        "symmetric",
        "asymmetric",
        "imported",
        "not imported",
        "of a product",
        "in use",
    ]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for action, rule in cmk_rules.RULES.items():
        cells = [cell(code, "yes") for code in rule.states]
        cells += [cell(code, "") for code in reasons(rule)]
        lines.append(f"| {' | '.join([action, *cells])} |")
    return "\n".join(lines)


def test_the_documented_table_is_the_one_of_the_code() -> None:
    written = written_table()
    assert documented_table() == written, (
        f"docs/local-kms.md is to be updated: between its marks for the states it must say\n\n{written}\n"
    )


@pytest.mark.parametrize("source", words.STATES)
@pytest.mark.parametrize("destination", words.STATES)
def test_moving_a_blob_needs_a_key_that_decrypts_and_one_that_encrypts(
    shared: EmbeddedKms, source: str, destination: str
) -> None:
    _, blob = key_in(shared, Condition(source))
    to_key_id, _ = key_in(shared, Condition(destination))
    table = rules.of_cmks(shared.assumed())
    expected = cmk_rules.refusal("Decrypt", source, rules=table) or cmk_rules.refusal(
        "Encrypt", destination, rules=table
    )
    assert outcome(shared, "ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": to_key_id}) == expected


def test_keys_that_await_deletion_or_are_archived_are_not_in_the_short_list(kms: EmbeddedKms) -> None:
    made = {state: key_in(kms, Condition(state))[0] for state in words.STATES}
    key_in(kms, Condition(owner="ssm"))
    answer = kms.call("ListKeys", {})
    listed = {found["KeyId"] for found in answer["Keys"]}
    assert listed == {made[state] for state in ("Enabled", "Disabled", "PendingImport")}
    assert answer["TotalCount"] == 3
    detailed = kms.call("ListKeyDetail", {})["KeyMetadatas"]
    assert {(found["KeyId"], found["KeyState"]) for found in detailed} == {(made[name], name) for name in made}


def test_a_key_waits_for_its_import_from_the_start_if_it_is_external(kms: EmbeddedKms) -> None:
    assert state(kms, create(kms)) == "Enabled"
    assert state(kms, create(kms, Type=2)) == "PendingImport"


@pytest.mark.parametrize("days", [0, 6, 31, 365])
def test_a_window_of_less_than_7_or_more_than_30_days_is_refused(kms: EmbeddedKms, days: int) -> None:
    key_id, _ = key_in(kms, Condition("Disabled"))
    code = refusal(kms, "ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": days})
    assert code == "InvalidParameter.InvalidPendingWindowInDays"
    assert (state(kms, key_id), metadata(kms, key_id)["DeletionDate"]) == ("Disabled", 0)


# In Beijing: noon, the last second of a day and the first one, the end of a year and the day before a leap day.
MOMENTS = (
    "2027-05-24T12:00:00+08:00",
    "2027-05-24T23:59:59+08:00",
    "2027-05-25T00:00:00+08:00",
    "2027-12-31T23:59:58+08:00",
    "2028-02-20T07:00:00+08:00",
)


@pytest.mark.parametrize("days", [7, 8, 30])
@pytest.mark.parametrize("moment", MOMENTS)
def test_the_deletion_date_ends_a_day_in_beijing_after_the_whole_window(
    kms: EmbeddedKms, days: int, moment: str
) -> None:
    key_id, _ = key_in(kms, Condition("Disabled"))
    earliest = set_clock(kms, moment)
    answer = kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": days})
    latest = now(kms)
    date = answer["DeletionDate"]
    assert answer["KeyId"] == key_id
    assert (date + BEIJING) % DAY == DAY - 1
    assert earliest + days * DAY <= date < latest + (days + 1) * DAY
    assert metadata(kms, key_id)["DeletionDate"] == date


def test_the_deletion_date_of_the_clouds_own_sample(kms: EmbeddedKms) -> None:
    key_id, _ = key_in(kms, Condition("Disabled"))
    set_clock(kms, "2019-05-24T14:30:00+08:00")
    answer = kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    assert answer["DeletionDate"] == 1559318399


@pytest.mark.parametrize(("external", "follows"), [(False, "Disabled"), (True, "PendingImport")])
def test_a_deletion_that_is_called_off_leaves_a_key_that_must_be_enabled(
    kms: EmbeddedKms, external: bool, follows: str
) -> None:
    key_id = create(kms, Type=2 if external else 1)
    if not external:
        kms.call("DisableKey", {"KeyId": key_id})
    kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    assert kms.call("CancelKeyDeletion", {"KeyId": key_id})["KeyId"] == key_id
    assert (state(kms, key_id), metadata(kms, key_id)["DeletionDate"]) == (follows, 0)
    advance(kms, 60 * DAY)
    assert state(kms, key_id) == follows


def test_after_the_window_the_key_is_gone_with_all_that_belongs_to_it(kms: EmbeddedKms) -> None:
    kept = [create(kms) for _ in range(40)]
    key_id = create(kms, Alias="doomed", Tags=[{"TagKey": "team", "TagValue": "a tag that goes"}])
    blob = encrypt(kms, key_id)
    kms.call("EnableKeyRotation", {"KeyId": key_id})
    kms.call("RotateKey", {"KeyId": key_id})
    material = wrapped(kms, key_id)
    assert len(material) == 2
    kms.call("DisableKey", {"KeyId": key_id})
    date = kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})["DeletionDate"]
    advance(kms, date - now(kms) - 60)
    assert state(kms, key_id) == "PendingDelete"
    before = kms.store.path.read_bytes()
    assert all(secret in before for secret in [*material, key_id.encode(), b"a tag that goes"])
    advance(kms, date - now(kms))
    codes = {action: outcome(kms, action, request(action, key_id, blob)) for action in cmk_rules.RULES}
    assert codes == dict.fromkeys(cmk_rules.RULES, GONE)
    after = kms.store.path.read_bytes()
    assert not any(secret in after for secret in [*material, key_id.encode(), b"a tag that goes"])
    assert {path.name for path in kms.store.folder.iterdir()} == {"kms.sqlite3", "root.key"}
    assert {state(kms, other) for other in kept} == {"Enabled"}
    assert all(decrypt(kms, encrypt(kms, other)) == PLAINTEXT for other in kept)
    create(kms, Alias="doomed")


def test_nothing_of_many_destroyed_keys_is_left_in_the_file(kms: EmbeddedKms) -> None:
    """Pages of the database are split and merged; no copy of a secret stays in the gaps."""
    made = [create(kms) for _ in range(250)]
    doomed = made[::3] + made[100:140]
    material = [secret for key_id in doomed for secret in wrapped(kms, key_id)]
    for key_id in doomed:
        change(kms, key_id, state="PendingDelete", deletion_date=now(kms) + DAY)
    assert all(secret in kms.store.path.read_bytes() for secret in material)
    advance(kms, 2 * DAY)
    assert refusal(kms, "DescribeKey", {"KeyId": doomed[0]}) == GONE
    after = kms.store.path.read_bytes()
    # A wrapped secret is nonce, ciphertext and tag; the half of one would be a remnant too.
    assert not [secret for secret in material if secret[:22] in after or secret[-22:] in after]


@pytest.mark.parametrize(
    ("action", "before", "after"), [("EnableKeys", "Disabled", "Enabled"), ("DisableKeys", "Enabled", "Disabled")]
)
def test_many_keys_are_changed_all_or_none(kms: EmbeddedKms, action: str, before: str, after: str) -> None:
    good = [key_in(kms, Condition(before))[0] for _ in range(100)]
    pending, _ = key_in(kms, Condition("PendingDelete"))

    def states() -> set[str]:
        return {found["KeyState"] for found in kms.call("DescribeKeys", {"KeyIds": good})["KeyMetadatas"]}

    for ids, code in (
        ([*good[:99], pending], STATE),
        ([*good[:99], NOBODY], GONE),
        ([*good[:99], good[0]], "InvalidParameterValue.DuplicatedKeyId"),
        ([*good[:99], "x"], "InvalidParameterValue.InvalidKeyId"),
        ([*good, NOBODY], "InvalidParameter"),
        ([], "InvalidParameter"),
    ):
        assert refusal(kms, action, {"KeyIds": ids}) == code
        assert states() == {before}
    kms.call(action, {"KeyIds": good})
    assert states() == {after}
    kms.call(action, {"KeyIds": good})
    assert states() == {after}


def test_many_keys_are_not_disabled_if_a_cloud_product_uses_one(kms: EmbeddedKms) -> None:
    free, used = create(kms), create(kms)
    kms.call("BindCloudResource", {"KeyId": used, **BINDING})
    assert refusal(kms, "DisableKeys", {"KeyIds": [free, used]}) == USED
    assert (state(kms, free), state(kms, used)) == ("Enabled", "Enabled")


def test_rotation_is_turned_on_and_off(kms: EmbeddedKms) -> None:
    key_id = create(kms)

    def status() -> tuple[bool, bool, int]:
        found = metadata(kms, key_id)
        answer = kms.call("GetKeyRotationStatus", {"KeyId": key_id})["KeyRotationEnabled"]
        return answer, found["KeyRotationEnabled"], found["RotateDays"]

    assert status() == (False, False, 365)
    before = now(kms)
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 90})
    assert status() == (True, True, 90)
    assert before + 90 * DAY <= metadata(kms, key_id)["NextRotateTime"] <= now(kms) + 90 * DAY
    kms.call("EnableKeyRotation", {"KeyId": key_id})
    assert status() == (True, True, 365)
    kms.call("DisableKeyRotation", {"KeyId": key_id})
    assert status() == (False, False, 365)
    kms.call("DisableKeyRotation", {"KeyId": key_id})
    blob = encrypt(kms, key_id)
    advance(kms, 800 * DAY)
    assert metadata(kms, key_id)["LastRotateTime"] == 0
    assert re_encrypt(kms, blob) == (False, blob)


@pytest.mark.parametrize("days", [0, 6, 7, 365, 366])
def test_a_cycle_has_7_to_365_days(kms: EmbeddedKms, days: int) -> None:
    key_id = create(kms)
    expected = None if 7 <= days <= 365 else "InvalidParameterValue"
    assert outcome(kms, "EnableKeyRotation", {"KeyId": key_id, "RotateDays": days}) == expected
    assert metadata(kms, key_id)["KeyRotationEnabled"] == (expected is None)


def re_encrypt(kms: EmbeddedKms, blob: str) -> tuple[bool, str]:
    answer = kms.call("ReEncrypt", {"CiphertextBlob": blob})
    return answer["ReEncrypted"], answer["CiphertextBlob"]


def test_a_key_is_rotated_on_demand_once_a_day(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    assert refusal(kms, "RotateKey", {"KeyId": key_id}) == NO_ROTATION
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 30})
    before = now(kms)
    task = uuid.UUID(kms.call("RotateKey", {"KeyId": key_id})["TaskId"])
    found = metadata(kms, key_id)
    assert before <= found["LastRotateTime"] <= now(kms)
    assert found["NextRotateTime"] == found["LastRotateTime"] + 30 * DAY
    assert task.version == 1
    assert before <= (task.time - 0x01B21DD213814000) // 10_000_000 <= now(kms)
    again = ("RotateKey", {"KeyId": key_id})
    assert refusal(kms, *again) == "RequestLimitExceeded.RotateRateLimited"
    advance(kms, found["LastRotateTime"] + DAY - 60 - now(kms))
    assert refusal(kms, *again) == "RequestLimitExceeded.RotateRateLimited"
    assert metadata(kms, key_id)["LastRotateTime"] == found["LastRotateTime"]
    advance(kms, 60)
    other = uuid.UUID(kms.call(*again)["TaskId"])
    assert other != task
    assert metadata(kms, key_id)["LastRotateTime"] >= found["LastRotateTime"] + DAY
    kms.call("DisableKeyRotation", {"KeyId": key_id})
    advance(kms, 2 * DAY)
    assert refusal(kms, *again) == NO_ROTATION


@pytest.mark.parametrize("way", ["on demand", "by time"])
def test_older_blobs_stay_readable_and_can_be_moved(kms: EmbeddedKms, way: str) -> None:
    key_id = create(kms)
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 30})
    old = encrypt(kms, key_id)
    assert re_encrypt(kms, old) == (False, old)
    if way == "on demand":
        kms.call("RotateKey", {"KeyId": key_id})
    else:
        advance(kms, 30 * DAY)
    assert decrypt(kms, old) == PLAINTEXT
    assert (state(kms, key_id), len(wrapped(kms, key_id))) == ("Enabled", 2)
    changed, moved = re_encrypt(kms, old)
    assert changed
    assert moved.partition("-k-")[0] != old.partition("-k-")[0]
    assert decrypt(kms, moved) == PLAINTEXT
    assert re_encrypt(kms, moved) == (False, moved)
    fresh = encrypt(kms, key_id)
    assert fresh.partition("-k-")[0] == moved.partition("-k-")[0]
    assert decrypt(kms, old) == PLAINTEXT


def test_all_cycles_that_are_due_are_made_up_for(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 7})
    first = metadata(kms, key_id)["NextRotateTime"]
    old = encrypt(kms, key_id)
    advance(kms, 30 * DAY)
    found = metadata(kms, key_id)
    assert (found["LastRotateTime"], found["NextRotateTime"]) == (first + 21 * DAY, first + 28 * DAY)
    assert len(set(wrapped(kms, key_id))) == 5
    assert decrypt(kms, old) == PLAINTEXT
    assert re_encrypt(kms, old)[0]
    advance(kms, 5 * DAY)
    assert metadata(kms, key_id)["LastRotateTime"] == first + 28 * DAY


@pytest.mark.parametrize("kept_from", ["Disabled", "PendingDelete", "Archived"])
def test_a_key_that_is_not_in_use_is_not_rotated_and_goes_on_with_the_next_cycle(
    kms: EmbeddedKms, kept_from: str
) -> None:
    key_id = create(kms)
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 7})
    first = metadata(kms, key_id)["NextRotateTime"]
    change(kms, key_id, state=kept_from, deletion_date=now(kms) + 30 * DAY if kept_from == "PendingDelete" else 0)
    advance(kms, 16 * DAY)
    found = metadata(kms, key_id)
    assert (found["KeyState"], found["LastRotateTime"]) == (kept_from, 0)
    assert found["NextRotateTime"] == first + 14 * DAY
    assert len(wrapped(kms, key_id)) == 1
    change(kms, key_id, state="Enabled", deletion_date=0)
    assert metadata(kms, key_id)["LastRotateTime"] == 0
    advance(kms, 7 * DAY)
    assert metadata(kms, key_id)["LastRotateTime"] == first + 14 * DAY
    assert len(wrapped(kms, key_id)) == 2


def test_only_the_due_keys_of_all_regions_are_rotated(kms: EmbeddedKms) -> None:
    singapore = EmbeddedKms(kms.store.folder, "ap-singapore")
    try:
        made = {}
        for place in (kms, singapore):
            for days in (7, 60):
                key_id = create(place)
                place.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": days})
                made[place, days] = key_id
        advance(kms, 8 * DAY)
        rotated = {days: len(wrapped(place, key_id)) for (place, days), key_id in made.items()}
        assert rotated == {7: 2, 60: 1}
    finally:
        singapore.close()


def imported(kms: EmbeddedKms, valid_to: int) -> tuple[str, str]:
    """Make a key with imported material that expires; return it and a blob."""
    key_id, blob = key_in(kms, Condition(origin="EXTERNAL"))
    change(kms, key_id, valid_to=valid_to)
    return key_id, blob


@pytest.mark.parametrize("before", ["Enabled", "Disabled"])
def test_imported_material_expires(kms: EmbeddedKms, before: str) -> None:
    key_id, blob = imported(kms, now(kms) + DAY)
    change(kms, key_id, state=before)
    material = wrapped(kms, key_id)
    advance(kms, DAY - 60)
    assert state(kms, key_id) == before
    advance(kms, 60)
    assert (state(kms, key_id), metadata(kms, key_id)["ValidTo"]) == ("PendingImport", 0)
    assert refusal(kms, "Decrypt", {"CiphertextBlob": blob}) == DISABLED
    assert not [secret for secret in material if secret in kms.store.path.read_bytes()]


def test_imported_material_of_a_key_in_use_does_not_expire(kms: EmbeddedKms) -> None:
    key_id, blob = imported(kms, now(kms) + DAY)
    kms.call("BindCloudResource", {"KeyId": key_id, **BINDING})
    advance(kms, 30 * DAY)
    assert decrypt(kms, blob) == PLAINTEXT
    kms.call("UnbindCloudResource", {"KeyId": key_id, **BINDING})
    assert (state(kms, key_id), metadata(kms, key_id)["ValidTo"]) == ("Enabled", 0)


def test_a_key_that_loses_its_material_while_it_awaits_deletion_goes_on_awaiting_it(kms: EmbeddedKms) -> None:
    key_id, _ = imported(kms, now(kms) + DAY)
    kms.call("DisableKey", {"KeyId": key_id})
    kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 30})
    advance(kms, 2 * DAY)
    assert state(kms, key_id) == "PendingDelete"
    assert wrapped(kms, key_id) == []
    kms.call("CancelKeyDeletion", {"KeyId": key_id})
    assert state(kms, key_id) == "PendingImport"


def test_a_binding_guards_a_key_until_it_is_taken_away(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    kms.call("BindCloudResource", {"KeyId": key_id, **BINDING})
    kms.call("BindCloudResource", {"KeyId": key_id, **BINDING})
    other = {"ProductId": "mysql", "ResourceId": "secret-1"}
    kms.call("BindCloudResource", {"KeyId": key_id, **other})
    kms.call("UnbindCloudResource", {"KeyId": key_id, **BINDING})
    assert refusal(kms, "DisableKey", {"KeyId": key_id}) == USED
    kms.call("UnbindCloudResource", {"KeyId": key_id, **other})
    kms.call("DisableKey", {"KeyId": key_id})
    assert state(kms, key_id) == "Disabled"


@pytest.mark.parametrize("wrong", [{"ProductId": "mysql"}, {"ResourceId": "secret-2"}])
def test_a_binding_that_there_is_not_cannot_be_taken_away(kms: EmbeddedKms, wrong: dict[str, str]) -> None:
    key_id, other = create(kms), create(kms)
    kms.call("BindCloudResource", {"KeyId": key_id, **BINDING})
    unknown = "ResourceUnavailable.CloudResourceBindingNotFound"
    assert refusal(kms, "UnbindCloudResource", {"KeyId": key_id, **BINDING, **wrong}) == unknown
    assert refusal(kms, "UnbindCloudResource", {"KeyId": other, **BINDING}) == unknown
    assert refusal(kms, "UnbindCloudResource", {"KeyId": NOBODY, **BINDING}) == GONE
    assert refusal(kms, "DisableKey", {"KeyId": key_id}) == USED
    kms.call("UnbindCloudResource", {"KeyId": key_id, **BINDING})
    assert refusal(kms, "UnbindCloudResource", {"KeyId": key_id, **BINDING}) == unknown


def test_the_keys_of_cloud_products_are_listed_apart_and_left_alone(kms: EmbeddedKms) -> None:
    users = create(kms)
    products, _ = key_in(kms, Condition(owner="ssm"))

    def listed(role: int) -> set[str]:
        short = {found["KeyId"] for found in kms.call("ListKeys", {"Role": role})["Keys"]}
        full = {found["KeyId"] for found in kms.call("ListKeyDetail", {"Role": role})["KeyMetadatas"]}
        assert short == full
        return short

    assert (listed(0), listed(1)) == ({users}, {products})
    assert metadata(kms, products)["Owner"] == "ssm"
    assert refusal(kms, "DisableKey", {"KeyId": products}) == ROLE
    assert refusal(kms, "DisableKeys", {"KeyIds": [users, products]}) == ROLE
    assert refusal(kms, "ArchiveKey", {"KeyId": products}) == NOT_USERS
    assert (state(kms, users), state(kms, products)) == ("Enabled", "Enabled")
    assert decrypt(kms, encrypt(kms, products)) == PLAINTEXT
