"""Where credentials come from, which of them counts, when they are renewed, and that none is ever left in clear."""

import base64
import contextlib
import gc
import http.server
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from kmstool.cli.main import root
from kmstool.errors import AccessError, InputError, KmsToolError, NetworkError
from kmstool.kms.credentials import roles, store
from kmstool.kms.credentials import tccli as tccli_profiles
from kmstool.kms.credentials.tool_files import INI_FILES, from_ini
from kmstool.kms.provider import Credential, FixedProvider, Provider, RenewedProvider, checked, from_environment
from kmstool.kms.transport.cloud import CloudTransport
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import credentials as served_credentials
from tests import bundles
from tests.conftest import need
from tests.program import Ran, kmstool, on_terminal
from tests.served import serving

TIMEOUT_SECONDS = 60

SECRET_ID = "AKIDcanary0123456789abcdefghij"
SECRET_KEY = "canarySecretKeyOfTheTests0123456"
TOKEN = "canaryTokenOfTheTests"
ROLE_ARN = "qcs::cam::uin/1:roleName/tests"
ROLE_PATH = "/latest/meta-data/cam/security-credentials/"


def status(*arguments: str, **environ: str) -> dict[str, str]:
    found: dict[str, str] = kmstool("auth", "status", "--offline", *arguments, "--format", "json", **environ).json
    return found


@dataclass(frozen=True)
class Server:
    """A running server, which also stands for STS and for a machine's metadata service."""

    folder: Path
    endpoint: str
    secret_id: str
    secret_key: str
    metadata: str
    web_identity_token: str

    @property
    def environ(self) -> dict[str, str]:
        return {"TENCENTCLOUD_SECRET_ID": self.secret_id, "TENCENTCLOUD_SECRET_KEY": self.secret_key}

    def temporary(self, lifetime: int) -> Credential:
        """Make a temporary credential beside the server."""
        kms = EmbeddedKms(self.folder / "store")
        try:
            with kms.transaction(write=True) as call:
                kind = served_credentials.TEMPORARY
                made = served_credentials.derive(call.db, call.vault, kind, self.secret_id, lifetime)
        finally:
            kms.close()
        return Credential(made.secret_id, made.secret_key, made.token, made.expires_unix)

    def transport(self, provider: Provider) -> CloudTransport:
        return CloudTransport(provider, "ap-guangzhou", endpoint=self.endpoint)

    def sts(self, action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        client = CloudTransport(
            signer, "ap-guangzhou", endpoint=self.endpoint, service="sts", version=roles.STS_VERSION
        )
        return client.call(action, params)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served"), "--metadata", "--web-identity") as found:
        secret_id, secret_key = (found.variables[f"TENCENTCLOUD_SECRET_{part}"] for part in ("ID", "KEY"))
        metadata, token = found.variables["KMSTOOL_METADATA_ENDPOINT"], found.run("local", "credentials", "token")
        yield Server(found.folder, found.endpoint, secret_id, secret_key, metadata, token.out.strip())


class Stub:
    """A small HTTP server whose answers a test gives; `asked` are the paths that were asked for."""

    def __init__(self, answer: Callable[[str], bytes | None], date: str | None = None) -> None:
        self.asked: list[str] = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                body = answer(self.path)
                self.send_response_only(200 if body is not None else 404)
                self.send_header("Date", date or formatdate(usegmt=True))
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextlib.contextmanager
def stub(answer: Callable[[str], bytes | None], date: str | None = None) -> Iterator[Stub]:
    made = Stub(answer, date)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# The environment.


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({}, ""),
        ({"TENCENTCLOUD_TOKEN": "a"}, "a"),
        ({"TENCENTCLOUD_SECURITY_TOKEN": "b"}, "b"),
        ({"TENCENTCLOUD_TOKEN": "a", "TENCENTCLOUD_SECURITY_TOKEN": "b"}, "a"),
        ({"TENCENTCLOUD_TOKEN": "", "TENCENTCLOUD_SECURITY_TOKEN": "b"}, "b"),
    ],
)
def test_the_environment(tokens: dict[str, str], expected: str) -> None:
    environ = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY, **tokens}
    provider = from_environment(environ)
    assert provider
    assert provider.get() == Credential(SECRET_ID, SECRET_KEY, expected)
    assert provider.renew() is False


