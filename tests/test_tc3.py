"""Signatures equal the published vectors and those of Tencent's SDK; any change to what is signed breaks them."""

import contextlib
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.sign import Sign

from kmstool.api import tc3
from kmstool.errors import InputError

TIME = 1551113065
HOST = "kms.tencentcloudapi.com"
POST = tc3.Request("POST", "", {"content-type": "application/json", "host": HOST}, b'{"Limit": 1}')
GET = tc3.Request("GET", "Limit=1", {"content-type": "application/x-www-form-urlencoded", "host": HOST}, b"")
NAMES = ("content-type", "host")
V1 = {
    "Action": "ListKeys",
    "Limit": "1",
    "Nonce": "11886",
    "Region": "ap-guangzhou",
    "SecretId": "AKIDexample",
    "Timestamp": "1551113065",
    "Version": "2019-01-18",
}


@pytest.mark.parametrize(
    ("request_", "canonical", "signature"),
    [
        (
            POST,
            "a196524ba6e0d62a82eb22d953688962ed6792c7c4a99806e0e3bebef67b95ae",
            "9ad59718e9dd1fea9386bac76d37823b84bd7801e147167109fb41966c952bdd",
        ),
        (
            GET,
            "142d54119a633edb9cd3145e3d1f4c96e6cbf494f8e54372f5a9ec4e81912362",
            "e3373de9ca6e235ba84d21cc07fb0aa5600959021ae8434cd2acdfbd00c25c89",
        ),
    ],
    ids=["post", "get"],
)
def test_published_vectors(request_: tc3.Request, canonical: str, signature: str) -> None:
    assert hashlib.sha256(tc3.canonical_request(request_, NAMES)).hexdigest() == canonical
    assert tc3.signature(request_, NAMES, "secretkey", TIME, "kms") == signature


def test_unsigned_payload_is_the_hash_of_the_literal() -> None:
    request = replace(POST, headers={**POST.headers, "x-tc-content-sha256": "UNSIGNED-PAYLOAD"})
    digest = "438d4109ef0d676b8c2c7ed13cdfcb418e494d53b843d4634ce3b1085f07bb96"
    assert tc3.canonical_request(request, NAMES).endswith(digest.encode())


@pytest.mark.parametrize(
    ("method", "signature"),
    [("HmacSHA256", "YOgqG1/hsLrAsJ+bOcn8SwGF2V5XnY1lq3+JRnxuPGo="), ("HmacSHA1", "x0B2HnCPwXuqWk/KXgrVxfmS6ok=")],
)
def test_published_vectors_of_the_older_scheme(method: str, signature: str) -> None:
    parameters = {**V1, "SignatureMethod": method}
    assert tc3.sign_v1("GET", HOST, "/", parameters, "secretkey") == signature
    assert tc3.is_signed_by_v1("GET", HOST, "/", {**parameters, "Signature": signature}, "secretkey")
    assert not tc3.is_signed_by_v1("GET", HOST, "/", {**parameters, "Signature": signature[:-2] + "A="}, "secretkey")
    assert not tc3.is_signed_by_v1("GET", HOST, "/", {**parameters, "Limit": "2", "Signature": signature}, "secretkey")
    assert not tc3.is_signed_by_v1("GET", HOST, "/", parameters, "secretkey")


def test_published_vector_of_the_2017_api() -> None:
    parameters = {
        "Action": "Decrypt",
        "Nonce": "11886",
        "RequestClient": "SDK_Python_1.0",
        "SecretId": "AKIDexample",
        "SignatureMethod": "HmacSHA1",
        "Timestamp": "1490000000",
        "ciphertextBlob": "abc==",
    }
    signature = tc3.sign_v1("POST", "kms-gz.api.qcloud.com", "/v2/index.php", parameters, "secretkey")
    assert signature == "EdwTW4JMaRrzPATo9JWGJ+ftBTE="


def test_older_scheme_without_method_means_sha1_and_refuses_others() -> None:
    # The method is itself a signed parameter, so only its absence leads to the default.
    text = "GET" + HOST + "/?" + "&".join(f"{name}={value}" for name, value in sorted(V1.items()))
    assert tc3.sign_v1("GET", HOST, "/", V1, "secretkey") == Sign.sign("secretkey", text, "HmacSHA1")
    with pytest.raises(InputError):
        tc3.sign_v1("GET", HOST, "/", {**V1, "SignatureMethod": "HmacMD5"}, "secretkey")


@given(body=st.binary(max_size=200), key=st.text("abcXYZ0189", min_size=1), time=st.integers(0, 2**33))
def test_signing_key_and_text_agree_with_the_sdk(body: bytes, key: str, time: int) -> None:
    request = replace(POST, body=body)
    text = tc3.string_to_sign(request, NAMES, time, "kms")
    assert tc3.signature(request, NAMES, key, time, "kms") == Sign.sign_tc3(key, tc3.utc_date(time), "kms", text)


def authorized(request: tc3.Request = POST) -> tc3.Authorization:
    return tc3.parse_authorization(tc3.sign(request, "AKIDexample", "secretkey", TIME))


def test_what_was_signed_is_accepted() -> None:
    assert authorized().secret_id == "AKIDexample"
    assert tc3.is_signed_by(POST, authorized(), "secretkey", TIME)


@pytest.mark.parametrize(
    "changed",
    [
        replace(POST, body=b'{"Limit": 2}'),
        replace(POST, method="PUT"),
        replace(POST, query="a=b"),
        replace(POST, headers={**POST.headers, "host": "kms.example.com"}),
        replace(POST, headers={**POST.headers, "content-type": "text/plain"}),
    ],
    ids=["body", "method", "query", "host", "content-type"],
)
def test_a_changed_request_is_refused(changed: tc3.Request) -> None:
    assert not tc3.is_signed_by(changed, authorized(), "secretkey", TIME)


def test_another_key_time_or_date_is_refused() -> None:
    assert not tc3.is_signed_by(POST, authorized(), "secretkeY", TIME)
    assert not tc3.is_signed_by(POST, authorized(), "secretkey", TIME + 1)
    assert not tc3.is_signed_by(POST, replace(authorized(), date="2019-02-26"), "secretkey", TIME)
    assert not tc3.is_signed_by(POST, replace(authorized(), service="cvm"), "secretkey", TIME)


def test_more_headers_may_be_signed_and_the_two_must_be() -> None:
    request = replace(POST, headers={**POST.headers, "x-tc-action": "ListKeys"})
    names = ("content-type", "host", "x-tc-action")
    value = tc3.signature(request, names, "secretkey", TIME, "kms")
    more = replace(authorized(), signed_headers=names, signature=value)
    assert tc3.is_signed_by(request, more, "secretkey", TIME)
    assert b"x-tc-action:listkeys\n" in tc3.canonical_request(request, names)
    assert not tc3.is_signed_by(POST, more, "secretkey", TIME)
    less = tc3.signature(POST, ("host",), "secretkey", TIME, "kms")
    assert not tc3.is_signed_by(
        POST, replace(authorized(), signed_headers=("host",), signature=less), "secretkey", TIME
    )


@pytest.mark.parametrize("text", ["", "SKIP", "TC3-HMAC-SHA256 Credential=a/b/c/tc3_request", "Basic YTpi"])
def test_malformed_authorization_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        tc3.parse_authorization(text)


@given(st.text())
def test_any_authorization_is_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(InputError):
        assert len(tc3.parse_authorization(text).signature) == 64
