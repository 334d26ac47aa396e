"""What the cloud does not tell can be assumed in two ways: each switch shows, and with all of them turned the KMS works."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from kmstool import words
from kmstool.api import protocol
from kmstool.crypto import keys, pem
from kmstool.errors import ArgumentError, IntegrityError, KmsToolError
from kmstool.server import admin, assumptions, tag_service
from kmstool.server.app import EmbeddedKms
from kmstool.server.assumptions import UNKNOWNS
from kmstool.server.beta.service import EmbeddedBeta
from kmstool.server.seed import seeding
from tests import import_requests, terraform, test_contract, test_lifecycle
from tests.asking import Ask, call, code, send_v1, serving, v1

DOCUMENT = Path(__file__).parents[1] / "docs" / "local-kms.md"
DAY = 86400
NOON = 1_800_000_000 - 1_800_000_000 % DAY + 4 * 3600
"""In Beijing, of a day in 2027."""
PLAINTEXT = protocol.encode(b"of the tests")
SIGNED = {"Message": PLAINTEXT, "MessageType": "RAW"}
STATE, DISABLED = "ResourceUnavailable.CmkStateNotSupport", "ResourceUnavailable.CmkDisabled"
USAGE = "InvalidParameterValue.InvalidKeyUsage"

Show = Callable[[EmbeddedKms], object]


def create(kms: EmbeddedKms, usage: str = "symmetric", **more: Any) -> str:
    made = kms.call("CreateKey", {"Alias": f"demo-{len(listed(kms))}", "KeyUsage": words.USAGES[usage], **more})
    return str(made["KeyId"])


def listed(kms: EmbeddedKms) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = kms.call("ListKeyDetail", {"KeyUsage": "ALL", "Limit": 200})["KeyMetadatas"]
    return found


def outcome(kms: EmbeddedKms, action: str, /, **params: Any) -> str | None:
    """Return the code with which a request is refused, None if it works."""
    try:
        kms.call(action, params)
    except KmsToolError as error:
        return error.kms_code
    return None


def state(kms: EmbeddedKms, key_id: str) -> str:
    return str(kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["KeyState"])


def in_state(kms: EmbeddedKms, wanted: str) -> str:
    """Make a key and bring it into a state."""
    key_id = create(kms, Type=2 if wanted == words.PENDING_IMPORT else 1)
    steps: dict[str, list[tuple[str, dict[str, Any]]]] = {
        words.DISABLED: [("DisableKey", {})],
        words.ARCHIVED: [("ArchiveKey", {})],
        words.PENDING_DELETE: [("DisableKey", {}), ("ScheduleKeyDeletion", {"PendingWindowInDays": 7})],
    }
    for action, more in steps.get(wanted, []):
        kms.call(action, {"KeyId": key_id, **more})
    return key_id


def external(kms: EmbeddedKms) -> str:
    """Make a key with imported material."""
    key_id = create(kms, Type=2)
    kms.call("ImportKeyMaterial", import_requests.import_request(kms, key_id, bytes(16)))
    return key_id


def salt_bytes(kms: EmbeddedKms) -> int:
    key_id = create(kms, "sign-rsa-2048")
    request = {"KeyId": key_id, "Algorithm": "RSA_PSS_SHA_256", **SIGNED}
    signature = protocol.decode(kms.call("SignByAsymmetricKey", request)["Signature"])
    public = pem.read_public_key(kms.call("GetPublicKey", {"KeyId": key_id})["PublicKeyPem"].encode())
    assert isinstance(public, keys.RsaPublicKey)
    for size in (32, 222):
        try:
            way = padding.PSS(padding.MGF1(hashes.SHA256()), size)
            public.key.verify(signature, b"of the tests", way, hashes.SHA256())
        except InvalidSignature:
            continue
        assert kms.call("VerifyByAsymmetricKey", {**request, "SignatureValue": protocol.encode(signature)})[
            "SignatureValid"
        ]
        return size
    raise AssertionError("salt of another length")


def other_name(kms: EmbeddedKms) -> object:
    return outcome(kms, "SignByAsymmetricKey", KeyId=create(kms, "sign-ecc-p384"), Algorithm="ECC_P384_R1", **SIGNED)


def wrong_usage(kms: EmbeddedKms) -> object:
    asymmetric, symmetric = create(kms, "rsa-2048"), create(kms)
    return (
        outcome(kms, "Encrypt", KeyId=asymmetric, Plaintext=PLAINTEXT),
        outcome(kms, "SignByAsymmetricKey", KeyId=symmetric, Algorithm="RSA_PSS_SHA_256", **SIGNED),
        outcome(
            kms, "VerifyByAsymmetricKey", KeyId=asymmetric, Algorithm="RSA_PSS_SHA_256", SignatureValue="", **SIGNED
        ),
        outcome(kms, "AsymmetricRsaDecrypt", KeyId=symmetric, Algorithm="RSAES_OAEP_SHA_256", Ciphertext=""),
    )


def unusable(kms: EmbeddedKms) -> object:
    return (
        outcome(kms, "Encrypt", KeyId=in_state(kms, words.PENDING_DELETE), Plaintext=PLAINTEXT),
        outcome(kms, "Encrypt", KeyId=in_state(kms, words.PENDING_IMPORT), Plaintext=PLAINTEXT),
        outcome(kms, "Encrypt", KeyId=in_state(kms, words.DISABLED), Plaintext=PLAINTEXT),
        outcome(kms, "GenerateDataKey", KeyId=in_state(kms, words.ARCHIVED), KeySpec="AES_256"),
    )


def contexts(kms: EmbeddedKms) -> object:
    """Tell which contexts open a blob under one, and whether an empty one opens a blob under none."""
    key_id, context = create(kms), '{"a":"1","b":"2"}'

    def opened(sealed: str, asked: str) -> bool:
        request = {"KeyId": key_id, "Plaintext": PLAINTEXT, "EncryptionContext": sealed}
        blob = kms.call("Encrypt", request)["CiphertextBlob"]
        return outcome(kms, "Decrypt", CiphertextBlob=blob, EncryptionContext=asked) is None

    return (
        opened(context, context),
        opened(context, '{"b": "2", "a": "1"}'),
        opened("", "{}"),
        opened(context, '{"a":"1"}'),
        opened(context, ""),
    )


def empty(kms: EmbeddedKms) -> object:
    key_id = create(kms)
    code = outcome(kms, "Encrypt", KeyId=key_id, Plaintext="")
    if code is None:
        blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": ""})["CiphertextBlob"]
        assert kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == ""
    return code


def values(kms: EmbeddedKms) -> object:
    key_id = create(kms)
    asked = ('{"a":1}', '{"a":{"b":[null]}}', "[]", "1")
    return [outcome(kms, "Encrypt", KeyId=key_id, Plaintext=PLAINTEXT, EncryptionContext=text) for text in asked]


def unwrappable(kms: EmbeddedKms) -> object:
    blob = kms.call("Encrypt", {"KeyId": create(kms), "Plaintext": PLAINTEXT})["CiphertextBlob"]
    return outcome(kms, "Decrypt", CiphertextBlob=blob, EncryptionPublicKey="no PEM")


def malformed_signature(kms: EmbeddedKms) -> object:
    request = {"KeyId": create(kms, "sign-ecc"), "Algorithm": "ECC_P256_R1", "SignatureValue": "!", **SIGNED}
    try:
        return kms.call("VerifyByAsymmetricKey", request)["SignatureValid"]
    except KmsToolError as error:
        return error.kms_code


def elsewhere(kms: EmbeddedKms) -> object:
    def taken(action: str, region: str, **more: Any) -> str | None:
        try:
            kms.call(action, {"Alias": "demo", **more}, region)
        except KmsToolError as error:
            return error.kms_code
        return None

    assert taken("CreateKey", "ap-guangzhou") is None
    assert taken("CreateKey", "ap-guangzhou") == "InvalidParameterValue.AliasAlreadyExists"
    return taken("CreateKey", "ap-shanghai")


def archived(kms: EmbeddedKms) -> object:
    """Tell what can be done to archived keys, and what becomes of one that awaits its import and is disabled."""
    found: dict[str, object] = {}
    for action, more in (
        ("ArchiveKey", {}), ("EnableKey", {}), ("DisableKey", {}), ("ScheduleKeyDeletion", {"PendingWindowInDays": 7}),
    ):  # fmt: skip
        key_id = in_state(kms, words.ARCHIVED)
        found[action] = outcome(kms, action, KeyId=key_id, **more) or state(kms, key_id)
    waiting = in_state(kms, words.PENDING_IMPORT)
    found["waiting"] = outcome(kms, "DisableKeys", KeyIds=[waiting]) or state(kms, waiting)
    return found


def deletion(kms: EmbeddedKms) -> object:
    admin.move_clock(kms, NOON - int(time.time()))
    key_id = in_state(kms, words.DISABLED)
    date = kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})["DeletionDate"]
    # The end of a day in Beijing is 12 hours after noon; a few seconds pass.
    return round((date - NOON - 7 * DAY) / 3600)


def short_material(kms: EmbeddedKms) -> object:
    key_id = create(kms, Type=2)
    return outcome(kms, "ImportKeyMaterial", **import_requests.import_request(kms, key_id, bytes(5)))


def disabled_import(kms: EmbeddedKms) -> object:
    first, second = external(kms), external(kms)
    kms.call("DisableKeys", {"KeyIds": [first, second]})
    imported = outcome(kms, "ImportKeyMaterial", **import_requests.import_request(kms, first, bytes(16)))
    return imported, state(kms, first), outcome(kms, "DeleteImportedKeyMaterial", KeyId=second)


def replaced_token(kms: EmbeddedKms) -> object:
    key_id = create(kms, Type=2)
    before, newest = (import_requests.import_request(kms, key_id, bytes(16)) for _ in range(2))
    found = outcome(kms, "ImportKeyMaterial", **before)
    admin.move_clock(kms, DAY + 60)
    return found, outcome(kms, "ImportKeyMaterial", **newest)


def white_box(kms: EmbeddedKms) -> str:
    made = kms.call("CreateWhiteBoxKey", {"Alias": "white", "Algorithm": words.SM4})
    kms.call("DisableWhiteBoxKey", {"KeyId": made["KeyId"]})
    return str(made["KeyId"])


def disabled_white_box(kms: EmbeddedKms) -> object:
    return outcome(kms, "EncryptByWhiteBox", KeyId=white_box(kms), PlainText=PLAINTEXT)


def disabled_decrypt_key(kms: EmbeddedKms) -> object:
    return outcome(kms, "DescribeWhiteBoxDecryptKey", KeyId=white_box(kms))


def blob_bytes(kms: EmbeddedKms) -> object:
    """Return how long the last part of a blob is, in a FIPS region and in an SM region; the blobs must open."""
    sizes = []
    for region in ("ap-singapore", "ap-guangzhou"):
        key_id = kms.call("CreateKey", {"Alias": "demo"}, region)["KeyId"]
        request = {"KeyId": key_id, "Plaintext": protocol.encode(bytes(32))}
        blob = kms.call("Encrypt", request, region)["CiphertextBlob"]
        assert kms.call("Decrypt", {"CiphertextBlob": blob}, region)["Plaintext"] == request["Plaintext"]
        sizes.append(len(base64.b64decode(blob.split("-k-")[2])))
    return sizes


def unknown_parameter(kms: EmbeddedKms) -> object:
    return (
        outcome(kms, "GenerateRandom", NumberOfBytes=8, Size=9),
        outcome(kms, "CreateKey", Alias="demo", Tags=[{"TagKey": "a", "TagValue": "b", "TagName": "c"}]),
        outcome(kms, "GenerateRandom", Size=9),
    )


def text_number(kms: EmbeddedKms) -> object:
    params = {"KeyId": create(kms), "NumberOfBytes": "8", "IsHostedByKms": "0"}
    assert kms.call("GenerateDataKey", params, as_text=True)
    assert outcome(kms, "CreateKey", Alias="text", Type="two") == "InvalidParameter"
    return outcome(kms, "GenerateDataKey", **params)


def message(kms: EmbeddedKms) -> object:
    with pytest.raises(KmsToolError) as caught:
        kms.call("DescribeKey", {"KeyId": "demo"})
    assert caught.value.request_id
    return caught.value.message


def beta_message(kms: EmbeddedKms) -> object:
    with pytest.raises(KmsToolError) as caught:
        EmbeddedBeta(kms, words.REGION).call("Decrypt", {"ciphertextBlob": "no blob"})
    assert caught.value.kms_code == "4580"
    return caught.value.message.startswith("(10680)")


def limit(kms: EmbeddedKms) -> object:
    seeding.apply(kms, "".join(f'[[key]]\nalias = "demo-{number}"\n' for number in range(200)))
    return kms.call("GetServiceStatus", {})["CmkLimit"], outcome(kms, "CreateKey", Alias="one-more")


def refused_tags(kms: EmbeddedKms) -> object:
    tags = {"Tags": [{"TagKey": "qcloud", "TagValue": "a"}]}
    key_id = create(kms)
    return (
        outcome(kms, "CreateKey", Alias="demo", **tags),
        outcome(kms, "GenerateDataKey", KeyId=key_id, KeySpec="AES_256", IsHostedByKms=1, DataKeyName="a", **tags),
        outcome(kms, "CreateWhiteBoxKey", Alias="demo", Algorithm=words.SM4, **tags),
    )


def data_key_of_context(kms: EmbeddedKms) -> object:
    hosted = {"KeyId": create(kms), "KeySpec": "AES_256", "IsHostedByKms": 1}
    made = [
        kms.call("GenerateDataKey", {**hosted, "DataKeyName": f"demo-{len(context)}", "EncryptionContext": context})
        for context in ("", '{"a":"b"}')
    ]
    return [outcome(kms, "GetDataKeyPlaintext", DataKeyId=answer["DataKeyId"]) for answer in made]


def asymmetric_rotation(kms: EmbeddedKms) -> object:
    return outcome(kms, "EnableKeyRotation", KeyId=create(kms, "rsa-2048"))


ARCHIVED = "ResourceUnavailable.CmkArchived"
REFUSED = dict.fromkeys(("ArchiveKey", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "waiting"), STATE)
SHOWN: dict[str, tuple[Show, object, object]] = {
    "U1": (salt_bytes, 32, 222),
    "U2": (other_name, None, "InvalidParameter"),
    "U3": (wrong_usage, (USAGE, USAGE, USAGE, USAGE), (STATE, STATE, STATE, USAGE)),
    "U4": (unusable, (DISABLED, DISABLED, DISABLED, ARCHIVED), (STATE, STATE, DISABLED, DISABLED)),
    "U5": (contexts, (True, False, False, False, False), (True, True, True, False, False)),
    "U6": (empty, "InvalidParameterValue.InvalidPlaintext", None),
    "U7": (values, ["InvalidParameter"] * 4, [None, None, "InvalidParameter", "InvalidParameter"]),
    "U8": (unwrappable, "FailedOperation.EncryptionError", "InvalidParameter"),
    "U9": (malformed_signature, "InvalidParameter", False),
    "U10": (elsewhere, None, "InvalidParameterValue.AliasAlreadyExists"),
    "U11": (
        archived,
        REFUSED,
        {
            "ArchiveKey": words.ARCHIVED, "EnableKey": words.ENABLED, "DisableKey": words.DISABLED,
            "ScheduleKeyDeletion": words.PENDING_DELETE, "waiting": words.PENDING_IMPORT,
        },
    ),
    "U12": (deletion, 12, 0),
    "U13": (short_material, "InvalidParameter.DecryptMaterialError", "InvalidParameter"),
    "U14": (disabled_import, (STATE, words.DISABLED, None), (None, words.DISABLED, STATE)),
    "U15": (
        replaced_token,
        ("ResourceUnavailable.TokenExpired",) * 2,
        ("InvalidParameter", "ResourceUnavailable.TokenExpired"),
    ),
    "U16": (disabled_white_box, "ResourceUnavailable.KeyDisabled", None),
    "U17": (disabled_decrypt_key, None, "ResourceUnavailable.KeyDisabled"),
    "U20": (blob_bytes, [68, 68], [60, 68]),
    "U21": (unknown_parameter, ("UnknownParameter",) * 3, (None, None, "MissingParameter")),
    "U22": (text_number, None, "InvalidParameter"),
    "U23": (message, "the key id 'demo' is no UUID", "InvalidParameterValue.InvalidKeyId"),
    "U24": (beta_message, True, False),
    "U25": (limit, (10_000, None), (200, "LimitExceeded.CmkLimitExceeded")),
    "U26": (
        refused_tags,
        (None, None, None),
        ("FailedOperation.TaggingError", "FailedOperation.TaggingError", "InvalidParameterValue.TagsNotExisted"),
    ),
    "U27": (data_key_of_context, [None, None], [None, "InvalidParameterValue"]),
    "U29": (asymmetric_rotation, "InvalidParameterValue", STATE),
}  # fmt: skip
OF_SERVERS = {"U28"}


def test_every_switch_is_shown() -> None:
    assert SHOWN.keys() | OF_SERVERS == UNKNOWNS.keys()


@pytest.mark.parametrize("answer", ["a", "b"])
@pytest.mark.parametrize("unknown", SHOWN)
def test_a_switch_shows(unknown: str, answer: str, tmp_path: Path) -> None:
    show, *expected = SHOWN[unknown]
    with closing(EmbeddedKms(tmp_path / "store", assume=f"{unknown}={answer}")) as kms:
        assert show(kms) == expected["ab".index(answer)]


def test_without_words_every_answer_is_the_first(tmp_path: Path) -> None:
    with closing(EmbeddedKms(tmp_path / "store")) as kms:
        assert kms.assumed() == assumptions.NONE
        assert archived(kms) == REFUSED


@pytest.mark.parametrize(
    ("text", "turned"),
    [
        ("U11=b", {"U11"}),
        ("u11=b, U5=b", {"U11", "U5"}),
        ("U5=b,U5=a", set()),
        ("all=b,U5=a", UNKNOWNS.keys() - {"U5"}),
        ("ALL=a", set()),
        ("", {"U1"}),
    ],
)
def test_answers_are_read(text: str, turned: set[str]) -> None:
    before = frozenset({"U1"})
    expected = turned | ({"U1"} if "all" not in text.lower() else set())
    assert assumptions.parse(text, before) == expected
    assert assumptions.loads(assumptions.dumps(frozenset(expected))) == expected


@pytest.mark.parametrize("text", ["U11", "U11=c", "U0=b", "U18=b", "11=b", "U11=B", "U11=b;U5=b", "=b", "U11=b=b"])
def test_what_is_no_answer_is_told(text: str, kms: EmbeddedKms, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="is no assumption"):
        admin.assume(kms, text)
    with pytest.raises(ArgumentError, match="is no assumption"):
        EmbeddedKms(tmp_path / "store", assume=text)
    assert admin.assumed(kms) == assumptions.NONE


def test_of_answers_of_other_versions_nothing_is_assumed() -> None:
    assert assumptions.loads("U11,U99,,x") == {"U11"}
    assert assumptions.loads("") == assumptions.NONE


def test_the_store_remembers_answers_and_who_has_it_open_sees_them_at_once(kms: EmbeddedKms) -> None:
    folder = kms.store.folder
    with closing(EmbeddedKms(folder)) as other, closing(EmbeddedKms(folder, assume="U6=b,U11=a")) as own:
        key_id = create(kms)
        assert outcome(other, "Encrypt", KeyId=key_id, Plaintext="") == "InvalidParameterValue.InvalidPlaintext"
        admin.assume(kms, "U6=b,U11=b,U21=b")
        for each in (kms, other, own):
            assert outcome(each, "Encrypt", KeyId=key_id, Plaintext="", Unknown="a") is None
        assert own.assumed() == {"U6", "U21"}
        admin.assume(other, "U21=a")
        assert outcome(kms, "Encrypt", KeyId=key_id, Plaintext=PLAINTEXT, Unknown="a") == "UnknownParameter"
    with closing(EmbeddedKms(folder)) as again:
        assert again.assumed() == admin.assumed(again) == {"U6", "U11"}
        assert admin.describe(again)["Assumptions"] == ["U6=b", "U11=b"]


def test_answers_are_under_the_seal_of_the_store(kms: EmbeddedKms) -> None:
    admin.assume(kms, "U11=b")
    with kms.store.transaction(write=True) as db:
        db.execute("UPDATE store SET assumptions = 'U12'")
    with closing(EmbeddedKms(kms.store.folder)) as again, pytest.raises(IntegrityError):
        again.assumed()


def test_blobs_of_before_open_whatever_is_assumed(kms: EmbeddedKms) -> None:
    blobs = []
    for assume in ("", "all=b,U23=a"):
        with closing(EmbeddedKms(kms.store.folder, assume=assume)) as sealing:
            key_id = kms.call("CreateKey", {"Alias": f"demo-{len(assume)}"}, "ap-singapore")["KeyId"]
            for context in ("", '{"a":"b"}', '{"a": "b"}'):
                request = {"KeyId": key_id, "Plaintext": PLAINTEXT, "EncryptionContext": context}
                blobs.append((context, sealing.call("Encrypt", request, "ap-singapore")["CiphertextBlob"]))
    with closing(EmbeddedKms(kms.store.folder, assume="all=b")) as opening:
        for context, blob in blobs:
            request = {"CiphertextBlob": blob, "EncryptionContext": context}
            assert opening.call("Decrypt", request, "ap-singapore")["Plaintext"] == PLAINTEXT
            moved = {"CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationEncryptionContext": "{}"}
            moved = opening.call("ReEncrypt", moved, "ap-singapore")
            assert opening.call("Decrypt", {"CiphertextBlob": moved["CiphertextBlob"]}, "ap-singapore")


def test_a_served_kms_assumes_what_it_is_told_and_what_the_store_is_set_to(tmp_path: Path) -> None:
    late = Ask(skew=400)
    with serving(tmp_path / "plain") as server:
        assert code(late.send(server)) == "AuthFailure.SignatureExpire"
        with server.store() as kms:
            admin.assume(kms, "U28=b,U21=b")
        assert "Error" not in late.send(server)
        assert "Error" not in Ask(body=b'{"NumberOfBytes": 8, "Size": 9}').send(server)
        assert code(Ask(skew=700).send(server)) == "AuthFailure.SignatureExpire"
    with serving(tmp_path / "assuming", "--assume", "U28=b,U22=b") as server:
        assert "Error" not in late.send(server)
        assert code(call(server, "GenerateRandom", NumberOfBytes="8")) == "InvalidParameter"
        # In forms numbers are nothing else.
        fields = v1(server, "GET", None, Action="GenerateRandom", NumberOfBytes=8)
        assert "Error" not in send_v1(server, "GET", fields)
        query = "NumberOfBytes=8"
        get = Ask(method="GET", query=query, body=b"", content_type="application/x-www-form-urlencoded")
        assert "Error" not in get.send(server)


# Sequences of Terraform's provider that today's pages speak against, and that work if U11 is as it seems to expect.


def sender(kms: EmbeddedKms) -> terraform.Send:
    def send(action: str, params: dict[str, Any]) -> dict[str, Any]:
        return tag_service.call(kms, action, params) if action in tag_service.ACTIONS else kms.call(action, params)

    return send


def archived_and_destroyed(send: terraform.Send) -> None:
    key = terraform.Key(send)
    key.create({"alias": "demo", "is_enabled": True, "is_archived": True})
    key.destroy({"alias": "demo"})


def archived_and_updated(send: terraform.Send) -> None:
    key = terraform.Key(send)
    key.create({"alias": "demo", "is_enabled": True, "is_archived": True})
    key.update({"alias": "demo", "is_archived": True, "description": "still archived"})
    assert key.state["key_state"] == words.ARCHIVED
    key.update({"alias": "demo", "is_enabled": True})
    assert key.state["key_state"] == words.ENABLED


def waiting_and_destroyed(send: terraform.Send) -> None:
    key = terraform.ExternalKey(send)
    key.create({"alias": "demo", "is_enabled": True})
    key.destroy({"alias": "demo", "is_enabled": True})


@pytest.mark.parametrize("sequence", [archived_and_destroyed, archived_and_updated, waiting_and_destroyed])
def test_terraform_gets_on_with_archived_and_waiting_keys_if_that_is_assumed(
    sequence: Callable[[terraform.Send], None], tmp_path: Path
) -> None:
    with closing(EmbeddedKms(tmp_path / "a")) as kms, pytest.raises(KmsToolError) as caught:
        sequence(sender(kms))
    assert caught.value.kms_code == STATE
    with closing(EmbeddedKms(tmp_path / "b", assume="U11=b")) as kms:
        sequence(sender(kms))


def test_the_document_has_both_answers() -> None:
    """docs/local-kms.md says of each unknown what is assumed, and with which words."""
    text = DOCUMENT.read_text("utf-8").replace("`", "")
    rows = re.findall(r"^\| (U\d+) \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    assert len(rows) == 30
    assert {name: other for name, other in rows if name in UNKNOWNS} == {
        n: answers[1] for n, answers in UNKNOWNS.items()
    }
    assert {other for name, other in rows if name not in UNKNOWNS} == {"-"}


# The tests of two modules once more, with everything turned.

DIFFERENT = {
    "test_what_is_refused": "by their parameters, below",
    "test_the_life_of_a_white_box_key": "U16: ends with an encryption that is refused here",
    "test_the_deletion_date_ends_a_day_in_beijing_after_the_whole_window": "U12",
    "test_the_deletion_date_of_the_clouds_own_sample": "U12",
    "test_nothing_of_many_destroyed_keys_is_left_in_the_file": "U25: makes more keys",
    "test_imported_material_expires": "U4: ends with the code of a key that awaits its import",
}


def once_more(module: ModuleType) -> dict[str, Any]:
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    return {name: test for name, test in tests.items() if name not in DIFFERENT and test.__module__ == module.__name__}


globals().update(once_more(test_contract) | once_more(test_lifecycle))
matrix, key_id = test_lifecycle.matrix, test_contract.key_id


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKms]:
    # With the limit of the first answer: its keys are many.
    with closing(EmbeddedKms(tmp_path_factory.mktemp("shared") / "store", assume="all=b,U25=a")) as opened:
        yield opened


@pytest.fixture(scope="module")
def transport(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKms]:
    with closing(EmbeddedKms(tmp_path_factory.mktemp("contract") / "store", assume="all=b")) as opened:
        yield opened


@pytest.fixture
def kms(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedKms]:
    """As the conftest has it, for the tests of this module; with all turned for those of others."""
    own = request.function.__module__ == __name__
    with closing(EmbeddedKms(tmp_path / "store", assume="" if own else "all=b")) as opened:
        yield opened


@pytest.mark.parametrize("name", test_contract.REFUSED.keys() - {"no plaintext", "unknown parameter"})
def test_what_is_refused_still(name: str, transport: EmbeddedKms, key_id: str) -> None:
    test_contract.test_what_is_refused(transport, key_id, *test_contract.REFUSED[name])
