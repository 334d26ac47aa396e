"""Requests to the served KMS, put together byte by byte: each can be wrong in one way, and every answer is checked for its one form."""

import http.client
import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from kmstool.api import protocol, tc3
from kmstool.server.app import EmbeddedKms
from tests import served
from tests.served import Served

ANSWER_SECONDS = 10
REGION = "ap-guangzhou"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Server(Served):
    """A running server, with its port in a file."""

    @property
    def port_file(self) -> Path:
        return self.folder / "port"

    @contextmanager
    def store(self) -> Iterator[EmbeddedKms]:
        """Open the store beside the server, as another process does."""
        kms = EmbeddedKms(self.folder / "store")
        try:
            yield kms
        finally:
            kms.close()


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    """Serve the store in a folder; the server must write its port to a file, and remove that in the end."""
    folder.mkdir(exist_ok=True)
    with served.serving(folder, "--port", "0", "--port-file", str(folder / "port"), *options) as found:
        server = Server(**vars(found))
        assert server.port_file.read_text() == server.netloc.rpartition(":")[2] + "\n"
        yield server
    assert not server.port_file.exists()


@dataclass(frozen=True)
class Ask:
    """A request that is right in every way; `replace` makes it wrong in one, before or after it is signed."""

    action: str = "GenerateRandom"
    body: bytes = b'{"NumberOfBytes": 8}'
    method: str = "POST"
    query: str = ""
    content_type: str = JSON
    secret: tuple[str, str] | None = None
    token: str = ""
    skew: int = 0
    signed_host: str = ""
    sent_host: str = ""
    service: str = "kms"
    names: tuple[str, ...] = tc3.REQUIRED_HEADERS
    headers: Mapping[str, str] = field(default_factory=dict)
    later: Mapping[str, str | None] = field(default_factory=dict)
    """Headers that are set, or left out, after the signature was made."""
    sent_body: bytes | None = None
    raw_action: bool = False
    """Whether a signed action is signed as it stands, and not in lower case."""
    spell_authorization: Callable[[str], str] = str
    target: str = "/"

    def send(self, server: Server) -> dict[str, Any]:
        return inner(*self.exchange(server))

    def exchange(self, server: Server) -> tuple[http.client.HTTPResponse, bytes]:
        timestamp = int(time.time()) + self.skew
        variables = server.variables
        secret_id, secret_key = self.secret or (
            variables["TENCENTCLOUD_SECRET_ID"],
            variables["TENCENTCLOUD_SECRET_KEY"],
        )
        headers = {
            "content-type": self.content_type,
            "host": self.signed_host or server.netloc,
            "x-tc-action": self.action,
            "x-tc-version": protocol.VERSION,
            "x-tc-timestamp": str(timestamp),
            "x-tc-region": REGION,
            **({"x-tc-token": self.token} if self.token else {}),
            **self.headers,
        }
        request = tc3.Request(self.method, self.query, headers, self.body)
        spell = tc3._as_sent if self.raw_action else tc3._action_in_lower_case
        canonical = tc3.canonical_request(request, self.names, spell)
        signature = tc3._signed(canonical, secret_key, timestamp, self.service)
        headers["authorization"] = self.spell_authorization(
            f"TC3-HMAC-SHA256 Credential={secret_id}/{tc3.utc_date(timestamp)}/{self.service}/tc3_request,"
            f" SignedHeaders={';'.join(self.names)}, Signature={signature}"
        )
        headers["host"] = self.sent_host or headers["host"]
        sent = {name: value for name, value in (headers | dict(self.later)).items() if value is not None}
        target = self.target + (f"?{self.query}" if self.query else "")
        body = self.body if self.sent_body is None else self.sent_body
        return exchange(server, self.method, target, sent, body)


def exchange(
    server: Server, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection(server.netloc, timeout=ANSWER_SECONDS)) as client:
        client.request(method, target, body or None, dict(headers))
        answer = client.getresponse()
        return answer, answer.read()


def inner(answer: http.client.HTTPResponse, body: bytes) -> dict[str, Any]:
    """Return the inner object, after checking what holds for every answer, errors included."""
    assert answer.status == 200
    assert answer.headers.get_all("Content-Type") == [JSON]
    fields = json.loads(body)
    assert fields.keys() == {"Response"}
    found: dict[str, Any] = fields["Response"]
    assert uuid.UUID(found["RequestId"])
    if "Error" in found:
        assert found.keys() == {"Error", "RequestId"}
        assert found["Error"].keys() == {"Code", "Message"}
        assert found["Error"]["Message"]
    return found


def code(found: Mapping[str, Any]) -> str | None:
    """Return the error code of an answer, None if it is none."""
    return found["Error"]["Code"] if "Error" in found else None


def call(server: Server, action: str, /, **params: Any) -> dict[str, Any]:
    return Ask(action, json.dumps(params).encode()).send(server)


def new_key(server: Server) -> str:
    found: str = call(server, "CreateKey", Alias="k" + uuid.uuid4().hex)["KeyId"]
    return found


def v1(server: Server, method: str, algorithm: str | None, /, **fields: Any) -> dict[str, str]:
    """Return the fields of a request of the older scheme, signed; one that is None is left out."""
    variables = server.variables
    parameters = {
        "Action": "GenerateRandom",
        "Version": protocol.VERSION,
        "Region": REGION,
        "Nonce": str(random.randrange(2**31)),
        "Timestamp": str(int(time.time())),
        "SecretId": variables["TENCENTCLOUD_SECRET_ID"],
        **({"SignatureMethod": algorithm} if algorithm else {}),
        **{name.replace("__", "."): str(value) for name, value in fields.items() if value is not None},
    }
    for name in (name for name, value in fields.items() if value is None):
        del parameters[name]
    signature = tc3.sign_v1(method, server.netloc, "/", parameters, variables["TENCENTCLOUD_SECRET_KEY"])
    return {**parameters, "Signature": signature}


def send_v1(server: Server, method: str, fields: Mapping[str, str], host: str = "") -> dict[str, Any]:
    headers, form = {"Host": host or server.netloc, "Content-Type": FORM}, urlencode(fields)
    if method == "GET":
        return inner(*exchange(server, "GET", f"/?{form}", headers))
    return inner(*exchange(server, "POST", "/", headers, form.encode()))
