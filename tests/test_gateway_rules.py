"""The served KMS takes and refuses what the gateway of the cloud does, before any action is performed.

Each rule names the page, or the report of a user of Tencent's SDKs, that tells it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.asking import FORM, JSON, Ask, Server, code, exchange, inner, new_key, send_v1, serving, v1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


# Region: required by pages 573/34420 (2025-11), 1030/32189 (2025-04) and, of GetRegions too, 1030/38196 (2025-12).

MISSING = ("MissingParameter", "The request is missing a required parameter `Region`.")
UNSUPPORTED = ("UnsupportedRegion", "The action not support this region.")


def invalid(name: str) -> tuple[str, str]:
    return "InvalidParameterValue", f"A value specified in `{name}` is not valid, is unsupported, or cannot be used."


REGIONS = {
    "none": (None, MISSING),  # tencentcloud-sdk-go#37, -java#62
    "empty": ("", "invalid"),  # -nodejs#56
    "of the 2017 API": ("gz", "invalid"),  # -python#21
    "no region of the cloud": ("ap-atlantis", "invalid"),
    "in capitals": ("AP-GUANGZHOU", "invalid"),
    "without KMS": ("eu-moscow", UNSUPPORTED),  # -php#46
}


def refusal(answer: Mapping[str, Any]) -> tuple[str, str]:
    return answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.parametrize("action", ["GenerateRandom", "GetRegions", "GetServiceStatus", "CreateKey"])
@pytest.mark.parametrize(("region", "expected"), REGIONS.values(), ids=REGIONS)
def test_a_region_is_required(server: Server, action: str, region: str | None, expected: Any) -> None:
    body = b'{"NumberOfBytes": 8}' if action == "GenerateRandom" else b"{}"
    ask = Ask(action, body, later={"x-tc-region": region})
    assert refusal(ask.send(server)) == (invalid("X-TC-Region") if expected == "invalid" else expected)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("region", "expected"), REGIONS.values(), ids=REGIONS)
def test_a_region_is_required_in_the_older_scheme(
    server: Server, method: str, region: str | None, expected: Any
) -> None:
    fields = v1(server, method, "HmacSHA256", NumberOfBytes=8, Region=region)
    assert refusal(send_v1(server, method, fields)) == (invalid("Region") if expected == "invalid" else expected)


def test_a_role_is_of_a_region_too(server: Server) -> None:
    """tencentcloud-sdk-go#37 is about STS."""
    body = b'{"RoleArn": "qcs::cam::uin/1:roleName/a", "RoleSessionName": "tests"}'
    ask = Ask("AssumeRole", body, service="sts", headers={"x-tc-version": "2018-08-13"})
    assert code(ask.send(server)) is None
    assert refusal(replace(ask, later={"x-tc-region": None}).send(server)) == MISSING


def test_strangers_are_not_told_of_the_region(server: Server) -> None:
    ask = Ask(secret=("AKIDnobody", "wrong"), later={"x-tc-region": None})
    assert code(ask.send(server)) == "AuthFailure.SecretIdNotFound"


def test_a_lenient_server_takes_the_default_region(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("lenient"), "--lenient") as server:
        key_id = new_key(server)
        describe = Ask("DescribeKey", f'{{"KeyId": "{key_id}"}}'.encode())
        for region in (None, ""):
            assert replace(describe, later={"x-tc-region": region}).send(server)["KeyMetadata"]["KeyId"] == key_id
        for fields in ({"Region": ""}, {"Region": None}):
            assert code(send_v1(server, "GET", v1(server, "GET", None, NumberOfBytes=8, **fields))) is None
        found = replace(describe, later={"x-tc-region": "ap-atlantis"}).send(server)
        assert refusal(found) == invalid("X-TC-Region")


# Signature v3, pages 1030/32177 (573/30634): a canonical header is in lower case and trimmed. SDKs sign some as sent.

TYPES = {
    "as usual": "application/json",
    "with a character set": "application/json; charset=utf-8",
    "with another one, in capitals": "application/json; charset=UTF-8",
    "in mixed case": "Application/JSON",
}
SPELLINGS: dict[str, Callable[[str], str]] = {"as sent": str, "in lower case": str.lower}


def signed_as(server: Server, ask: Ask, spell: Callable[[str], str]) -> Ask:
    """Return a request whose content type, host and action are signed in a spelling, and sent as they are."""
    host = ask.sent_host or server.netloc
    signed = {"content-type": spell(ask.content_type), "x-tc-action": spell(ask.action)}
    return replace(
        ask,
        names=("content-type", "host", "x-tc-action"),
        headers=signed,
        signed_host=spell(host),
        sent_host=host,
        raw_action=True,
        later={"content-type": ask.content_type, "x-tc-action": ask.action},
    )


