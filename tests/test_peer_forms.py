"""Keys, signatures and ciphertexts are read as the tools of others really print them: a test for each of their forms.

The rows are the tools, the columns what they print. Nothing is said of a form: no option names it. A key is read if it
verifies a signature of its own tool, a ciphertext if KMS decrypts it.
"""

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kmstool.crypto import keys, pem
from kmstool.crypto.keys import Sm2PublicKey
from kmstool.crypto.sm2.keys import PrivateKey as Sm2Key
from kmstool.forms import private_keys, public_keys
from tests.clients.conftest import NODE_MODULES
from tests.conftest import need, unable
from tests.foreign import TCCLI, openssl, package
from tests.program import kmstool
from tests.served import Served, serving

TIMEOUT_SECONDS = 60
MESSAGE = b"hello kms"
PEERS = Path(__file__).with_name("peers")
BOUNCY_CASTLE = Path("/usr/share/java/bcprov.jar")
# python3-botan belongs to this one, whatever Python runs the tests.
DEBIANS_PYTHON = Path("/usr/bin/python3")

Column = Mapping[str, bytes]

# By tool and column, the forms that it prints.
FORMS: dict[tuple[str, str], tuple[str, ...]] = {
    ("openssl, SM2", "key"): (
        "PEM", "DER", "base64", "-text", "xxd -p", "-param_enc explicit", "-param_enc explicit in DER",
        "-conv_form compressed", "certificate", "certificate in DER", "request", "PEM on one line", r"PEM with \n",
    ),
    ("openssl, SM2", "private"): ("PEM", "DER", "SEC 1", "SEC 1 with parameters", "-param_enc explicit", "pkcs8 -topk8"),
    ("openssl, SM2", "signature"): ("bytes", "-hex", "-hex -c", "base64", "base64 -A", "xxd -p", "xxd -p -c 0", "od -tx1"),
    ("openssl, SM2", "ciphertext"): ("bytes", "base64", "base64 -A", "xxd -p", "od -tx1"),
    ("openssl, RSA", "key"): ("PEM", "DER", "-RSAPublicKey_out", "-RSAPublicKey_out in DER", "certificate", "base64"),
    ("openssl, RSA", "private"): ("PEM", "DER", "-traditional", "-traditional in DER", "pkcs8 -topk8"),
    ("openssl, RSA", "signature"): ("bytes", "-hex", "-hex -c", "base64", "xxd -p"),
    ("openssl, RSA", "ciphertext"): ("bytes", "base64", "base64 -A", "xxd -p"),
    ("openssl, P-256", "key"): ("PEM", "DER", "-text", "-param_enc explicit", "-conv_form compressed", "certificate"),
    ("openssl, P-256", "private"): ("PEM", "DER", "SEC 1", "-param_enc explicit"),
    ("openssl, P-256", "signature"): ("bytes", "-hex", "base64", "xxd -p"),
    ("GmSSL 3", "key"): ("gmssl_pyx bytes", "gmssl_pyx in hexadecimal", "PEM of the same point"),
    ("GmSSL 3", "private"): ("gmssl_pyx in hexadecimal", "gmssl_pyx in base64"),
    ("GmSSL 3", "signature"): ("sm2_sign", "sm2_sign in hexadecimal", "sm2_sign in base64", "repr of base64"),
    ("GmSSL 3", "ciphertext"): ("sm2_encrypt", "sm2_encrypt in hexadecimal", "sm2_encrypt in base64"),
    ("gmssl of PyPI", "key"): ("public_key", "public_key with 04"),
    ("gmssl of PyPI", "private"): ("private_key",),
    ("gmssl of PyPI", "signature"): ("sign_with_sm3", "sign_with_sm3, asn1"),
    ("gmssl of PyPI", "ciphertext"): ("encrypt, mode 0", "encrypt, mode 1", "encrypt, mode 0 in hexadecimal", "encrypt, mode 1 in base64"),
    ("sm-crypto", "key"): ("publicKey", "publicKey without 04", "compressPublicKeyHex"),
    ("sm-crypto", "private"): ("privateKey",),
    ("sm-crypto", "signature"): ("doSignature", "doSignature, der"),
    ("sm-crypto", "ciphertext"): ("doEncrypt, C1C3C2", "doEncrypt, C1C2C3", "doEncrypt, C1C3C2 with 04"),
    ("Bouncy Castle", "key"): (
        "spki", "base64", "pem", "point in hexadecimal", "compressed point in hexadecimal", "explicit",
    ),
    ("Bouncy Castle", "private"): ("pkcs8", "pem", "number", "bytes of a BigInteger", "explicit"),
    ("Bouncy Castle", "signature"): ("der", "hexadecimal", "base64", "url", "plain", "plain in hexadecimal"),
    ("Bouncy Castle", "ciphertext"): tuple(
        f"{mode}{form}"
        for mode in ("c1c2c3", "c1c3c2")
        for form in ("", " in hexadecimal", " in hexadecimal without 04", " in base64")
    ),
    ("Botan", "key"): ("to_pem", "to_der"),
    ("Botan", "private"): ("to_pem", "to_der"),
    ("Botan", "signature"): ("PKSign", "PKSign, DER"),
    ("Botan", "ciphertext"): ("PKEncrypt", "PKEncrypt in hexadecimal"),
    ("botan, the program", "key"): ("pkcs8 --pub-out", "pkcs8 --pub-out --der-out"),
    ("botan, the program", "private"): ("keygen", "pkcs8 --der-out"),
    ("botan, the program", "signature"): ("sign", "sign --der-format"),
    ("tccli", "key"): ("json", "--filter PublicKey", "--filter PublicKeyPem", "UTF-16 of PowerShell"),
    ("tccli", "signature"): ("json", "--filter Signature", "UTF-16 of PowerShell"),
    ("tccli", "ciphertext"): ("json", "--filter CiphertextBlob", "UTF-16 of PowerShell"),
}  # fmt: skip


