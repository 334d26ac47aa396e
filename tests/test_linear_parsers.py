"""Nothing that reads foreign input takes more than ten times as long as a linear reader: every regular expression, every parser.

Each gets inputs of 1,000 to 100,000 characters that are made to be hard, where what is quadratic
fails, and some of 1,000,000. The tables are complete: whoever adds a
regular expression or another call of a foreign parser adds it here, or says why nobody else
chooses its input.
"""

import ast
import gc
import importlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from kmstool import byok, documents
from kmstool.api import cmk_rules, context, protocol, tc3
from kmstool.cli import messages, options, params, shards
from kmstool.cli.io import replace_process, times
from kmstool.cli.shell import lines
from kmstool.crypto import der, ecdsa, formats, keys, pem
from kmstool.crypto.sm2.keys import PrivateKey as Sm2Key
from kmstool.envelope import armor, header, manifest, stanzas
from kmstool.errors import InputError, KmsToolError
from kmstool.forms import blobs as forms_blobs
from kmstool.forms import certificates, ciphertexts, encodings, private_keys, public_keys, recognition, shapes, texts
from kmstool.forms import signatures as forms_signatures
from kmstool.kms import fingerprints, ini
from kmstool.kms.beta import transport as beta_transport
from kmstool.kms.credentials import tccli, tool_files
from kmstool.kms.transport import cloud, endpoint, proxies
from kmstool.kms.transport.connection import Answer
from kmstool.server import blobs, requests
from kmstool.server.beta import blobs as beta_blobs
from kmstool.server.seed import toml
from kmstool.server.web import bodies, http, parameters
from kmstool.storage import places
from kmstool.whitebox import binding, key_file
from kmstool.workflows import batches, clusters
from kmstool.workflows.rotation import plan_files, scanning

PACKAGE = Path(__file__).parent.parent / "kmstool"
SIZES = (1_000, 10_000, 40_000, 100_000)
LARGEST = 1_000_000
# A linear reader takes a microsecond a character, and often far less; this is ten times that.
SECONDS_A_CHARACTER = 10e-6
# jmespath, which is not ours, takes six of them; what is quadratic takes 75 and more at the larger sizes.
SLOWER = {"queries": 30e-6}
SECONDS_AT_ONCE = 0.1
ATOMS = (
    "a",
    "0",
    "A",
    "=",
    "-",
    ".",
    "/",
    ":",
    " ",
    "\t",
    "\n",
    "\r\n",
    '"',
    "'",
    "\\",
    "[",
    "{",
    "#",
    ",",
    ";",
    "@",
    "é",
)


@dataclass(frozen=True)
class Foreign:
    """A regular expression on foreign input, with texts that it takes or nearly does."""

    samples: tuple[str, ...]


@dataclass(frozen=True)
class Own:
    """Another one, and why nobody else chooses its input."""

    reason: str