@pytest.mark.parametrize("host", ["", "KMS.TencentCloudAPI.com"])
@pytest.mark.parametrize("content_type", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_headers_are_signed_as_sent_or_in_lower_case(
    server: Server, spell: Callable[[str], str], content_type: str, host: str
) -> None:
    ask = signed_as(server, Ask(content_type=content_type, sent_host=host), spell)
    assert code(ask.send(server)) is None


def test_another_value_is_not_another_spelling(server: Server) -> None:
    """The page warns of it: many libraries add a character set on their own."""
    ask = Ask(later={"content-type": "application/json; charset=utf-8"})
    message = "The provided credentials could not be validated. Please check your signature is correct."
    assert refusal(ask.send(server)) == ("AuthFailure.SignatureFailure", message)
    upper = signed_as(server, Ask(), str.upper)
    assert code(upper.send(server)) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize("blanks", ["  ", "    "], ids=["two", "four"])
def test_blanks_after_the_scheme_mean_nothing(server: Server, blanks: str) -> None:
    """RFC 9110 section 11.4: one or more; .NET's SDK writes two."""
    ask = Ask(spell_authorization=lambda text: text.replace(" ", blanks, 1))
    assert code(ask.send(server)) is None


SERVICES = {
    "the service": ("kms", "", None),
    "Node, of an address": ("127", "", None),
    "Node, of a name with a port": ("localhost:8080", "localhost:8080", None),
    "of a name of the cloud": ("kms", "kms.ap-guangzhou.tencentcloudapi.com", None),
    "another service": ("cvm", "", "refused"),
    "a service in capitals": ("KMS", "", "refused"),
    "the last label": ("com", "kms.tencentcloudapi.com", "refused"),
    "STS for KMS": ("sts", "", "refused"),
    "made up": ("x", "", "refused"),
}


@pytest.mark.parametrize(("service", "host", "expected"), SERVICES.values(), ids=SERVICES)
def test_a_scope_names_the_service_or_its_host(server: Server, service: str, host: str, expected: str | None) -> None:
    """The words are those of tencentcloud-sdk-go#89, whose scope came from an endpoint of another name."""
    answer = Ask(service=service, signed_host=host).send(server)
    if expected is None:
        assert code(answer) is None
    else:
        told = "The request `Authorization` header does not conform to tencentcloud standards: `Service` in Credential not valid."
        assert refusal(answer) == ("AuthFailure.InvalidAuthorization", told)


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b" null ", b"[ ]"])
def test_no_parameters_are_written_in_many_ways(server: Server, body: bytes) -> None:
    """Ruby's SDK writes null, PHP's []."""
    assert Ask("GetRegions", body).send(server)["Regions"]
    assert code(Ask("ListKeys", body).send(server)) is None
    assert code(Ask("GenerateRandom", body).send(server)) == "MissingParameter"


@pytest.mark.parametrize("body", [b"[1]", b"0", b'""', b"false", b"[[]]", b'"a"'])
def test_what_is_no_object_is_no_parameters(server: Server, body: bytes) -> None:
    assert code(Ask("GetRegions", body).send(server)) == "InvalidParameter"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_older_signature_may_end_with_a_newline(server: Server, method: str) -> None:
    """Ruby's Base64.encode64 adds one."""
    fields = v1(server, method, "HmacSHA1", NumberOfBytes=8)
    for end, expected in (("\n", None), ("\n\n", "refused"), (" ", "refused"), ("\r\n", "refused")):
        answer = send_v1(server, method, {**fields, "Signature": fields["Signature"] + end})
        assert code(answer) == (expected and "AuthFailure.SignatureFailure"), repr(end)


# Request structure, pages 1030/32174 and 1278/46710: methods, content types, 32 KB of a GET, 1 MB of a form, 10 MB of JSON.

PROTOCOL = "HTTP request protocol error: "


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "LIST"])
def test_only_get_and_post_are_methods(server: Server, method: str) -> None:
    expected = ("UnsupportedProtocol", PROTOCOL + "only GET and POST requests are supported")
    assert refusal(Ask(method=method).send(server)) == (expected[0], expected[1] + ".")
    assert code(inner(*exchange(server, method, "/", {}))) == "UnsupportedProtocol"


def test_head_is_refused_without_a_body(server: Server) -> None:
    answer, body = exchange(server, "HEAD", "/", {})
    assert (answer.status, answer.getheader("Content-Type"), body) == (200, JSON, b"")


