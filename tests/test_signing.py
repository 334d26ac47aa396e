"""Signatures: KMS, this machine and the `openssl` program make and accept the same ones, and no others.

`sign`, `verify` and `digest` run as users run them. A message is signed as its digest, which is
made here for more than 4,096 bytes, so that the length of a message changes nothing else.
"""

import base64
import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

from kmstool import signing
from kmstool.crypto import formats, keys, pem
from kmstool.crypto.sm2 import signatures
from kmstool.errors import ArgumentError, InputError, IntegrityError
from kmstool.server import materials
from kmstool.server.app import EmbeddedKms
from kmstool.server.seed import seeding
from tests.conftest import need
from tests.foreign import openssl
from tests.program import kmstool
from tests.striking import program_struck

TIMEOUT_SECONDS = 60
SIZES = (1, 4096, 4097, 3_000_000)
USER_ID = "1234567812345678"

# The algorithms by their names, and the usage of the keys of each.
USAGES = {
    "RSA_PSS_SHA_256": "ASYMMETRIC_SIGN_VERIFY_RSA_2048",
    "RSA_PKCS1_SHA_256": "ASYMMETRIC_SIGN_VERIFY_RSA_3072",
    "ECC_P256_R1": "ASYMMETRIC_SIGN_VERIFY_ECC",
    "ECDSA384_SHA384": "ASYMMETRIC_SIGN_VERIFY_ECDSA384",
    "SM2DSA": "ASYMMETRIC_SIGN_VERIFY_SM2",
}
CURVES = ("ECC_P256_R1", "ECDSA384_SHA384", "SM2DSA")
DIGEST_OPTIONS = {"ECDSA384_SHA384": "-sha384", "SM2DSA": "-sm3"}
OPENSSL_OPTIONS = {
    "RSA_PSS_SHA_256": ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"),
    "SM2DSA": ("-sigopt", f"distid:{USER_ID}"),
}
REFUSED = b"signature is not"


@pytest.fixture(scope="module")
def material() -> dict[str, bytes]:
    """One private key a usage, as PKCS#8."""
    return {usage: materials.make(materials.ASYMMETRIC[usage]) for usage in USAGES.values()}


