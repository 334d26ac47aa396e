"""The way out of refusals that give no reason of their own: by what they are about, or by their kind.

Most of them are about something that was handed in, of which there are few kinds: a key, an envelope, a plan, a list.
A test looks through every refusal of the package and fails for one without a way out.
"""

from __future__ import annotations

from kmstool.errors import (
    AccessError,
    IntegrityError,
    KmsToolError,
    NetworkError,
    OutputError,
    PartialError,
    ServiceError,
    UnknownOutcomeError,
    UsageError,
)

_KEY = "give an RSA, P-256, P-384 or SM2 key in PEM or DER; openssl pkey -text shows what it is"
_ENVELOPE = "copy the envelope again as bytes; kmstool envelope inspect shows what can be read of it"
_PLAN = "look at what was changed, then make a new plan: kmstool rotate plan, or kmstool migrate plan"
_LINE = "correct it, and run the same command again"
_SEED = "correct the seed file; kmstool local export writes one to compare with"
_AGAIN = "run it again when nothing writes to it"
_CONTEXT = "give the context as --context NAME=VALUE, or as exact text with --context-text"

FIRST: tuple[tuple[tuple[str, ...], str], ...] = (
    (("holds no passphrase",), "write the passphrase into it, as one line"),
    (("passphrase",), "try again, or name a file that holds it in KMSTOOL_PASSPHRASE_FILE"),
    (
        ("no workers answer", "the workers at", "the scheduler at"),
        "check the address of the scheduler, and that it has workers",
    ),
    (("each worker that took it",), "give the workers more memory, or run it without them"),
    (("out of memory",), "give less at once, or make room"),
    (("by another process",), "wait until that has ended"),
    (("root key",), "check that this user may read it"),
)
"""What counts more than the kind of a failure."""