UUID = "01234567-89ab-cdef-0123-456789abcdef"
# By file and by the name that it is assigned to, or the function that it is in.
EXPRESSIONS: dict[tuple[str, str], Foreign | Own] = {
    ("cli/io/inputs.py", "DESCRIPTOR"): Foreign(("/dev/fd/12", "/proc/self/fd/12")),
    ("cli/io/replace_process.py", "_WITHHELD"): Foreign(("TENCENTCLOUD_SECRET_KEY", "KMSTOOL_PASSPHRASE_FILE")),
    ("cli/io/replace_process.py", "check_variable"): Own("what calls it is among the parsers below"),
    ("cli/generated/values.py", "_FILE"): Own("the program's own help texts"),
    ("cli/generated/completion.py", "_zsh_escape"): Own("the program's own help texts"),
    ("cli/generated/man.py", "_paragraphs"): Own("the program's own help texts"),
    ("cli/shards.py", "_SHARD"): Foreign(("1/1", "auto/", "9")),
    ("cli/commands/rotate/words.py", "_SAMPLE"): Foreign(("sample:", "9")),
    ("storage/places.py", "_SCHEME"): Foreign(("s3://", "a+b", "a.b-")),
    ("storage/places.py", "_BUCKET"): Foreign(("bucket-125", "a.b_")),
    ("workflows/rotation/plan_files.py", "_DIGEST"): Foreign(("0a",)),
    ("workflows/rotation/plan_files.py", "_ID"): Foreign(("0a",)),
    ("workflows/rotation/tokens.py", "_BLOB"): Foreign(("QUJD", "-k-", "A-k-", "==-k-", "a=")),
    ("workflows/rotation/tokens.py", "_BASE64"): Foreign(("QUJDQUJD", "==", "A=")),
    ("workflows/rotation/tokens.py", "_OLD"): Foreign(("QUJDQUJD" * 6, "==", "-k-", "A=-k-")),
    ("cli/params.py", "_RANGE"): Foreign(("123-456",)),
    ("cli/io/times.py", "_DURATION"): Foreign(("123d",)),
    ("cli/io/times.py", "_MILLISECONDS"): Foreign(("40ms",)),
    ("cli/io/times.py", "_SECONDS"): Foreign(("1234567890",)),
    ("crypto/pem.py", "_MARKER"): Foreign(
        ("-----BEGIN PUBLIC KEY-----QUJD-----END PUBLIC KEY-----", "-----BEGIN -----END ", "-----BEGIN " + "A" * 40)
    ),
    ("crypto/pem.py", "_BASE64"): Foreign(("QUJDRA==",)),
    ("crypto/pem.py", "_HEXADECIMAL"): Foreign(("0aB1",)),
    ("forms/texts.py", "_CONTROL"): Foreign(("abc", "a\x7f")),
    ("forms/texts.py", "_QUOTED"): Foreign(('"abc"', "b'abc'", "`abc`,")),
    ("forms/texts.py", "_ESCAPED_END"): Foreign(("a\\nb", "\\r\\n", "\\r")),
    ("forms/encodings.py", "_BETWEEN"): Foreign(("0a:1b", "0a, 1b", " \n")),
    ("forms/encodings.py", "_HEXADECIMAL"): Foreign(("0aB1",)),
    ("forms/encodings.py", "_BASE64"): Foreign(("QUJDRA==", "QUJDRA..", "QU-_")),
    ("forms/encodings.py", "_BEFORE"): Foreign(("SM3(m)= 0a1b", "a=", "= 0a:")),
    ("forms/encodings.py", "_AFTER"): Foreign(("0a" * 16 + "  m.txt", "0a" * 16)),
    ("forms/public_keys.py", "_PRINTED"): Foreign(
        ("pub:\n    04:0a:\n    0b\nASN1 OID: SM2\n", "pub:\n    04:\n", "pub:\n\n")
    ),
    ("forms/recognition.py", "_LABEL"): Foreign(("-----BEGIN PUBLIC KEY-----", "-----BEGIN " + "A" * 40)),
    ("forms/recognition.py", "_BLOB"): Foreign(("QUJD" * 5 + "==-k-QUJD-k-QUJD", "-k-")),
    ("forms/recognition.py", "_OPENSSH"): Foreign(("ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA")),
    ("forms/recognition.py", "_DUMP"): Foreign(("00000000: 306e 0220", "0000 - 30 70")),
    ("forms/recognition.py", "_SPOILT"): Foreign(("\x89KTE\r\n", "?KTE\n")),
    ("forms/blobs.py", "_CHARACTERS"): Foreign(("QUJD-k-QUJD",)),
    ("system/device.py", "_CONTAINER_CGROUP"): Foreign(("dockecontainerkubepodlibpolxgarde",)),
    ("system/device.py", "_IOREG_ID"): Foreign((f'"IOPlatformUUID" = "{UUID}"',)),
    ("system/device.py", "_ID"): Foreign((UUID, UUID.replace("-", ""))),
    ("envelope/armor.py", "_LINE"): Foreign(("QUJDRA==",)),
    ("envelope/manifest.py", "_DIGEST"): Foreign(("0123456789abcdef" * 4,)),
    ("envelope/stanzas.py", "_REGION"): Foreign(("ap-guangzhou-open-2",)),
    ("envelope/stanzas.py", "_KEY_ID"): Foreign((UUID,)),
    ("api/beta.py", "_KEY_ID"): Foreign(("kms-345sdfk",)),
    ("api/beta.py", "_HOST"): Foreign(("kms-gz.api.qcloud.com", "kms-gz.api.tencentyun.com")),
    ("api/beta.py", "_HEXADECIMAL"): Foreign(("0123abcd", "0123ABCD")),
    ("api/beta.py", "_MODULE_CODE"): Foreign(("(10660)", "(-503)")),
    ("api/cmk_rules.py", "_ID"): Foreign((UUID,)),
    ("api/cmk_rules.py", "_ALIAS"): Foreign(("alias_1-2",)),
    ("kms/transport/proxies.py", "_BETWEEN"): Foreign(("a, b\tc", ",,")),
    ("kms/transport/proxies.py", "_WITH_PORT"): Foreign(("kms.example.test:443", "[::1]:443", "::")),
    ("kms/transport/trust.py", "_HASHED"): Foreign(("0123abcd.0",)),
    ("kms/ini.py", "_LONG_GAP"): Foreign(("a" + " " * 99, "[a]\nb = c\n")),
    ("kms/profiles.py", "_NAME"): Foreign(("prod.eu-1",)),
    ("kms/transport/sdk.py", "_REFUSED"): Foreign(("Tunnel connection failed: 407 Proxy Authentication Required",)),
    ("kms/transport/sockets.py", "_HEAD_END"): Foreign(("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "\r", "\r\n\r")),
    ("kms/transport/sockets.py", "_STATUS"): Foreign(("HTTP/1.1 200 OK",)),
    ("kms/transport/sockets.py", "_SERVER"): Foreign(("\r\nServer: a\r\n", "\nvia:", "  ")),
    ("system/hosts.py", "_AUTHORITY"): Foreign(("kms.tencentcloudapi.com:443", "[::1]:443")),
    ("system/leftovers.py", "_NAME"): Foreign((".kmstool-0123456789abcdef",)),
    ("byok.py", "_HEXADECIMAL"): Foreign(("0aB1" * 4, "0aB1" * 8)),
    ("server/web/parameters.py", "_INDEX"): Foreign(("12",)),
    ("server/web/http.py", "_REQUEST_LINE"): Foreign(("POST / HTTP/1.1", "GET /a?b HTTP/1.0")),
    ("server/web/http.py", "_NAME"): Foreign(("X-TC-Action",)),
    ("server/web/http.py", "_VALUE"): Foreign(("application/json; charset=utf-8",)),
    ("server/web/http.py", "_TARGET"): Foreign(("http://a/b?c", "https:///?", "/a?b")),
    ("server/web/bodies.py", "_SIZE"): Foreign(("1f; a=b", "1f" + " " * 99, "1f;" + "\t" * 99)),
    ("server/web/bodies.py", "_TRAILER"): Foreign(("X-A: b",)),
    ("server/requests.py", "_INTEGER"): Foreign(("-12",)),
    ("server/tag_service.py", "_ID"): Foreign((f"creatorUin/1/{UUID}", "creatorUin/" + "1" * 20)),
    ("server/tag_service.py", "_RESOURCE"): Foreign(
        (f"qcs::kms:ap-guangzhou:uin/1:key/creatorUin/1/{UUID}", "qcs::kms:" + "a" * 40, "qcs::kms:a:uin/" + "1" * 20)
    ),
    ("server/seed/toml.py", "_OPENING"): Foreign(('[[key]]\nalias = "a"\n', '""', "''")),
    ("server/seed/toml.py", "_CLOSING"): Foreign(('a\\""', '\\"""', '""a', "''a")),
    ("api/tc3.py", "_AUTHORIZATION"): Foreign(
        (
            "TC3-HMAC-SHA256 Credential=AKID/2026-01-01/kms/tc3_request, SignedHeaders=content-type;host, Signature=",
            "TC3-HMAC-SHA256 Credential=" + "a" * 199 + "/2026-01-01/" + "a" * 200,
        )
    ),
    ("whitebox/binding.py", "_FINGERPRINT"): Foreign(("01234567-" + "0123456789abcd-" * 3 + "0123456789abcdef",)),
}
METHODS = ("match", "fullmatch", "search", "split", "findall", "finditer", "sub", "subn")


def expressions() -> Iterator[tuple[str, str]]:
    """Give the file and the name, or else the function, of every regular expression in the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for statement in ast.parse(path.read_text("utf-8")).body:
            name = _name_of(statement)
            for node in ast.walk(statement):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=called)) if called != "escape":
                        yield str(path.relative_to(PACKAGE)), name
                    case ast.ImportFrom(module="re"):
                        pytest.fail(f"{path}: write re.compile, which is found here")


def _name_of(statement: ast.stmt) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return name
    return ""


def test_every_regular_expression_is_in_the_table() -> None:
    assert set(expressions()) == set(EXPRESSIONS)


def hard_texts(samples: tuple[str, ...]) -> list[str]:
    """Return what to repeat: single characters, the samples and their beginnings."""
    beginnings = {
        sample[:end] for sample in samples for end in {*range(1, len(sample), max(1, len(sample) // 12)), len(sample)}
    }
    return [*ATOMS, *sorted(beginnings - set(ATOMS))]


def filled(text: str, size: int, tail: str = "") -> str:
    return text * (size // len(text)) + tail


def check_linear(
    read: Callable[[str], object],
    text: str,
    tail: str = "",
    head: str = "",
    *,
    largest: bool = False,
    rate: float = SECONDS_A_CHARACTER,
) -> None:
    """Fail if `read` takes more than ten times as long as a linear reader, or raises what is no answer."""
    with suppress(KmsToolError, ValueError, http.HttpError):
        read(head + text)  # imports what it needs
    for size in (*SIZES, LARGEST) if largest else SIZES:
        given = head + filled(text, size, tail)
        # Neither the threads of other tests are counted, nor what their objects cost the collector.
        gc.disable()
        begun = time.thread_time()
        try:
            with suppress(KmsToolError, ValueError, http.HttpError):
                read(given)
        finally:
            took = time.thread_time() - begun
            gc.enable()
        limit = SECONDS_AT_ONCE + rate * len(given.encode())
        assert took < limit, f"{took:.1f} s for {size} characters: {(head + text)[:60]!r}"


def methods_of(path: str, name: str) -> set[str]:
    used = set(re.findall(rf"\b{name}(?:\[[^\]]*\](?:\])?)?\.(\w+)\(", (PACKAGE / path).read_text("utf-8")))
    return used & set(METHODS)


def applied(expression: "re.Pattern[str] | re.Pattern[bytes]", method: str) -> Callable[[str], object]:
    """Return what applies an expression to the whole of a text; what gives matches one by one gives them all."""
    function = getattr(expression, method)

    def apply(text: str) -> object:
        given = text.encode() if isinstance(expression.pattern, bytes) else text
        if method in ("sub", "subn"):
            return function("" if isinstance(given, str) else b"", given)
        found = function(given)
        return sum(1 for _ in found) if method == "finditer" else found

    return apply


FOREIGN = [key for key, entry in EXPRESSIONS.items() if isinstance(entry, Foreign)]


@pytest.mark.parametrize(("path", "name"), FOREIGN, ids=str)
def test_regular_expressions_take_linear_time(path: str, name: str) -> None:
    entry = EXPRESSIONS[path, name]
    assert isinstance(entry, Foreign)
    module = importlib.import_module("kmstool." + path.removesuffix(".py").replace("/", "."))
    found = getattr(module, name)
    methods = methods_of(path, name)
    assert methods, "it is not used, or in a way that this test does not see"
    for expression in found.values() if isinstance(found, dict) else [found]:
        for method in methods:
            for text in hard_texts(entry.samples):
                for tail in ("", "\0"):
                    check_linear(applied(expression, method), text, tail, largest=text in entry.samples)


@pytest.mark.parametrize(
    ("expression", "method", "text"),
    [
        # As they were.
        (
            re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----(.*?)-----END \1-----", re.DOTALL),
            "findall",
            "-----BEGIN A-----",
        ),
        (re.compile(r"[^/]*@"), "sub", "a"),
        (re.compile(r"(?P<option>.*?)\s*(?:(?P<vi>=)\s*(?P<value>.*))$"), "match", " "),
    ],
    ids=["pem", "endpoint", "ini"],
)
def test_the_test_finds_what_is_quadratic(
    expression: "re.Pattern[str] | re.Pattern[bytes]", method: str, text: str
) -> None:
    with pytest.raises(AssertionError, match=r"s for \d+ characters"):
        check_linear(applied(expression, method), text, "\0", head="x")


# Parsers.


def _armor(text: str) -> object:
    rest = text.encode()

    def read(buffer: memoryview) -> int:
        nonlocal rest
        piece, rest = rest[: len(buffer)], rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)

    reader, got = armor.ArmorReader(read), memoryview(bytearray(2**16))
    while reader.read(got) == len(got):
        continue
    return None


def _checked_query(text: str) -> object:
    return options._checked_query(click.Context(click.Command("x")), click.Option(["--query"]), text)


def _unflattened(text: str) -> object:
    return parameters.unflatten(parameters.from_form(text))


def _document(text: str) -> object:
    return documents.read("form", {"a": str}, text.encode(), "the document", "")


def _ini(text: str) -> object:
    try:
        return ini.read(text, ("=", ":"), ("#", ";"))
    except Exception as error:
        raise InputError("no INI file") from error


def _text(text: str) -> None:
    texts.bare(text)
    texts.answer(text)
    texts.decode(text.encode())


def _any_signature(text: str) -> None:
    for kind in ("SM2", "EC_P384"):
        forms_signatures.read(text.encode(), "it", A_KEY[kind])


# Keys of any kind: that reading depends on their size alone.
A_KEY = {
    "SM2": keys.Sm2PublicKey(Sm2Key.generate().public_key),
    "EC_P384": keys.EcPublicKey(ecdsa.generate("EC_P384").public_key()),
}


def _plan(text: str) -> object:
    with tempfile.NamedTemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        return plan_files.read_plan(Path(file.name))


def _manifest(text: str) -> object:
    return scanning._manifest_item(Path("m"), 1, text.encode(), 0)


HEAD = "POST / HTTP/1.1\r\nhost: a\r\n"
ENVELOPE = "KTE1" + "\0" * 12
Reader = Callable[[str], object]
# What reads it, what may come before what is repeated, and texts that it takes or nearly does.
PARSERS: dict[str, tuple[Reader, tuple[str, ...], tuple[str, ...]]] = {
    "public keys": (lambda t: pem.read_public_key(t.encode()), ("",), ("-----BEGIN PUBLIC KEY-----\nMA==\n",)),
    "private keys": (
        lambda t: pem.read_private_key(t.encode(), b"x"), ("",),
        ("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n", "-----BEGIN A-----", "-----END A-----"),
    ),
    "PEM": (
        lambda t: pem._the_one(pem.blocks(t.encode()), {b"A"}, "key"), ("", "-----BEGIN A-----"),
        ("-----BEGIN A-----\nMA==\n-----END A-----\n", "-----BEGIN B-----", "-----END A-----"),
    ),
    "texts": (_text, ("", '"', "{"), ("a\\n", '"a"', '{"a":', "\\u003d")),
    "digits": (lambda t: list(encodings.readings(t.encode(), "a")), ("", '{"a":"'), ("0a:", "QUJD", "QUJD\n", "0x0a, ", "a= 0a")),
    "things": (
        lambda t: recognition.recognise(t.encode()), ("", "-----BEGIN ", "\x89KTE", "{", "0\x80"),
        ("QUJD-k-", "0a", '{"a":', "-----BEGIN A-----", "ssh-"),
    ),
    "shapes of DER": (lambda t: shapes.shape_of(t.encode("latin-1", "replace")), ("0\x83\x0f\x42\x40",), ("\x02\1\1", "0\2\2\0")),
    "certificates": (lambda t: certificates.public_key(t.encode("latin-1", "replace")), ("0\x83\x0f\x42\x40",), ("0\0", "\2\1\1")),
    "public keys in files": (
        lambda t: public_keys.read(t.encode(), "it"), ("", "{", "pub:\n"),
        ("-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n", '{"PublicKey":"', "    04:0a:\n", "MFkw"),
    ),
    "private keys in files": (
        lambda t: private_keys.read(t.encode(), "it", lambda: b"x"), ("",),
        ("-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n", "0a", "QUJD"),
    ),
    "blobs in files": (lambda t: forms_blobs.read(t.encode(), "it"), ("", "{"), ("QUJD-k-", "-k-", "a-", '{"CiphertextBlob":')),
    "signatures in files": (_any_signature, ("", "{"), ("3045", "QUJD", '{"Signature":"', "-----BEGIN SIGNATURE-----")),
    "ciphertexts in files": (lambda t: ciphertexts.read_sm2(t.encode(), "it"), ("", "04"), ("04", "QUJD", "0a:")),
    "base64": (lambda t: formats.read_base64(t.encode(), "it"), ("",), ("QUJD\n", "QQ==")),
    "DER": (lambda t: keys.from_spki(t.encode("latin-1", "replace")), ("0\x84\0\x0f\x42\x40",), ("0\x02", "\x02\x01\x01")),
    "DER integers": (lambda t: der.Reader(t.encode("latin-1", "replace")).integer(), ("\x02\x83\x0f\x42\x40",), ("\x01",)),
    "signatures": (lambda t: formats.read_signature(t.encode()), ("", "0\x80"), ("0\x06\x02\x01",)),
    "SM2 ciphertexts": (lambda t: formats.ciphertext_readings(t.encode()), ("", "0\x80", "\x04"), ("\x04\x01",)),
    "armor": (_armor, ("", armor.BEGIN.decode() + "\n"), ("QUJD" * 16 + "\n", armor.END.decode() + "\n", "\r", " \n")),
    "envelope heads": (lambda t: header.parse(t.encode("latin-1", "replace")), ("", ENVELOPE), ("KTE1", "\0\1")),
    "stanzas": (lambda t: stanzas.decode(t.encode("latin-1", "replace")), ("", "\0\1"), ("\0\1\0\2", "\1\0\0\0")),
    "stanza contexts": (stanzas.parse_context, ("", "{"), ('{"a":"b"}', '"a":"b",', '{"a":', "[")),
    "contexts": (lambda t: context.text_of(params.context_of([t], "-")), ("", "a=", "{"), ("a=b", '"a":"b",', '{"a":')),
    "key addresses": (cmk_rules.KeyAddress.parse, ("", "profile/"), ("profile/a/", "ap-singapore:", "alias/")),
    "variables": (replace_process.check_variable, ("",), ("A_1",)),
    "times": (times.parse_time, ("", "2027-"), ("2027-01-31T08:00:00", "+08:00", ".0")),
    "delays": (times.parse_delay, ("",), ("40ms",)),
    "ends": (times.End.parse, ("",), ("8d",)),
    "ranges": (params.ByteRange.parse, ("", "0-"), ("1-", "1")),
    "files of public keys": (params.PublicKeyFile.parse, ("", "a:", "a:b="), ("a:", "b=", "/")),
    "plans": (_plan, ("", "{", '{"format": "kmstool-plan-1", "files": ['), ('{"a":1},', "[", '"path":"a",')),
    "lines of a batch": (lambda t: batches._parse(1, t.encode()), ("", "{"), ('{"a":1}', '"a":"b",', "[", '{"a":')),
    "lines of manifests": (_manifest, ("", '{"blob": "'), ("a-k-", "QUJD", '{"blob":', "[")),
    "places": (places.parse_place, ("", "s3://bucket/"), ("a/", "s3:")),
    "addresses of workers": (clusters.check_address, ("", "tcp://", "local:"), ("1", "a:", "[::1]")),
    "shards": (shards.parse_shard, ("", "1/"), ("1", "auto/")),
    "lines of a shell": (lines.read, ("",), ("a 'b' ",)),
    "pairs": (lambda t: params.parse_pairs([t], "tag", "--tag"), ("", "a="), ("a=b",)),
    "endpoints": (endpoint.Endpoint.parse, ("", "https://", "http://a@"), ("a@", "a.b", "//", "[::1]", "%41")),
    "exceptions from proxies": (
        lambda t: [proxies._matches(entry, "10.1.2.3", 443) for entry in proxies._BETWEEN.split(t)],
        ("", "["), ("10.0.0.0/8,", "a:1", "::", "*.", "/", "[::1]:4", "9"),
    ),
    "proxies": (proxies.Proxy.parse, ("", "http://"), ("a@", "a:b@", "[::1]", "%41")),
    "seeds": (
        toml.parse, ("", "x = ", "x = {", 'x = """'),
        (
            "a=1\n", "a.", ".a", "[a.b]\n", "[[a]]\n", "{a=", "a=1,", '"a".', '"""', "'''", '\\"""', "1_", "1,", "tags.a = 'b'\n",
        ),
    ),
    "INI files": (_ini, ("", "[a]\n", "[a]\nb", "[a]\nb = "), ("b = c\n", "[a]\n", " c\n", "x\n", "b =" + " " * 90 + "c", " #")),
    "lists of fingerprints": (
        lambda t: fingerprints.read_csv(t.encode()), ("", ", ".join(fingerprints.HEADER) + "\n"),
        ("a,b\n", '"a",', '""', '"\n', ","),
    ),
    "documents": (_document, ("", '{"format":"form",'), ('{"a":', '"a":1,', "[", '"\\u0000')),
    "answers of KMS": (
        lambda t: cloud._inner(Answer(200, None, t.encode())), ("", '{"Response":'), ('{"a":', "[", '"a":1,', "[],", "1", '"\\ud800', "-1e9,"),
    ),
    "answers of the KMS of 2017": (
        lambda t: beta_transport._fields("Encrypt", Answer(200, None, t.encode())), ("", '{"code":0,'), ('{"a":', "[", '"a":1,', '"\\ud800'),
    ),
    "manifests": (
        lambda t: manifest.Manifest.decode(t.encode()), ("", '{"format":"kmstool-manifest-1","files":{'),
        ('"a":null,', '{"a":', "[", '"a":"' + "0" * 64 + '",'),
    ),
    "base64 of the API": (protocol.decode, ("",), ("QUJD", "QQ==")),
    "blobs of 2017": (beta_blobs.parse, ("", "a21zdG9vbC9iZXRhMjAxNw"), ("QUJD", "QQ==", "DGtt")),
    "blobs": (blobs.parse, ("",), ("QQ==-k-", "-k-", "-")),
    "key material in hexadecimal": (lambda t: byok.decode(t.encode(), "hex", 32), ("",), ("0a", "QUJD")),
    "key material in base64": (lambda t: byok.decode(t.encode(), "base64", 32), ("",), ("QUJD", "0a")),
    "key material": (lambda t: byok.decode(t.encode(), "raw", 32), ("",), ("0a", "QUJD")),
    "white-box key files": (lambda t: key_file.read(t.encode()), ("",), ("QUJD", "KWB1")),
    "fingerprints": (binding.check_fingerprint, ("",), ("01234567-",)),
    "authorizations": (tc3.parse_authorization, ("", "TC3-HMAC-SHA256 Credential="), ("a/", ", ")),
    "heads of requests": (lambda t: http.parse_head(t.encode()), ("", HEAD), ("a: b\r\n", "a:", "GET ", "?", "connection: a,")),
    "chunks": (
        lambda t: bodies.ChunkedBody().take(bytearray(t.encode()), keep=True), ("", "1\r\na\r\n", "0\r\n"),
        ("1\r\na\r\n", "1;", "a: b\r\n", "ff\r\n"),
    ),
    "forms": (_unflattened, ("", "a="), ("a=b&", "a.0=1&", "a.", "%41", "&", "+", "=")),
    "integers of requests": (lambda t: requests.check("ListKeys", {"Limit": t}), ("",), ("-12",)),
    "queries": (_checked_query, ("",), ("a.", "[", "a[0].", "`1`", "a|", "a||")),
    "messages": (messages.printable, ("",), ("\x1b[1m", "\u202e")),
    "credential files of tccli": (lambda t: tccli.read(_home(t), "default"), ("",), ('{"a":', "[")),
    "credential files of SDKs": (lambda t: tool_files.from_ini(_home(t)), ("[default]\na",), ("secret_id = a\n",)),
}  # fmt: skip


