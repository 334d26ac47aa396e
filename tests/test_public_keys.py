"""Envelopes for the holders of private keys: written without KMS, opened by the one key and by no other.

The key is a CMK for RSA or SM2, named with its region and id, or an RSA key that somebody
keeps in a file for the day when KMS cannot be reached.
"""

import base64
from pathlib import Path
from typing import Any

import pytest

from kmstool.crypto import keys, pem
from kmstool.envelope.public_key_recipients import PrivateKeyIdentity, PublicKeyRecipient, key_digest
from kmstool.errors import ArgumentError, IntegrityError
from kmstool.server import materials
from kmstool.server.app import EmbeddedKms
from tests.envelopes import envelope
from tests.foreign import openssl

TIMEOUT_SECONDS = 60
REGION, ABROAD = "ap-guangzhou", "ap-singapore"
USAGES = {"rsa": "ASYMMETRIC_DECRYPT_RSA_2048", "sm2": "ASYMMETRIC_DECRYPT_SM2"}
NOWHERE = {"KMSTOOL_PROFILE": "", "KMSTOOL_LOCAL_HOME": "/nonexistent"}
PLAINTEXT = b"a secret of the tests"
DEK = bytes(range(32))


@pytest.fixture
def work(kms: EmbeddedKms, workplace: Path) -> dict[str, str]:
    """Work in an empty folder with a plaintext, an RSA key in a file, and keys in KMS; return their ids by alias."""
    (workplace / "plain").write_bytes(PLAINTEXT)
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "glass.key")
    openssl("pkey", "-in", "glass.key", "-pubout", "-out", "glass.pem")
    ids = {"demo": str(kms.call("CreateKey", {"Alias": "demo"})["KeyId"])}
    for kind, usage in USAGES.items():
        for alias in (kind, f"{kind}-other"):
            ids[alias] = kms.call("CreateKey", {"Alias": alias, "KeyUsage": usage})["KeyId"]
            Path(f"{alias}.pem").write_text(kms.call("GetPublicKey", {"KeyId": ids[alias]})["PublicKeyPem"])
    return ids


def inspected(name: str) -> list[dict[str, Any]]:
    found = envelope("inspect", name, "--format", "json", **NOWHERE).json
    recipients = found["Recipients"]
    assert isinstance(recipients, list)
    return recipients


def digest_of(name: str) -> str:
    return key_digest(pem.read_public_key(Path(name).read_bytes())).hex()


@pytest.mark.parametrize("kind", USAGES)
def test_a_key_in_kms_known_by_its_public_key_alone(work: dict[str, str], kind: str) -> None:
    word = f"{REGION}:{work[kind]}={kind}.pem"
    envelope("encrypt", "--public-key", word, "--context", "team=a", "plain", "-o", "sealed.kte", **NOWHERE)
    assert envelope("decrypt", "sealed.kte", "-o", "-").stdout == PLAINTEXT
    assert envelope("decrypt", "--key", kind, "sealed.kte", "-o", "-").stdout == PLAINTEXT
    envelope("decrypt", "--key", f"{kind}-other", "sealed.kte", "-o", "none", exit_code=4)
    envelope("decrypt", "--context", "team=b", "sealed.kte", "-o", "none", exit_code=5)
    assert not Path("none").exists()
    (found,) = inspected("sealed.kte")
    assert (found["Kind"], found["Region"], found["KeyId"]) == (f"tencent-kms-{kind}", REGION, work[kind])
    assert f"tencent-kms-{kind}\t{REGION}\t{work[kind]}".encode() in envelope("inspect", "sealed.kte").stdout


@pytest.mark.parametrize("kind", USAGES)
def test_the_public_key_of_another_cmk(work: dict[str, str], kind: str) -> None:
    """Writing needs no KMS, so nothing finds it out before the envelope is opened: it does not open."""
    envelope("encrypt", "--public-key", f"{REGION}:{work[kind]}={kind}-other.pem", "plain", "-o", "sealed.kte")
    envelope("decrypt", "sealed.kte", "-o", "none", exit_code=5)
    assert not Path("none").exists()


def test_a_cmk_in_a_region_that_lacks_it(work: dict[str, str]) -> None:
    envelope("encrypt", "--public-key", f"{ABROAD}:{work['rsa']}=rsa.pem", "plain", "-o", "sealed.kte")
    fault = envelope("decrypt", "sealed.kte", "-o", "none", exit_code=6).stderr
    assert b"CmkNotFound" in fault
    assert not Path("none").exists()


@pytest.mark.parametrize("form", ["pem", "der", "traditional", "encrypted"])
def test_a_key_in_a_file_for_the_day_without_kms(work: dict[str, str], form: str) -> None:
    """Its public key may be DER too, its private key PKCS#1 or encrypted with a passphrase."""
    public, private, variables = "glass.pem", "glass.key", {}
    if form == "der":
        openssl("pkey", "-in", "glass.key", "-pubout", "-outform", "DER", "-out", "glass.der")
        public = "glass.der"
    elif form == "traditional":
        openssl("rsa", "-in", "glass.key", "-traditional", "-out", "glass.old")
        private = "glass.old"
    elif form == "encrypted":
        openssl("pkcs8", "-topk8", "-in", "glass.key", "-passout", "pass:tests", "-out", "glass.enc")
        private = "glass.enc"
        Path("passphrase").write_text("tests\n")
        Path("passphrase").chmod(0o600)
        variables["KMSTOOL_PASSPHRASE_FILE"] = "passphrase"
    envelope("encrypt", "--key", "demo", "--public-key", public, "plain", "-o", "sealed.kte")
    nowhere = NOWHERE | variables
    assert envelope("decrypt", "sealed.kte", "-o", "-").stdout == PLAINTEXT
    if form == "encrypted":
        without = nowhere | {"KMSTOOL_PASSPHRASE_FILE": ""}
        told = envelope("decrypt", "--identity", private, "sealed.kte", "-o", "none", exit_code=4, **without).stderr
        assert b"the private key glass.enc is locked with a passphrase" in told
    assert envelope("decrypt", "--identity", private, "sealed.kte", "-o", "-", **nowhere).stdout == PLAINTEXT
    assert envelope("verify", "--identity", private, "sealed.kte", **nowhere).stdout == b"envelope valid\n"
    kinds = {found["Kind"]: found for found in inspected("sealed.kte")}
    assert set(kinds) == {"tencent-kms", "rsa-offline"}
    assert kinds["rsa-offline"]["KeyDigest"] == digest_of("glass.pem")