@dataclass(frozen=True)
class Receiver:
    """A KMS with keys to encrypt to, and how programs of others reach it."""

    served: Served
    sm2: Sm2PublicKey
    folder: Path

    @property
    def point(self) -> str:
        return self.sm2.key.to_bytes().hex()

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    folder = tmp_path_factory.mktemp("peers")
    with serving(folder) as served:
        for alias, usage in (("sm2", "sm2"), ("rsa", "rsa-2048"), ("signer", "sign-sm2"), ("demo", "symmetric")):
            served.run("key", "create", "--profile", "local", "--alias", alias, "--usage", usage)
        for alias in ("sm2", "rsa"):
            (folder / f"{alias}.pem").write_text(served.run("public-key", "--profile", "local", alias).out)
        (folder / "message").write_bytes(MESSAGE)
        sm2 = pem.read_public_key((folder / "sm2.pem").read_bytes())
        assert isinstance(sm2, Sm2PublicKey)
        yield Receiver(served, sm2, folder)


Printed = Mapping[str, Column]
Maker = Callable[[Receiver], Printed]


@pytest.fixture(scope="module")
def printed(receiver: Receiver) -> Callable[[str], Printed]:
    """What a tool prints; each is run once."""
    known: dict[str, Printed] = {}

    def of(tool: str) -> Printed:
        if tool not in known:
            known[tool] = MAKERS[tool](receiver)
        return known[tool]

    return of


# The tools.


def shell(folder: Path, line: str) -> bytes:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=folder, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
    )
    assert done.returncode == 0, (line, done.stderr)
    return done.stdout


def as_text(data: bytes, receiver: Receiver) -> dict[str, bytes]:
    """Return bytes as `openssl`, `xxd` and `od` print them."""
    need("xxd")
    receiver.file("data", data)
    lines = {
        "bytes": "cat data", "base64": "openssl base64 -in data", "base64 -A": "openssl enc -base64 -A -in data",
        "xxd -p": "xxd -p data", "xxd -p -c 0": "xxd -p data | tr -d '\\n'", "od -tx1": "od -An -v -tx1 data",
    }  # fmt: skip
    return {name: shell(receiver.folder, line) for name, line in lines.items()}


def only(forms: Mapping[str, bytes], tool: str, column: str) -> dict[str, bytes]:
    return {name: data for name, data in forms.items() if name in FORMS[tool, column]}