def _home(text: str) -> Path:
    home = Path.cwd()
    for name in (".tccli/default.credential", ".tencentcloud/credentials"):
        path = home / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)
    return home


# jmespath warns of what old versions of the language took.
@pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")
@pytest.mark.parametrize("name", PARSERS)
def test_parsers_take_linear_time(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a bound on the size of a file is what keeps them so, but not for keys in PEM."""
    monkeypatch.chdir(tmp_path)
    if name == "PEM":
        monkeypatch.setattr(pem, "MAX_BYTES", 2 * LARGEST)
    read, heads, samples = PARSERS[name]
    rate = SLOWER.get(name, SECONDS_A_CHARACTER)
    for head in heads:
        for text in hard_texts(samples):
            check_linear(read, text, head=head, rate=rate)
        for sample in samples:
            # The first two stand for all: what is not linear shows before.
            check_linear(read, sample, "\0", head=head, largest=sample in samples[:2], rate=rate)


# Calls of parsers of others, by file: what above reads it, or why nobody else chooses what is read.
CALLS = {
    "cli/commands/api.py": "the user's own request, up to 10 MiB; JSON is read in linear time, and its nesting is an error there",
    "workflows/batches.py": "lines of a batch",
    "workflows/rotation/plan_files.py": "plans",
    "workflows/rotation/scanning.py": "lines of manifests",
    "workflows/rotation/journal.py": "a row of the journal's own",
    "documents.py": "documents",
    "envelope/manifest.py": "manifests",
    "envelope/stanzas.py": "stanza contexts",
    "forms/texts.py": "texts, things",
    "kms/transport/json_answers.py": "answers of KMS",
    "kms/credentials/tccli.py": "credential files of tccli",
    "kms/credentials/store.py": "what was decrypted and authenticated",
    "kms/fingerprints.py": "lists of fingerprints",
    "kms/ini.py": "INI files",
    "kms/credentials/roles.py": "the metadata service's answer, read as those of KMS are",
    "api/protocol.py": "a file of the package",
    "api/context.py": "contexts",
    "server/actions/ciphers.py": "a context of at most 1,024 characters",
    "server/beta/requests.py": "a context of at most 1,024 characters",
    "server/web/parameters.py": "a request whose signature was checked, up to 10 MiB",
    "server/tables/credentials.py": "what was decrypted and authenticated",
    "server/tables/faults.py": "a row of the store's own",
    "server/web/listening.py": "a file of the server that only its user can write, cut at a bound",
    "server/seed/toml.py": "seeds",
}
FOREIGN_PARSERS = {
    "json.loads",
    "json.load",
    "tomllib.loads",
    "tomllib.load",
    "csv.reader",
    "csv.DictReader",
    "parser.read_string",
}


def test_every_call_of_a_foreign_parser_is_in_the_table() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FOREIGN_PARSERS
    }
    assert found == set(CALLS)


def test_a_seed_of_dotted_keys_takes_no_memory() -> None:
    """80 kB took 4 GB; strings and comments may have as many dots as they like."""
    import tracemalloc

    hidden = 'x = {y = """a"""", ' + "a." * 40_000 + "a = 1}"
    quoted = "x = {y = 'a', " + '"a" . ' * 13_000 + "a = 1}"
    for text in (
        "a." * 40_000 + "a = 1",
        "[" + "a." * 40_000 + "a]",
        hidden,
        quoted,
        "x = 'a'\n" + "'a'." * 20_000 + "a=1",
    ):
        tracemalloc.start()
        with pytest.raises(InputError, match="a key of too many parts"):
            toml.parse(text)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
        tracemalloc.stop()
    dots = "." * 1000
    text = f'a = "{dots}" # {dots}\nb = """{dots}\n\\"{dots}"""\nc = \'{dots}\'\nd = \'\'\'{dots}\n{dots}\'\'\'\n'
    assert toml.parse(text) == {"a": dots, "b": f'{dots}\n"{dots}', "c": dots, "d": f"{dots}\n{dots}"}