def test_another_private_key_opens_nothing(work: dict[str, str]) -> None:
    envelope("encrypt", "--public-key", "glass.pem", "plain", "-o", "sealed.kte")
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "stranger.key")
    envelope("decrypt", "--identity", "stranger.key", "sealed.kte", "-o", "none", exit_code=4)
    envelope("decrypt", "sealed.kte", "-o", "none", exit_code=4)
    line = ("--identity", "stranger.key", "--identity", "glass.key")
    assert envelope("decrypt", *line, "sealed.kte", "-o", "-").stdout == PLAINTEXT
    assert not Path("none").exists()


def test_all_kinds_of_recipients_at_once(work: dict[str, str]) -> None:
    words = [f"{REGION}:{work[kind]}={kind}.pem" for kind in USAGES]
    options = [item for word in (*words, "glass.pem") for item in ("--public-key", word)]
    envelope("encrypt", "--key", "demo", *options, "plain", "-o", "sealed.kte")
    for key in ("demo", *USAGES):
        assert envelope("decrypt", "--key", key, "sealed.kte", "-o", "-").stdout == PLAINTEXT
    assert envelope("decrypt", "--identity", "glass.key", "sealed.kte", "-o", "-").stdout == PLAINTEXT
    assert {found["Kind"] for found in inspected("sealed.kte")} == {
        "tencent-kms",
        "tencent-kms-rsa",
        "tencent-kms-sm2",
        "rsa-offline",
    }


def test_what_cannot_be_a_recipient(work: dict[str, str]) -> None:
    curve = keys.from_pkcs8(materials.make("ECC")).public_key
    Path("p256.pem").write_text(pem.write_public_key(curve))
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "p256.key")
    for word in ("p256.pem", f"{REGION}:{work['rsa']}=p256.pem", "sm2.pem", f"{work['rsa']}=rsa.pem"):
        envelope("encrypt", "--public-key", word, "plain", "-o", "none", exit_code=2)
    for word in ("plain", "absent.pem", f"{REGION}:{work['rsa']}=plain"):
        envelope("encrypt", "--public-key", word, "plain", "-o", "none", exit_code=3)
    envelope("encrypt", "--public-key", "glass.pem", "plain", "-o", "sealed.kte")
    envelope("decrypt", "--identity", "p256.key", "sealed.kte", "-o", "none", exit_code=2)
    envelope("decrypt", "--identity", "glass.pem", "sealed.kte", "-o", "none", exit_code=3)
    assert not Path("none").exists()


def test_an_equals_sign_in_the_name_of_a_file(work: dict[str, str]) -> None:
    """A file may have any name; REGION:KEYID is what comes before the first one."""
    for name, address in (("a=b.pem", ""), ("c=d.pem", f"{REGION}:{work['rsa']}=")):
        Path(name).write_bytes(Path("rsa.pem").read_bytes())
        envelope("encrypt", "--public-key", f"{address}{name}", "plain", "-o", f"{name}.kte")


@pytest.mark.parametrize("algorithm", ["RSA_2048", "RSA_3072"])
def test_a_recipient_and_its_identity_by_themselves(algorithm: str) -> None:
    key, stranger = (keys.from_pkcs8(materials.make(algorithm)) for _ in range(2))
    assert isinstance(key, keys.RsaPrivateKey)
    assert isinstance(stranger, keys.RsaPrivateKey)
    stanza = PublicKeyRecipient(key.public_key).wrap(DEK, "")
    assert DEK not in stanza.wrapped
    assert PrivateKeyIdentity(key).unwrap(stanza, "") == DEK
    assert PrivateKeyIdentity(stranger).unwrap(stanza, "") is None
    in_kms = PublicKeyRecipient(key.public_key, REGION, "6f6e2a6c-e7ca-11f1-8000-525400000001").wrap(DEK, "")
    assert PrivateKeyIdentity(key).unwrap(in_kms, "") is None
    changed = type(stanza)(
        stanza.kind,
        {number: value if value != stanza.wrapped else bytes(len(value)) for number, value in stanza.fields.items()},
    )
    with pytest.raises(IntegrityError):
        PrivateKeyIdentity(key).unwrap(changed, "")


@pytest.mark.parametrize("algorithm", ["SM2", "ECC", "ECDSA384_SHA384"])
def test_curves_alone_are_no_recipients(algorithm: str) -> None:
    key = keys.from_pkcs8(materials.make(algorithm)).public_key
    with pytest.raises(ArgumentError):
        PublicKeyRecipient(key).wrap(DEK, "")


def test_the_identity_shows_no_secret() -> None:
    key = keys.from_pkcs8(materials.make("RSA_2048"))
    assert isinstance(key, keys.RsaPrivateKey)
    assert "key" not in repr(PrivateKeyIdentity(key)).removeprefix("PrivateKeyIdentity").lower()
    assert len(base64.b16encode(key_digest(key.public_key))) == 64
