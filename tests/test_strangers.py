"""The served KMS gives nothing to whoever has no credential: another user of the machine, a web page, a guesser.

The server is root's and the attacks run as another user, in a process of theirs. Whatever they
send, no answer but a refusal comes, and the store stays as it was.
"""

import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from kmstool.api import protocol
from kmstool.server.tables.store import DATABASE
from kmstool.server.web import peers, sts
from tests.conftest import need, unable
from tests.served import Served, serving

NOBODY = 65534
TIMEOUT_SECONDS = 120
STUBS = ("--metadata", "--web-identity")
ROLE_PATH = sts.METADATA_PATH + sts.ROLE
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "BREW")
PATHS = (
    "/", "//", "/x", "/v3", "/latest", sts.METADATA_PATH[:-1], sts.METADATA_PATH, ROLE_PATH, f"/{ROLE_PATH}",
    f"{ROLE_PATH}/", f"/x{ROLE_PATH}", f"/x/..{ROLE_PATH}", ROLE_PATH.replace("latest", "%6catest"), ROLE_PATH.upper(),
    f"http://127.0.0.1{ROLE_PATH}", f"http://metadata.tencentyun.com{ROLE_PATH}", f"{ROLE_PATH}?a=b", f"/?{ROLE_PATH}",
    "/?Action=ListKeys&Version=2019-01-18", "*", "/favicon.ico", "/.well-known/openid-configuration",
)  # fmt: skip
PARAMS = {
    "ProviderId": "OIDC", "WebIdentityToken": "a.b", "RoleArn": "qcs::cam::uin/1:roleName/a", "RoleSessionName": "a",
}  # fmt: skip

# What a stranger's program does: it sends each request of a list, and prints the answers.
CLIENT = """
import http.client, json, sys
asked = json.load(sys.stdin)
client = http.client.HTTPConnection(asked["netloc"], timeout=20)
for method, target, headers, body in asked["requests"]:
    client.putrequest(method, target, skip_host="host" in headers, skip_accept_encoding=True)
    for name, value in headers.items():
        client.putheader(name, value)
    if body:
        client.putheader("Content-Length", str(len(body)))
    client.endheaders(body.encode() if body else None)
    answer = client.getresponse()
    print(json.dumps([answer.status, answer.read().decode("latin-1")]))
    if method == "HEAD":
        client.close()
"""

Request = tuple[str, str, Mapping[str, str], str]


@pytest.fixture(scope="module", params=[(), STUBS], ids=["as it is", "with its stubs"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), *request.param) as found:
        yield found


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("open"), *STUBS) as found:
        yield found


def stranger() -> list[str]:
    """Return the words that run a program as another user; skip the test (fail it in CI) where that cannot be."""
    if os.geteuid() != 0:
        unable("only root can become another user")
    words = [need("setpriv"), "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--"]
    if subprocess.run([*words, os.path.realpath(sys.executable), "-c", ""], check=False, cwd="/").returncode:
        unable("another user cannot run this Python")
    return words


