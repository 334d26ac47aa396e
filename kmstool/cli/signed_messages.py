"""Messages and digests that are signed, and the options that say how."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import click

from kmstool.cli.io import inputs, progress
from kmstool.cli.params import Choice
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session
    from kmstool.crypto import digests
    from kmstool.crypto.formats import SignatureFormat
    from kmstool.crypto.keys import PublicKey
    from kmstool.signing import Algorithm

DIGESTS: dict[str, digests.Name] = {"sha256": "SHA-256", "sha384": "SHA-384", "sm3": "SM3"}


def _checked_id(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        (value or "").encode()
    except UnicodeEncodeError as error:
        raise click.BadParameter("it is not UTF-8 text", ctx, param) from error
    return value


algorithm_option = click.option(
    "--algorithm", metavar="NAME", help="Signature algorithm (default: the key's preferred one)."
)
type_option = click.option("--message-type", type=Choice(["raw", "digest"]), default="raw", help="What FILE holds.")
id_option = click.option(
    "--id", "user_id", metavar="ID", callback=_checked_id, help="SM2 user ID (default 1234567812345678)."
)
public_key_option = click.option(
    "--public-key", metavar="FILE", help="Public key: PEM, DER, base64 or a bare SM2 point."
)


def choose_algorithm(name: str | None, public_key: PublicKey) -> Algorithm:
    """Return the algorithm of that name, or the first of the key's kind; raise `UsageError` for one of another kind."""
    from kmstool import signing

    return signing.algorithm_of(name and name.upper(), public_key.kind)


def digest_message(
    session: Session,
    algorithm: Algorithm,
    public_key: PublicKey,
    begun: bytes,
    stream: inputs.Stream,
    user_id: str | None,
) -> bytes:
    """Return the digest that is signed, of bytes that were read already and what follows in the stream."""
    from kmstool import signing
    from kmstool.crypto.sm2.signatures import DEFAULT_ID

    if user_id is not None and public_key.kind != "SM2":
        raise UsageError("--id goes with SM2 keys only")
    chunks = itertools.chain([begun], progress.chunks(session, "reading", stream))
    return signing.digest(algorithm, public_key, chunks, DEFAULT_ID if user_id is None else user_id.encode())


def read_digest(algorithm: Algorithm, data: bytes, name: str, user_id: str | None) -> bytes:
    """Return the digest in a file, which may be text; raise `InputError` for one of another size than the algorithm's."""
    from kmstool import signing
    from kmstool.forms import signatures

    if user_id is not None:
        raise UsageError("--id goes with messages; a digest was made with a user id already")
    digest = signatures.read_digest(data, name, algorithm.digest_bytes)
    signing.check_digest(algorithm, digest)
    return digest


def check_signature(
    algorithm: Algorithm, key: PublicKey, message_digest: bytes, value: bytes, written_as: SignatureFormat
) -> None:
    """Raise `IntegrityError` for a signature that the key does not verify."""
    from kmstool import signing

    signing.verify(algorithm, key, message_digest, value, written_as)
