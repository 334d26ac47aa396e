"""`kmstool local serve` speaks the cloud's protocol: who may ask, in which forms, and that every answer has one form.

The server is the real program in a process; requests are put together byte by byte, so that each can be wrong in one way.
"""

import base64
import http.client
import json
import os
import re
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmstool.api import protocol, tc3
from kmstool.errors import KmsToolError
from kmstool.server import admin
from kmstool.server.tables import credentials, faults
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.tables.faults import FaultRule
from kmstool.server.web.authentication import authenticate
from kmstool.server.web.http import HttpRequest
from kmstool.server.web.parameters import unflatten
from tests import served
from tests.asking import FORM, Ask, Server, call, code, exchange, inner, new_key, send_v1, serving, v1
from tests.program import kmstool

TIMEOUT_SECONDS = 30
SKEWED_SECONDS, TOLERATED_SECONDS = 600, 240
STS = "2018-08-13"
ROLE_PATH = "/latest/meta-data/cam/security-credentials/"

has_ipv6 = pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this system has no IPv6 loopback")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served"), "--metadata", "--web-identity") as found:
        yield found


@pytest.fixture
def rules(server: Server) -> Iterator[Callable[..., int]]:
    """A way to add fault rules, which go again after the test."""

    def add(**fields: Any) -> int:
        with server.store() as kms, kms.store.transaction(write=True) as db:
            return faults.add(db, FaultRule(**fields))

    yield add
    with server.store() as kms, kms.store.transaction(write=True) as db:
        faults.clear(db)


def test_a_good_request_is_served(server: Server) -> None:
    assert len(base64.b64decode(Ask().send(server)["Plaintext"])) == 8


REFUSED = {
    "wrong secret": (Ask(secret=("", "wrong")), "AuthFailure.SignatureFailure"),
    "stale": (Ask(skew=-SKEWED_SECONDS), "AuthFailure.SignatureExpire"),
    "future": (Ask(skew=SKEWED_SECONDS), "AuthFailure.SignatureExpire"),
    "another timestamp": (Ask(later={"x-tc-timestamp": "0"}), "AuthFailure.SignatureExpire"),
    "unknown SecretId": (Ask(secret=("AKIDnobody", "wrong")), "AuthFailure.SecretIdNotFound"),
    "altered body": (Ask(sent_body=b'{"NumberOfBytes": 9}'), "AuthFailure.SignatureFailure"),
    # Nothing of a body is understood before it is known who sent it.
    "altered body that is no JSON": (Ask(sent_body=b"["), "AuthFailure.SignatureFailure"),
    "wrong secret, deep brackets": (Ask(secret=("", "wrong"), body=b"[" * 100_000), "AuthFailure.SignatureFailure"),
    "wrong secret, contradicting query": (
        Ask(secret=("", "wrong"), method="GET", query="A=1&A=2", body=b"", content_type=FORM),
        "AuthFailure.SignatureFailure",
    ),
    "altered content type": (Ask(later={"content-type": "text/plain"}), "AuthFailure.SignatureFailure"),
    "no content type": (Ask(later={"content-type": None}), "AuthFailure.SignatureFailure"),
    "altered host": (Ask(sent_host="kms.tencentcloudapi.com"), "AuthFailure.SignatureFailure"),
    "altered query": (Ask(method="GET", query="NumberOfBytes=8", target="/?a=b&"), "AuthFailure.SignatureFailure"),
    "altered signed action": (
        Ask(names=("content-type", "host", "x-tc-action"), later={"x-tc-action": "GetServiceStatus"}),
        "AuthFailure.SignatureFailure",
    ),
    "altered signed region": (
        Ask(
            names=("content-type", "host", "x-tc-region"),
            headers={"x-tc-region": "ap-guangzhou"},
            later={"x-tc-region": "ap-singapore"},
        ),
        "AuthFailure.SignatureFailure",
    ),
    "a signed header is missing": (
        Ask(names=("content-type", "host", "x-tc-region"), headers={"x-tc-region": "a"}, later={"x-tc-region": None}),
        "AuthFailure.SignatureFailure",
    ),
    "host is not signed": (Ask(names=("content-type",)), "AuthFailure.SignatureFailure"),
    "content type is not signed": (Ask(names=("host",)), "AuthFailure.SignatureFailure"),
    "no such scheme": (Ask(later={"authorization": "Basic YTpi"}), "AuthFailure.InvalidAuthorization"),
    "empty authorization": (Ask(later={"authorization": ""}), "AuthFailure.InvalidAuthorization"),
    "no authorization": (Ask(later={"authorization": None}), "AuthFailure.InvalidAuthorization"),
    "no authorization, no body": (
        Ask(later={"authorization": None}, sent_body=b""),
        "AuthFailure.InvalidAuthorization",
    ),
    "half an authorization": (
        Ask(later={"authorization": "TC3-HMAC-SHA256 Credential=a/2026-01-01/kms/tc3_request"}),
        "AuthFailure.InvalidAuthorization",
    ),
    "skipped": (Ask(later={"authorization": "SKIP"}), "AuthFailure.InvalidAuthorization"),
    "skipped for a role": (
        Ask("AssumeRole", later={"authorization": "SKIP"}, headers={"x-tc-version": STS}),
        "AuthFailure.InvalidAuthorization",
    ),
    # The one action that may be asked for without a signature is not one of KMS.
    "skipped in the wrong version": (
        Ask("AssumeRoleWithWebIdentity", b"{}", later={"authorization": "SKIP"}),
        "AuthFailure.InvalidAuthorization",
    ),
    "a token where there is none": (Ask(token="made-up"), "AuthFailure.TokenFailure"),
    "timestamp of words": (Ask(later={"x-tc-timestamp": "now"}), "InvalidParameter"),
    "no timestamp": (Ask(later={"x-tc-timestamp": None}), "MissingParameter"),
    "no action": (Ask(later={"x-tc-action": None}), "MissingParameter"),
    "no version": (Ask(later={"x-tc-version": None}), "MissingParameter"),
    "other version": (Ask(headers={"x-tc-version": "2018-01-01"}), "NoSuchVersion"),
    "unknown action": (Ask("GenerateRandoms"), "InvalidAction"),
    "action in the wrong case": (Ask("generaterandom"), "InvalidAction"),
    "unknown region": (Ask(headers={"x-tc-region": "ap-atlantis"}), "InvalidParameterValue"),
    "unknown parameter": (Ask(body=b'{"NumberOfBytes": 8, "Size": 8}'), "UnknownParameter"),
    "missing parameter": (Ask(body=b"{}"), "MissingParameter"),
    "body that is no JSON": (Ask(body=b"NumberOfBytes=8"), "InvalidParameter"),
    "body that is no object": (Ask(body=b"[8]"), "InvalidParameter"),
    "body of deep brackets": (Ask(body=b"[" * 100_000), "InvalidParameter"),
    "body of an endless number": (Ask(body=b'{"NumberOfBytes": ' + b"9" * 9000 + b"}"), "InvalidParameter"),
    "number of the wrong type": (Ask(body=b'{"NumberOfBytes": [8]}'), "InvalidParameter"),
    "text that is no number": (Ask(body=b'{"NumberOfBytes": "8 "}'), "InvalidParameter"),
    "host that is no host": (Ask(sent_host="http://["), "AuthFailure.SignatureFailure"),
}


