"""The embedded KMS speaks the API as Tencent publishes it: its fields, its answers, its error codes.

What an action takes, answers and refuses with is compared with what others say of it: the
models of Tencent's SDK for Python (names and types), tccli's own model (which fields are
required or always there too), and the codes that the API lists for each action.
"""

import ast
import contextlib
import inspect
import json
import re
import shutil
import textwrap
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import astuple, is_dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from tencentcloud.kms.v20190118 import models

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.server import blobs, requests
from kmstool.server.app import EmbeddedKms, writes
from kmstool.server.call import invalid
from kmstool.server.handlers import ACTIONS
from kmstool.server.seed import seeding
from kmstool.server.web.gateway import Gateway
from tests import scenarios
from tests.foreign import tccli_data

API = protocol.actions()
ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kmstool"
DOCUMENT = ROOT / "docs" / "local-kms.md"
RANGES = {"uint64": range(2**64), "int64": range(-(2**63), 2**63)}

# The codes that any action may answer with (API page "error codes", 573/34432).
COMMON = {
    "ActionOffline",
    "AuthFailure.InvalidAuthorization",
    "AuthFailure.InvalidSecretId",
    "AuthFailure.MFAFailure",
    "AuthFailure.SecretIdNotFound",
    "AuthFailure.SignatureExpire",
    "AuthFailure.SignatureFailure",
    "AuthFailure.TokenFailure",
    "AuthFailure.UnauthorizedOperation",
    "DryRunOperation",
    "FailedOperation",
    "InternalError",
    "InvalidAction",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidRequest",
    "IpInBlacklist",
    "IpNotInWhitelist",
    "LimitExceeded",
    "MissingParameter",
    "NoSuchProduct",
    "NoSuchVersion",
    "RequestLimitExceeded",
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded",
    "RequestLimitExceeded.IPLimitExceeded",
    "RequestLimitExceeded.UinLimitExceeded",
    "RequestSizeLimitExceeded",
    "ResourceInUse",
    "ResourceInsufficient",
    "ResourceNotFound",
    "ResourceUnavailable",
    "ResponseSizeLimitExceeded",
    "ServiceUnavailable",
    "UnauthorizedOperation",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedProtocol",
    "UnsupportedRegion",
}
# What the stub of STS answers beside the common codes (API page of AssumeRoleWithWebIdentity).
OF_STS = {"InvalidParameter.WebIdentityTokenError"}
# What the tag service answers (its SDK's lists for DescribeResourceTagsByResourceIds and ModifyResourceTags), but for
# the last two, which its other actions have for the same.
OF_TAG = {
    "InvalidParameter.ReservedTagKey", "InvalidParameter.Tag", "InvalidParameterValue.DeleteTagsParamError",
    "InvalidParameterValue.RegionInvalid", "InvalidParameterValue.ResourceDescriptionError",
    "InvalidParameterValue.ResourceIdInvalid", "InvalidParameterValue.ResourcePrefixInvalid",
    "InvalidParameterValue.ServiceTypeInvalid", "InvalidParameterValue.TagKeyCharacterIllegal",
    "InvalidParameterValue.TagKeyEmpty", "InvalidParameterValue.TagKeyLengthExceeded",
    "InvalidParameterValue.TagValueCharacterIllegal", "InvalidParameterValue.TagValueLengthExceeded",
    "LimitExceeded.ResourceAttachedTags", "InvalidParameterValue.OffsetInvalid", "InvalidParameterValue.TagValueEmpty",
}  # fmt: skip
CODES = COMMON | {code for action in API.values() for code in action.errors}