def of_openssl_sm2(receiver: Receiver) -> Printed:
    folder, tool = receiver.folder, "openssl, SM2"
    private, distid = folder / "o.pem", ("-sigopt", "distid:1234567812345678")
    openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", private)
    public = openssl("pkey", "-in", private, "-pubout").stdout
    der = openssl("pkey", "-in", private, "-pubout", "-outform", "DER").stdout
    explicit = ("ec", "-in", private, "-param_enc", "explicit")
    certificate = openssl("req", "-new", "-x509", "-subj", "/CN=a", "-key", private, "-sm3", *distid).stdout
    key = {
        "PEM": public,
        "DER": der,
        "-text": openssl("pkey", "-in", private, "-text", "-noout").stdout,
        "-param_enc explicit": openssl(*explicit, "-pubout").stdout,
        "-param_enc explicit in DER": openssl(*explicit, "-pubout", "-outform", "DER").stdout,
        "-conv_form compressed": openssl("ec", "-in", private, "-pubout", "-conv_form", "compressed").stdout,
        "certificate": certificate,
        "certificate in DER": openssl("x509", "-outform", "DER", data=certificate).stdout,
        "request": openssl("req", "-new", "-subj", "/CN=a", "-key", private, "-sm3", *distid).stdout,
        "PEM on one line": public.replace(b"\n", b" "),
        r"PEM with \n": public.replace(b"\n", rb"\n"),
    }
    key |= {name: as_text(der, receiver)[name] for name in ("base64", "xxd -p")}
    held = {
        "PEM": openssl("pkey", "-in", private).stdout,
        "DER": openssl("pkey", "-in", private, "-outform", "DER").stdout,
        "SEC 1": openssl("ec", "-in", private).stdout,
        "SEC 1 with parameters": openssl("ecparam", "-name", "SM2").stdout + openssl("ec", "-in", private).stdout,
        "-param_enc explicit": openssl(*explicit).stdout,
        "pkcs8 -topk8": openssl("pkcs8", "-topk8", "-in", private, "-passout", "pass:tests").stdout,
    }
    sign = ("dgst", "-sm3", *distid, "-sign", private)
    message = folder / "message"
    signature = openssl(*sign, message).stdout
    signatures = as_text(signature, receiver) | {
        "-hex": openssl(*sign, "-hex", message).stdout,
        "-hex -c": openssl(*sign, "-hex", "-c", message).stdout,
    }
    ciphertext = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", folder / "sm2.pem", data=MESSAGE).stdout
    return {
        "key": key,
        "private": held,
        "signature": only(signatures, tool, "signature"),
        "ciphertext": only(as_text(ciphertext, receiver), tool, "ciphertext"),
    }


def of_openssl_rsa(receiver: Receiver) -> Printed:
    folder, tool, private = receiver.folder, "openssl, RSA", receiver.folder / "r.pem"
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private)
    der = openssl("pkey", "-in", private, "-pubout", "-outform", "DER").stdout
    bare = ("rsa", "-in", private, "-RSAPublicKey_out")
    pss = [word for option in ("rsa_padding_mode:pss", "rsa_pss_saltlen:32") for word in ("-sigopt", option)]
    sign, message = ("dgst", "-sha256", *pss, "-sign", private), folder / "message"
    oaep = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256")
    options = [word for option in oaep for word in ("-pkeyopt", option)]
    ciphertext = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", folder / "rsa.pem", *options, data=MESSAGE).stdout
    signatures = as_text(openssl(*sign, message).stdout, receiver)
    return {
        "key": {
            "PEM": openssl("pkey", "-in", private, "-pubout").stdout,
            "DER": der,
            "-RSAPublicKey_out": openssl(*bare).stdout,
            "-RSAPublicKey_out in DER": openssl(*bare, "-outform", "DER").stdout,
            "certificate": openssl("req", "-new", "-x509", "-subj", "/CN=a", "-key", private).stdout,
            "base64": as_text(der, receiver)["base64"],
        },
        "private": {
            "PEM": private.read_bytes(),
            "DER": openssl("pkey", "-in", private, "-outform", "DER").stdout,
            "-traditional": openssl("rsa", "-in", private, "-traditional").stdout,
            "-traditional in DER": openssl("rsa", "-in", private, "-traditional", "-outform", "DER").stdout,
            "pkcs8 -topk8": openssl("pkcs8", "-topk8", "-in", private, "-passout", "pass:tests").stdout,
        },
        "signature": only(signatures, tool, "signature")
        | {"-hex": openssl(*sign, "-hex", message).stdout, "-hex -c": openssl(*sign, "-hex", "-c", message).stdout},
        "ciphertext": only(as_text(ciphertext, receiver), tool, "ciphertext"),
    }