@pytest.fixture(scope="module")
def prepared(material: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `work` with every key in files, and a store with all of them."""
    folder, tables = tmp_path_factory.mktemp("prepared"), []
    (folder / "work").mkdir()
    for name, usage in USAGES.items():
        text = base64.b64encode(material[usage]).decode()
        tables.append(f'[[key]]\nalias = "{name}"\nusage = "{usage}"\nversions = ["{text}"]\n')
        lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
        key = f"-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"
        (folder / "work" / f"{name}.key").write_text(key)
        public_key = pem.write_public_key(keys.from_pkcs8(material[usage]).public_key)
        (folder / "work" / f"{name}.pub").write_text(public_key)
    with closing(EmbeddedKms(folder / "store")) as kms:
        seeding.apply(kms, "".join(tables))
    return folder


@pytest.fixture(autouse=True)
def work(prepared: Path, tmp_path: Path, workplace: Path) -> None:
    """Work in a folder of its own, with every key in KMS and in files."""
    shutil.copytree(prepared / "work", workplace, dirs_exist_ok=True)
    shutil.copytree(prepared / "store", tmp_path / "store")


def message(size: int) -> Path:
    path = Path(f"message-{size}")
    path.write_bytes(secrets.token_bytes(size))
    return path


def theirs(name: str, *direction: str | Path, path: Path, accept: tuple[int, ...] = (0,)) -> bytes:
    """Let `openssl dgst` sign or verify a file."""
    words = ("dgst", DIGEST_OPTIONS.get(name, "-sha256"), *OPENSSL_OPTIONS.get(name, ()), *direction, path)
    return openssl(*words, accept=accept).stdout


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", USAGES)
def test_openssl_and_kms_agree(name: str, size: int) -> None:
    path = message(size)
    public = f"{name}.pub"
    ours, foreign = Path("ours.sig"), Path("theirs.sig")
    kmstool("sign", "--key", name, "--algorithm", name, path, "-o", ours)
    assert theirs(name, "-verify", public, "-signature", ours, path=path).strip() == b"Verified OK"
    theirs(name, "-sign", f"{name}.key", "-out", foreign, path=path)
    changed = Path("changed")
    for signature in (ours, foreign):
        both: tuple[tuple[str, ...], ...] = (("--key", name), ("--local", "--public-key", public))
        data = bytearray(path.read_bytes())
        data[secrets.randbelow(size)] ^= 1 << secrets.randbelow(8)
        changed.write_bytes(data)
        altered = bytearray(signature.read_bytes())
        altered[-1 - secrets.randbelow(8)] ^= 1
        Path("altered.sig").write_bytes(altered)
        for words in both:
            line = ("verify", *words, "--algorithm", name, "--signature")
            assert kmstool(*line, signature, path).stdout == b"signature valid\n"
            kmstool(*line, signature, changed, exit_code=5)
            kmstool(*line, "altered.sig", path, exit_code=5)
    assert (
        REFUSED
        in kmstool("verify", "--key", name, "--algorithm", name, "--signature", ours, changed, exit_code=5).stderr
    )
    verdict = theirs(name, "-verify", public, "-signature", "altered.sig", path=path, accept=(1,))
    assert b"Verified OK" not in verdict


@pytest.mark.parametrize("size", [1, 4096])
@pytest.mark.parametrize("name", USAGES)
def test_where_a_message_is_digested_makes_no_difference(name: str, size: int) -> None:
    path = message(size)
    for choice in ("never", "auto", "always"):
        words = ("--key", name, "--algorithm", name, "--digest", choice, "-o", f"{choice}.sig")
        kmstool("sign", *words, path)
        line = ("verify", "--local", "--public-key", f"{name}.pub", "--algorithm", name)
        kmstool(*line, "--signature", f"{choice}.sig", path)


@pytest.mark.parametrize("name", USAGES)
def test_a_message_from_a_pipe(name: str) -> None:
    data = secrets.token_bytes(100_000)
    signature = kmstool("sign", "--key", name, "--algorithm", name, stdin=data).stdout
    Path("sig").write_bytes(signature)
    assert base64.b64decode(signature.rstrip(b"\n"), validate=True)
    kmstool("verify", "--key", name, "--algorithm", name, "--signature", "sig", stdin=data)
    kmstool("verify", "--key", name, "--algorithm", name, "--signature", "sig", "-", stdin=data + b"\n", exit_code=5)


@pytest.mark.parametrize("name", USAGES)
def test_all_ways_to_write_a_signature_are_read(name: str) -> None:
    """Bytes, base64 on one line and, as `openssl base64` writes it, on lines of 64 characters."""
    path = message(10)
    signature = kmstool("sign", "--key", name, "--algorithm", name, "--raw", path).stdout
    text = base64.b64encode(signature)
    forms = {"bytes": signature, "line": text + b"\n", "none": text, "lines": base64.encodebytes(signature)}
    forms["openssl"] = openssl("base64", data=signature).stdout
    faulty = []
    for form, data in forms.items():
        Path(form).write_bytes(data)
        line = ("verify", "--local", "--public-key", f"{name}.pub", "--algorithm", name)
        if kmstool(*line, "--signature", form, path, exit_code=None).exit_code:
            faulty.append(form)
    assert faulty == []


@pytest.mark.parametrize("name", CURVES)
def test_raw_signatures_of_curves(name: str) -> None:
    path, number_bytes = message(10), 48 if name == "ECDSA384_SHA384" else 32
    signature = kmstool("sign", "--key", name, "--raw", path).stdout
    numbers = formats.read_signature(signature, "der", number_bytes=number_bytes)
    raw = formats.write_signature(*numbers, "raw", number_bytes=number_bytes)
    assert len(raw) == 2 * number_bytes
    Path("der").write_bytes(signature)
    Path("raw").write_bytes(raw)
    Path("text").write_bytes(base64.b64encode(raw))
    both: tuple[tuple[str, ...], ...] = (("--key", name), ("--local", "--public-key", f"{name}.pub"))
    for words in both:
        for form, file in (("auto", "raw"), ("raw", "raw"), ("raw", "text"), ("der", "der")):
            kmstool("verify", *words, "--signature-format", form, "--signature", file, path)
        for form, file in (("der", "raw"), ("raw", "der")):
            kmstool("verify", *words, "--signature-format", form, "--signature", file, path, exit_code=5)


@pytest.mark.parametrize("name", USAGES)
@pytest.mark.parametrize("wrong", [b"", b"\0" * 64, b"\0" * 256, secrets.token_bytes(256), b"0" * 8192])
def test_what_is_no_signature_is_not_a_good_one(name: str, wrong: bytes) -> None:
    Path("wrong").write_bytes(wrong)
    line = ("verify", "--local", "--public-key", f"{name}.pub", "--algorithm", name, "--signature", "wrong")
    kmstool(*line, message(10), exit_code=5)


def test_a_file_that_is_too_large_for_a_signature_is_refused() -> None:
    Path("wrong").write_bytes(b"x" * 8193)
    kmstool("verify", "--local", "--public-key", "SM2DSA.pub", "--signature", "wrong", stdin=b"message", exit_code=3)


@pytest.mark.parametrize("name", USAGES)
def test_a_signature_of_another_key_is_not_good(name: str) -> None:
    path = message(10)
    kmstool("sign", "--key", name, "--algorithm", name, path, "-o", "sig")
    stranger = keys.from_pkcs8(materials.make(materials.ASYMMETRIC[USAGES[name]])).public_key
    Path("stranger.pub").write_text(pem.write_public_key(stranger))
    line = ("verify", "--local", "--public-key", "stranger.pub", "--algorithm", name, "--signature", "sig")
    kmstool(*line, path, exit_code=5)


def digest_of(name: str, path: Path) -> bytes:
    """Return what a key signs, with hashlib alone but for SM2."""
    data = path.read_bytes()
    if name == "SM2DSA":
        key = pem.read_public_key(Path(f"{name}.pub").read_bytes())
        assert isinstance(key, keys.Sm2PublicKey)
        return signatures.digest(key.key, data)
    return hashlib.new("sha384" if name == "ECDSA384_SHA384" else "sha256", data).digest()


@pytest.mark.parametrize("name", USAGES)
def test_a_digest_in_place_of_a_message(name: str) -> None:
    path = message(5000)
    digest = Path("digest")
    digest.write_bytes(digest_of(name, path))
    words = ("--key", name, "--algorithm", name)
    kmstool("sign", *words, "--message-type", "digest", digest, "-o", "sig")
    theirs(name, "-verify", f"{name}.pub", "-signature", "sig", path=path)
    both: tuple[tuple[str, ...], ...] = (("--key", name), ("--local", "--public-key", f"{name}.pub"))
    for place in both:
        line = ("verify", *place, "--algorithm", name, "--signature", "sig")
        kmstool(*line, path)
        kmstool(*line, "--message-type", "digest", digest)
        kmstool(*line, digest, exit_code=5)


@pytest.mark.parametrize("size", [0, 31, 49, 5000])
@pytest.mark.parametrize("name", USAGES)
def test_a_digest_of_another_size_is_refused_here(name: str, size: int) -> None:
    path = message(size)
    path.write_bytes(bytes(size))
    Path("sig").write_bytes(b"x" * 70)
    line = ("verify", "--local", "--public-key", f"{name}.pub", "--algorithm", name, "--signature", "sig")
    kmstool(*line, "--message-type", "digest", path, exit_code=3)
    kmstool("sign", "--key", name, "--algorithm", name, "--message-type", "digest", path, exit_code=3)


@pytest.mark.parametrize(
    ("key", "name"),
    [(key, name) for key in USAGES for name in USAGES if signing.ALGORITHMS[key].kind != signing.ALGORITHMS[name].kind],
)
def test_an_algorithm_for_another_kind_of_key_is_refused(key: str, name: str) -> None:
    path = message(10)
    refused = kmstool("sign", "--key", key, "--algorithm", name, path, exit_code=2)
    assert f"'{name}' is no signature algorithm" in refused.err
    Path("sig").write_bytes(b"x" * 70)
    line = ("--public-key", f"{key}.pub", "--algorithm", name, "--signature", "sig")
    kmstool("verify", "--local", *line, path, exit_code=2)


@pytest.mark.parametrize("words", [("--algorithm", "sm2dsa"), ("--algorithm", "RSA")])
def test_names_of_algorithms_may_be_in_small_letters_and_must_be_whole(words: tuple[str, ...]) -> None:
    kmstool("sign", "--key", "SM2DSA", *words, stdin=b"message", exit_code=0 if words[1] == "sm2dsa" else 2)


def test_p_384_has_a_second_name() -> None:
    Path("sig").write_bytes(
        kmstool("sign", "--key", "ECDSA384_SHA384", "--algorithm", "ECC_P384_R1", stdin=b"message").stdout
    )
    kmstool("verify", "--key", "ECDSA384_SHA384", "--signature", "sig", stdin=b"message")


@pytest.mark.parametrize("user_id", ["alice@example.org", "", "日本", "x" * 8191])
def test_a_user_id_of_sm2(user_id: str) -> None:
    path = message(100)
    kmstool("sign", "--key", "SM2DSA", "--id", user_id, path, "-o", "sig")
    both: tuple[tuple[str, ...], ...] = (("--key", "SM2DSA"), ("--local", "--public-key", "SM2DSA.pub"))
    for words in both:
        kmstool("verify", *words, "--id", user_id, "--signature", "sig", path)
        kmstool("verify", *words, "--signature", "sig", path, exit_code=5)
    if user_id and len(user_id) < 100:
        option = ("-sigopt", f"distid:{user_id}")
        openssl("dgst", "-sm3", *option, "-verify", "SM2DSA.pub", "-signature", "sig", path)
        openssl("dgst", "-sm3", *option, "-sign", "SM2DSA.key", "-out", "sig", path)
        kmstool("verify", "--key", "SM2DSA", "--id", user_id, "--signature", "sig", path)


@pytest.mark.parametrize("user_id", ["alice", ""])
def test_a_user_id_goes_into_a_digest_only(user_id: str) -> None:
    kmstool("sign", "--key", "SM2DSA", "--digest", "never", "--id", user_id, message(10), exit_code=3)


@pytest.mark.parametrize(
    "line",
    [
        ("sign", "--key", "SM2DSA"),
        ("verify", "--key", "SM2DSA", "--signature", "sig"),
        ("digest", "--algorithm", "sm2", "--public-key", "SM2DSA.pub"),
    ],
    ids=" ".join,
)
def test_a_user_id_that_is_no_text(line: tuple[str, ...]) -> None:
    Path("sig").write_bytes(kmstool("sign", "--key", "SM2DSA", stdin=b"message").stdout)
    assert b"invalid value for '--id'" in kmstool(*line, "--id", "a\udcff", stdin=b"message", exit_code=2).stderr


def test_a_user_id_that_sm2_has_no_room_for() -> None:
    kmstool("sign", "--key", "SM2DSA", "--id", "x" * 8192, stdin=b"message", exit_code=3)


@pytest.mark.parametrize(
    "line",
    [
        ("sign", "--key", "ECC_P256_R1", "--id", "alice"),
        ("sign", "--key", "SM2DSA", "--message-type", "digest", "--id", "alice"),
        ("verify", "--key", "SM2DSA", "--signature", "sig", "--message-type", "digest", "--id", "alice"),
        ("verify", "--key", "ECC_P256_R1", "--signature", "sig", "--id", "alice"),
        ("verify", "--local", "--signature", "sig"),
        ("verify", "--signature", "sig", "--public-key", "SM2DSA.pub"),
        ("verify", "--signature", "sig", "--public-key", "SM2DSA.pub", "--key", "SM2DSA"),
        ("verify", "--signature", "sig", "--local", "--public-key", "SM2DSA.pub", "--key", "SM2DSA"),
        ("digest", "--algorithm", "sm2"),
        ("digest", "--algorithm", "sm3", "--public-key", "SM2DSA.pub"),
        ("digest", "--algorithm", "sm3", "--id", "alice"),
        ("digest", "--algorithm", "sm2", "--public-key", "ECC_P256_R1.pub"),
    ],
)
def test_options_that_say_nothing_together_are_refused(line: tuple[str, ...]) -> None:
    """An option without effect is one that the user believes in."""
    Path("sig").write_bytes(b"x" * 70)
    Path("data").write_bytes(bytes(32))
    kmstool(*line, "data", exit_code=2)


@pytest.mark.parametrize("command", ["sign", "digest"])
def test_the_input_is_never_the_output(command: str) -> None:
    path = message(10)
    before = path.read_bytes()
    words = ("--key", "SM2DSA") if command == "sign" else ("--algorithm", "sm3")
    kmstool(command, *words, path, "-o", path, "--force", exit_code=2)
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", ["sign", "verify", "digest"])
def test_a_file_that_cannot_be_read(command: str) -> None:
    Path("sig").write_bytes(b"x" * 70)
    words = {
        "sign": ("--key", "SM2DSA"),
        "verify": ("--local", "--public-key", "SM2DSA.pub", "--signature", "sig"),
        "digest": ("--algorithm", "sm3"),
    }[command]
    assert "cannot read absent: no such file" in kmstool(command, *words, "absent", exit_code=3).err
    assert "directory" in kmstool(command, *words, ".", exit_code=3).err


def test_verifying_here_opens_no_socket(tmp_path: Path) -> None:
    path = message(5000)
    for name in ("SM2DSA", "RSA_PSS_SHA_256"):
        kmstool("sign", "--key", name, path, "-o", f"{name}.sig")
        log = tmp_path / name
        words = ("verify", "--local", "--public-key", f"{name}.pub", "--signature", f"{name}.sig", path)
        assert program_struck(("-e", "trace=socket,connect", "-o", str(log)), *words)[0] == 0
        calls = [line for line in log.read_text().splitlines() if "+++ exited" not in line]
        assert calls == []


def test_verifying_here_needs_neither_network_nor_home(monkeypatch: pytest.MonkeyPatch) -> None:
    path = message(5000)
    kmstool("sign", "--key", "SM2DSA", path, "-o", "sig")
    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.delenv("KMSTOOL_PROFILE")
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", "/nonexistent/store")
    unshare = (need("unshare"), "-n")
    allowed = subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode == 0
    kmstool(
        *("verify", "--local", "--public-key", "SM2DSA.pub", "--signature", "sig", path),
        before=unshare if allowed else (),
    )


@pytest.mark.parametrize("size", [0, *SIZES])
@pytest.mark.parametrize("name", ["sha256", "sha384", "sm3"])
def test_digests_are_those_of_openssl(name: str, size: int) -> None:
    path = message(size)
    expected = openssl("dgst", f"-{name}", "-binary", path).stdout
    assert kmstool("digest", "--algorithm", name, stdin=path.read_bytes()).stdout == expected.hex().encode() + b"\n"
    kmstool("digest", "--algorithm", name, path, "--raw", "-o", "digest")
    assert Path("digest").read_bytes() == expected


@pytest.mark.parametrize("size", SIZES)
def test_openssl_accepts_what_signs_the_digest_of_sm2(size: int) -> None:
    """OpenSSL prints no such digest: it is right if a signature of it is one of the message."""
    path = message(size)
    digest = kmstool("digest", "--algorithm", "sm2", "--public-key", "SM2DSA.pub", "--raw", path).stdout
    assert len(digest) == 32
    Path("sig").write_bytes(
        kmstool("sign", "--key", "SM2DSA", "--message-type", "digest", "--raw", stdin=digest).stdout
    )
    theirs("SM2DSA", "-verify", "SM2DSA.pub", "-signature", "sig", path=path)


@pytest.mark.parametrize("choice", ["raw", "out", "json", "raw json", "text"])
def test_the_forms_of_the_output(choice: str) -> None:
    json = ("--format", "json")
    words = {"raw": ("--raw",), "out": ("-o", "sig"), "json": json, "raw json": ("--raw", *json), "text": ()}[choice]
    found = kmstool("sign", "--key", "RSA_PSS_SHA_256", *words, stdin=b"message").stdout
    if choice == "out":
        assert found == b""
        found = Path("sig").read_bytes()
        assert os.stat("sig").st_mode & 0o777 == 0o600
    if choice in {"raw", "out"}:
        assert len(found) == 256
    elif choice == "text":
        assert len(base64.b64decode(found, validate=False)) == 256
    else:
        assert b'"Signature": "' in found


# The module by itself.

Broken = Callable[[bytes], bytes]


@pytest.mark.parametrize("name", USAGES)
def test_sign_and_verify_are_inverse(name: str, material: dict[str, bytes]) -> None:
    key = keys.from_pkcs8(material[USAGES[name]])
    algorithm = signing.algorithm_of(name, key.kind)
    digest = signing.digest(algorithm, key.public_key, [b"a mess", b"", b"age"])
    assert digest == signing.digest(algorithm, key.public_key, [b"a message"])
    assert len(digest) == algorithm.digest_bytes
    signature = signing.sign(algorithm, key, digest)
    signing.verify(algorithm, key.public_key, digest, signature)
    broken: list[Broken] = [
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"\0" + data,
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda _: b"",
    ]
    for change in broken:
        with pytest.raises(IntegrityError):
            signing.verify(algorithm, key.public_key, digest, change(signature))
    with pytest.raises(IntegrityError):
        signing.verify(algorithm, key.public_key, bytes(len(digest)), signature)
    for size in (0, len(digest) - 1, len(digest) + 1):
        with pytest.raises(InputError):
            signing.sign(algorithm, key, bytes(size))
        with pytest.raises(InputError):
            signing.verify(algorithm, key.public_key, bytes(size), signature)


@pytest.mark.parametrize(
    ("kind", "first"),
    [("RSA", "RSA_PSS_SHA_256"), ("SM2", "SM2DSA"), ("EC_P256", "ECC_P256_R1"), ("EC_P384", "ECDSA384_SHA384")],
)
def test_the_algorithm_of_a_key_that_is_not_said(kind: Literal["RSA", "SM2", "EC_P256", "EC_P384"], first: str) -> None:
    assert signing.algorithm_of(None, kind).name == first
    for name in ("", "SHA_256", "SM2", "ECC_P521"):
        with pytest.raises(ArgumentError):
            signing.algorithm_of(name, kind)


def test_every_usage_that_signs_has_an_algorithm() -> None:
    assert set(signing.SIGNING_USAGES) == {usage for usage in materials.ASYMMETRIC if "_SIGN_" in usage}
    for usage, kind in signing.SIGNING_USAGES.items():
        material = materials.make(materials.ASYMMETRIC[usage])
        assert keys.from_pkcs8(material).kind == kind
