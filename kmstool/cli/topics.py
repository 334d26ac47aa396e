"""What `kmstool help TOPIC` explains, and the man pages of the same names: texts and lists of terms."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kmstool import errors, words
from kmstool.cli.topic_texts import ALGORITHMS, ENVIRONMENT, FILES, FORMATS, KEYS, SCRIPTING

Block = str | Mapping[str, str] | Sequence[str]
"""A paragraph, terms with their texts, or lines of a shell."""

SECTIONS = {
    "Keys": ("key", "data-key", "public-key", "random"),
    "Secrets": ("encrypt", "decrypt", "reencrypt", "batch", "exec"),
    "Files": ("envelope", "rotate", "migrate"),
    "Signatures": ("sign", "verify", "digest", "asymmetric"),
    "Bring your own key": ("import-material", "material"),
    "White-box": ("whitebox", "fingerprint"),
    "The embedded KMS": ("local",),
    "Set-up": ("init", "auth", "profile", "doctor", "completion", "shell"),
}
"""The groups of commands in the first help; what is in none of them comes last."""
SIGNALS = {
    129: "Ended by a hang-up (SIGHUP).",
    130: "Interrupted (SIGINT).",
    141: "The reader of the output went away; no message is printed.",
    143: "Asked to end (SIGTERM).",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: what it is in a line, and the function that makes its blocks."""

    summary: str
    blocks: Callable[[], Sequence[Block]]


def exit_codes() -> dict[str, str]:
    """Return each exit code with what it means."""
    texts = {0: ["Success, or a dry run that showed what would be done."]}
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.KmsToolError):
            texts.setdefault(kind.exit_code, []).append(inspect.cleandoc(kind.__doc__ or "").partition("\n")[0])
    texts |= {code: [text] for code, text in SIGNALS.items()}
    return {str(code): " ".join(texts[code]) for code in sorted(texts)}


def _exit_codes() -> Sequence[Block]:
    return (
        (
            "Each kind of failure has an exit code of its own, so that scripts can tell what happened without reading "
            "messages. exec and whitebox exec end with the exit code of the program that they ran."
        ),
        exit_codes(),
        "Only codes 6 and 7 can be worth another try, and kmstool has tried already (--retries, --max-wait).",
    )


def _environment() -> Sequence[Block]:
    return (
        "An option comes before a variable, a variable before the profile, and the profile before the default.",
        ENVIRONMENT,
        "Files:",
        FILES,
    )


def _algorithms() -> Sequence[Block]:
    return (
        (
            "What a key is for is its usage, and it cannot be changed: kmstool key create --usage. kmstool key usages lists "
            "those of a region. In SM regions, such as ap-guangzhou, symmetric keys are SM4, elsewhere AES-256."
        ),
        {name: ALGORITHMS[name].format(api=api) for name, api in words.USAGES.items()},
        "Signatures are made with sign --algorithm, where a key has several; the first is used unless another is named:",
        {
            "SM2DSA": "Keys sign-sm2, over the SM3 digest.",
            f"{words.PSS_SHA_256}, {words.PKCS1_SHA_256}": "Keys sign-rsa-2048 and sign-rsa-3072.",
            "ECC_P256_R1": "Keys sign-ecc.",
            words.ECDSA_P384: "Keys sign-ecc-p384.",
        },
        (
            "asymmetric encrypt and decrypt, and imports of key material, have the paddings "
            f"{', '.join(words.RSA_ALGORITHMS)}; the first one is the default. White-box keys are {' or '.join(words.CIPHERS)}."
        ),
    )


TOPICS = {
    "algorithms": Topic("Usages of keys, and the algorithms of each.", _algorithms),
    "environment": Topic("Environment variables and files.", _environment),
    "exit-codes": Topic("What each exit code means.", _exit_codes),
    "formats": Topic("How input is read and output is written.", lambda: FORMATS),
    "keys": Topic("How keys are named.", lambda: KEYS),
    "scripting": Topic("Use kmstool in scripts and pipelines.", lambda: SCRIPTING),
}