def of_openssl_p256(receiver: Receiver) -> Printed:
    folder, tool, private = receiver.folder, "openssl, P-256", receiver.folder / "p.pem"
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private)
    sign, message = ("dgst", "-sha256", "-sign", private), folder / "message"
    explicit = ("ec", "-in", private, "-param_enc", "explicit")
    return {
        "key": {
            "PEM": openssl("pkey", "-in", private, "-pubout").stdout,
            "DER": openssl("pkey", "-in", private, "-pubout", "-outform", "DER").stdout,
            "-text": openssl("pkey", "-in", private, "-text", "-noout").stdout,
            "-param_enc explicit": openssl(*explicit, "-pubout").stdout,
            "-conv_form compressed": openssl("ec", "-in", private, "-pubout", "-conv_form", "compressed").stdout,
            "certificate": openssl("req", "-new", "-x509", "-subj", "/CN=a", "-key", private).stdout,
        },
        "private": {
            "PEM": openssl("pkey", "-in", private).stdout,
            "DER": openssl("pkey", "-in", private, "-outform", "DER").stdout,
            "SEC 1": openssl("ec", "-in", private).stdout,
            "-param_enc explicit": openssl(*explicit).stdout,
        },
        "signature": only(as_text(openssl(*sign, message).stdout, receiver), tool, "signature")
        | {"-hex": openssl(*sign, "-hex", message).stdout},
    }


def of_gmssl3(receiver: Receiver) -> Printed:
    gmssl = package("gmssl_pyx")
    public, private = gmssl.sm2_key_generate()
    signature = gmssl.sm2_sign(private, public, MESSAGE)
    ciphertext = gmssl.sm2_encrypt(receiver.sm2.key.to_bytes()[1:], MESSAGE)
    return {
        "key": {
            "gmssl_pyx bytes": public,
            "gmssl_pyx in hexadecimal": public.hex().encode(),
            "PEM of the same point": pem.write_public_key(keys.from_point(public)).encode(),
        },
        "private": {
            "gmssl_pyx in hexadecimal": private.hex().encode(),
            "gmssl_pyx in base64": base64.b64encode(private),
        },
        "signature": {
            "sm2_sign": signature,
            "sm2_sign in hexadecimal": signature.hex().encode(),
            "sm2_sign in base64": base64.b64encode(signature),
            "repr of base64": repr(base64.b64encode(signature)).encode(),
        },
        "ciphertext": {
            "sm2_encrypt": ciphertext,
            "sm2_encrypt in hexadecimal": ciphertext.hex().encode(),
            "sm2_encrypt in base64": base64.b64encode(ciphertext),
        },
    }


def of_gmssl_of_pypi(receiver: Receiver) -> Printed:
    gmssl = package("gmssl.sm2")
    key = Sm2Key.generate()
    private, public = f"{key.scalar:064x}", key.public_key.to_bytes().hex()

    def crypt(**options: Any) -> Any:
        made = gmssl.CryptSM2(private, public, **options)
        # It strips zeros and fours from the front of a key.
        made.public_key = public[2:]
        return made

    def encrypted(mode: int) -> bytes:
        made = crypt(mode=mode)
        made.public_key = receiver.point[2:]
        data: bytes = made.encrypt(MESSAGE)
        return data

    return {
        "key": {"public_key": public[2:].encode(), "public_key with 04": public.encode()},
        "private": {"private_key": private.encode()},
        "signature": {
            "sign_with_sm3": crypt().sign_with_sm3(MESSAGE).encode(),
            "sign_with_sm3, asn1": crypt(asn1=True).sign_with_sm3(MESSAGE).encode(),
        },
        "ciphertext": {
            "encrypt, mode 0": encrypted(0),
            "encrypt, mode 1": encrypted(1),
            "encrypt, mode 0 in hexadecimal": encrypted(0).hex().encode(),
            "encrypt, mode 1 in base64": base64.b64encode(encrypted(1)),
        },
    }


def run(command: list[str | Path], **environ: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False, env=environ or None)
    assert done.returncode == 0, done.stderr
    return done.stdout


def of_sm_crypto(receiver: Receiver) -> Printed:
    if not NODE_MODULES or not (Path(NODE_MODULES) / "sm-crypto").exists():
        unable("KMSTOOL_NODE_MODULES does not name a folder with sm-crypto")
    out = run(
        [need("node"), PEERS / "sm_crypto.js", receiver.point, MESSAGE.decode()],
        NODE_PATH=str(Path(NODE_MODULES).absolute()),
    )
    return {
        column: {name: text.encode() + b"\n" for name, text in forms.items()}
        for column, forms in json.loads(out).items()
    }