def ask(server: Served, requests: Sequence[Request], *, by: Sequence[str] = ()) -> list[tuple[int, str]]:
    """Send requests as root, or as another user, and return status and body of each answer."""
    done = subprocess.run(
        [*by, os.path.realpath(sys.executable), "-I", "-S", "-c", CLIENT],
        input=json.dumps({"netloc": server.netloc, "requests": requests}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    answers = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests)
    return answers


def rows(server: Served) -> list[str]:
    with closing(sqlite3.connect(server.folder / "store" / DATABASE)) as db:
        return list(db.iterdump())


def is_refusal(status: int, body: str) -> bool:
    """Tell whether an answer refuses for want of a credential, or because nothing is there."""
    if status != 200:
        return status in (400, 403, 404, 405) and len(body) < 100
    if not body.startswith("{"):
        # What came for HEAD.
        return not body
    error = json.loads(body)["Response"].get("Error", {})
    return error.get("Code", "").startswith("AuthFailure") or error.get("Code") in (
        "MissingParameter",
        "UnsupportedProtocol",
    )


def unsigned(action: str, version: str) -> list[Request]:
    """Return a request in every form that names an action, with nothing or something made up for a signature."""
    now = str(int(time.time()))
    head = {
        "content-type": "application/json", "x-tc-action": action, "x-tc-version": version, "x-tc-timestamp": now,
        "x-tc-region": "ap-guangzhou",
    }  # fmt: skip
    made_up = (
        f"TC3-HMAC-SHA256 Credential={{}}/{time.strftime('%Y-%m-%d', time.gmtime(int(now)))}/kms/tc3_request,"
        f" SignedHeaders=content-type;host, Signature={'0' * 64}"
    )
    form = f"Action={action}&Version={version}&Timestamp={now}&Nonce=1&Region=ap-guangzhou"
    signed = f"{form}&SecretId=AKIDa&SignatureMethod=HmacSHA256&Signature=AAAA"
    as_form = {"content-type": "application/x-www-form-urlencoded"}
    body = json.dumps(PARAMS if version == sts.VERSION else {})
    return [
        ("POST", "/", head, body),
        ("GET", "/", head, ""),
        *(("POST", "/", {**head, "authorization": value}, body) for value in ("SKIP", "", "skip", made_up.format("a"))),
        ("GET", "/", {**head, "authorization": "SKIP"}, ""),
        ("POST", "/", {**head, "authorization": "SKIP", "x-tc-action": action[:1].lower() + action[1:]}, body),
        ("POST", f"/?{form}", {}, ""),
        *((method, f"/?{text}", {}, "") for text in (form, signed) for method in ("GET", "HEAD", "PUT")),
        *(("POST", "/", as_form, text) for text in (form, signed)),
    ]


def test_nobody_is_answered_without_a_signature_whatever_the_action(server: Served) -> None:
    words, before = stranger(), rows(server)
    actions = [(name, protocol.VERSION) for name in protocol.actions()]
    others = [(name, version) for name in sts.PARAMETERS for version in (sts.VERSION, protocol.VERSION)]
    requests = [
        request
        for action, version in (*actions, *others, ("GetCallerIdentity", sts.VERSION), ("", ""), ("X", "2017-01-01"))
        for request in unsigned(action, version)
    ]
    assert len(requests) > 69 * 15
    for request, answer in zip(requests, ask(server, requests, by=words), strict=True):
        expected = is_refusal(*answer) or "WebIdentityTokenError" in answer[1]
        assert expected, (request, answer)
    assert rows(server) == before


def test_nobody_is_answered_without_a_signature_whatever_the_path(server: Served) -> None:
    words, before = stranger(), rows(server)
    requests = [
        (method, path, headers, body)
        for method in METHODS
        for path in PATHS
        for headers, body in (({}, ""), ({"authorization": "SKIP"}, "{}"), ({"host": "metadata.tencentyun.com"}, ""))
    ]
    for request, answer in zip(requests, ask(server, requests, by=words), strict=True):
        assert is_refusal(*answer), (request, answer)
    assert rows(server) == before


def known_secrets(server: Served) -> list[Request]:
    """Return the two requests that need no signature, as who knows the secrets sends them."""
    token = server.run("local", "credentials", "token").out.strip()
    path = server.variables["KMSTOOL_METADATA_ENDPOINT"].removeprefix(server.endpoint)
    head = {
        "x-tc-action": sts.WEB_IDENTITY, "x-tc-version": sts.VERSION, "x-tc-timestamp": str(int(time.time())),
        "authorization": "SKIP", "x-tc-region": "ap-guangzhou", "content-type": "application/json",
    }  # fmt: skip
    return [
        ("GET", path + ROLE_PATH, {}, ""),
        ("GET", path + sts.METADATA_PATH, {}, ""),
        ("POST", "/", head, json.dumps({**PARAMS, "WebIdentityToken": token})),
    ]


def test_even_who_knows_the_secrets_must_be_the_user_that_serves(open_server: Served) -> None:
    words, requests = stranger(), known_secrets(open_server)
    before = rows(open_server)
    first, second, third = ask(open_server, requests, by=words)
    assert (first[0], second[0]) == (404, 404)
    assert json.loads(third[1])["Response"]["Error"]["Code"] == "AuthFailure.UnauthorizedOperation"
    assert rows(open_server) == before
    own = ask(open_server, requests)
    assert all(status == 200 for status, _ in own)
    assert "TmpSecretKey" in own[0][1]
    assert own[1][1] == sts.ROLE
    assert "TmpSecretKey" in own[2][1]


@pytest.mark.parametrize(
    "guess",
    [
        lambda path: path[:-1],
        lambda path: path + "x",
        lambda path: path.swapcase(),
        lambda path: path[1:],
        lambda _: "",
        lambda _: "/",
    ],
    ids=["shorter", "longer", "other case", "no slash", "nothing", "a slash"],
)
def test_the_secret_path_cannot_be_guessed_in_parts(open_server: Served, guess: Callable[[str], str]) -> None:
    path = open_server.variables["KMSTOOL_METADATA_ENDPOINT"].removeprefix(open_server.endpoint)
    assert len(path) > 30
    before = rows(open_server)
    [(status, _)] = ask(open_server, [("GET", guess(path) + ROLE_PATH, {}, "")])
    assert status in (400, 404)
    assert rows(open_server) == before


@pytest.mark.parametrize(
    "mark",
    [
        {"Origin": "https://page.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Storage-Access": "none"},
    ],
    ids="-".join,
)
def test_a_web_page_is_not_answered(open_server: Served, mark: Mapping[str, str]) -> None:
    """A cross-site GET needs no leave of the page's browser; who sends it knows no secret, but may guess one."""
    requests = known_secrets(open_server)
    before = rows(open_server)
    for method, path, headers, body in requests:
        for verb in (method, "OPTIONS", "HEAD"):
            [answer] = ask(open_server, [(verb, path, {**headers, **mark}, body)])
            assert answer[0] == 403
            assert "Tmp" not in answer[1]
    assert rows(open_server) == before


# Whose the other end of a connection is.


def ends(family: socket.AddressFamily, host: str, to: str = "") -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a connection over loopback; `to` is how the client names the host."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        client = socket.socket(family)
        client.connect((to or host, listener.getsockname()[1]))
        return client, listener.accept()[0]


LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")


@LINUX
@pytest.mark.parametrize(
    ("family", "host", "to"),
    [
        (socket.AF_INET, "127.0.0.1", ""),
        (socket.AF_INET6, "::1", ""),
        (socket.AF_INET6, "127.0.0.1", "::ffff:127.0.0.1"),
    ],
    ids=["IPv4", "IPv6", "IPv4 by IPv6"],
)
def test_the_other_end_of_a_connection_is_ours(family: socket.AddressFamily, host: str, to: str) -> None:
    if family == socket.AF_INET6 and not Path("/proc/net/if_inet6").exists():
        pytest.skip("this system has no IPv6 loopback")
    client, accepted = ends(family, host, to)
    with client, accepted:
        assert peers.is_own(accepted)


@LINUX
def test_root_is_another_user_too() -> None:
    """What a user serves is for that user's programs; root reads the store if it wants a key."""
    if os.geteuid() != 0:
        unable("only root can become another user")
    client, accepted = ends(socket.AF_INET, "127.0.0.1")
    with client, accepted:
        os.seteuid(NOBODY)
        try:
            assert not peers.is_own(accepted)
            of_nobody, here = ends(socket.AF_INET, "127.0.0.1")
            with of_nobody, here:
                assert peers.is_own(here)
        finally:
            os.seteuid(0)
        with of_nobody, here:
            assert peers.is_own(accepted)


@LINUX
def test_a_connection_that_its_owner_has_closed_is_nobodys() -> None:
    """The kernel shows it as root's: root's server would take a stranger for its own user."""
    client, accepted = ends(socket.AF_INET, "127.0.0.1")
    with accepted:
        client.sendall(b"a request")
        client.close()
        assert not peers.is_own(accepted)


def test_the_other_end_of_a_unix_socket_is_ours() -> None:
    left, right = socket.socketpair()
    with left, right:
        assert peers.is_own(left)