# Codes that the API does not list for the action, and why they are the answer nevertheless.
NEAREST = "the API has a state, usage or name that the action cannot work with, and lists no code for it"
ALWAYS_AN_ID = "a blob names its key by 16 bytes, and these are always an id: the check is on the way, and never fails"
ONE_OF_OURS = (
    "the blob in the row of a data key is one that was opened before: the check is on the way, and never fails"
)
TURNED = "becomes InvalidImportKeyMaterial on its way out"
ASSUMED = "answers only where the other answer to an unknown is assumed"
FIELD = "is of the action ImportKeyMaterial, whose name is that of a field here"
UNLISTED = {
    ("Decrypt", "InvalidParameterValue.InvalidKeyId"): ALWAYS_AN_ID,
    ("Decrypt", "InvalidParameterValue.InvalidKeyUsage"): NEAREST,
    ("Decrypt", "ResourceUnavailable.CmkStateNotSupport"): ASSUMED,
    ("DescribeWhiteBoxDecryptKey", "ResourceUnavailable.KeyDisabled"): ASSUMED,
    ("Encrypt", "InvalidParameterValue.InvalidKeyUsage"): NEAREST,
    ("Encrypt", "ResourceUnavailable.CmkStateNotSupport"): ASSUMED,
    ("GenerateDataKey", "ResourceUnavailable.CmkArchived"): NEAREST,
    ("GetDataKeyPlaintext", "InvalidParameterValue.InvalidCiphertext"): ONE_OF_OURS,
    ("ImportDataKey", "InvalidParameterValue.DataKeyNameAlreadyExists"): NEAREST,
    ("ImportDataKey", "InvalidParameterValue.InvalidCiphertext"): TURNED,
    ("ImportDataKey", "UnsupportedOperation.NotExternalCmk"): FIELD,
    ("ReEncrypt", "InvalidParameterValue.InvalidKeyUsage"): NEAREST,
    ("ReEncrypt", "ResourceUnavailable.CmkArchived"): NEAREST,
    ("ReEncrypt", "ResourceUnavailable.CmkStateNotSupport"): ASSUMED,
    ("SignByAsymmetricKey", "InvalidParameterValue.InvalidKeyUsage"): NEAREST,
    ("UpdateAlias", "ResourceUnavailable.CmkStateNotSupport"): NEAREST,
    ("UpdateDataKeyDescription", "ResourceUnavailable.DataKeyStateNotSupport"): NEAREST,
    ("UpdateDataKeyName", "InvalidParameterValue.DataKeyNameAlreadyExists"): NEAREST,
    ("UpdateDataKeyName", "InvalidParameterValue.InvalidDataKeyName"): NEAREST,
    ("UpdateDataKeyName", "ResourceUnavailable.DataKeyStateNotSupport"): NEAREST,
    ("UpdateKeyDescription", "ResourceUnavailable.CmkStateNotSupport"): NEAREST,
    ("VerifyByAsymmetricKey", "InvalidParameterValue.InvalidKeyUsage"): NEAREST,
}

NOBODY = "00000000-0000-1000-8000-000000000000"
MATERIAL = bytes(16)
_SEEDED = [
    ("ASYMMETRIC_SIGN_VERIFY_SM2", "TENCENT_KMS", "Disabled", "user", "[]"),
    ("ASYMMETRIC_DECRYPT_SM2", "TENCENT_KMS", "Disabled", "user", "[]"),
    ("ASYMMETRIC_DECRYPT_RSA_2048", "TENCENT_KMS", "Disabled", "user", "[]"),
    (words.SYMMETRIC, "EXTERNAL", "Enabled", "user", "[]"),
    (words.SYMMETRIC, "EXTERNAL", "Enabled", "user", '["ssm resourceId"]'),
    (words.SYMMETRIC, "EXTERNAL", "Disabled", "user", "[]"),
    *(
        (words.SYMMETRIC, "EXTERNAL" if state == "PendingImport" else "TENCENT_KMS", state, owner, bindings)
        for state in words.STATES
        for owner in ("user", "ssm")
        for bindings in ("[]", '["ssm resourceId"]')
    ),
]
# Keys in every state, of a product or not, in use or not.
SEED = "".join(
    f"""
[[key]]
alias = "seeded-{number}"
usage = "{usage}"
origin = "{origin}"
state = "{state}"
owner = "{owner}"
bindings = {bindings}
deletion-date = {32_000_000_000 * (state == "PendingDelete")}
versions = {json.dumps([protocol.encode(MATERIAL)] * (usage == words.SYMMETRIC and state != "PendingImport"))}
"""
    for number, (usage, origin, state, owner, bindings) in enumerate(_SEEDED)
)

