"""A request has exactly the shape of the API's model, or is refused with one of four codes of the API."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.api import protocol
from kmstool.errors import ServiceError
from kmstool.server import requests

ACTIONS = sorted(protocol.actions())
CODES = {"InvalidAction", "UnknownParameter", "MissingParameter", "InvalidParameter"}
INTEGERS = {"uint64": range(2**64), "int64": range(-(2**63), 2**63)}

NO_INTEGER = [
    "",
    "x",
    "1.0",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "1e3",
    "0x1",
    "1_0",
    "١",
    "9" * 21,
    1.0,
    1.5,
    True,
    False,
    [1],
    {},
]
WRONG: dict[str, list[Any]] = {
    "string": [0, 1, 1.5, True, [], ["text"], {}],
    "bool": [0, 1, "", "True", "FALSE", "yes", [], {}],
    "uint64": [*NO_INTEGER, -1, "-1", 2**64, str(2**64)],
    "int64": [*NO_INTEGER, 2**63, str(2**63), -(2**63) - 1, str(-(2**63) - 1)],
}
WRONG_LIST: list[Any] = [{}, {"0": "text"}, "text", "[]", 1, True]
WRONG_OBJECT: list[Any] = [[], [{}], "text", "{}", 1, True]


def request_model(action: str) -> dict[str, str]:
    return dict(protocol.actions()[action].request)


def required(action: str) -> list[str]:
    return [name for name, kind in request_model(action).items() if kind.endswith("!")]


def fields_of(kind: str) -> dict[str, str]:
    fields = protocol.object_fields(kind)
    assert fields is not None
    return dict(fields)


def example(kind: str) -> Any:
    """Make a value of a type of the model, with every field of nested objects."""
    kind = kind.rstrip("!")
    if kind.startswith("list<"):
        return [example(kind[5:-1]), example(kind[5:-1])]
    scalars: dict[str, Any] = {"string": "text", "uint64": 2**64 - 1, "int64": -(2**63), "bool": True}
    if kind in scalars:
        return scalars[kind]
    return {name: example(inner) for name, inner in fields_of(kind).items()}


def full(action: str) -> dict[str, Any]:
    return {name: example(kind) for name, kind in request_model(action).items()}


def least(action: str) -> dict[str, Any]:
    return {name: example(request_model(action)[name]) for name in required(action)}


def wrong_values(kind: str) -> list[Any]:
    """Give values that are none of a type of the model: of another type, or wrong somewhere inside."""
    kind = kind.rstrip("!")
    if kind.startswith("list<"):
        inner = kind[5:-1]
        return [*WRONG_LIST, [None], *([example(inner), wrong] for wrong in wrong_values(inner))]
    if kind in WRONG:
        return WRONG[kind]
    inside = [
        {**example(kind), name: wrong} for name, inner in fields_of(kind).items() for wrong in wrong_values(inner)
    ]
    return [*WRONG_OBJECT, *inside]


def conforms(kind: str, value: Any) -> bool:
    """Tell whether a checked value is of its type, by a second and plainer reading of the model."""
    kind = kind.rstrip("!")
    if kind.startswith("list<"):
        return isinstance(value, list) and all(conforms(kind[5:-1], item) for item in value)
    if kind == "string":
        return isinstance(value, str)
    if kind == "bool":
        return isinstance(value, bool)
    if kind in INTEGERS:
        return type(value) is int and value in INTEGERS[kind]
    return isinstance(value, dict) and conforms_to_all(fields_of(kind), value)


def conforms_to_all(model: dict[str, str], values: dict[str, Any]) -> bool:
    there = all(name in values for name, kind in model.items() if kind.endswith("!"))
    return there and all(name in model and conforms(model[name], value) for name, value in values.items())


def refused(action: str, params: dict[str, Any]) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        requests.check(action, params)
    assert type(caught.value) is ServiceError, "a malformed request is no fault of a key"
    return caught.value


def test_the_model_has_all_actions_and_only_known_types() -> None:
    assert len(ACTIONS) == 69
    kinds = {kind.rstrip("!") for action in ACTIONS for kind in request_model(action).values()}
    plain = {kind.removeprefix("list<").removesuffix(">") for kind in kinds}
    assert {kind for kind in plain if protocol.object_fields(kind) is None} <= WRONG.keys()


@pytest.mark.parametrize("action", ACTIONS)
def test_complete_and_least_requests_pass_unchanged(action: str) -> None:
    assert requests.check(action, full(action)) == full(action)
    assert requests.check(action, least(action)) == least(action)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_missing_required_field_is_named(action: str) -> None:
    for name in required(action):
        without = {key: value for key, value in full(action).items() if key != name}
        for params in (without, {**without, name: None}):
            error = refused(action, params)
            assert error.kms_code == "MissingParameter", name
            assert name in error.message


@pytest.mark.parametrize("action", ACTIONS)
def test_an_unknown_field_is_named(action: str) -> None:
    spellings = [name[0].lower() + name[1:] for name in request_model(action)]
    for name in ["Frobnicate", "", "RequestId", *spellings, *(f"{name} " for name in request_model(action))]:
        error = refused(action, {**full(action), name: "text"})
        assert error.kms_code == "UnknownParameter", name
        assert name in error.message


@pytest.mark.parametrize("action", ACTIONS)
def test_null_means_absent(action: str) -> None:
    nulls = dict.fromkeys([*request_model(action), "Frobnicate"])
    assert requests.check(action, {**nulls, **least(action)}) == least(action)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_value_of_the_wrong_type_is_named(action: str) -> None:
    for name, kind in request_model(action).items():
        for wrong in wrong_values(kind):
            error = refused(action, {**full(action), name: wrong})
            assert error.kms_code == "InvalidParameter", (name, wrong)
            assert name in error.message, wrong


@pytest.mark.parametrize("action", ACTIONS)
def test_numbers_and_booleans_may_be_text(action: str) -> None:
    for name, kind in request_model(action).items():
        values = INTEGERS.get(kind.rstrip("!"), range(0))
        for number in {0, 7, values[0], values[-1]} if values else ():
            checked = requests.check(action, {**full(action), name: str(number)})[name]
            assert (type(checked), checked) == (int, number), name
        for truth in (True, False) if kind.rstrip("!") == "bool" else ():
            assert requests.check(action, {**full(action), name: str(truth).lower()})[name] is truth, name


def test_text_is_not_turned_into_numbers() -> None:
    assert requests.check("CreateKey", {"Alias": "7", "Description": "true"}) == {"Alias": "7", "Description": "true"}


@pytest.mark.parametrize(
    ("params", "code", "where"),
    [
        ({"Tags": [{"TagKey": "a"}]}, "MissingParameter", "Tags.0.TagValue"),
        ({"Tags": [{"TagKey": "a", "TagValue": None}]}, "MissingParameter", "Tags.0.TagValue"),
        ({"Tags": [{"TagKey": "a", "TagValue": "b"}, {}]}, "MissingParameter", "Tags.1.TagKey"),
        ({"Tags": [{"TagKey": "a", "TagValue": "b", "More": 1}]}, "UnknownParameter", "Tags.0.More"),
        ({"Tags": [{"TagKey": "a", "TagValue": 1}]}, "InvalidParameter", "Tags.0.TagValue"),
        ({"Tags": [[]]}, "InvalidParameter", "Tags.0"),
        ({"Tags": {"TagKey": "a", "TagValue": "b"}}, "InvalidParameter", "Tags"),
        ({"Tags": [None]}, "InvalidParameter", "Tags.0"),
    ],
)
def test_faults_inside_lists_and_objects_are_named_with_their_place(
    params: dict[str, Any], code: str, where: str
) -> None:
    error = refused("CreateKey", {"Alias": "demo", **params})
    assert error.kms_code == code
    assert f"{where} " in error.message


def test_nested_values_are_converted_and_their_nulls_left_out() -> None:
    given_params = {
        "TagFilters": [{"TagKey": "a", "TagValue": None}, {"TagKey": "b", "TagValue": []}],
        "MemberAccounts": [{"MemberUin": "12", "MemberAppId": None}, {}],
    }
    assert requests.check("ListKeyDetail", given_params) == {
        "TagFilters": [{"TagKey": "a"}, {"TagKey": "b", "TagValue": []}],
        "MemberAccounts": [{"MemberUin": 12}, {}],
    }


def test_the_request_itself_stays_as_it_was() -> None:
    params = {"Limit": "7", "Offset": None, "TagFilters": [{"TagKey": "a", "TagValue": None}]}
    requests.check("ListKeyDetail", params)
    assert params == {"Limit": "7", "Offset": None, "TagFilters": [{"TagKey": "a", "TagValue": None}]}


@given(st.text().filter(lambda name: name not in protocol.actions()))
@settings(deadline=None, max_examples=50)
def test_an_unknown_action_is_refused(action: str) -> None:
    assert refused(action, {}).kms_code == "InvalidAction"


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
ANY_SCALAR = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers().map(str),
    st.floats(),
    ANY_TEXT,
    st.sampled_from(["true", "1"]),
)
FIELD_NAMES = sorted(
    {name for action in ACTIONS for name in request_model(action)}
    | {name for kind in ("Tag", "TagFilter", "MemberAccount", "DeviceFingerprint") for name in fields_of(kind)}
)
ANY_JSON = st.recursive(
    ANY_SCALAR,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELD_NAMES) | ANY_TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)


def outcome(action: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """Check a request and return it, or None if it was refused with one of the four codes; all else fails the test."""
    try:
        checked = requests.check(action, params)
    except ServiceError:
        assert refused(action, params).kms_code in CODES
        return None
    assert conforms_to_all(request_model(action), checked)
    assert requests.check(action, checked) == checked
    return checked


@given(
    st.sampled_from(ACTIONS) | ANY_TEXT,
    st.dictionaries(st.sampled_from(FIELD_NAMES) | ANY_TEXT, ANY_JSON, max_size=6),
)
@settings(deadline=None, max_examples=300)
def test_any_json_is_accepted_or_refused_and_nothing_else(action: str, params: dict[str, Any]) -> None:
    outcome(action, params)


@given(st.data())
@settings(deadline=None, max_examples=500)
def test_any_json_in_one_place_of_a_good_request(data: st.DataObject) -> None:
    action = data.draw(st.sampled_from([action for action in ACTIONS if request_model(action)]))
    params = full(action)
    place: Any = params
    while True:
        key: Any = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(ANY_JSON)
            break
        place = place[key]
    checked = outcome(action, params)
    assert checked is None or checked.keys() <= params.keys()