@pytest.mark.parametrize("environ", [{}, {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": ""}])
def test_an_empty_environment_is_none(environ: dict[str, str]) -> None:
    assert from_environment(environ) is None


@pytest.mark.parametrize("name", ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"])
def test_half_a_pair_is_named(name: str) -> None:
    other = ({"TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY"} - {name}).pop()
    done = kmstool("auth", "status", exit_code=4, **{name: SECRET_KEY})
    assert f"no {other}" in done.err
    assert SECRET_KEY not in done.err


@pytest.mark.parametrize(
    "name",
    ["TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"],
)
def test_a_line_break_in_a_variable_names_that_and_shows_nothing(name: str) -> None:
    """As of `export NAME="$(cat FILE)"` with an editor's line in the middle, or of Kubernetes' secrets made by echo."""
    credential = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
    done = kmstool("key", "list", exit_code=4, **{**credential, name: "hidden\n"})
    assert f"the variable {name} has characters that no credential has" in done.err
    assert "hidden" not in done.err


@pytest.mark.parametrize("value", ["with blank", "line\n", " ", "é", "\x7f", "tab\t"])
def test_what_cannot_be_a_credential_is_refused_and_not_shown(value: str) -> None:
    for parts in ((value, SECRET_KEY), (SECRET_ID, value), (SECRET_ID, SECRET_KEY, value)):
        with pytest.raises(AccessError) as caught:
            checked(*parts, source="the tests")
        assert "the tests" in caught.value.message
        assert value not in caught.value.message.replace(" ", "") or value == " "


@pytest.mark.parametrize("variable", ["TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"])
def test_a_temporary_credential_of_the_environment_works(server: Server, variable: str) -> None:
    made = server.temporary(600)
    environ = {
        "TENCENTCLOUD_SECRET_ID": made.secret_id,
        "TENCENTCLOUD_SECRET_KEY": made.secret_key,
        "KMSTOOL_ENDPOINT": server.endpoint,
    }
    assert len(kmstool("random", "8", **environ, **{variable: made.token}).out) == 17
    done = kmstool("random", "8", **environ, exit_code=4)
    assert "AuthFailure.TokenFailure" in done.err


def test_nothing_secret_is_part_of_a_repr() -> None:
    credential = Credential(SECRET_ID, SECRET_KEY, TOKEN, 1)
    assert SECRET_KEY not in repr(credential)
    assert TOKEN not in repr(credential)
    assert credential.masked_id.startswith("AKIDcana")
    assert SECRET_ID not in credential.masked_id
    assert "12345678" not in Credential("12345678", SECRET_KEY).masked_id


# tccli's files.


def tccli(home: Path, fields: object, name: str = "default", region: str | None = None) -> Path:
    """Write a profile of tccli as tccli does, with a closed folder and open files; return the credential's path."""
    folder = home / ".tccli"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{name}.credential"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields))
    path.chmod(0o644)
    if region:
        (folder / f"{name}.configure").write_text(json.dumps({"_sys_param": {"region": region, "output": "json"}}))
    return path


STATIC = {"secretId": SECRET_ID, "secretKey": SECRET_KEY}


def from_tccli(home: Path, name: str) -> Provider | None:
    found = tccli_profiles.read(home, name)
    return found.base() if found else None


def test_without_files_of_tccli_there_is_nothing(home: Path) -> None:
    assert from_tccli(home, "default") is None
    tccli(home, STATIC, "other")
    assert from_tccli(home, "default") is None


@pytest.mark.parametrize("token", [None, "", TOKEN])
def test_a_static_credential_of_tccli(home: Path, token: str | None) -> None:
    tccli(home, STATIC if token is None else {**STATIC, "token": token})
    provider = from_tccli(home, "default")
    assert provider
    assert provider.get() == Credential(SECRET_ID, SECRET_KEY, token or "")
    assert "tccli" in provider.source


@pytest.mark.parametrize("kind", ["oauth", "sso"])
def test_a_login_of_tccli_is_used_until_it_expires(home: Path, kind: str) -> None:
    fields = {**STATIC, "token": TOKEN, "type": kind, "expiresAt": int(time.time()) + 600}
    tccli(home, fields)
    found = status()
    assert found["SecretId"].startswith("AKIDcana")
    assert found["Expires"] != "never"
    tccli(home, {**fields, "expiresAt": int(time.time()) - 1})
    done = kmstool("auth", "status", exit_code=4)
    assert "expired" in done.err
    assert f"tccli {'sso' if kind == 'sso' else 'auth'} login" in done.err


MALFORMED = {
    "nothing": "",
    "no JSON": "secretId=a",
    "no object": "[]",
    "null": "null",
    "no id": {"secretKey": "a"},
    "no key": {"secretId": "a"},
    "numbers": {"secretId": 1, "secretKey": 2},
    "a list as token": {**STATIC, "token": ["a"]},
    "an end that is no number": {**STATIC, "expiresAt": "soon"},
    "an end that is a list": {**STATIC, "expiresAt": [1]},
    "half a file": json.dumps(STATIC)[:-10],
    "deep brackets": "[" * 100_000,
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_file_of_tccli_is_named_and_not_shown(home: Path, fields: object) -> None:
    path = tccli(home, fields)
    with pytest.raises(InputError) as caught:
        from_tccli(home, "default")
    assert str(path) in caught.value.message
    assert SECRET_KEY not in caught.value.message


def test_a_file_of_tccli_that_is_no_text_is_named(home: Path) -> None:
    path = tccli(home, "")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=re.escape(str(path))):
        from_tccli(home, "default")
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=re.escape(str(path))):
        from_tccli(home, "default")


@pytest.mark.parametrize(
    ("folder", "mode", "refused"),
    [
        (0o755, 0o644, True), (0o711, 0o640, True), (0o700, 0o622, True), (0o700, 0o602, True),
        (0o700, 0o644, False), (0o755, 0o600, False),
    ],
    ids=str,
)  # fmt: skip
def test_a_file_of_another_tool_is_refused_when_others_may_use_it(
    home: Path, folder: int, mode: int, refused: bool
) -> None:
    text = f"[default]\nsecret_id = {SECRET_ID}\nsecret_key = {SECRET_KEY}\n"
    for path, read in (
        (tccli(home, STATIC), lambda: from_tccli(home, "default")),
        (ini(home, text), lambda: from_ini(home)),
    ):
        path.chmod(mode)
        path.parent.chmod(folder)
        if refused:
            with pytest.raises(AccessError, match=re.escape(str(path))) as caught:
                read()
            assert caught.value.hint == f"close it: chmod 600 {path}"
            path.chmod(0o600)
        assert read()


def test_the_profile_and_region_of_tccli(home: Path) -> None:
    tccli(home, STATIC, region="ap-tokyo")
    tccli(home, {"secretId": "AKIDother0123456789", "secretKey": "other"}, "other", "ap-mumbai")
    assert status()["Region"] == "ap-tokyo"
    found = status(TCCLI_PROFILE="other")
    assert (found["Region"], found["SecretId"][:8]) == ("ap-mumbai", "AKIDothe")
    kmstool("auth", "status", exit_code=4, TCCLI_PROFILE="missing")
    (home / ".tccli" / "default.configure").unlink()
    assert status()["Region"] == "ap-guangzhou"


def test_files_of_tccli_are_read_and_never_written(home: Path, server: Server) -> None:
    path = tccli(home, {"secretId": server.secret_id, "secretKey": server.secret_key}, region="ap-singapore")
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()}
    kmstool("random", "8", KMSTOOL_ENDPOINT=server.endpoint)
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.parent.iterdir()} == before


def test_a_credential_of_tccli_is_taken_over(home: Path, server: Server, passphrase: Path) -> None:
    path = tccli(home, {"secretId": server.secret_id, "secretKey": server.secret_key}, region="ap-singapore")
    words = ("auth", "import-tccli", "--profile", "work", "--store", "file", "--passphrase-file", str(passphrase))
    done = kmstool(*words, "--endpoint", server.endpoint)
    assert f"{path} still holds the SecretKey in plaintext" in done.err
    assert path.exists()
    path.unlink()
    found = status(KMSTOOL_PASSPHRASE_FILE=str(passphrase))
    assert (found["Profile"], found["Region"], found["Endpoint"]) == ("work", "ap-singapore", server.endpoint)
    kmstool("random", "8", KMSTOOL_PASSPHRASE_FILE=str(passphrase))
    assert "no profile" in kmstool("auth", "import-tccli", "--from", "missing", "--store", "file", exit_code=4).err


# The INI file of the SDKs.


def ini(home: Path, text: str) -> Path:
    path = home / INI_FILES[0]
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_ini_file(home: Path) -> None:
    assert from_ini(home) is None or Path("/etc/tencentcloud/credentials").exists()
    path = ini(home, f"[default]\nsecret_id = {SECRET_ID} \nsecret_key={SECRET_KEY}\nrole_arn = ignored\n")
    provider = from_ini(home)
    assert provider
    assert provider.get() == Credential(SECRET_ID, SECRET_KEY)
    assert provider.source == str(path)
    found = status(TENCENTCLOUD_REGION="ap-seoul")
    assert (found["Profile"], found["Source"], found["Region"]) == ("ini", str(path), "ap-seoul")
    path.parent.chmod(0o755)
    path.chmod(0o644)
    assert "others may read" in kmstool("auth", "status", exit_code=4).err


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret_id = a",
        "[work]\nsecret_id = a\nsecret_key = b",
        "[default]\nsecret_id = a",
        "[default]\n[default]\n",
    ],
    ids=["nothing", "no section", "another section", "no key", "two sections"],
)
def test_a_malformed_ini_file_is_named(home: Path, text: str) -> None:
    path = ini(home, text)
    with pytest.raises(InputError, match=re.escape(str(path))):
        from_ini(home)