@pytest.mark.parametrize(
    ("method", "content_type", "expected"),
    [
        ("POST", "application/json", None),
        ("POST", "Application/JSON ; charset=utf-8", None),
        ("POST", FORM, "UnsupportedProtocol"),
        ("POST", "multipart/form-data; boundary=a", "UnsupportedProtocol"),
        ("POST", "application/octet-stream", "UnsupportedProtocol"),
        ("POST", "text/plain", "UnsupportedProtocol"),
        ("GET", FORM, None),
        ("GET", FORM + "; charset=utf-8", None),
        ("GET", "application/json", "UnsupportedProtocol"),
        ("GET", "text/plain", "UnsupportedProtocol"),
    ],
)
def test_content_types(server: Server, method: str, content_type: str, expected: str | None) -> None:
    query, body = ("NumberOfBytes=8", b"") if method == "GET" else ("", b'{"NumberOfBytes": 8}')
    ask = Ask(method=method, query=query, body=body, content_type=content_type)
    assert code(ask.send(server)) == expected
    # Who did not sign it is told of nothing else.
    wrong = replace(ask, secret=(server.variables["TENCENTCLOUD_SECRET_ID"], "wrong"))
    assert code(wrong.send(server)) == "AuthFailure.SignatureFailure"


def test_the_signature_comes_before_the_body(server: Server) -> None:
    for body in (b"[", b"", b'{"Alias": "a", "Alias": "b"}'):
        wrong = Ask("CreateKey", body, secret=(server.variables["TENCENTCLOUD_SECRET_ID"], "wrong"))
        assert code(wrong.send(server)) == "AuthFailure.SignatureFailure"


@pytest.mark.parametrize(("length", "expected"), [(2**15, "UnknownParameter"), (2**15 + 1, "RequestSizeLimitExceeded")])
def test_a_get_has_32_kb(server: Server, length: int, expected: str) -> None:
    query = "Filler=" + "a" * (length - len("Filler="))
    assert code(Ask("GetRegions", b"", "GET", query, FORM).send(server)) == expected
    fields = v1(server, "GET", "HmacSHA256", Filler="a")
    more = length - len(urlencode(fields))
    fields = v1(server, "GET", "HmacSHA256", Filler="a" * more, Nonce=fields["Nonce"])
    if len(urlencode(fields)) == length:  # a signature may have more or fewer characters to escape
        assert code(send_v1(server, "GET", fields)) == expected


def test_a_form_has_1_mb(server: Server) -> None:
    """The words are those of tencentcloud-sdk-python#42 and -dotnet#75."""
    for size, expected in ((30_000, "UnknownParameter"), (1_040_000, "UnknownParameter"), (1_050_000, "long")):
        answer = send_v1(server, "POST", v1(server, "POST", None, Filler="a" * size))
        if expected == "long":
            assert refusal(answer) == (
                "AuthFailure.SignatureFailure",
                "The provided credentials could not be validated because of exceeding request size limit, please use new"  # noqa: ISC004
                " signature method `TC3-HMAC-SHA256`.",
            )
        else:
            assert code(answer) == expected


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with its length", "chunked"])
@pytest.mark.parametrize(
    ("more", "expected"),
    [(0, "InvalidParameter"), (1, "RequestSizeLimitExceeded"), (10**7, "RequestSizeLimitExceeded")],
)
def test_a_body_has_10_mb(server: Server, more: int, expected: str, is_chunked: bool) -> None:
    """An answer, and no reset connection: clients send all before they read."""
    body = b"{" + b" " * (10 * 2**20 - 1 + more)
    ask = Ask(body=body)
    if is_chunked:
        ask = replace(ask, later={"transfer-encoding": "chunked"}, sent_body=chunked(body))
    assert code(ask.send(server)) == expected


def chunked(body: bytes, size: int = 8192) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_body_may_be_chunked(server: Server) -> None:
    """Java and .NET send a body so whose length they do not know; nothing in the pages forbids it."""
    ask = Ask(later={"transfer-encoding": "chunked"})
    assert code(replace(ask, sent_body=chunked(ask.body, 3)).send(server)) is None
    assert code(replace(ask, sent_body=chunked(ask.body.replace(b"8", b"9"), 3)).send(server)) == (
        "AuthFailure.SignatureFailure"
    )
    fields = v1(server, "POST", "HmacSHA1", NumberOfBytes=8)
    headers = {"Host": server.netloc, "Content-Type": FORM, "Transfer-Encoding": "chunked"}
    assert code(inner(*exchange(server, "POST", "/", headers, chunked(urlencode(fields).encode(), 5)))) is None