def of_bouncy_castle(receiver: Receiver) -> Printed:
    if not BOUNCY_CASTLE.exists():
        unable("libbcprov-java is not installed")
    need("javac")
    program = [need("java"), "-cp", BOUNCY_CASTLE, PEERS / "BouncyCastle.java", receiver.point, MESSAGE.decode()]
    found: dict[str, dict[str, bytes]] = {}
    for line in run(program).decode().splitlines():
        column, name = line.rpartition(" ")[0].split(" ", 1)
        found.setdefault(column, {})[name] = bytes.fromhex(line.rpartition(" ")[2])
    return found


def of_botan(receiver: Receiver) -> Printed:
    ran = subprocess.run([DEBIANS_PYTHON, "-c", "import botan2"], capture_output=True, check=False)
    if ran.returncode != 0:
        unable("python3-botan is not installed")
    out = run([DEBIANS_PYTHON, PEERS / "botan_sm2.py", receiver.point, MESSAGE.decode()])
    return {
        column: {name: bytes.fromhex(text) for name, text in forms.items()} for column, forms in json.loads(out).items()
    }


def of_botan_program(receiver: Receiver) -> Printed:
    need("botan")
    private = receiver.file("b.pem", run(["botan", "keygen", "--algo=SM2", "--params=sm2p256v1"]))
    sign: list[str | Path] = ["botan", "sign", "--hash=SM3"]
    return {
        "key": {
            "pkcs8 --pub-out": run(["botan", "pkcs8", "--pub-out", private]),
            "pkcs8 --pub-out --der-out": run(["botan", "pkcs8", "--pub-out", "--der-out", private]),
        },
        "private": {"keygen": private.read_bytes(), "pkcs8 --der-out": run(["botan", "pkcs8", "--der-out", private])},
        "signature": {
            "sign": run([*sign, private, receiver.folder / "message"]),
            "sign --der-format": run([*sign, "--der-format", private, receiver.folder / "message"]),
        },
    }


def of_tccli(receiver: Receiver) -> Printed:
    if not TCCLI:
        unable("KMSTOOL_TCCLI does not name tccli")
    environ = {**receiver.served.environ, **receiver.served.variables, "HOME": str(receiver.folder)}
    listed = json.loads(receiver.served.run("key", "list", "--profile", "local", "--format", "json").out)[
        "KeyMetadatas"
    ]
    ids = {key["Alias"]: key["KeyId"] for key in listed}

    def call(action: str, field: str, **params: str) -> dict[str, bytes]:
        words = [word for name, value in params.items() for word in (f"--{name}", value)]
        command = [TCCLI, "kms", action, *words, "--endpoint", receiver.served.endpoint]
        answer = run(command, **environ)
        # As `tccli … > file` leaves it where PowerShell redirects.
        utf16 = answer.decode().replace("\n", "\r\n").encode("utf-16")
        return {
            "json": answer,
            f"--filter {field}": run([*command, "--filter", field], **environ),
            "UTF-16 of PowerShell": utf16,
        }

    message = base64.b64encode(MESSAGE).decode()
    key = call("GetPublicKey", "PublicKey", KeyId=ids["signer"])
    signing = {"KeyId": ids["signer"], "Algorithm": "SM2DSA", "Message": message, "MessageType": "RAW"}
    return {
        "key": key
        | {"--filter PublicKeyPem": call("GetPublicKey", "PublicKeyPem", KeyId=ids["signer"])["--filter PublicKeyPem"]},
        "signature": call("SignByAsymmetricKey", "Signature", **signing),
        "ciphertext": call("Encrypt", "CiphertextBlob", KeyId=ids["demo"], Plaintext=message),
    }


MAKERS: dict[str, Maker] = {
    "openssl, SM2": of_openssl_sm2,
    "openssl, RSA": of_openssl_rsa,
    "openssl, P-256": of_openssl_p256,
    "GmSSL 3": of_gmssl3,
    "gmssl of PyPI": of_gmssl_of_pypi,
    "sm-crypto": of_sm_crypto,
    "Bouncy Castle": of_bouncy_castle,
    "Botan": of_botan,
    "botan, the program": of_botan_program,
    "tccli": of_tccli,
}
# The program takes the name of its padding for the user id.
USER_IDS = {"botan, the program": ("--id", "EMSA1(SM3)")}
CELLS = [(tool, column, form) for (tool, column), forms in FORMS.items() for form in forms]


# The matrix.