ABOUT: tuple[tuple[tuple[str, ...], str], ...] = (
    (("cannot read ", "cannot be read:"), "check the name, and that this user may read it"),
    (("cannot open ",), "check the name, and that this user may read and write it"),
    (("the description of", "fingerprints is not CSV", "comes twice", "can be bound to"),
     "correct the list; kmstool fingerprint template prints one to fill in"),
    (("context has", "of the context", "its context"), _CONTEXT),
    (("in a pipe cannot be read twice",), "name a file, or leave --verify-first out"),
    (("while it was read",), _AGAIN),
    (("there is no journal",), "kmstool rotate apply, or kmstool migrate apply, begins it"),
    (("somebody changed it", "somebody replaced it", "the plan", "is no plan", "is a plan of", "the journal"), _PLAN),
    (("no blob at the bytes", "was planned", "the envelope has no recipient"), _PLAN),
    (("cannot wrap the DEK",), "leave --data-key out to wrap it under a key instead"),
    (("not a backup",), "kmstool local backup writes one"),
    (("the store itself",), "name a copy of the store: kmstool local backup makes one"),
    (("header is not detached",), "leave --payload out: the file has its payload with it"),
    (("must be of type", "must have texts", "must be a list", "must be base64", "cannot be … here", "devices must"), _SEED),
    (("the store has the id", "the seed file", "material has", "bindings names", "versions must", "a version of"), _SEED),
    (("algorithm must be one of", "secret has", "is not TOML", "of too many parts"), _SEED),
    (("the value of the header", "the value of … begins"), _LINE),
    (("no detached header", "no room to reserve"), "leave --armor out"),
    (("nothing is left of its name", "its name is that of the manifest"), "give the file another name"),
    (("gets the fact",), "leave that --aad out"),
    (("the armor", "envelope's header", "payload's segments", "payload's parameters", "detached header"), _ENVELOPE),
    (("header has fields", "an envelope in armor"), _ENVELOPE),
    (("the manifest is malformed", "a manifest of"),
     "--no-manifest does without it: what is missing or extra is not noticed then"),
    (("recipients do not fit", "an envelope has 1 to"),
     "name fewer recipients; two envelopes reach more"),
    (("file's AAD", "too large for one envelope"), "shorten it, or split the file"),
    (("a range can", "is not within the"), "a range FIRST-LAST counts bytes of the plaintext from 0, in a file and not in a pipe"),
    (("data key for",), "make one for it: kmstool data-key generate"),
    (("is a folder", "of a folder have no armor"), "add --recursive for a folder"),
    (("both input and output",), "write to another file and rename it afterwards"),
    (("regular file, which alone",), "name a file that is no link and no pipe"),
    (("empty text",), "leave it out of the plan: --exclude GLOB"),
    (("the keys are in",), "name two keys of one region; migrate moves between regions: kmstool migrate plan"),
    (("is encrypted under a key of the kind",), "name a key that decrypts: kmstool key list"),
    (("no key was named",), "name one with --key; see what there is: kmstool key list"),
    (("the plaintext", "an empty plaintext", "data key is"), "data of 1 byte and more goes into an envelope: kmstool envelope encrypt"),
    (("digest to sign",), "make it with kmstool digest"),
    (("user id",), "give a shorter one with --id"),
    (("IV", "white-box key is one for"), "give the IV and the key file that were made with the ciphertext"),
    (("white-box library",), "name Tencent's library for this system with --sdk-lib"),
    (("white-box key file", "the tables have", "a seed has"), "download it again: kmstool whitebox download-key"),
    (("the signature has", "raw signature"), "give what kmstool sign made"),
    (("key material is not",), "name what it is in: --input-encoding hex, base64 or raw"),
    (("wrapping algorithm",), "get new parameters: kmstool material params"),
    (("SM2 ciphertext",), "give what kmstool asymmetric encrypt made; another order of its parts is told by --ciphertext-format"),
    (("whole blocks", "a key of"), "is it the right file, and all of it?"),
    (("certificate",), "give a certificate and its key in PEM"),
    (("PEM", "the DER", "private key", "public key", "PublicKey", "the RSA", "elliptic", "the key ", "a key has", "neither RSA nor on", "keys of KMS are on"), _KEY),
    (("too long for",), _KEY),
    (("line ", "field of such", "is not a JSON", "neither pairs", "key is no text",
      " cannot be read", "is no table of texts"),
     _LINE),
    (("is no text", "not text", "UTF-8", "has more than", "too long:"),
     "give it as text in UTF-8, and no more than is allowed"),
    (("nested too deeply",), "give less at once"),
    (("names a bucket and no object",), "add the object's name: BUCKET/NAME"),
    (("the workers cannot run",), "install the same version where the workers run"),
    (("do not replace each other",), "write the result where its source is: a file for a file, an object for an object"),
    (("fall on no shard",), "leave --shard or --ignore-path out"),
    (("Authorization header", "SignatureMethod"), "sign the request as the documentation of Tencent's API says"),
)  # fmt: skip
"""What a refusal says of what it is about, and the way out; the first that fits counts. An ellipsis stands for a value."""

KINDS: tuple[tuple[type[KmsToolError], str], ...] = (
    (IntegrityError, "is it the right file, key and context? if so, take another copy of it"),
    (UnknownOutcomeError, "look before you repeat it: kmstool key list"),
    (NetworkError, "check the network, proxy and endpoint: kmstool doctor"),
    (ServiceError, "is there a gateway or proxy on the way that changes answers? kmstool doctor looks"),
    (PartialError, "correct what is said of each of them, then run the same command again"),
    (OutputError, "choose another place for it, or make room there"),
    (AccessError, "see which credential is used, and replace it: kmstool auth status, kmstool auth login"),
)
"""By the kind of a failure, where its words tell nothing more."""


def way_out(error: KmsToolError) -> str | None:
    """Return what to try next after a refusal without a reason; None if nothing is known."""
    if isinstance(error, UsageError):
        # The help of its command says what goes with what.
        return None
    # Of what was altered, refused or not written it counts little what it was.
    by_kind = next((hint for kind, hint in KINDS if isinstance(error, kind)), None)
    return _about(error, FIRST) or by_kind or _about(error, ABOUT)


def _about(error: KmsToolError, table: tuple[tuple[tuple[str, ...], str], ...]) -> str | None:
    return next((hint for phrases, hint in table if any(is_in(error.message, phrase) for phrase in phrases)), None)


def is_in(message: str, phrase: str) -> bool:
    """Return whether the parts of a phrase are in a message."""
    return all(part in message for part in phrase.split("…"))
