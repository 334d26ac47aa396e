"""`kmstool sign`, `verify` and `digest`: signatures by keys in KMS, checked there or on this machine."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

import click

from kmstool.cli import key_files, options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import InputError, IntegrityError, UsageError

if TYPE_CHECKING:
    from kmstool.crypto import digests
    from kmstool.crypto.formats import SignatureFormat
    from kmstool.crypto.keys import PublicKey
    from kmstool.signing import Algorithm

MAX_MESSAGE_BYTES = 4096
MAX_SIGNATURE_BYTES = 8192
DIGESTS: dict[str, digests.Name] = {"sha256": "SHA-256", "sha384": "SHA-384", "sm3": "SM3"}


def _checked_id(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        (value or "").encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("it is not UTF-8 text", ctx, param) from error
    return value


_ALGORITHM = click.option("--algorithm", metavar="NAME", help="Signature algorithm; else the key's first.")
_TYPE = click.option("--message-type", type=click.Choice(["raw", "digest"]), default="raw", help="What FILE holds.")
_ID = click.option(
    "--id", "user_id", metavar="ID", callback=_checked_id, help="User id of SM2, if it is not the usual one."
)
_PUBLIC = click.option("--public-key", metavar="FILE", help="Public key: PEM, DER, base64 or a bare SM2 point.")


@click.command(cls=options.Command, example="kmstool sign --key signer release.tar -o release.sig")
@options.key_option
@_ALGORITHM
@click.option("--digest", "digesting", type=click.Choice(["auto", "never", "always"]),
              help="Digest here; else auto, which does over 4,096 bytes.")  # fmt: skip
@_TYPE
@_ID
@click.option("--raw", is_flag=True, help="Write bytes to stdout in place of base64.")
@options.result_options
@options.input_argument
@pass_session
def sign(
    session: Session,
    key: str | None,
    algorithm: str | None,
    digesting: str | None,
    message_type: str,
    user_id: str | None,
    raw: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Sign a file or stdin with a key in KMS.

    A message over 4,096 bytes is digested here, in one pass; the signature is the same.
    With -o the signature's bytes are written, else base64. A newline at the end of the
    input is signed too.
    """
    if message_type == "digest" and digesting is not None:
        raise UsageError("--digest goes with messages; a digest is signed as it is")
    client, key_id = session.key(key)
    public_key = client.public_key(key_id).public_key
    chosen = _algorithm(algorithm, public_key)
    with inputs.stream(file) as source:
        message = source.file.read(MAX_MESSAGE_BYTES + 1)
        is_digest = message_type == "digest" or _is_digested(digesting, message, user_id)
        if message_type == "digest":
            _check_digest(chosen, message, user_id)
        elif is_digest:
            message = _digested(chosen, public_key, message, source.file, user_id)
        if not message:
            raise InputError("the message is empty; KMS signs 1 byte and more", hint="sign its digest: --digest always")
        signed = client.sign(key_id, chosen.name, message, is_digest=is_digest)
        digest = message if is_digest else _digested(chosen, public_key, message, source.file, None)
    _check_answer(chosen, public_key, digest, signed.signature)
    written = signed.signature if raw or out is not None else base64.b64encode(signed.signature) + b"\n"
    outputs.result(session, signed.answer, written, out, force=force, source=source)


@click.command(cls=options.Command, example="kmstool verify --key signer --signature release.sig release.tar")
@click.option("--signature", required=True, metavar="FILE", help="The signature: bytes or base64, DER or raw r and s.")
@options.key_option
@click.option("--local", is_flag=True, help="Verify on this machine, without KMS or network.")
@_PUBLIC
@_ALGORITHM
@_TYPE
@_ID
@click.option("--signature-format", type=click.Choice(["auto", "der", "raw"]), default="auto", help="Its encoding.")
@options.input_argument
@pass_session
def verify(
    session: Session,
    signature: str,
    key: str | None,
    local: bool,
    public_key: str | None,
    algorithm: str | None,
    message_type: str,
    user_id: str | None,
    signature_format: SignatureFormat,
    file: str | None,
) -> None:
    """Check a signature over a file or stdin.

    With --local --public-key nothing leaves this machine. Exits with 5 if the signature
    is not good.
    """
    if local != (public_key is not None) or (local and key):
        raise UsageError("give --local with --public-key, or --key", hint="get it: kmstool public-key KEY > pub.pem")
    value = _read_signature(signature)
    client = None
    if local:
        known = key_files.public_key(str(public_key))
    else:
        client, key_id = session.key(key)
        known = client.public_key(key_id).public_key
    chosen = _algorithm(algorithm, known)
    with inputs.stream(file) as source:
        if message_type == "digest":
            digest = source.file.read(MAX_MESSAGE_BYTES + 1)
            _check_digest(chosen, digest, user_id)
        else:
            digest = _digested(chosen, known, b"", source.file, user_id)
    _check(chosen, known, digest, value, signature_format)
    if client is not None and not client.verify(key_id, chosen.name, digest, _kms_form(known, value), is_digest=True):
        raise IntegrityError("KMS does not accept the signature")
    outputs.answer(session, {"SignatureValid": True}, lambda: print("signature valid"))