# Lists in answers that the embedded KMS has nothing for.
EMPTY = {
    "ExclusiveHSMList": "there are no dedicated clusters",
    "SyncTaskList": "keys are not replicated to other regions",
    "RegionsQps": "there are no limits of rate but those asked for",
}


def structures() -> dict[str, dict[str, str]]:
    """Return the fields of every request, answer and shared object, by the names of the SDK."""
    found = {f"{name}Request": dict(action.request) for name, action in API.items()}
    found |= {f"{name}Response": dict(action.response) | {"RequestId": "string"} for name, action in API.items()}
    kinds = {plain(kind) for fields in found.values() for kind in fields.values()}
    return found | {kind: dict(fields) for kind in kinds if (fields := protocol.object_fields(kind))}


def plain(kind: str) -> str:
    return kind.rstrip("!").removeprefix("list<").removesuffix(">")


STRUCTURES = structures()


def sdk_type(kind: str) -> str:
    """Write a type of the model as the SDK's documentation does; it tells neither signs nor required fields."""
    name = plain(kind)
    written = {"string": "str", "uint64": "int", "int64": "int", "bool": "bool"}.get(name)
    if kind.startswith("list<"):
        return f"list of {written or name}"
    return written or f":class:`{models.__name__}.{name}`"


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_fields_and_types_are_those_of_the_sdk(name: str) -> None:
    """A field that the SDK has gained is to be added to kmstool/actions.json."""
    documented = re.findall(r":type (\w+): (.+)", inspect.getdoc(getattr(models, name).__init__) or "")
    assert dict(documented) == {field: sdk_type(kind) for field, kind in STRUCTURES[name].items()}
    assert {attribute.lstrip("_") for attribute in vars(getattr(models, name)())} >= STRUCTURES[name].keys()


def test_fields_types_and_marks_are_those_of_tccli() -> None:
    """Its model says which fields are required in a request and which are always there in an answer."""
    model = tccli_data("api")
    assert model["metadata"]["apiVersion"] == protocol.VERSION
    assert model["actions"].keys() == API.keys()
    written = {name: {m["name"]: tccli_type(m) for m in found["members"]} for name, found in model["objects"].items()}
    assert written == STRUCTURES


def tccli_type(member: Mapping[str, Any]) -> str:
    kind = f"list<{member['member']}>" if member["type"] == "list" else member["member"]
    return kind + ("!" if member.get("required") or member.get("output_required") else "")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKms]:
    """An embedded KMS for scenarios, each of which makes what it needs."""
    opened = EmbeddedKms(tmp_path_factory.mktemp("parity") / "store")
    yield opened
    opened.close()


def test_every_served_action_has_its_scenario() -> None:
    missing, unserved = ACTIONS.keys() - scenarios.SCENARIOS.keys(), scenarios.SCENARIOS.keys() - ACTIONS.keys()
    assert not missing, "add a request that works to SCENARIOS in tests/scenarios.py"
    assert not unserved, "take these out of SCENARIOS in tests/scenarios.py"


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_an_answer_has_the_form_of_the_model(shared: EmbeddedKms, action: str) -> None:
    answer = json.loads(json.dumps(shared.call(action, scenarios.request(action, shared.call))))
    assert uuid.UUID(answer["RequestId"])
    assert list(faults(STRUCTURES[f"{action}Response"], answer)) == []