@pytest.mark.parametrize("tool", MAKERS)
def test_the_matrix_has_every_form(tool: str, printed: Callable[[str], Printed]) -> None:
    assert {(tool, column): set(forms) for column, forms in printed(tool).items()} == {
        place: set(forms) for place, forms in FORMS.items() if place[0] == tool
    }


def cells(column: str) -> pytest.MarkDecorator:
    found = [(tool, form) for tool, place, form in CELLS if place == column]
    return pytest.mark.parametrize(("tool", "form"), found, ids=" | ".join)


def first(forms: Column) -> bytes:
    return next(iter(forms.values()))


def verify(receiver: Receiver, tool: str, key: bytes, signature: bytes) -> str:
    receiver.file("key", key)
    receiver.file("signature", signature)
    words = ("verify", "--local", "--public-key", receiver.folder / "key", "--signature", receiver.folder / "signature")
    return kmstool(*words, *USER_IDS.get(tool, ()), receiver.folder / "message").out


@cells("key")
def test_a_public_key(tool: str, form: str, receiver: Receiver, printed: Callable[[str], Printed]) -> None:
    made = printed(tool)
    assert verify(receiver, tool, made["key"][form], first(made["signature"])) == "signature valid\n"


@cells("signature")
def test_a_signature(tool: str, form: str, receiver: Receiver, printed: Callable[[str], Printed]) -> None:
    made = printed(tool)
    assert verify(receiver, tool, first(made["key"]), made["signature"][form]) == "signature valid\n"


@cells("private")
def test_a_private_key(tool: str, form: str, printed: Callable[[str], Printed]) -> None:
    made = printed(tool)
    private = private_keys.read(made["private"][form], "the key", lambda: b"tests")
    assert private.public_key == public_keys.read(first(made["key"]), "the key").key


@cells("ciphertext")
def test_a_ciphertext(tool: str, form: str, receiver: Receiver, printed: Callable[[str], Printed]) -> None:
    receiver.file("ciphertext", printed(tool)["ciphertext"][form])
    key = "rsa" if "RSA" in tool else "sm2"
    words = ("decrypt",) if tool == "tccli" else ("asymmetric", "decrypt", "--key", key)
    environ = {**receiver.served.environ, "KMSTOOL_PROFILE": "local"}
    assert kmstool(*words, receiver.folder / "ciphertext", env=environ).stdout == MESSAGE


@pytest.mark.parametrize("tool", [tool for tool in MAKERS if (tool, "signature") in FORMS])
def test_another_message_is_altered(tool: str, receiver: Receiver, printed: Callable[[str], Printed]) -> None:
    made = printed(tool)
    receiver.file("key", first(made["key"]))
    receiver.file("other", MESSAGE + b"!")
    for form, data in made["signature"].items():
        receiver.file("signature", data)
        words = ("--public-key", receiver.folder / "key", "--signature", receiver.folder / "signature")
        ran = kmstool("verify", "--local", *words, *USER_IDS.get(tool, ()), receiver.folder / "other", exit_code=None)
        assert ran.exit_code == 5, form


@pytest.mark.parametrize("tool", [tool for tool in MAKERS if (tool, "ciphertext") in FORMS and tool != "tccli"])
def test_a_ciphertext_that_is_altered(tool: str, receiver: Receiver, printed: Callable[[str], Printed]) -> None:
    made = printed(tool)["ciphertext"]
    environ = {**receiver.served.environ, "KMSTOOL_PROFILE": "local"}
    for form, data in made.items():
        # A digit is altered to another one ("+" and "/" are digits of base64, a line break is none), a byte by a bit.
        text = data.isascii()
        place = next(n for n in range(len(data) // 2, len(data)) if not (text and chr(data[n]).isspace()))
        altered = (b"1" if data[place] == ord("0") else b"0") if text else bytes([data[place] ^ 1])
        receiver.file("ciphertext", data[:place] + altered + data[place + 1 :])
        words = ("--key", "rsa" if "RSA" in tool else "sm2", receiver.folder / "ciphertext")
        ran = kmstool("asymmetric", "decrypt", *words, env=environ, exit_code=None)
        assert ran.exit_code == 5, form


if __name__ == "__main__":
    for tool in MAKERS:
        print(
            tool,
            *(
                f"{column}: {len(FORMS.get((tool, column), ()))}"
                for column in ("key", "private", "signature", "ciphertext")
            ),
        )
    print(len(CELLS), "cells", file=sys.stderr)
