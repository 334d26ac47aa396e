"""A profile of tccli is taken whole: never the login by itself where a role is named, and where that is asked for.

The files are those that tccli writes; which identity it makes of them stands in its `action_caller.py`.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import AccessError, InputError
from kmstool.kms.credentials import tccli
from kmstool.kms.provider import Credential, FixedProvider, Provider
from tests.conftest import unable
from tests.foreign import TCCLI
from tests.program import kmstool
from tests.served import Served, serving

SECRET_ID, SECRET_KEY = "AKIDcanary0123456789abcdefghij", "canarySecretKeyOfTheTests0123456"
ROLE = {"role-arn": "qcs::cam::uin/100001:roleName/kms-reader", "role-session-name": "nightly"}
STATIC = {"secretId": SECRET_ID, "secretKey": SECRET_KEY}
POD = {
    "TKE_REGION": "ap-singapore",
    "TKE_PROVIDER_ID": "OIDC",
    "TKE_WEB_IDENTITY_TOKEN_FILE": "identity",
    "TKE_ROLE_ARN": "qcs::cam::uin/1:roleName/pod",
}
CVM = FixedProvider(Credential("AKIDcvm", "k"), "the CVM")


def write(home: Path, login: object, settings: object = None, name: str = "default") -> None:
    folder = home / ".tccli"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{name}.credential").write_text(login if isinstance(login, str) else json.dumps(login))
    if settings is not None:
        (folder / f"{name}.configure").write_text(json.dumps(settings))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), "--metadata", "--web-identity") as found:
        yield found


def login_of(server: Served) -> dict[str, str]:
    names = {"secretId": "TENCENTCLOUD_SECRET_ID", "secretKey": "TENCENTCLOUD_SECRET_KEY"}
    return {field: server.variables[name] for field, name in names.items()}


def status(**environ: str) -> dict[str, Any]:
    found: dict[str, Any] = kmstool("auth", "status", "--offline", "--format", "json", **environ).json
    return found


# Which identity.


class Sts:
    """Stands for STS, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any], str]] = []

    def __call__(self, action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        self.asked.append((action, params, signer.get().secret_id if signer else ""))
        keys = {"TmpSecretId": "AKIDrole", "TmpSecretKey": "k", "Token": "t"}
        return {"Credentials": keys, "ExpiredTime": int(time.time()) + 7200}


CASES: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "a login": (STATIC, {}, SECRET_ID),
    "a login of its own type": ({**STATIC, "type": "default"}, {}, SECRET_ID),
    "a role": ({**STATIC, **ROLE}, {}, "AKIDrole"),
    "a role without a name for its session": ({**STATIC, "role-arn": ROLE["role-arn"]}, {}, "AKIDrole"),
    "an empty role": ({**STATIC, "role-arn": "", "role-session-name": None}, {}, SECRET_ID),
    "a role of a login in the browser": (
        {**STATIC, **ROLE, "type": "oauth", "token": "t", "expiresAt": int(time.time()) + 600}, {}, "AKIDrole"
    ),
    "the role of the CVM": ({"type": "cvm-role"}, {}, "AKIDcvm"),
    "the role of the CVM beside a login": ({**STATIC, "type": "cvm-role"}, {}, "AKIDcvm"),
    "the role of the CVM beside another one": ({**STATIC, **ROLE, "type": "cvm-role"}, {}, "AKIDcvm"),
    "a role of the variables": (
        STATIC, {"TENCENTCLOUD_ROLE_ARN": "qcs::a", "TENCENTCLOUD_ROLE_SESSION_NAME": "s"}, "AKIDrole"
    ),
    "half a role of the variables": (STATIC, {"TENCENTCLOUD_ROLE_ARN": "qcs::a"}, SECRET_ID),
    "a role of the variables for the CVM": (
        {**STATIC, "type": "cvm-role"},
        {"TENCENTCLOUD_ROLE_ARN": "qcs::a", "TENCENTCLOUD_ROLE_SESSION_NAME": "s"},
        "AKIDrole",
    ),
    "a pod": (STATIC, POD, "AKIDrole"),
    "a pod without a login": ({}, POD, "AKIDrole"),
    "half a pod": (STATIC, {name: POD[name] for name in list(POD)[1:]}, SECRET_ID),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_which_identity_a_profile_stands_for(case: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields, environ, secret_id = CASES[case]
    monkeypatch.chdir(home)
    Path("identity").write_text("token")
    write(home, fields)
    found = tccli.read(home, "default", environ)
    assert found
    sts = Sts()
    assert found.provider(environ, sts, lambda: CVM).get().secret_id == secret_id
    roles = [
        (params["RoleArn"], params["RoleSessionName"]) for action, params, _ in sts.asked if action == "AssumeRole"
    ]
    if "pod" in case or secret_id != "AKIDrole":
        assert not roles
    else:
        arn = environ.get("TENCENTCLOUD_ROLE_ARN") or fields["role-arn"]
        session = environ.get("TENCENTCLOUD_ROLE_SESSION_NAME") or fields.get("role-session-name", "kmstool")
        assert roles == [(arn, session)]
        assert sts.asked[0][2] == SECRET_ID


def test_a_named_profile_takes_no_role_of_the_variables(home: Path) -> None:
    """So does tccli, with --profile."""
    write(home, STATIC)
    found = tccli.read(home, "default")
    assert found
    assert found.role_arn == ""


@pytest.mark.parametrize("kind", ["oauth", "sso"])
def test_a_role_of_a_login_that_has_expired(kind: str, home: Path) -> None:
    write(home, {**STATIC, **ROLE, "type": kind, "expiresAt": 1})
    found = tccli.read(home, "default")
    assert found
    with pytest.raises(AccessError, match="expired") as caught:
        found.provider({}, Sts(), lambda: CVM)
    assert caught.value.hint == f"renew it: tccli {'auth' if kind == 'oauth' else 'sso'} login"


MALFORMED: dict[str, tuple[object, object]] = {
    "a type that nobody knows": ({**STATIC, "type": "saml"}, None),
    "a type that is no text": ({**STATIC, "type": 1}, None),
    "a role that is no text": ({**STATIC, "role-arn": ["a"]}, None),
    "a session that is no text": ({**STATIC, **ROLE, "role-session-name": {}}, None),
    "no login": ({}, None),
    "half a login of a role": ({"secretId": SECRET_ID, **ROLE}, None),
    "settings that are no object": (STATIC, []),
    "a region that is no text": (STATIC, {"_sys_param": {"region": 1}}),
    "parameters that are no object": (STATIC, {"_sys_param": "ap-guangzhou"}),
    "an endpoint that is no text": (STATIC, {"kms": {"endpoint": ["a"]}}),
    "a service that is no object": (STATIC, {"sts": "sts.tencentcloudapi.com"}),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_may_name_a_role_or_an_endpoint_is_not_passed_over(case: str, home: Path) -> None:
    login, settings = MALFORMED[case]
    write(home, login, settings)
    with pytest.raises(InputError) as caught:
        tccli.read(home, "default")
    assert str(home / ".tccli" / "default.") in caught.value.message
    assert SECRET_KEY not in caught.value.message


def test_a_file_edited_on_windows(home: Path) -> None:
    write(home, "\ufeff" + json.dumps({**STATIC, **ROLE}))
    found = tccli.read(home, "default")
    assert found
    assert found.role_arn == ROLE["role-arn"]


# Where.


def test_endpoints_and_region(home: Path) -> None:
    usual = {"kms": {"endpoint": "kms.tencentcloudapi.com"}, "sts": {"endpoint": "sts.tencentcloudapi.com"}}
    write(home, STATIC, {"_sys_param": {"region": "ap-tokyo", "output": "json"}, **usual})
    found = status()
    assert (found["Region"], found["Endpoint"]) == ("ap-tokyo", "")
    inside = {"kms": {"version": "2019-01-18", "endpoint": "kms.internal.tencentcloudapi.com"}}
    write(home, STATIC, {"_sys_param": {"region": "ap-tokyo"}, **inside})
    assert status()["Endpoint"] == "kms.internal.tencentcloudapi.com"
    assert status(TENCENTCLOUD_REGION="ap-seoul")["Region"] == "ap-seoul"
    assert status(KMSTOOL_ENDPOINT="127.0.0.1:1")["Endpoint"] == "127.0.0.1:1"


def test_a_role_is_assumed_where_tccli_assumes_it(server: Served, home: Path) -> None:
    settings = {"_sys_param": {"region": "ap-guangzhou"}}
    settings |= {service: {"endpoint": server.endpoint} for service in ("kms", "sts")}
    write(home, login_of(server) | ROLE, settings)
    found = status()
    assert found["Source"] == f"the role {ROLE['role-arn']}, by tccli's profile default"
    assert found["SecretId"][:8] != login_of(server)["secretId"][:8]
    done = kmstool("--verbose", "random", "8")
    assert "AssumeRole" in done.err
    assert len(done.out) == 17


def test_a_profile_of_kmstool_that_uses_tccli(server: Served, home: Path) -> None:
    write(home, login_of(server) | ROLE, {"sts": {"endpoint": server.endpoint}})
    kmstool("profile", "set", "work", "--credentials", "tccli", "--endpoint", server.endpoint)
    assert "AssumeRole" in kmstool("--verbose", "random", "8", "--profile", "work").err
    kmstool("profile", "set", "work", "--sts-endpoint", "127.0.0.1:1")
    assert "127.0.0.1:1" in kmstool("--retries", "0", "random", "8", "--profile", "work", exit_code=7).err


def test_the_role_of_a_cvm(server: Served, home: Path) -> None:
    write(home, {"type": "cvm-role"}, {"kms": {"endpoint": server.endpoint}})
    metadata = server.variables["KMSTOOL_METADATA_ENDPOINT"]
    assert status(KMSTOOL_METADATA_ENDPOINT=metadata)["Source"] == "the CVM's role"
    assert len(kmstool("random", "8", KMSTOOL_METADATA_ENDPOINT=metadata).out) == 17


# Taken over.


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_text("a long passphrase")
    return path


def test_all_of_a_profile_is_taken_over(server: Served, home: Path, passphrase: Path) -> None:
    places = {service: {"endpoint": server.endpoint} for service in ("kms", "sts")}
    write(home, login_of(server) | ROLE, {"_sys_param": {"region": "ap-singapore"}, **places})
    words = ("auth", "import-tccli", "--profile", "work", "--store", "file", "--passphrase-file", str(passphrase))
    assert "AssumeRole" in kmstool("--verbose", *words).err
    (home / ".tccli" / "default.credential").unlink()
    shown = kmstool("profile", "show", "work", "--format", "json").json
    assert (shown["RoleArn"], shown["RoleSession"]) == (ROLE["role-arn"], "nightly")
    assert (shown["Region"], shown["Endpoint"], shown["StsEndpoint"]) == ("ap-singapore", *[server.endpoint] * 2)
    found = status(KMSTOOL_PASSPHRASE_FILE=str(passphrase))
    assert found["Source"].startswith(f"the role {ROLE['role-arn']}, by the file of profile work")
    # A profile without a role leaves none behind.
    write(home, login_of(server), {"_sys_param": {"region": "ap-singapore"}, **places})
    kmstool(*words)
    assert kmstool("profile", "show", "work", "--format", "json").json["RoleArn"] == ""


def test_a_role_that_may_not_be_assumed_is_not_taken_over(server: Served, home: Path, passphrase: Path) -> None:
    write(home, STATIC | ROLE, {service: {"endpoint": server.endpoint} for service in ("kms", "sts")})
    words = ("auth", "import-tccli", "--profile", "other", "--store", "file", "--passphrase-file", str(passphrase))
    assert "AuthFailure" in kmstool(*words, exit_code=4).err
    assert "other" not in kmstool("profile", "list").out


def test_the_role_of_a_cvm_is_taken_over_and_nothing_kept(server: Served, home: Path, passphrase: Path) -> None:
    write(home, {"type": "cvm-role"}, {"_sys_param": {"region": "ap-tokyo"}, "kms": {"endpoint": server.endpoint}})
    metadata = {"KMSTOOL_METADATA_ENDPOINT": server.variables["KMSTOOL_METADATA_ENDPOINT"]}
    words = ("auth", "import-tccli", "--profile", "machine")
    assert (
        "no credential to encrypt"
        in kmstool(*words, "--store", "file", "--passphrase-file", str(passphrase), exit_code=2).err
    )
    assert "with the role of the CVM" in kmstool(*words, **metadata).err
    shown = kmstool("profile", "show", "machine", "--format", "json").json
    assert (shown["Credentials"], shown["Region"], shown["RoleArn"]) == ("cvm-role", "ap-tokyo", "")
    assert len(kmstool("random", "8", **metadata).out) == 17


def test_a_login_keeps_its_end(server: Served, home: Path, passphrase: Path) -> None:
    ends = int(time.time()) + 3600
    write(home, {**STATIC, "token": "t", "type": "oauth", "expiresAt": ends})
    words = ("auth", "import-tccli", "--profile", "work", "--store", "file", "--passphrase-file", str(passphrase))
    kmstool(*words, "--no-verify")
    assert status(KMSTOOL_PASSPHRASE_FILE=str(passphrase))["Expires"] == time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends)
    )


def test_what_tccli_writes_is_read(home: Path) -> None:
    """Its own `configure set` makes the files."""
    if not TCCLI:
        unable("KMSTOOL_TCCLI does not name tccli")
    environ = {**os.environ, "HOME": str(home)}
    for words in (
        ["secretId", SECRET_ID, "secretKey", SECRET_KEY, "region", "ap-tokyo", "output", "json"],
        ["role-arn", ROLE["role-arn"], "role-session-name", ROLE["role-session-name"]],
        ["kms.endpoint", "kms.ap-tokyo.tencentcloudapi.com", "sts.endpoint", "sts.ap-tokyo.tencentcloudapi.com"],
    ):
        subprocess.run([str(TCCLI), "configure", "set", *words], env=environ, check=True, capture_output=True)
    found = tccli.read(home, "default")
    assert found
    assert found.login == Credential(SECRET_ID, SECRET_KEY)
    assert (found.role_arn, found.role_session, found.region) == (*ROLE.values(), "ap-tokyo")
    assert (found.endpoint, found.sts_endpoint) == (
        "kms.ap-tokyo.tencentcloudapi.com",
        "sts.ap-tokyo.tencentcloudapi.com",
    )
    subprocess.run(
        [str(TCCLI), "configure", "set", "use-cvm-role", "true"], env=environ, check=True, capture_output=True
    )
    found = tccli.read(home, "default")
    assert found
    assert found.of_cvm