def faults(model: Mapping[str, str], values: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Yield what is wrong with an answer: unknown or missing fields, other types, lists that show nothing."""
    yield from (f"{where}{name} is not in the model" for name in values.keys() - model.keys())
    yield from (f"{where}{name} is missing" for name in model if model[name].endswith("!") and name not in values)
    for name in model.keys() & values.keys():
        kind, value = model[name].rstrip("!"), values[name]
        if not kind.startswith("list<"):
            yield from wrong(kind, value, where + name)
        elif not isinstance(value, list) or (name in EMPTY) == bool(value):
            yield f"{where}{name} is no list, or shows nothing (else say why in EMPTY): {value!r}"
        else:
            for item in value:
                yield from wrong(plain(kind), item, where + name)


def wrong(kind: str, value: Any, where: str) -> Iterator[str]:
    fields = protocol.object_fields(kind)
    if fields is not None and isinstance(value, dict):
        yield from faults(fields, value, f"{where}.")
    elif kind in RANGES:
        if type(value) is not int or value not in RANGES[kind]:
            yield f"{where} is no {kind}: {value!r}"
    elif not isinstance(value, {"string": str, "bool": bool}.get(kind, dict)):
        yield f"{where} is no {kind}: {value!r}"


@cache
def answerable(action: str) -> frozenset[str]:
    """Return every error code that can come from an action's handler, read from the code that it can reach.

    A table by actions, such as `keys.RULES`, counts with its rows of this action and of those that the
    code names.
    """
    seen: set[object] = set()
    found = list(reached(ACTIONS[action].run, seen))
    words = {item for item in found if isinstance(item, str)}
    if invalid in seen:
        words.add("InvalidParameterValue" if general_is_value(action) else "InvalidParameter")
    tables = [item for item in found if isinstance(item, Mapping) and item and item.keys() <= API.keys()]
    rows = (table[name] for table in tables for name in table.keys() & (words | {action}))
    return frozenset((words | {word for row in rows for word in texts(row)}) & CODES)


def general_is_value(action: str) -> bool:
    """Tell whether an action lists InvalidParameterValue and not InvalidParameter, for values without a code."""
    return {"InvalidParameter", "InvalidParameterValue"} & {*API[action].errors} == {"InvalidParameterValue"}


def reached(item: object, seen: set[object]) -> Iterator[object]:
    """Yield every text and table that our functions and classes name, beginning with one of them."""
    for name in ("__func__", "fget"):
        item = getattr(item, name, item)
    item = inspect.unwrap(item) if callable(item) else item
    if isinstance(item, str | Mapping):
        yield item
    elif isinstance(item, type | FunctionType) and item.__module__.startswith("kmstool.") and item not in seen:
        seen.add(item)
        for inner in named(item) if isinstance(item, FunctionType) else vars(item).values():
            yield from reached(inner, seen)


def named(function: FunctionType) -> Iterator[object]:
    """Yield the constants of a function, and what its names mean: `name` and `module.name`."""
    if function.__code__.co_filename == "<string>":
        return  # written by `dataclass`
    outer = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    names = function.__globals__ | {name: cell.cell_contents for name, cell in outer}
    known = {name: value for name, value in names.items() if name not in function.__code__.co_varnames}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Constant):
            yield node.value
        elif isinstance(node, ast.Name):
            yield known.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield getattr(known.get(node.value.id), node.attr, None)


def texts(row: object) -> Iterator[str]:
    """Yield the texts in a row of a table."""
    if isinstance(row, str):
        yield row
    elif isinstance(row, tuple):
        for item in row:
            yield from texts(item)
    elif is_dataclass(row) and not isinstance(row, type):
        yield from texts(astuple(row))


def test_every_code_that_is_written_is_one_of_the_api() -> None:
    """A misspelt one would be no code to `answerable`."""
    kinds = "|".join(sorted({code.partition(".")[0] for code in CODES}))
    # The hints are for all codes of the SDK: see test_hints.
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "code_hints.py"]
    texts = [path.read_text("utf-8") for path in paths]
    written = {found[1] for text in texts for found in re.finditer(rf'"((?:{kinds})\.[A-Za-z.]+)"', text)}
    assert written > {"AuthFailure.TokenFailure", "ResourceUnavailable.CmkNotFound"}
    assert written - CODES == OF_STS | OF_TAG


def test_the_codes_of_an_action_are_those_that_the_api_lists() -> None:
    """All that its code can answer: on its own list, common to all actions, or named in UNLISTED with a reason."""
    unlisted = {(action, code) for action in ACTIONS for code in answerable(action) - {*API[action].errors, *COMMON}}
    assert unlisted == UNLISTED.keys()


def test_before_an_action_there_are_only_common_codes() -> None:
    """Shape, signature, region, quota; what fault rules answer is asked for."""
    before = {word for start in (Gateway, requests.check) for word in reached(start, set()) if isinstance(word, str)}
    assert {"AuthFailure.SignatureFailure", "UnknownParameter", "UnsupportedRegion"} <= before & CODES <= COMMON


def test_the_code_that_is_read_is_the_code_that_answers() -> None:
    """What `answerable` finds, by examples: a literal, a helper's, a table's, another action's row, a closure's."""
    assert "InvalidParameterValue.InvalidPlaintext" in answerable("Encrypt")
    assert "InvalidParameterValue.InvalidKeyId" in answerable("GetPublicKey")
    assert "ResourceUnavailable.KeyPendingDelete" in answerable("GenerateDataKey")
    assert "ResourceUnavailable.KeyPendingDelete" not in answerable("Encrypt")
    assert "ResourceUnavailable.CmkArchived" in answerable("ReEncrypt")
    assert "UnsupportedOperation.NotUserCreatedCmk" in answerable("ArchiveKey")


# Values to try in any field of a type, beside those that occurred in such a field; small numbers come first.
ODD: dict[str, list[Any]] = {
    "string": ["", "a", "kms-a", "QQ==", protocol.encode(bytes(5000)), "x" * 5000, '{"a":1}', "\ud800", NOBODY],
    "uint64": [-1, 0, 1, 2, 3, 6, 7, 30, 31, 201, 366, 1025, 2**64 - 1],
    "int64": [-1, 0, 1, 2],
    "Tag": [{"TagKey": "env", "TagValue": "dev"}, {"TagKey": "qcloud", "TagValue": "kept"}],
    "TagFilter": [{"TagKey": "env"}, {}],
    "DeviceFingerprint": [*scenarios.DEVICES, {"Identity": "a"}],
}

# What a handler could answer by its code, and no request of the sweep is answered with.
UNMET = {
    ("CreateKey", "LimitExceeded.CmkLimitExceeded"): "is for the 10,001st key of a region",
    ("Decrypt", "InvalidParameterValue.InvalidKeyId"): ALWAYS_AN_ID,
    ("GenerateDataKey", "LimitExceeded.DataKeyLimitExceeded"): "is for the 1,001st data key of a region",
    ("GetDataKeyPlaintext", "InvalidParameterValue.InvalidCiphertext"): ONE_OF_OURS,
    ("ImportDataKey", "InvalidParameterValue.InvalidCiphertext"): TURNED,
    ("ImportDataKey", "LimitExceeded.DataKeyLimitExceeded"): "is for the 1,001st data key of a region",
    ("ImportDataKey", "UnsupportedOperation.NotExternalCmk"): FIELD,
    (
        "ImportKeyMaterial",
        "InvalidParameterValue.MaterialNotMatch",
    ): "is for other material under the same wrapping key",
    ("ImportKeyMaterial", "ResourceUnavailable.TokenExpired"): "is for a token of the same key that a newer one voided",
}


class World:
    """A store with keys of every kind, in which every action was performed, and the values that occurred there."""

    def __init__(self, folder: Path) -> None:
        self._store = folder / "store"
        self._values: dict[str, list[Any]] = {"KeyUsage": list(words.USAGES.values())}
        kms = EmbeddedKms(self._store)
        seeded = {cmk.key_id: {"KeyId": cmk.key_id, "Alias": cmk.alias} for cmk in seeding.apply(kms, SEED)}
        for key_id, fields in {**seeded, NOBODY: {}}.items():
            blob = blobs.seal(blobs.BlobKey(key_id, 1, "SM4", MATERIAL), b"secret", scenarios.CONTEXT)
            self._note({"CiphertextBlob": blob, **fields})
        for action in sorted(ACTIONS):
            asked = scenarios.request(action, kms.call)
            self._note(asked | kms.call(action, asked))
        self._host(kms)
        kms.close()

    def _host(self, kms: EmbeddedKms) -> None:
        """Let KMS keep data keys under a key in each of the states, one that awaits its deletion among them."""
        window = {"PendingWindowInDays": 7}
        ways = [["DisableKey"], ["DisableKey", "ScheduleKeyDeletion"], ["ArchiveKey"]]
        for way in [*ways, ["DisableDataKey", "ScheduleDataKeyDeletion", *ways[1]]]:
            asked = scenarios.hosted(kms.call)
            made = asked | kms.call("GenerateDataKey", asked)
            self._note(made)
            for action in way:
                params = {name: made[name] for name in ("KeyId", "DataKeyId") if name in API[action].request}
                kms.call(action, params | (window if "Schedule" in action else {}))

    def _note(self, fields: Mapping[str, Any]) -> None:
        for name, value in fields.items():
            self._values.setdefault(name, []).append(value)

    def _values_for(self, name: str, kind: str) -> list[Any]:
        if kind.startswith("list<"):
            one = self._values_for(name.removesuffix("s"), plain(kind))
            return [[], one[:1] * 2, one[:1] * 201, *([value] for value in one)]
        own = [value for known, values in self._values.items() if name.endswith(known) for value in values]
        return ODD.get(plain(kind), []) + own

    def refusals(self, action: str, folder: Path, assume: str) -> set[str]:
        """Perform an action in a copy of the store, with each value in each field in turn; return the codes."""
        with contextlib.closing(EmbeddedKms(Path(shutil.copytree(self._store, folder)), assume=assume)) as kms:
            good = scenarios.request(action, kms.call)
            assert outcome(kms, action, good) is None
            # Once more, and where white-box keys are not offered.
            codes = {None} | {outcome(kms, action, good, region) for region in (None, "ap-chengdu")}
            for name, kind in API[action].request.items():
                for value in self._values_for(name, kind):
                    if writes(action, good) and None in codes:
                        # What was made for the last request may be used up.
                        good = scenarios.request(action, kms.call)
                    codes = codes - {None} | {outcome(kms, action, good | {name: value})}
        return {code for code in codes if code}


def outcome(kms: EmbeddedKms, action: str, params: dict[str, Any], region: str | None = None) -> str | None:
    """Call an action; return None, or the code with which it was refused."""
    try:
        kms.call(action, params, region)
    except KmsToolError as error:
        return error.kms_code or f"{error!r} without a code"
    return None


def test_what_answers_is_what_was_read(tmp_path: Path) -> None:
    """A sweep: no code comes that `answerable` has not found, and every code that it has found does come."""
    world = World(tmp_path)
    # The limit of few keys would end the sweep.
    ways = ("all=a", "all=b,U25=a")
    met = {
        action: set().union(*(world.refusals(action, tmp_path / way / action, way) for way in ways))
        for action in sorted(ACTIONS)
    }
    shape = {word for word in reached(requests.check, set()) if isinstance(word, str)} & CODES
    answered = {(action, code) for action in met for code in met[action] - shape}
    read = {(action, code) for action in ACTIONS for code in answerable(action) - shape}
    assert answered - read == set()
    assert read - answered == UNMET.keys(), (
        "let SCENARIOS or SEED bring about what meets the code, or say in UNMET why nothing does"
    )


def unknowns() -> dict[str, str]:
    """Return what docs/local-kms.md says to each question that the cloud leaves open."""
    found = re.search(r"<!-- unknowns.*?-->(.*?)<!-- end of unknowns -->", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert found, "docs/local-kms.md has lost the marks of its table of unknowns"
    return dict(re.findall(r"^\| (U\d+) \| .+? \| (.+?) \| .+? \|$", found[1], re.MULTILINE))


def test_every_unknown_of_the_cloud_has_its_answer() -> None:
    assert list(unknowns()) == [f"U{number}" for number in range(1, 31)]


@pytest.mark.parametrize(("number", "here"), [row for row in unknowns().items() if "not served" in row[1]])
def test_what_is_said_to_be_not_served_is_not(number: str, here: str) -> None:
    """Once an action is served, its row must say what it does."""
    named = set(re.findall(r"`(\w+)`", here)) & API.keys()
    assert named, f"{number} names no action"
    assert not named & ACTIONS.keys(), f"{number} of docs/local-kms.md: say what {named & ACTIONS.keys()} does"


def test_the_document_tells_the_codes_that_the_api_does_not_list() -> None:
    told = (
        DOCUMENT.read_text("utf-8").partition("\nThe API lists the error codes of each action.")[2].partition("\n\n")[0]
    )
    for (action, code), reason in UNLISTED.items():
        if reason == NEAREST:
            assert re.search(rf"`{code.rpartition('.')[2]}` by\s[^`]*\b{action}\b", told), (action, code)