@click.command(cls=options.Command, example="kmstool digest --algorithm sm3 release.tar")
@click.option(
    "--algorithm", type=click.Choice([*DIGESTS, "sm2"]), required=True, help="sm2 is SM3 with key and user id."
)
@_PUBLIC
@_ID
@click.option("--raw", is_flag=True, help="Write bytes in place of hex.")
@options.result_options
@options.input_argument
@pass_session
def digest(
    session: Session,
    algorithm: str,
    public_key: str | None,
    user_id: str | None,
    raw: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Print the digest of a file or stdin, as KMS signs it.

    For SM2 that is SM3(Z_A ‖ M), which needs the public key.
    """
    from kmstool.crypto import digests

    if (algorithm == "sm2") != (public_key is not None):
        raise UsageError("--public-key goes with --algorithm sm2 and only with it")
    if user_id is not None and public_key is None:
        raise UsageError("--id goes with --algorithm sm2 only")
    with inputs.stream(file) as source:
        if public_key is not None:
            key = key_files.public_key(public_key)
            if key.kind != "SM2":
                raise UsageError(f"the public key is {key.kind}, not SM2")
            found = _digested(_algorithm(None, key), key, b"", source.file, user_id)
        else:
            found = digests.of_file(DIGESTS[algorithm], source.file)
    text = found if raw else found.hex().encode() + b"\n"
    outputs.result(session, {"Digest": found.hex()}, text, out, force=force, source=source)


def _algorithm(name: str | None, public_key: PublicKey) -> Algorithm:
    from kmstool import signing

    return signing.algorithm_of(name and name.upper(), public_key.kind)


def _digested(
    algorithm: Algorithm, public_key: PublicKey, begun: bytes, stream: BinaryIO, user_id: str | None
) -> bytes:
    from kmstool import signing
    from kmstool.crypto.digests import read_chunks
    from kmstool.crypto.sm2.signatures import DEFAULT_ID

    def chunks() -> Iterator[bytes]:
        yield begun
        yield from read_chunks(stream)

    if user_id is not None and public_key.kind != "SM2":
        raise UsageError("--id goes with SM2 keys only")
    return signing.digest(algorithm, public_key, chunks(), DEFAULT_ID if user_id is None else user_id.encode())


def _check_digest(algorithm: Algorithm, digest: bytes, user_id: str | None) -> None:
    from kmstool import signing

    if user_id is not None:
        raise UsageError("--id goes with messages; a digest was made with a user id already")
    signing.check_digest(algorithm, digest)


def _is_digested(choice: str | None, message: bytes, user_id: str | None) -> bool:
    long = len(message) > MAX_MESSAGE_BYTES
    if choice == "never" and (long or user_id is not None):
        raise InputError("the message is over 4,096 bytes, or has a user id: KMS signs its digest only",
                         hint="leave out --digest never")  # fmt: skip
    # KMS knows the usual user id only; another one goes into a digest that is made here.
    return choice == "always" or long or user_id is not None


def _check(
    algorithm: Algorithm, key: PublicKey, message_digest: bytes, value: bytes, written_as: SignatureFormat
) -> None:
    from kmstool import signing

    signing.verify(algorithm, key, message_digest, value, written_as)


def _check_answer(algorithm: Algorithm, key: PublicKey, message_digest: bytes, value: bytes) -> None:
    """Raise `IntegrityError` for a signature by KMS that nobody could verify."""
    try:
        _check(algorithm, key, message_digest, value, "der")
    except IntegrityError as error:
        raise IntegrityError(
            "KMS answered with a signature that the public key of its key does not verify",
            hint="is there a gateway that rewrites answers on the way?",
        ) from error


def _kms_form(key: PublicKey, value: bytes) -> bytes:
    """Return a signature that was good in the encoding that KMS takes."""
    from kmstool import signing
    from kmstool.crypto import formats

    if key.kind == "RSA":
        return value
    return formats.write_signature(*formats.read_signature(value, number_bytes=signing.NUMBER_BYTES[key.kind]))


def _read_signature(name: str) -> bytes:
    from kmstool.crypto import formats

    data = inputs.read(name, MAX_SIGNATURE_BYTES, "a signature of {size} bytes is none", "").data
    try:
        return formats.read_base64(data, "the signature") or data
    except InputError:
        return data