@pytest.mark.parametrize(("ask", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_is_refused_with_its_code(server: Server, ask: Ask, expected: str) -> None:
    if ask.secret and not ask.secret[0]:
        ask = replace(ask, secret=(server.variables["TENCENTCLOUD_SECRET_ID"], ask.secret[1]))
    assert code(ask.send(server)) == expected


QUIRKS = {
    "a clock that is slow": Ask(skew=-TOLERATED_SECONDS),
    "a clock that is fast": Ask(skew=TOLERATED_SECONDS),
    "no body": Ask("GetRegions", b""),
    "a blank in the JSON": Ask(body=b'{ "NumberOfBytes" : 8 }'),
    "a number as text": Ask(body=b'{"NumberOfBytes": "8"}'),
    "a null": Ask("ListKeys", b'{"Offset": null, "Limit": 1}'),
    "an action in lower case": Ask("generateRandom"),
    "another service in the scope": Ask(service="127"),
    "another content type": Ask(content_type="application/json; charset=utf-8"),
    "more signed headers": Ask(
        names=("content-type", "host", "x-tc-action", "x-tc-region"), headers={"x-tc-region": "ap-singapore"}
    ),
    "headers that mean nothing": Ask(
        headers={"x-tc-language": "zh-CN", "x-tc-requestclient": "a", "x-tc-traceid": "b"}
    ),
    "an unsigned payload": Ask(
        headers={"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}, body=b"other", sent_body=b'{"NumberOfBytes": 8}'
    ),
    "a query": Ask(method="GET", query="NumberOfBytes=8", body=b"", content_type=FORM),
    "an encoded query": Ask(method="GET", query="%4EumberOfBytes=%38", body=b"", content_type=FORM),
}


@pytest.mark.parametrize("ask", QUIRKS.values(), ids=QUIRKS)
def test_what_clients_do_is_accepted(server: Server, ask: Ask) -> None:
    assert code(ask.send(server)) is None


def test_an_unsigned_payload_must_be_said(server: Server) -> None:
    late = Ask(sent_body=b'{"NumberOfBytes": 9}', later={"x-tc-content-sha256": "UNSIGNED-PAYLOAD"})
    assert code(late.send(server)) == "AuthFailure.SignatureFailure"


def test_hosts_are_signed_in_many_ways(server: Server) -> None:
    """Node signs the name without the port, tccli sends a Host with a scheme; curl writes names as they were typed."""
    name = server.netloc.rpartition(":")[0]
    for signed, sent in (
        (f"http://{server.netloc}", f"http://{server.netloc}"),
        (server.netloc, f"http://{server.netloc}"),
        (name, server.netloc),
        (name, f"http://{server.netloc}"),
        ("kms.example.com", "KMS.Example.com"),
        ("kms.tencentcloudapi.com", "kms.tencentcloudapi.com"),
        ("[::1]", "[::1]:8080"),
    ):
        assert code(Ask(signed_host=signed, sent_host=sent).send(server)) is None, (signed, sent)
    for signed, sent in ((f"{name}:1", server.netloc), ("kms.example.com", server.netloc), (f"x{name}", name)):
        assert code(Ask(signed_host=signed, sent_host=sent).send(server)) == "AuthFailure.SignatureFailure"


def test_as_a_proxy_it_gets_whole_addresses(server: Server) -> None:
    for target in ("http://kms.tencentcloudapi.com/", "http://kms.tencentcloudapi.com", f"http://{server.netloc}/"):
        assert code(Ask(target=target, signed_host="kms.tencentcloudapi.com").send(server)) is None
    query = Ask(method="GET", query="NumberOfBytes=8", body=b"", content_type=FORM)
    assert code(replace(query, target="http://kms.tencentcloudapi.com/").send(server)) is None


def test_lists_are_flattened_in_a_query(server: Server) -> None:
    ids = [new_key(server) for _ in range(11)]
    query = "&".join(f"KeyIds.{number}={key_id}" for number, key_id in enumerate(ids))
    found = Ask("DescribeKeys", b"", "GET", query, FORM).send(server)
    assert [key["KeyId"] for key in found["KeyMetadatas"]] == ids
    alias = "k" + uuid.uuid4().hex
    query = f"Alias={alias}&Tags.0.TagKey=team&Tags.0.TagValue=a%2Bb%3D&Tags.1.TagKey=env&Tags.1.TagValue=c"
    key_id = Ask("CreateKey", b"", "GET", query, FORM).send(server)["KeyId"]
    for filters in ([{"TagKey": "team", "TagValue": ["a+b="]}], [{"TagKey": "env", "TagValue": ["c"]}]):
        listed = call(server, "ListKeyDetail", TagFilters=filters, SearchKeyAlias=alias)
        assert [key["KeyId"] for key in listed["KeyMetadatas"]] == [key_id]


@pytest.mark.parametrize(
    "query", ["KeyIds.1=a", "KeyIds.0=a&KeyIds.00=b", "KeyIds=a&KeyIds.0=b", "KeyIds.0", "A=1&A=2"]
)
def test_lists_with_gaps_or_contradictions_are_refused(server: Server, query: str) -> None:
    assert code(Ask("DescribeKeys", b"", "GET", query, FORM).send(server)) == "InvalidParameter"


@pytest.mark.parametrize("algorithm", ["HmacSHA1", "HmacSHA256", None])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_older_signatures(server: Server, method: str, algorithm: str | None) -> None:
    fields = v1(server, method, algorithm, NumberOfBytes=16, Language="zh-CN", RequestClient="a client & more")
    assert len(base64.b64decode(send_v1(server, method, fields)["Plaintext"])) == 16
    host = f"http://{server.netloc}"
    assert code(send_v1(server, method, fields, host)) is None
    key_ids = [new_key(server), new_key(server)]
    fields = v1(server, method, algorithm, Action="DescribeKeys", KeyIds__0=key_ids[0], KeyIds__1=key_ids[1])
    assert [key["KeyId"] for key in send_v1(server, method, fields)["KeyMetadatas"]] == key_ids
    fields = v1(server, method, algorithm, Action="CreateKey", Alias="k" + uuid.uuid4().hex, Description="日本 + 100%")
    assert send_v1(server, method, fields)["Description"] == "日本 + 100%"
    fields = v1(server, method, algorithm, Action="DisableKeys", KeyIds__0=key_ids[0], Region="ap-singapore")
    assert code(send_v1(server, method, fields)) == "ResourceUnavailable.CmkNotFound"


V1_REFUSED = {
    "another value": ({"NumberOfBytes": "17"}, {}, "AuthFailure.SignatureFailure"),
    "one more parameter": ({"Language": "zh-CN"}, {}, "AuthFailure.SignatureFailure"),
    "another region": ({"Region": "ap-singapore"}, {}, "AuthFailure.SignatureFailure"),
    "one parameter less": ({"NumberOfBytes": None}, {}, "AuthFailure.SignatureFailure"),
    "another action": ({"Action": "GetRegions"}, {}, "AuthFailure.SignatureFailure"),
    "another method": ({"SignatureMethod": "HmacSHA1"}, {}, "AuthFailure.SignatureFailure"),
    "a method that there is not": ({"SignatureMethod": "HmacMD5"}, {}, "AuthFailure.InvalidAuthorization"),
    "no signature": ({"Signature": None}, {}, "AuthFailure.InvalidAuthorization"),
    "empty signature": ({"Signature": ""}, {}, "AuthFailure.SignatureFailure"),
    "no nonce": ({"Nonce": None}, {}, "MissingParameter"),
    "no action": ({"Action": None}, {}, "MissingParameter"),
    "stale": ({}, {"Timestamp": -SKEWED_SECONDS}, "AuthFailure.SignatureExpire"),
    "future": ({}, {"Timestamp": SKEWED_SECONDS}, "AuthFailure.SignatureExpire"),
    "a little stale": ({}, {"Timestamp": -TOLERATED_SECONDS}, None),
    "unknown SecretId": ({}, {"SecretId": "AKIDnobody"}, "AuthFailure.SecretIdNotFound"),
    "no SecretId": ({"SecretId": None}, {}, "AuthFailure.InvalidAuthorization"),
    "a token where there is none": ({}, {"Token": "made-up"}, "AuthFailure.TokenFailure"),
    "wrong version": ({}, {"Version": "2017-03-12"}, "NoSuchVersion"),
    "unknown action": ({}, {"Action": "GenerateRandoms"}, "InvalidAction"),
    "unknown region": ({}, {"Region": "ap-atlantis"}, "InvalidParameterValue"),
}


@pytest.mark.parametrize(("later", "before", "expected"), V1_REFUSED.values(), ids=V1_REFUSED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_wrong_in_the_older_scheme(
    server: Server, method: str, later: Mapping[str, str | None], before: Mapping[str, Any], expected: str | None
) -> None:
    if isinstance(before.get("Timestamp"), int):
        before = {"Timestamp": int(time.time()) + before["Timestamp"]}
    fields = v1(server, method, "HmacSHA256", **{"NumberOfBytes": 16, **before})
    sent = {name: value for name, value in (fields | dict(later)).items() if value is not None}
    assert code(send_v1(server, method, sent)) == expected


def test_a_form_of_a_stranger_is_not_parsed(server: Server) -> None:
    headers = {"Host": server.netloc, "Content-Type": FORM}
    form = b"SecretId=AKIDnobody&Signature=a&A.0=1&A=2&A=2&%"
    assert code(inner(*exchange(server, "POST", "/", headers, form))) == "AuthFailure.SecretIdNotFound"


def test_the_older_scheme_signs_no_other_host(server: Server) -> None:
    fields = v1(server, "GET", "HmacSHA1", NumberOfBytes=16)
    assert code(send_v1(server, "GET", fields, "kms.example.com")) == "AuthFailure.SignatureFailure"
    assert code(send_v1(server, "POST", fields)) == "AuthFailure.SignatureFailure"


def test_the_action_is_not_covered_by_the_usual_signature(server: Server) -> None:
    """A weakness of the protocol, shown: clients sign two headers and the body, so a proxy can change the rest."""
    key_id = new_key(server)
    body = json.dumps({"KeyId": key_id}).encode()
    assert code(Ask("DescribeKey", body, later={"x-tc-action": "DisableKey"}).send(server)) is None
    assert call(server, "DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
    assert code(Ask("DescribeKey", body, later={"x-tc-region": "ap-singapore"}).send(server)) is not None


def test_a_request_may_be_sent_again(server: Server) -> None:
    """Another one: a signature is good for five minutes and any number of times."""
    ask = Ask(skew=-100)
    assert ask.send(server)["Plaintext"] != ask.send(server)["Plaintext"]


def test_a_key_that_another_process_disables_is_refused_at_once(server: Server) -> None:
    key_id = new_key(server)
    encrypt = Ask("Encrypt", json.dumps({"KeyId": key_id, "Plaintext": "YQ=="}).encode())
    assert code(encrypt.send(server)) is None
    server.run("--profile", "local", "key", "disable", key_id, "--yes")
    assert code(encrypt.send(server)) == "ResourceUnavailable.CmkDisabled"
    server.run("--profile", "local", "key", "enable", key_id)
    assert code(encrypt.send(server)) is None


def test_what_is_made_over_http_is_there_for_the_command_line(server: Server) -> None:
    key_id = new_key(server)
    shown = server.run("--profile", "local", "key", "show", key_id, "--query", "KeyMetadata.KeyId || KeyId")
    assert shown.out.strip() == key_id


def test_regions_are_apart(server: Server) -> None:
    alias = "k" + uuid.uuid4().hex
    body = json.dumps({"Alias": alias}).encode()
    made = {}
    for region in ("ap-guangzhou", "ap-singapore"):
        made[region] = Ask("CreateKey", body, headers={"x-tc-region": region}).send(server)["KeyId"]
    assert len(set(made.values())) == 2
    describe = json.dumps({"KeyId": made["ap-singapore"]}).encode()
    assert code(Ask("DescribeKey", describe).send(server)) == "ResourceUnavailable.CmkNotFound"
    found = Ask("DescribeKey", describe, headers={"x-tc-region": "ap-singapore"}).send(server)
    assert found["KeyMetadata"]["Alias"] == alias


def test_many_clients_at_once(server: Server) -> None:
    """Reads and writes of eight clients: none is lost, none is answered with another one's answer."""
    key_id = new_key(server)

    def work(number: int) -> str:
        made = new_key(server)
        plaintext = base64.b64encode(f"text {number}".encode()).decode()
        blob = call(server, "Encrypt", KeyId=key_id, Plaintext=plaintext)["CiphertextBlob"]
        assert call(server, "Decrypt", CiphertextBlob=blob)["Plaintext"] == plaintext
        assert call(server, "DescribeKey", KeyId=made)["KeyMetadata"]["KeyId"] == made
        return made

    with ThreadPoolExecutor(8) as clients:
        made = list(clients.map(work, range(40)))
    assert len(set(made)) == 40


@pytest.mark.parametrize("action", ["DescribeKey", "CreateKey"])
@pytest.mark.parametrize(
    "body", [b'{"\\ud800": 1}', b'{"KeyId": "\\ud800", "Alias": "\\ud800"}', b'{"\\u0000\\u001b": 1}', b'{"\xff": 1}']
)
def test_text_that_is_no_unicode_is_refused_and_not_waited_for(server: Server, action: str, body: bytes) -> None:
    """Reading and writing actions take different ways through the server."""
    assert code(Ask(action, body).send(server)) in ("UnknownParameter", "InvalidParameter")


@pytest.mark.parametrize("path", ["/x", "/v3", "/latest", ROLE_PATH[:-1], ROLE_PATH + "other"])
def test_there_is_nothing_elsewhere(server: Server, path: str) -> None:
    answer, _ = exchange(server, "GET", path, {})
    assert answer.status == 404
    assert code(Ask(target="/?a=b").send(server)) is None
    answer, _ = Ask(target=path).exchange(server)
    assert answer.status == 404


def test_only_loopback_is_listened_to(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    assert kmstool("local", "serve", "--host", "0.0.0.0", exit_code=2, KMSTOOL_LOCAL_HOME=store).out == ""
    assert not (tmp_path / "store").exists()


# The older scheme signs names and values as they are.

MERGED = {
    "one of the action": {"KeyId": "a&Plaintext=YQ=="},
    "the last one": {"KeyId": "a", "Plaintext": "YQ==&EncryptionContext={}"},
    "in the middle": {"KeyId": "x&y&Plaintext=b&z"},
    "empty": {"KeyId": "a&Plaintext="},
    "a common one": {"KeyId": "a&Region=ap-singapore", "Plaintext": "YQ=="},
    "the action itself": {"KeyId": "&Action=DisableKey"},
    "a token": {"KeyId": "a", "Plaintext": "YQ==&Token=b"},
    "in a common one": {"Region": "ap-guangzhou&KeyId=a", "Plaintext": "YQ=="},
    "a name": {"KeyId=a&Plaintext": "YQ=="},
}


@pytest.mark.parametrize("fields", MERGED.values(), ids=MERGED)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_value_that_could_be_two_parameters_is_refused(server: Server, method: str, fields: dict[str, str]) -> None:
    """Whoever sees a signed request could send it with its parameters cut in other places."""
    found = send_v1(server, method, v1(server, method, "HmacSHA256", Action="Encrypt", **fields))
    assert code(found) == "InvalidParameter"
    assert "cannot tell" in found["Error"]["Message"]


def test_two_signed_parameters_cannot_be_sent_as_one(server: Server) -> None:
    """The attack itself: the signature over two parameters is that of one that holds both."""
    alias, usage = "k" + uuid.uuid4().hex, "ASYMMETRIC_DECRYPT_RSA_2048"
    fields = v1(server, "GET", "HmacSHA256", Action="CreateKey", Alias=alias, Description="a", KeyUsage=usage)
    del fields["KeyUsage"]
    assert code(send_v1(server, "GET", {**fields, "Description": f"a&KeyUsage={usage}"})) == "InvalidParameter"
    assert not exists(server, alias)


def test_a_value_may_hold_an_ampersand(server: Server) -> None:
    alias = "k" + uuid.uuid4().hex
    fields = v1(server, "POST", "HmacSHA256", Action="CreateKey", Alias=alias, Description="a&b=c & Alias=d&Alias")
    assert code(send_v1(server, "POST", fields)) is None


def test_a_list_in_a_role_is_a_parameter_too(server: Server) -> None:
    fields = v1(server, "GET", "HmacSHA1", Action="AssumeRole", RoleArn="a", RoleSessionName="b&Tags.0.Key=c")
    fields["Version"] = STS
    secret = server.variables["TENCENTCLOUD_SECRET_KEY"]
    fields["Signature"] = tc3.sign_v1("GET", server.netloc, "/", fields, secret)
    assert code(send_v1(server, "GET", fields)) == "InvalidParameter"


# Temporary credentials.


def temporary(server: Server) -> tuple[tuple[str, str], str]:
    made = server.run("local", "credentials", "create", "--lifetime", "1h", "--format", "json").json
    return (made["SecretId"], made["SecretKey"]), made["Token"]


def test_a_temporary_credential_needs_its_token(server: Server) -> None:
    secret, token = temporary(server)
    assert code(Ask(secret=secret, token=token).send(server)) is None
    for wrong in ("", token[:-1], token + "x", token.swapcase(), "\xe9"):
        assert code(Ask(secret=secret, token=wrong).send(server)) == "AuthFailure.TokenFailure"
    assert code(Ask(secret=(secret[0], "wrong"), token=token).send(server)) == "AuthFailure.SignatureFailure"
    for sent, expected in ((token, None), ("wrong", "AuthFailure.TokenFailure")):
        own = replace(
            server,
            variables={
                **server.variables,
                "TENCENTCLOUD_SECRET_ID": secret[0],
                "TENCENTCLOUD_SECRET_KEY": secret[1],
            },
        )
        fields = v1(own, "GET", "HmacSHA256", NumberOfBytes=8, Token=sent)
        assert code(send_v1(own, "GET", fields)) == expected


def test_an_expired_credential_is_refused(server: Server) -> None:
    with server.store() as kms, kms.transaction(write=True) as writing:
        parent = server.variables["TENCENTCLOUD_SECRET_ID"]
        made = credentials.derive(writing.db, writing.vault, credentials.TEMPORARY, parent, 2)
    ask = Ask(secret=(made.secret_id, made.secret_key), token=made.token)
    assert code(ask.send(server)) is None
    time.sleep(max(0, made.expires_unix - time.time()) + 0.1)
    assert code(ask.send(server)) == "AuthFailure.TokenFailure"


def test_a_deleted_credential_is_not_known(server: Server) -> None:
    secret, token = temporary(server)
    ask = Ask(secret=secret, token=token)
    assert code(ask.send(server)) is None
    server.run("local", "credentials", "delete", secret[0], "--yes")
    assert code(ask.send(server)) == "AuthFailure.SecretIdNotFound"


ROLE = {"RoleArn": "qcs::cam::uin/1:roleName/a", "RoleSessionName": "tests"}
SKIPPED = {"authorization": "SKIP"}


def web_identity(server: Server, token: str = "") -> dict[str, Any]:
    token = token or server.run("local", "credentials", "token").out.strip()
    return {**ROLE, "ProviderId": "OIDC", "WebIdentityToken": token}


def secret_path(server: Server) -> str:
    return server.variables["KMSTOOL_METADATA_ENDPOINT"].removeprefix(server.endpoint) + ROLE_PATH


def assume(server: Server, action: str, params: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    ask = Ask(action, json.dumps(params).encode(), headers={"x-tc-version": STS}, service="sts")
    return replace(ask, **changes).send(server)


def test_a_role_can_be_assumed(server: Server) -> None:
    found = assume(server, "AssumeRole", {**ROLE, "DurationSeconds": 900})
    assert abs(found["ExpiredTime"] - time.time() - 900) < TIMEOUT_SECONDS
    given = found["Credentials"]
    secret = given["TmpSecretId"], given["TmpSecretKey"]
    assert code(Ask(secret=secret, token=given["Token"]).send(server)) is None
    assert code(Ask(secret=secret).send(server)) == "AuthFailure.TokenFailure"
    assert assume(server, "AssumeRole", ROLE)["Credentials"]["TmpSecretId"] != secret[0]


def test_a_web_identity_is_believed_without_a_signature(server: Server) -> None:
    found = assume(server, "AssumeRoleWithWebIdentity", web_identity(server), later=SKIPPED)
    given = found["Credentials"]
    ask = Ask(secret=(given["TmpSecretId"], given["TmpSecretKey"]), token=given["Token"])
    assert code(ask.send(server)) is None


@pytest.mark.parametrize(
    ("action", "params", "expected"),
    [
        ("AssumeRole", {"RoleArn": "a"}, "MissingParameter"),
        ("AssumeRole", {"RoleSessionName": "a"}, "MissingParameter"),
        ("AssumeRole", {**ROLE, "DurationSeconds": 43201}, "InvalidParameter"),
        ("AssumeRole", {**ROLE, "DurationSeconds": -1}, "InvalidParameter"),
        ("AssumeRole", {**ROLE, "DurationSeconds": "soon"}, "InvalidParameter"),
        ("AssumeRole", {**ROLE, "DurationSeconds": [1]}, "InvalidParameter"),
        ("AssumeRoleWithWebIdentity", ROLE, "MissingParameter"),
        ("GetFederationToken", {"Name": "a", "Policy": "{}"}, "InvalidAction"),
        ("GenerateRandom", {"NumberOfBytes": 8}, "InvalidAction"),
    ],
)
def test_what_is_wrong_with_a_role(server: Server, action: str, params: Mapping[str, Any], expected: str) -> None:
    assert code(assume(server, action, params)) == expected


def test_the_metadata_service_gives_credentials(server: Server) -> None:
    path = secret_path(server)
    answer, role = exchange(server, "GET", path, {})
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/plain")
    answer, body = exchange(server, "GET", path + role.decode(), {})
    given = json.loads(body)
    assert (answer.status, given["Code"]) == (200, "Success")
    assert given["ExpiredTime"] > time.time()
    ask = Ask(secret=(given["TmpSecretId"], given["TmpSecretKey"]), token=given["Token"])
    assert code(ask.send(server)) is None
    answer, _ = exchange(server, "POST", path + role.decode(), {})
    assert answer.status == 404
    # As in the cloud: who asks again gets the same ones.
    assert exchange(server, "GET", path + role.decode(), {})[1] == body


def test_a_web_page_gets_no_credential_by_a_name_of_its_own(server: Server) -> None:
    """What needs no signature must look at Host, or any page whose name comes to mean 127.0.0.1 can ask for a key.

    (DNS rebinding: for the browser that page and this server are then one origin.)
    """
    path, known = secret_path(server), web_identity(server)
    answer, role = exchange(server, "GET", path, {})
    for host in ("page.example", "page.example:80", f"page.example:{server.netloc.rpartition(':')[2]}"):
        answer, body = exchange(server, "GET", path + role.decode(), {"Host": host})
        assert b"TmpSecretKey" not in body, answer.status
        found = assume(server, "AssumeRoleWithWebIdentity", known, later=SKIPPED, sent_host=host)
        assert "Credentials" not in found


# Faults on purpose.


def test_fault_rules_by_the_command_line(server: Server) -> None:
    server.run("local", "faults", "add", "--action", "GenerateRandom", "--nth", "2", "--code", "RequestLimitExceeded")
    try:
        [rule] = server.run("local", "faults", "list", "--format", "json").json["Faults"]
        assert (rule["action"], rule["nth"], rule["code"]) == ("GenerateRandom", 2, "RequestLimitExceeded")
        assert [code(Ask().send(server)) for _ in range(4)] == [None, "RequestLimitExceeded", None, None]
    finally:
        server.run("local", "faults", "clear")
    assert server.run("local", "faults", "list", "--format", "json").json["Faults"] == []


def exists(server: Server, alias: str) -> bool:
    found: int = call(server, "ListKeyDetail", SearchKeyAlias=alias, KeyUsage="ALL")["TotalCount"]
    return found == 1


@pytest.mark.parametrize("after", [False, True])
def test_an_error_instead_of_an_action_or_after_it(server: Server, rules: Callable[..., int], after: bool) -> None:
    number = rules(action="CreateKey", code="FailedOperation", after=after)
    alias = "k" + uuid.uuid4().hex
    found = call(server, "CreateKey", Alias=alias)
    assert code(found) == "FailedOperation"
    assert str(number) in found["Error"]["Message"]
    assert exists(server, alias) == after
    assert code(call(server, "GetRegions")) is None


@pytest.mark.parametrize("after", [False, True])
def test_a_lost_answer(server: Server, rules: Callable[..., int], after: bool) -> None:
    rules(action="CreateKey", drop=True, after=after)
    alias = "k" + uuid.uuid4().hex
    with pytest.raises(ConnectionError):
        call(server, "CreateKey", Alias=alias)
    assert exists(server, alias) == after


def test_a_late_answer(server: Server, rules: Callable[..., int]) -> None:
    rules(action="CreateKey", delay_seconds=0.5)
    alias = "k" + uuid.uuid4().hex
    start = time.monotonic()
    assert code(call(server, "CreateKey", Alias=alias)) is None
    assert time.monotonic() - start >= 0.5
    assert exists(server, alias)


def test_a_cut_answer(server: Server, rules: Callable[..., int]) -> None:
    rules(action="CreateKey", truncate=True)
    alias = "k" + uuid.uuid4().hex
    with pytest.raises(http.client.IncompleteRead):
        call(server, "CreateKey", Alias=alias)
    assert exists(server, alias)


def test_a_mislabelled_answer(server: Server, rules: Callable[..., int]) -> None:
    rules(action="GenerateRandom", content_type="text/html; charset=utf-8")
    answer, body = Ask().exchange(server)
    assert (answer.status, answer.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert json.loads(body)["Response"]["Plaintext"]


@pytest.mark.parametrize("after", [False, True])
def test_an_answer_with_another_status(server: Server, rules: Callable[..., int], after: bool) -> None:
    rules(action="CreateKey", http_status=502, after=after)
    alias = "k" + uuid.uuid4().hex
    answer, _ = Ask("CreateKey", json.dumps({"Alias": alias}).encode()).exchange(server)
    assert answer.status == 502
    assert exists(server, alias) == after


def test_a_rule_by_chance(server: Server, rules: Callable[..., int]) -> None:
    rules(action="GenerateRandom", probability=0.5, code="InternalError")
    failed = sum(code(Ask().send(server)) == "InternalError" for _ in range(200))
    # Six standard deviations: once in half a thousand million runs.
    assert 57 < failed < 143


def test_the_first_rule_that_applies_does_so(server: Server, rules: Callable[..., int]) -> None:
    rules(action="GenerateRandom", probability=0.0, code="LimitExceeded")
    rules(action="GenerateRandom", nth=2, code="FailedOperation")
    rules(action="*", code="InternalError")
    found = [code(Ask().send(server)) for _ in range(3)]
    assert found == ["InternalError", "FailedOperation", "InternalError"]
    assert code(call(server, "GetRegions")) == "InternalError"
    assert code(Ask(secret=("AKIDnobody", "a")).send(server)) == "AuthFailure.SecretIdNotFound"


def test_a_rule_counts_from_when_it_was_made(server: Server, rules: Callable[..., int]) -> None:
    assert code(Ask().send(server)) is None
    rules(action="GenerateRandom", nth=1, code="FailedOperation")
    assert [code(Ask().send(server)) for _ in range(2)] == ["FailedOperation", None]
    with server.store() as kms, kms.store.transaction(write=True) as db:
        faults.clear(db)
    rules(action="GenerateRandom", nth=1, code="LimitExceeded")
    assert [code(Ask().send(server)) for _ in range(2)] == ["LimitExceeded", None]


def test_signatures_go_by_the_real_clock(server: Server) -> None:
    key_id = new_key(server)
    assert code(call(server, "DisableKey", KeyId=key_id)) is None
    assert code(call(server, "ScheduleKeyDeletion", KeyId=key_id, PendingWindowInDays=7)) is None
    with server.store() as kms:
        try:
            admin.move_clock(kms, 9 * 86400)
            assert code(call(server, "DescribeKey", KeyId=key_id)) == "ResourceUnavailable.CmkNotFound"
        finally:
            admin.move_clock(kms, 0)
    assert code(Ask().send(server)) is None


# Servers of their own.


def test_a_store_has_one_server(server: Server) -> None:
    done = server.run("local", "serve", "--port-file", str(server.folder / "other"), exit_code=8)
    assert "served already" in done.err
    assert "hint" in done.err
    assert not (server.folder / "other").exists()
    assert code(Ask().send(server)) is None


def test_a_second_server_leaves_the_port_file_of_the_first(server: Server) -> None:
    before = server.port_file.read_text()
    try:
        server.run("local", "serve", "--port-file", str(server.port_file), exit_code=8)
        assert server.port_file.exists()
    finally:
        server.port_file.write_text(before)


@pytest.mark.parametrize("kind", ["pipe", "link", "dangling link", "folder"])
def test_a_port_file_that_cannot_be_one_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    """So must /dev/null and /dev/stdout be, which root could remove."""
    name, target = tmp_path / "port", tmp_path / "target"
    if kind == "pipe":
        os.mkfifo(name)
    elif kind == "folder":
        name.mkdir()
    else:
        name.symlink_to(target)
    if kind == "link":
        target.write_text("kept")
    before = name.lstat()
    store = str(tmp_path / "store")
    done = kmstool("local", "serve", "--port-file", name, exit_code=8, KMSTOOL_LOCAL_HOME=store)
    assert done.out == ""
    assert f"cannot write {name}: it is " in done.err
    assert os.path.samestat(before, name.lstat())
    assert kind != "link" or target.read_text() == "kept"


def test_a_port_file_that_another_replaced_stays(tmp_path: Path) -> None:
    folder = tmp_path / "served"
    folder.mkdir()
    with served.serving(folder, "--port-file", str(folder / "port")):
        (folder / "other").write_text("1\n")
        (folder / "other").replace(folder / "port")
    assert (folder / "port").read_text() == "1\n"


def test_without_a_server_there_is_nothing_to_point_at(tmp_path: Path) -> None:
    with serving(tmp_path / "served") as server:
        server.stop()
        done = server.run("local", "env", exit_code=7)
    assert "kmstool local serve" in done.err
    assert done.out == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_ends_well_and_keys_and_credentials_stay(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "served") as first:
        key_id = new_key(first)
        with first.store() as kms, kms.store.transaction(write=True) as db:
            faults.add(db, FaultRule(action="CreateKey", delay_seconds=1.0))
        alias = "k" + uuid.uuid4().hex
        with ThreadPoolExecutor(1) as client:
            begun = client.submit(call, first, "CreateKey", Alias=alias)
            while not call(first, "ListKeyDetail", SearchKeyAlias=alias)["TotalCount"]:
                assert not begun.done()
            first.stop(number)
            assert begun.result()["Alias"] == alias
    with serving(tmp_path / "served") as second:
        assert second.variables["TENCENTCLOUD_SECRET_ID"] == first.variables["TENCENTCLOUD_SECRET_ID"]
        assert second.variables["TENCENTCLOUD_SECRET_KEY"] == first.variables["TENCENTCLOUD_SECRET_KEY"]
        assert call(second, "DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyId"] == key_id
        assert exists(second, alias)


def test_a_killed_server_keeps_what_it_acknowledged_and_holds_no_lock(tmp_path: Path) -> None:
    with serving(tmp_path / "served") as first:
        key_id = new_key(first)
        first.process.kill()
        first.process.wait()
        first.port_file.unlink()
    with serving(tmp_path / "served") as second:
        assert call(second, "DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyId"] == key_id


@pytest.mark.parametrize(("option", "rate"), [(["--quota"], 20), (["--quota", "7"], 7)])
def test_a_quota_is_kept_where_it_is_asked_for(tmp_path: Path, server: Server, option: list[str], rate: int) -> None:
    """Twenty rotations a second are published: of 70 requests at once, at most two seconds' worth are let through."""
    body = json.dumps({"KeyId": str(uuid.uuid4())}).encode()

    def found(asked: Server) -> list[str | None]:
        with ThreadPoolExecutor(4) as clients:
            return list(clients.map(lambda _: code(Ask("RotateKey", body).send(asked)), range(70)))

    assert protocol.actions()["RotateKey"].qps == 20
    with serving(tmp_path / "served", *option) as limited:
        start = time.monotonic()
        codes = found(limited)
        seconds = time.monotonic() - start
        assert set(codes) == {"RequestLimitExceeded", "ResourceUnavailable.CmkNotFound"}
        assert rate <= codes.count("ResourceUnavailable.CmkNotFound") <= rate * (int(seconds) + 2)
        assert code(Ask().send(limited)) is None
    assert "RequestLimitExceeded" not in found(server)


@pytest.mark.parametrize("rate", ["0", "x", "1.5", "\u0663", "9" * 5000])
def test_a_quota_that_is_none_is_refused(rate: str) -> None:
    assert b"is no rate" in kmstool("local", "serve", "--quota", rate, exit_code=2).stderr


def test_a_restored_store_is_served_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "served") as server:
        kept = new_key(server)
        server.run("local", "backup", str(tmp_path / "copy"))
        lost = new_key(server)
        server.run("local", "restore", str(tmp_path / "copy"), "--yes")
        assert code(call(server, "DescribeKey", KeyId=lost)) == "ResourceUnavailable.CmkNotFound"
        assert code(call(server, "Encrypt", KeyId=kept, Plaintext="YQ==")) is None


def test_a_store_that_is_gone_is_an_error_and_no_silence(tmp_path: Path) -> None:
    with serving(tmp_path / "served", "--metadata") as server:
        assert code(Ask().send(server)) is None
        server.run("local", "reset", "--yes", exit_code=8)
        for path in (server.folder / "store").glob("*.sqlite3"):
            path.unlink()
        assert code(Ask("CreateKey", b'{"Alias": "a"}').send(server)) == "InternalError"
        host, _, port = server.netloc.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=5) as client:
            client.sendall(f"GET {secret_path(server)}kmstool-local HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert client.recv(100).startswith(b"HTTP/1.1 ")


@has_ipv6
def test_the_other_loopback(tmp_path: Path) -> None:
    with serving(tmp_path / "served", "--host", "::1") as server:
        assert re.fullmatch(r"http://\[::1\]:[0-9]+", server.variables["KMSTOOL_ENDPOINT"])
        done = kmstool("--profile", "local", "random", "8", env={**server.environ, **server.variables})
        assert len(done.out) == 17


def test_verbose_reports_actions_and_no_secrets(tmp_path: Path) -> None:
    with serving(tmp_path / "served", "--verbose") as server:
        canary = base64.b64encode(b"canary of the tests").decode()
        key_id = new_key(server)
        blob = call(server, "Encrypt", KeyId=key_id, Plaintext=canary)["CiphertextBlob"]
        assert code(call(server, "Decrypt", CiphertextBlob=blob)) is None
        assert code(Ask(secret=("AKIDnobody", "wrong")).send(server)) is not None
    log = (tmp_path / "served" / "server.log").read_text()
    for shown in ("CreateKey: ok", "Encrypt: ok", "Decrypt: ok", "AuthFailure.SecretIdNotFound", "stopped"):
        assert shown in log
    for secret in (canary, "canary", blob, server.variables["TENCENTCLOUD_SECRET_KEY"]):
        assert secret not in log


# Any request whatever, without a socket. How long an example takes says more of the machine than of the code.

patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

CREDENTIAL = ServedCredential("AKIDexample", "secretkey", "token", 0)
TEXTS = st.one_of(
    st.text(st.characters(max_codepoint=0xFF), max_size=30),
    st.sampled_from(
        ["http://[", "http://", "[", "a:b:c", "SKIP", "TC3-HMAC-SHA256", "0", "9" * 12, "\xb2", "{", "a.0=1"]
    ),
)
AUTHORIZATIONS = st.builds(
    "TC3-HMAC-SHA256 Credential={}/2026-01-01/{}/tc3_request, SignedHeaders={}, Signature={}".format,
    st.sampled_from(["AKIDexample", "other", "\xe9"]),
    st.sampled_from(["kms", "127"]),
    st.sampled_from(["content-type;host", "host", "content-type;host;x-a", ";", "content-type;host;host"]),
    st.just("0" * 64),
)


@patient
@given(
    method=st.sampled_from(["GET", "POST", "PUT"]),
    query=TEXTS,
    body=st.one_of(st.binary(max_size=40), TEXTS.map(str.encode)),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "host": TEXTS,
            "content-type": TEXTS,
            "authorization": st.one_of(TEXTS, AUTHORIZATIONS),
            "x-tc-action": TEXTS,
            "x-tc-version": TEXTS,
            "x-tc-timestamp": st.one_of(TEXTS, st.just("now")),
            "x-tc-token": st.one_of(TEXTS, st.just("token")),
            "x-tc-region": st.one_of(TEXTS, st.sampled_from(["ap-guangzhou", "eu-moscow"])),
        },
    ),
)
def test_any_request_is_refused_with_a_code(method: str, query: str, body: bytes, headers: dict[str, str]) -> None:
    """Nothing here is signed, so only the one call that needs no signature gets through."""
    if headers.get("x-tc-timestamp") == "now":
        headers = {**headers, "x-tc-timestamp": str(int(time.time()))}
    request = HttpRequest(method, "/", query, headers, body)
    try:
        found = authenticate(request, {"AKIDexample": CREDENTIAL}.get, web_identity=True)
    except KmsToolError as error:
        refusal = error.kms_code
    else:
        refusal = None
        assert (found.action, found.secret_id, headers["authorization"]) == ("AssumeRoleWithWebIdentity", "", "SKIP")
    assert refusal is None or refusal in protocol_codes()


def protocol_codes() -> Sequence[str]:
    return (
        "MissingParameter",
        "InvalidParameter",
        "InvalidParameterValue",
        "UnsupportedRegion",
        *(
            f"AuthFailure.{kind}"
            for kind in (
                "InvalidAuthorization",
                "SignatureExpire",
                "SignatureFailure",
                "SecretIdNotFound",
                "TokenFailure",
            )
        ),
    )


FIELDS = st.text("abcXYZ_", min_size=1, max_size=8)
TREES = st.recursive(
    st.text(max_size=8),
    lambda inside: st.one_of(
        st.lists(inside, min_size=1, max_size=11), st.dictionaries(FIELDS, inside, min_size=1, max_size=2)
    ),
    max_leaves=6,
)


def flattened(node: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield name, node
    else:
        for part, value in enumerate(node) if isinstance(node, list) else node.items():
            yield from flattened(value, f"{name}.{part}")


@patient
@given(st.dictionaries(FIELDS, TREES, max_size=4))
def test_what_was_flattened_comes_back(params: dict[str, Any]) -> None:
    fields = dict(pair for name, value in params.items() for pair in flattened(value, name))
    if all(name.count(".") < 5 for name in fields):
        assert unflatten(fields) == params
    else:
        with pytest.raises(KmsToolError):
            unflatten(fields)


@patient
@given(st.dictionaries(st.text("ab0129.-", max_size=12), st.text(max_size=3), max_size=8))
def test_any_names_are_a_tree_or_refused(fields: dict[str, str]) -> None:
    try:
        found = unflatten(fields)
    except KmsToolError as error:
        code_found = error.kms_code
    else:
        code_found = None
        leaves = [pair for name, value in found.items() for pair in flattened(value, name)]
        assert sorted(value for _, value in leaves) == sorted(fields.values())
    assert code_found in (None, "InvalidParameter")