# Roles.


def test_the_role_of_a_machine(server: Server) -> None:
    kmstool("profile", "set", "machine", "--credentials", "cvm-role", "--endpoint", server.endpoint)
    environ = {"KMSTOOL_METADATA_ENDPOINT": server.metadata, "KMSTOOL_PROFILE": "machine"}
    found = status(**environ)
    assert (found["Source"], found["Expires"] != "never") == ("the CVM's role", True)
    assert len(kmstool("random", "8", **environ).out) == 17


def test_no_proxy_is_the_way_to_the_metadata_service(server: Server, closed_port: int) -> None:
    kmstool("profile", "set", "machine", "--credentials", "cvm-role")
    proxy = f"http://127.0.0.1:{closed_port}"
    status("--profile", "machine", KMSTOOL_METADATA_ENDPOINT=server.metadata, http_proxy=proxy, HTTP_PROXY=proxy)


def test_without_a_metadata_service_there_is_an_error_soon(silent_port: int, closed_port: int) -> None:
    for port in (silent_port, closed_port):
        with pytest.raises(NetworkError):
            roles.from_cvm_role(f"http://127.0.0.1:{port}").get()
    kmstool("profile", "set", "machine", "--credentials", "cvm-role")
    done = kmstool(
        "auth", "status", "--profile", "machine", exit_code=7,
        KMSTOOL_METADATA_ENDPOINT=f"http://127.0.0.1:{closed_port}",
    )  # fmt: skip
    assert "the metadata service does not answer" in done.err


GIVEN = {"Code": "Success", "TmpSecretId": SECRET_ID, "TmpSecretKey": SECRET_KEY, "Token": TOKEN, "ExpiredTime": 2**31}


@pytest.mark.parametrize(
    "given",
    [
        None,
        b"",
        b"<html>",
        b"[]",
        b"null",
        json.dumps({**GIVEN, "Code": "Failure"}).encode(),
        json.dumps({**GIVEN, "TmpSecretId": ""}).encode(),
        json.dumps({**GIVEN, "TmpSecretKey": None}).encode(),
        json.dumps({**GIVEN, "ExpiredTime": "soon"}).encode(),
        json.dumps({**GIVEN, "ExpiredTime": float("inf")}).encode(),
        json.dumps({**GIVEN, "TmpSecretId": 5}).encode(),
        json.dumps({**GIVEN, "Token": [TOKEN]}).encode(),
        b"[" * 30000,
        json.dumps({name: value for name, value in GIVEN.items() if name != "Token"}).encode(),
        b"\xff",
    ],
    ids=[
        "404",
        "empty",
        "HTML",
        "list",
        "null",
        "refused",
        "no id",
        "no key",
        "no end",
        "never ends",
        "a number",
        "a list of tokens",
        "deep",
        "no token",
        "no text",
    ],
)
def test_a_metadata_service_without_a_credential(given: bytes | None) -> None:
    with stub(lambda path: b"role" if path == ROLE_PATH else given) as metadata:
        assert SECRET_KEY not in refusal(metadata.url)
        # A connection that was left open is warned of when its object goes, and a warning is a failure here.
        gc.collect()


def refusal(metadata: str) -> str:
    with pytest.raises(AccessError) as caught:
        roles.from_cvm_role(metadata).get()
    return caught.value.message


def test_a_machine_without_a_role() -> None:
    with stub(lambda _: None) as metadata:
        assert "no role" in refusal(metadata.url)
        gc.collect()


def test_a_pod(server: Server, tmp_path: Path) -> None:
    identity = tmp_path / "identity"
    identity.write_text(f"{server.web_identity_token}\n")
    environ = {
        "TKE_REGION": "ap-singapore",
        "TKE_PROVIDER_ID": "OIDC",
        "TKE_WEB_IDENTITY_TOKEN_FILE": str(identity),
        "TKE_ROLE_ARN": ROLE_ARN,
        "KMSTOOL_STS_ENDPOINT": server.endpoint,
        "KMSTOOL_ENDPOINT": server.endpoint,
    }
    kmstool("profile", "set", "pod", "--credentials", "tke")
    found = status("--profile", "pod", **environ)
    assert found["Source"] == f"the pod's role {ROLE_ARN}"
    assert len(kmstool("random", "8", "--profile", "pod", **environ).out) == 17
    del environ["TKE_PROVIDER_ID"]
    assert "no credentials" in kmstool("auth", "status", "--profile", "pod", exit_code=4, **environ).err
    identity.unlink()
    environ["TKE_PROVIDER_ID"] = "OIDC"
    assert str(identity) in kmstool("auth", "status", "--profile", "pod", exit_code=4, **environ).err


def test_the_identity_of_a_pod_is_read_anew(server: Server, tmp_path: Path) -> None:
    identity = tmp_path / "identity"
    seen: list[str] = []

    def sts(action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        assert (action, signer) == ("AssumeRoleWithWebIdentity", None)
        seen.append(params["WebIdentityToken"])
        return server.sts(action, {**params, "WebIdentityToken": server.web_identity_token}, signer)

    environ = {
        "TKE_REGION": "ap-singapore",
        "TKE_PROVIDER_ID": "OIDC",
        "TKE_WEB_IDENTITY_TOKEN_FILE": str(identity),
        "TKE_ROLE_ARN": ROLE_ARN,
    }
    provider = roles.from_tke(environ, sts)
    assert provider
    for text in ("token-1", "token-2"):
        identity.write_text(text + "\n")
        first = provider.get()
        assert provider.get() is first
        assert provider.renew()
    assert seen == ["token-1", "token-2"]
    for name in environ:
        assert roles.from_tke({other: value for other, value in environ.items() if other != name}, sts) is None


def test_a_role_is_assumed(server: Server) -> None:
    kmstool("profile", "set", "work", "--credentials", "environment", "--role-arn", ROLE_ARN)
    environ = {**server.environ, "KMSTOOL_STS_ENDPOINT": server.endpoint, "KMSTOOL_ENDPOINT": server.endpoint}
    found = status("--profile", "work", **environ)
    assert ROLE_ARN in found["Source"]
    assert found["SecretId"][:8] != server.secret_id[:8]
    assert found["Expires"] != "never"
    assert len(kmstool("random", "8", "--profile", "work", **environ).out) == 17
    by_variable = status(TENCENTCLOUD_ROLE_ARN=ROLE_ARN, TENCENTCLOUD_ROLE_SESSION_NAME="tests", **environ)
    assert ROLE_ARN in by_variable["Source"]
    environ["TENCENTCLOUD_SECRET_KEY"] = "wrong"
    done = kmstool("auth", "status", "--profile", "work", exit_code=4, **environ)
    assert "AuthFailure.SignatureFailure" in done.err


def test_a_role_is_assumed_with_the_name_of_the_session(server: Server) -> None:
    seen: list[Mapping[str, Any]] = []

    def sts(action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        seen.append(params)
        return server.sts(action, params, signer)

    base = FixedProvider(Credential(server.secret_id, server.secret_key), "the tests")
    for name in ("", "mine"):
        roles.assume_role(base, ROLE_ARN, name, sts).get()
    assert [(params["RoleArn"], params["RoleSessionName"]) for params in seen] == [
        (ROLE_ARN, "kmstool"),
        (ROLE_ARN, "mine"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Credentials": None},
        {"Credentials": {}},
        {"Credentials": {"Token": "a", "TmpSecretId": "b", "TmpSecretKey": "c"}},
    ],
)
def test_an_answer_of_sts_without_a_credential_is_an_error(answer: dict[str, Any]) -> None:
    base = FixedProvider(Credential(SECRET_ID, SECRET_KEY), "the tests")
    with pytest.raises(KmsToolError):
        roles.assume_role(base, ROLE_ARN, "", lambda *_: {**answer, "RequestId": "1"}).get()


# Renewal.


def test_a_credential_is_renewed_before_it_expires(server: Server) -> None:
    """It lives three seconds; were it used to its end, some request would come too late."""
    made: list[Credential] = []

    def answer(path: str) -> bytes:
        if path == ROLE_PATH:
            return b"role"
        made.append(server.temporary(3))
        last = made[-1]
        fields = {"TmpSecretId": last.secret_id, "TmpSecretKey": last.secret_key, "Token": last.token}
        return json.dumps({**fields, "ExpiredTime": last.expires_unix, "Code": "Success"}).encode()

    with stub(answer) as metadata:
        transport = server.transport(roles.from_cvm_role(metadata.url))
        end = time.monotonic() + 4.5
        while time.monotonic() < end:
            transport.call("GenerateRandom", {"NumberOfBytes": 8})
            time.sleep(0.05)
    assert 2 <= len(made) <= 4


def test_a_refused_credential_is_renewed_and_the_request_repeated(server: Server) -> None:
    """The machine's idea of the end was wrong: KMS says TokenFailure before it."""
    made: list[Credential] = []

    def fetch() -> Credential:
        made.append(server.temporary(1 if not made else 600))
        last = made[-1]
        return Credential(last.secret_id, last.secret_key, last.token, last.expires_unix + 600)

    transport = server.transport(RenewedProvider(fetch, "the tests"))
    transport.call("GenerateRandom", {"NumberOfBytes": 8})
    time.sleep(1.2)
    transport.call("GenerateRandom", {"NumberOfBytes": 8})
    assert len(made) == 2


def test_a_credential_that_stays_refused_is_renewed_once(server: Server) -> None:
    made: list[Credential] = []

    def fetch() -> Credential:
        made.append(server.temporary(600))
        return Credential(made[-1].secret_id, made[-1].secret_key, "wrong", made[-1].expires_unix)

    with pytest.raises(AccessError) as caught:
        server.transport(RenewedProvider(fetch, "the tests")).call("GenerateRandom", {"NumberOfBytes": 8})
    assert caught.value.kms_code == "AuthFailure.TokenFailure"
    assert len(made) == 2


def test_a_short_life_is_not_renewed_for_every_request() -> None:
    made: list[Credential] = []

    def fetch() -> Credential:
        made.append(Credential(SECRET_ID, SECRET_KEY, TOKEN, int(time.time()) + 100))
        return made[-1]

    provider = RenewedProvider(fetch, "the tests")
    for _ in range(10):
        provider.get()
    assert len(made) == 1


def test_a_long_life_ends_five_minutes_early() -> None:
    made: list[Credential] = []

    def fetch() -> Credential:
        made.append(Credential(SECRET_ID, SECRET_KEY, TOKEN, int(time.time()) + 7200))
        return made[-1]

    provider = RenewedProvider(fetch, "the tests")
    provider.get()
    made[0] = Credential(SECRET_ID, SECRET_KEY, TOKEN, int(time.time()) + 299)
    provider._credential = made[0]
    provider.get()
    assert len(made) == 2


def test_an_expired_credential_is_not_sent() -> None:
    with pytest.raises(AccessError, match="expired"):
        FixedProvider(Credential(SECRET_ID, SECRET_KEY, TOKEN, int(time.time()) - 1), "the tests").get()


# Which of them counts.


def test_who_comes_first(home: Path) -> None:
    """Each source is taken away in turn, and the next one counts."""
    kmstool("profile", "set", "first", "--credentials", "environment", "--region", "ap-tokyo")
    kmstool("profile", "set", "second", "--credentials", "environment", "--region", "ap-seoul")
    kmstool("profile", "set", "third", "--credentials", "environment", "--region", "ap-mumbai")
    kmstool("profile", "use", "third")
    tccli(home, {**STATIC, "secretId": "AKIDtccli0123456789"}, region="ap-bangkok")
    ini(home, f"[default]\nsecret_id = AKIDini0123456789\nsecret_key = {SECRET_KEY}\n")
    pair = {
        "TENCENTCLOUD_SECRET_ID": SECRET_ID,
        "TENCENTCLOUD_SECRET_KEY": SECRET_KEY,
        "TENCENTCLOUD_REGION": "ap-taipei",
    }

    def found(*arguments: str, **environ: str) -> tuple[str, str]:
        answer = status(*arguments, **environ)
        return answer["Profile"], answer["Region"]

    assert found("--profile", "first", KMSTOOL_PROFILE="second", **pair) == ("first", "ap-tokyo")
    assert found(KMSTOOL_PROFILE="second", **pair) == ("second", "ap-seoul")
    assert found(**pair) == ("environment", "ap-taipei")
    kmstool("auth", "status", exit_code=4)  # the profile in use counts even where its own source is empty
    kmstool("profile", "use", "local")
    assert found() == ("local", "ap-guangzhou")
    kmstool("profile", "remove", "third", "--yes")
    (home / ".config/kmstool/profiles.ini").unlink()
    assert found() == ("tccli", "ap-bangkok")
    shutil.rmtree(home / ".tccli")
    assert found() == ("ini", "ap-guangzhou")
    shutil.rmtree(home / ".tencentcloud")
    done = kmstool("auth", "status", exit_code=4)
    for way in ("kmstool init --local", "--profile local", "kmstool auth login", "TENCENTCLOUD_SECRET_ID"):
        assert way in done.err


def test_options_before_variables_before_the_profile(closed_port: int) -> None:
    urls = [f"http://127.0.0.1:{closed_port}/{word}".rpartition("/")[0] for word in "abc"]
    endpoints = [
        url.replace("127.0.0.1", name) for url, name in zip(urls, ("localhost", "127.0.0.1", "[::1]"), strict=True)
    ]
    pair = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
    kmstool(
        "profile", "set", "work", "--credentials", "environment", "--region", "ap-tokyo", "--endpoint", endpoints[2]
    )

    def found(*arguments: str, **environ: str) -> tuple[str, str]:
        answer = status("--profile", "work", *arguments, **environ, **pair)
        return answer["Region"], answer["Endpoint"]

    variables = {"KMSTOOL_REGION": "ap-seoul", "KMSTOOL_ENDPOINT": endpoints[1]}
    assert found() == ("ap-tokyo", endpoints[2])
    assert found(**variables) == ("ap-seoul", endpoints[1])
    assert found("--region", "ap-mumbai", "--endpoint", endpoints[0], **variables) == ("ap-mumbai", endpoints[0])


def test_an_endpoint_means_the_network_for_the_local_profile_too(server: Server) -> None:
    """It then signs with the key of its own store, which the server of another store does not know."""
    assert status("--profile", "local")["Source"].startswith("none needed")
    assert kmstool("auth", "status", "--offline", "--profile", "local", "--endpoint", server.endpoint).out
    done = kmstool("random", "8", "--profile", "local", "--endpoint", server.endpoint, exit_code=4)
    assert "AuthFailure.SecretIdNotFound" in done.err
    environ = {"KMSTOOL_LOCAL_HOME": str(server.folder / "store"), "KMSTOOL_ENDPOINT": server.endpoint}
    assert len(kmstool("random", "8", "--profile", "local", **environ).out) == 17


# The encrypted file.


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text("canary passphrase\n")
    path.chmod(0o600)
    return path


def login(*arguments: str, stdin: str = f"{SECRET_ID}\n{SECRET_KEY}\n", exit_code: int = 0, **environ: str) -> str:
    return kmstool("auth", "login", *arguments, stdin=stdin, exit_code=exit_code, **environ).err


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shapes(*secrets: str) -> Iterator[bytes]:
    """Yield secrets as they might lie about: as they are, in base64 at each offset, in hex, backwards, in UTF-16."""
    for text in secrets:
        secret = text.encode()
        yield secret
        yield secret[::-1]
        yield secret.hex().encode()
        yield secret.hex().upper().encode()
        yield text.encode("utf-16-le")
        for offset in range(3):
            yield base64.b64encode(b"x" * offset + secret)[4 : -4 or None]


def test_a_login_into_a_file(home: Path, server: Server, passphrase: Path) -> None:
    given = f"{server.secret_id}\n{server.secret_key}\n"
    words = (
        "--store",
        "file",
        "--passphrase-file",
        str(passphrase),
        "--profile",
        "work",
        "--endpoint",
        server.endpoint,
    )
    assert "the profile work is in use" in login(*words, stdin=given)
    path = home / ".config" / "kmstool" / "work.credential"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    for file, data in files(home).items():
        for shape in shapes(server.secret_key, server.secret_id, "canary passphrase"):
            assert shape not in data, file
    environ = {"KMSTOOL_PASSPHRASE_FILE": str(passphrase)}
    assert status(**environ)["Source"] == "the file of profile work"
    assert len(kmstool("random", "8", **environ).out) == 17

    passphrase.write_text("another\n")
    assert "passphrase" in kmstool("random", "8", exit_code=4, **environ).err
    done = kmstool("random", "8", exit_code=4)
    assert "KMSTOOL_PASSPHRASE_FILE" in done.err
    assert "unreadable" not in kmstool("auth", "status", exit_code=3, KMSTOOL_PASSPHRASE_FILE=str(home / "missing")).err

    kmstool("auth", "logout", "--yes")
    assert not path.exists()
    assert "no credential is kept" in kmstool("random", "8", exit_code=4, **environ).err


def test_a_credential_is_tried_before_it_is_kept(home: Path, server: Server, passphrase: Path) -> None:
    words = ("--store", "file", "--passphrase-file", str(passphrase), "--endpoint", server.endpoint)
    assert "AuthFailure.SecretIdNotFound" in login(*words, exit_code=4)
    wrong = f"{server.secret_id}\nwrong\n"
    assert "AuthFailure.SignatureFailure" in login(*words, stdin=wrong, exit_code=4)
    good = f"{server.secret_id}\n{server.secret_key}\n"
    assert "dry run, nothing was changed" in login(*words, "--dry-run", stdin=good)
    assert files(home) == {}
    login(*words, "--no-verify", stdin=wrong)
    assert (home / ".config" / "kmstool" / "cloud.credential").exists()


def test_init_takes_what_a_login_takes(home: Path, passphrase: Path) -> None:
    words = ("--store", "file", "--passphrase-file", str(passphrase), "--no-verify", "--region", "ap-shanghai")
    error = kmstool("init", *words, stdin=f"{SECRET_ID}\n{SECRET_KEY}\n", exit_code=0).err
    assert "the profile cloud is in use" in error
    assert "ap-shanghai" in kmstool("profile", "list").out
    assert "needs no login" in kmstool("init", "--local", *words, exit_code=2).err
    login_options = {param.name for param in root.commands["auth"].commands["login"].params}
    assert login_options < {param.name for param in root.commands["init"].params}


@pytest.mark.parametrize("given", ["", f"{SECRET_ID}\n", f"\n{SECRET_KEY}\n", f"{SECRET_ID} a\nb\n"])
def test_half_a_login_keeps_nothing(home: Path, passphrase: Path, given: str) -> None:
    error = login("--store", "file", "--passphrase-file", str(passphrase), "--no-verify", stdin=given, exit_code=4)
    assert "is empty or has characters" in error
    assert files(home) == {}


@pytest.mark.parametrize("encoding", ["utf-8:strict", "utf-8:surrogateescape", "ascii:strict"])
@pytest.mark.parametrize(
    "arguments",
    [("--store", "file"), ("--store", "file", "--secret-id", SECRET_ID), ("--whitebox", "folder")],
    ids=" ".join,
)
def test_bytes_that_are_no_text_are_no_credential(home: Path, arguments: tuple[str, ...], encoding: str) -> None:
    words = ("auth", "login", *arguments)
    done = kmstool(*words, stdin=b"AKID\xff\ncanary\xff\n", exit_code=3, process=True, PYTHONIOENCODING=encoding)
    assert done.out == ""
    assert "a line of stdin is not UTF-8 text" in done.err
    assert "canary" not in done.err
    assert files(home) == {}


def test_the_secret_id_may_be_an_option_and_the_key_may_not(home: Path, passphrase: Path) -> None:
    words = ("--store", "file", "--passphrase-file", str(passphrase), "--no-verify")
    login(*words, "--secret-id", SECRET_ID, stdin=SECRET_KEY)
    found = status(KMSTOOL_PASSPHRASE_FILE=str(passphrase))
    assert (found["Profile"], found["SecretId"][:8]) == ("cloud", SECRET_ID[:8])
    assert "no such option" in login(*words, "--secret-key", SECRET_KEY, exit_code=2).lower()
    assert "needs no login" in login(*words, "--profile", "local", exit_code=2)
    assert "--passphrase-file" in login("--store", "file", "--no-verify", exit_code=2)


# White-box ciphertext.


def white_box_login(server: Server, folder: Path, *arguments: str, exit_code: int = 0, **environ: str) -> str:
    words = ("--whitebox", str(folder), "--endpoint", server.endpoint, *arguments)
    return login(*words, stdin=f"{server.secret_id}\n", exit_code=exit_code, **{**bundles.HERE, **environ})


def test_a_login_with_white_box_ciphertext(home: Path, tmp_path: Path, server: Server) -> None:
    """The SecretKey is in memory only, on the device that is bound, and nowhere else."""
    folder = bundles.write(home / "bundle", server.secret_key.encode())
    assert "the profile work is in use" in white_box_login(server, folder, "--profile", "work")
    for file, data in files(home).items():
        for shape in shapes(server.secret_key):
            assert shape not in data, file
    found = status(**bundles.HERE)
    assert (found["Source"], found["SecretId"][:8]) == (f"the white-box ciphertext in {folder}", server.secret_id[:8])
    assert len(kmstool("random", "8", **bundles.HERE).out) == 17
    assert "01000016" in kmstool("random", "8", exit_code=5, **bundles.ELSEWHERE).err

    before = files(folder)
    assert "left as they are" in kmstool("auth", "logout", "--yes", **bundles.HERE).err
    assert files(folder) == before
    assert "no credential is kept" in kmstool("random", "8", exit_code=4, **bundles.HERE).err
    assert str(folder) not in (home / ".config" / "kmstool" / "profiles.ini").read_text()
    again = kmstool("auth", "logout", "--yes").err
    assert "no credential is kept for the profile work" in again
    assert "left as they are" not in again


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_newline_is_no_part_of_a_secret_key(home: Path, server: Server, end: str) -> None:
    """Tencent's guide encrypts what `echo` wrote."""
    white_box_login(server, bundles.write(home / "bundle", (server.secret_key + end).encode()))
    assert len(kmstool("random", "8", **bundles.HERE).out) == 17


def test_white_box_ciphertext_that_opens_anywhere_is_warned_of(home: Path, server: Server) -> None:
    folder = bundles.write(home / "bundle", server.secret_key.encode(), bound=False)
    assert "is bound to no device" in white_box_login(server, folder, "--quiet")


def test_a_login_adds_the_mac_that_a_profile_requires(home: Path, server: Server) -> None:
    """When KMS has accepted the SecretKey; nothing else tells that it is the one that was put there."""
    folder = bundles.write(home / "bundle", server.secret_key.encode())
    (folder / "mac.base64").unlink()
    assert "has no mac.base64" in white_box_login(server, folder, "--no-verify", exit_code=5)
    assert "dry run, nothing was changed" in white_box_login(server, folder, "--dry-run")
    assert not (folder / "mac.base64").exists()
    white_box_login(server, folder)
    assert len(kmstool("random", "8", **bundles.HERE).out) == 17
    made, iv = (folder / "mac.base64").read_bytes(), (folder / "iv.base64").read_bytes()
    (folder / "iv.base64").write_bytes(b"AAAAAAAAAAAAAAAAAAAAAA==")
    assert "the MAC of the bundle is wrong" in kmstool("random", "8", exit_code=5, **bundles.HERE).err
    (folder / "iv.base64").write_bytes(iv)
    (folder / "mac.base64").unlink()
    assert "has no mac.base64" in kmstool("random", "8", exit_code=5, **bundles.HERE).err
    white_box_login(server, folder)
    assert (folder / "mac.base64").read_bytes() == made


def test_a_wrong_secret_in_white_box_ciphertext_is_not_kept_and_not_shown(home: Path, server: Server) -> None:
    wrong = bundles.write(home / "wrong", b"canary")
    assert "AuthFailure.SignatureFailure" in white_box_login(server, wrong, exit_code=4)
    none = bundles.write(home / "none", b"canary \xff")
    error = white_box_login(server, none, exit_code=4)
    assert "is empty or has characters" in error
    assert "canary" not in error
    assert "no key file" in white_box_login(server, home, exit_code=3)
    assert "an empty name is no folder" in login("--whitebox", "", exit_code=2)
    assert "dry run, nothing was changed" in white_box_login(server, wrong, "--no-verify", "--dry-run")
    assert not (home / ".config").exists()


def test_another_store_forgets_what_was_kept_before(home: Path, server: Server, passphrase: Path) -> None:
    given = f"{server.secret_id}\n{server.secret_key}\n"
    words = ("--endpoint", server.endpoint, "--store", "file", "--passphrase-file", str(passphrase))
    login(*words, stdin=given)
    assert (home / ".config" / "kmstool" / "cloud.credential").exists()
    folder = bundles.write(home / "bundle", server.secret_key.encode())
    assert "without --store" in login("--whitebox", str(folder), "--store", "file", exit_code=2)
    white_box_login(server, folder)
    assert not (home / ".config" / "kmstool" / "cloud.credential").exists()
    login(*words, stdin=given)
    shown = kmstool("profile", "show", "cloud", "--format", "json").json
    assert (shown["Credentials"], shown["SecretId"], shown["Whitebox"]) == ("file", "", "")


def test_a_keyring_that_cannot_forget_does_not_stop_a_login(passphrase: Path) -> None:
    kmstool("profile", "set", "work", "--credentials", "keyring")
    words = ("--profile", "work", "--store", "file", "--passphrase-file", str(passphrase), "--no-verify")
    said = login(*words, **without_bus())
    assert "what was kept in the keyring before may still be there" in said
    assert "the profile work is in use" in said


def test_an_encrypted_file_that_cannot_be_removed_is_named(home: Path, passphrase: Path) -> None:
    login("--store", "file", "--passphrase-file", str(passphrase), "--no-verify")
    path = home / ".config" / "kmstool" / "cloud.credential"
    path.unlink()
    path.mkdir()
    assert f"cannot remove {path}: " in kmstool("auth", "logout", "--yes", exit_code=4).err


def test_a_dry_run_of_logout_forgets_nothing(home: Path, passphrase: Path) -> None:
    login("--store", "file", "--passphrase-file", str(passphrase), "--no-verify")
    before = files(home)
    assert "would forget the credential" in kmstool("auth", "logout", "--dry-run").out
    assert files(home) == before


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    store.save("file", folder, "work", Credential(SECRET_ID, SECRET_KEY, TOKEN, 7), lambda: b"passphrase")
    return store.file_of(folder, "work")


def kept(folder: Path, profile: str = "work", passphrase: bytes = b"passphrase") -> Credential:
    return store.load("file", folder, profile, lambda: passphrase)


def test_what_was_kept_comes_back(sealed: Path) -> None:
    assert kept(sealed.parent) == Credential(SECRET_ID, SECRET_KEY, TOKEN, 7)
    with pytest.raises(AccessError):
        kept(sealed.parent, passphrase=b"Passphrase")


ALTERED: dict[str, dict[str, Any]] = {
    "format": {"format": "kmstool-credential-2"},
    "cheaper": {"n": 2},
    "block": {"r": 1},
    "parallel": {"p": 2},
    "salt": {"salt": base64.b64encode(bytes(16)).decode()},
    "short salt": {"salt": ""},
    "salt of no base64": {"salt": "!"},
    "sealed with nothing": {"sealed": ""},
    "sealed with zeros": {"sealed": base64.b64encode(bytes(99)).decode()},
    "a field more": {"more": 1},
    "a field of another type": {"sealed": 1},
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
def test_an_altered_file_is_never_opened(sealed: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    path = store.file_of(tmp_path, "work")
    path.write_text(json.dumps(json.loads(sealed.read_text()) | change))
    with pytest.raises((AccessError, InputError)):
        kept(tmp_path)


@pytest.mark.parametrize("place", [0, 11, 12, 40, -1])
def test_no_bit_of_the_sealed_part_may_change(sealed: Path, tmp_path: Path, place: int) -> None:
    fields = json.loads(sealed.read_text())
    data = bytearray(base64.b64decode(fields["sealed"]))
    data[place] ^= 1
    store.file_of(tmp_path, "work").write_text(json.dumps({**fields, "sealed": base64.b64encode(data).decode()}))
    with pytest.raises(AccessError, match="altered"):
        kept(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "7", "\x00"])
def test_a_file_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = store.file_of(tmp_path, "work")
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(str(path))):
        kept(tmp_path)


def test_a_file_belongs_to_one_profile(sealed: Path, tmp_path: Path) -> None:
    shutil.copy(sealed, store.file_of(tmp_path, "other"))
    with pytest.raises(AccessError):
        kept(tmp_path, "other")
    with pytest.raises(AccessError, match="no credential is kept"):
        kept(tmp_path, "work")


def test_two_files_of_one_credential_have_nothing_in_common(tmp_path: Path) -> None:
    parts = []
    for _ in range(2):
        store.save("file", tmp_path, "work", Credential(SECRET_ID, SECRET_KEY), lambda: b"passphrase")
        fields = json.loads(store.file_of(tmp_path, "work").read_text())
        parts.append((fields["salt"], fields["sealed"]))
    assert parts[0][0] != parts[1][0]
    assert parts[0][1][:16] != parts[1][1][:16]


# The keyring.

SESSION = """
printf 'pass' | gnome-keyring-daemon --unlock --components=secrets > /dev/null
kmstool() { "$PYTHON" -m kmstool "$@"; }
printf '%s\\n%s\\n' "$ID" "$KEY" | kmstool auth login --profile work; echo "login $?"
kmstool auth status --query Source; echo "status $?"
kmstool random 8 > random; echo "random $?"
printf '%s\\n%s\\n' "$ID" "$KEY" | kmstool auth login --profile other > /dev/null 2>&1; echo "login $?"
kmstool profile remove other --yes; echo "remove $?"
kmstool doctor --query "Checks[?Name=='keyring'].Verdict | [0]"
kmstool auth logout --profile work --yes; echo "logout $?"
kmstool random 8 --profile work; echo "random $?"
"""


def in_a_session(script: str, home: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a script with a message bus of its own, and so with a keyring of its own."""
    need("gnome-keyring-daemon")
    (home / "run").mkdir(mode=0o700)
    return subprocess.run(
        [need("dbus-run-session"), "--", "sh", "-c", script],
        env={**os.environ, "XDG_RUNTIME_DIR": str(home / "run"), "PYTHON": sys.executable, **environ},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_login_into_the_keyring(home: Path, server: Server) -> None:
    environ = {"ID": server.secret_id, "KEY": server.secret_key, "KMSTOOL_ENDPOINT": server.endpoint}
    done = in_a_session(SESSION, home, **environ)
    assert done.stdout.splitlines() == [
        "login 0", "the keyring of profile work", "status 0", "random 0", "login 0", "remove 0", "ok", "logout 0", "random 4",
    ], done.stderr  # fmt: skip
    assert len((home / "random").read_text()) == 17
    assert "no credential is kept for the profile work" in done.stderr
    found = files(home)
    assert any(path.suffix == ".keyring" for path in found)
    for path, data in found.items():
        for shape in shapes(server.secret_key):
            assert shape not in data, path
    assert server.secret_key not in done.stdout + done.stderr


def test_a_locked_keyring_is_an_error_soon(home: Path) -> None:
    script = """
    gnome-keyring-daemon --start --components=secrets > /dev/null 2>&1
    printf 'a\\nb\\n' | "$PYTHON" -m kmstool auth login --no-verify; echo "login $?"
    """
    done = in_a_session(script, home)
    assert done.stdout == "login 4\n"
    assert "the keyring of the operating system cannot be used" in done.stderr


OTHER_WAYS = ("--store file", "TENCENTCLOUD_SECRET_ID", "role")


def without_bus() -> dict[str, str]:
    """Return variables with which neither a session's message bus nor a display is found."""
    return {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent", "XDG_RUNTIME_DIR": "/nonexistent", "DISPLAY": ""}


def test_without_a_keyring_the_other_ways_are_named(home: Path) -> None:
    error = login("--no-verify", exit_code=4, **without_bus())
    assert "dry run, nothing was changed" in login("--no-verify", "--dry-run", **without_bus()), (
        "a dry run tries no keyring"
    )
    assert "the keyring of the operating system cannot be used" in error
    for way in OTHER_WAYS:
        assert way in error
    assert len(error.splitlines()) == 2
    assert files(home) == {}


def test_a_profile_whose_keyring_is_gone(home: Path) -> None:
    kmstool("profile", "set", "work", "--credentials", "keyring")
    done = kmstool("random", "8", "--profile", "work", exit_code=4, **without_bus())
    assert "the keyring of the operating system cannot be used" in done.err


def test_a_keyring_that_never_answers_is_given_up(home: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        bus.listen()
        address = f"unix:path={tmp_path / 'bus'}"
        error = login("--no-verify", exit_code=4, DBUS_SESSION_BUS_ADDRESS=address)
    assert "cannot be used" in error
    assert files(home) == {}


# Nothing in clear.


def test_no_secret_leaves_the_process(home: Path, tmp_path: Path, server: Server, passphrase: Path) -> None:
    """What is written, sent or handed to other programs is watched at the kernel: the SecretKey is in none of it."""
    strace = need("strace")
    watched = "trace=execve,write,pwrite64,writev,sendto,sendmsg,rename,link,linkat,openat,symlink"
    pair = server.environ
    given = f"{server.secret_id}\n{server.secret_key}\n"
    store = ("--store", "file", "--passphrase-file", str(passphrase))
    runs: list[tuple[tuple[str, ...], str, dict[str, str]]] = [
        (("auth", "login", *store, "--endpoint", server.endpoint, "--debug"), given, {}),
        (("auth", "status", "--debug"), "", {"KMSTOOL_PASSPHRASE_FILE": str(passphrase)}),
        (("random", "8", "--debug"), "", {"KMSTOOL_PASSPHRASE_FILE": str(passphrase)}),
        (("random", "8", "--debug", "--endpoint", server.endpoint), "", pair),
        (("key", "show", "missing", "--debug", "--format", "json", "--endpoint", server.endpoint), "", pair),
        (("doctor", "--endpoint", server.endpoint), "", {**pair, **without_bus()}),
    ]
    for number, (arguments, text, environ) in enumerate(runs):
        log = tmp_path / f"trace-{number}"
        before = (strace, "-f", "-qq", "-e", watched, "-s", "1000000", "-o", str(log))
        exit_code = 6 if "missing" in arguments else 0
        done = kmstool(*arguments, before=before, stdin=text, exit_code=exit_code, **environ)
        trace = log.read_text("latin-1")
        assert "write(" in trace
        # The environment is inherited, secrets and all, so the only program that is started is kmstool itself.
        assert len([line for line in trace.splitlines() if " execve(" in line]) == 1, arguments
        for shape in shapes(server.secret_key, "canary passphrase"):
            assert shape.decode("latin-1") not in trace + done.out + done.err, arguments
    for path, data in files(home).items():
        for shape in shapes(server.secret_key):
            assert shape not in data, path


def test_secrets_that_are_typed_are_not_shown(home: Path) -> None:
    passphrase = "canary passphrase"
    dialogue = [
        ("SecretId:", SECRET_ID),
        ("SecretKey:", SECRET_KEY),
        ("New passphrase:", passphrase),
        ("Repeat it:", passphrase),
    ]
    shown = on_terminal("auth", "login", "--no-verify", "--store", "file", dialogue=dialogue).out
    assert SECRET_ID in shown
    assert SECRET_KEY not in shown
    assert passphrase not in shown
    dialogue = [("Passphrase of the credential of the profile cloud:", passphrase)]
    shown = on_terminal("auth", "status", "--offline", dialogue=dialogue).out
    assert passphrase not in shown
    assert "AKIDcana" in shown


# Profiles and the doctor.


def test_profiles_are_set_and_removed(home: Path, passphrase: Path) -> None:
    kmstool("profile", "set", "work", "--credentials", "cvm-role", "--region", "ap-tokyo", "--key", "alias/demo")
    kmstool("profile", "set", "work", "--role-arn", ROLE_ARN, "--endpoint", "kms.ap-tokyo.tencentcloudapi.com")
    kmstool("profile", "set", "work", "--key", "")
    shown = kmstool("profile", "show", "work", "--format", "json").json
    assert (shown["Region"], shown["Key"], shown["Credentials"]) == ("ap-tokyo", "", "cvm-role")
    assert (shown["RoleArn"], shown["Endpoint"]) == (ROLE_ARN, "kms.ap-tokyo.tencentcloudapi.com")
    before = files(home)
    kmstool("profile", "set", "work", "--region", "ap-seoul", "--dry-run")
    kmstool("profile", "remove", "work", "--dry-run")
    kmstool("profile", "remove", "work", exit_code=2)
    kmstool("profile", "set", "../a", "--region", "ap-seoul", exit_code=2)
    kmstool("profile", "set", "work", "--credentials", "magic", exit_code=2)
    assert files(home) == before
    login("--store", "file", "--passphrase-file", str(passphrase), "--no-verify", "--profile", "work")
    assert (home / ".config" / "kmstool" / "work.credential").exists()
    kmstool("profile", "remove", "work", "--yes")
    assert not (home / ".config" / "kmstool" / "work.credential").exists()
    names = [item["Name"] for item in kmstool("profile", "list", "--format", "json").json["Profiles"]]
    assert names == ["local"]
    kmstool("auth", "status", "--profile", "work", exit_code=2)


def test_logout_where_nothing_is_kept() -> None:
    kmstool("profile", "set", "work", "--credentials", "cvm-role")
    assert "keeps no credential" in kmstool("auth", "logout", "--profile", "work", "--yes", exit_code=2).err


def checks(done: Ran) -> dict[str, tuple[str, str]]:
    return {item["Name"]: (item["Verdict"], item["Text"]) for item in done.json["Checks"]}


def test_the_doctor_finds_nothing_wrong(server: Server, home: Path) -> None:
    found = checks(
        kmstool("doctor", "--format", "json", "--endpoint", server.endpoint, **server.environ, **without_bus())
    )
    assert {verdict for verdict, _ in found.values()} == {"ok", "note"}
    assert found["keyring"][0] == "note"
    assert found["clock"][0] == "ok"
    assert (
        checks(kmstool("doctor", "--format", "json", "--profile", "local", **without_bus()))["permissions"][0] == "ok"
    )


@pytest.mark.parametrize(("skew", "exit_code"), [(-600, 4), (600, 4), (-200, 0), (200, 0)])
def test_the_doctor_measures_the_clock(skew: int, exit_code: int) -> None:
    listed = {"Response": {"TotalCount": 0, "KeyMetadatas": [], "RequestId": "1"}}
    pair = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
    date = formatdate(time.time() - skew, usegmt=True)
    with stub(lambda _: json.dumps(listed).encode(), date) as kms:
        done = kmstool(
            "doctor", "--format", "json", "--endpoint", kms.url, exit_code=exit_code, **pair, **without_bus()
        )
    verdict, text = checks(done)["clock"]
    assert verdict == ("FAIL" if exit_code else "ok")
    measured = re.search(r"([+-][0-9]+) s off", text)
    assert measured
    assert abs(int(measured[1]) - skew) < 10
    if exit_code:
        assert "set the clock" in text
        assert "1 of 11 checks failed: clock" in done.err


def test_the_doctor_copes_with_a_service_without_a_clock() -> None:
    listed = {"Response": {"TotalCount": 0, "KeyMetadatas": [], "RequestId": "1"}}
    pair = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY}
    with stub(lambda _: json.dumps(listed).encode(), "yesterday") as kms:
        done = kmstool("doctor", "--format", "json", "--endpoint", kms.url, **pair, **without_bus())
    assert checks(done)["clock"][0] == "note"


def test_the_doctor_says_what_is_missing(home: Path, closed_port: int) -> None:
    tccli(home, STATIC)
    (home / ".tccli" / "log").mkdir()
    (home / ".tccli" / "log" / "tccli.log").touch()
    environ = {"TENCENTCLOUD_SECRET_ID": SECRET_ID, "TENCENTCLOUD_SECRET_KEY": SECRET_KEY, **without_bus()}
    words = ("doctor", "--format", "json", "--retries", "0", "--endpoint", f"http://127.0.0.1:{closed_port}")
    found = checks(kmstool(*words, exit_code=7, **environ))
    assert (found["profile"][0], found["endpoint"][0], found["permissions"][0]) == ("ok", "FAIL", "FAIL")
    assert "default.credential" in found["leftovers"][1]
    assert "tccli.log" in found["leftovers"][1]
    shutil.rmtree(home / ".tccli")
    done = kmstool("doctor", exit_code=4, **without_bus())
    assert "kmstool auth login" in done.out
