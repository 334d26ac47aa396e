"""The texts of the topics that are not made of something else."""

from __future__ import annotations

ENVIRONMENT = {
    "KMSTOOL_PROFILE": "The profile to use where --profile is not given.",
    "KMSTOOL_REGION": "The region where --region is not given; it wins over the profile's.",
    "KMSTOOL_ENDPOINT": "Host or URL of KMS where --endpoint is not given; it wins over the profile's.",
    "KMSTOOL_PASSPHRASE_FILE": "A file with the passphrase that is asked for otherwise.",
    "KMSTOOL_HOME": "The folder of profiles and cache and, unless KMSTOOL_LOCAL_HOME is set, of the embedded KMS.",
    "KMSTOOL_LOCAL_HOME": "The folder with the store of the embedded KMS.",
    "KMSTOOL_DEVICE_SECRET": "Device secret used instead of the machine's id for white-box keys; containers need it.",
    "KMSTOOL_SDK_LIB": "Tencent's white-box library, where --sdk-lib is not given.",
    "KMSTOOL_METADATA_ENDPOINT": "The metadata service of a machine that has a role.",
    "KMSTOOL_STS_ENDPOINT": "Where roles are assumed.",
    "TENCENTCLOUD_SECRET_ID, TENCENTCLOUD_SECRET_KEY": "An API key, used where no profile is named.",
    "TENCENTCLOUD_TOKEN": "The token of that API key, if it is a temporary one.",
    "TENCENTCLOUD_REGION": "The region where no profile sets one.",
    "HTTPS_PROXY, ALL_PROXY, NO_PROXY": "The HTTP proxy on the way to KMS, and the hosts reached without it.",
    "SSL_CERT_FILE, SSL_CERT_DIR": "Certificates to trust instead of the system's.",
    "NO_COLOR": "With any value but the empty one, no colours are used.",
    "PAGER": "Shows lists that are longer than the terminal; empty for none.",
}
FILES = {
    "~/.config/kmstool": "Profiles and encrypted credentials. With KMSTOOL_HOME they are there.",
    "~/.local/share/kmstool/local": "The store of the embedded KMS, unless KMSTOOL_LOCAL_HOME names another folder.",
    "~/.cache/kmstool/completion": "Names that completion offers; there are no secrets in them.",
    "~/.tccli, ~/.tencentcloud/credentials": "Credentials of other tools, which are read where no profile is in use.",
}
KEYS = (
    (
        "A command that acts on a key has it as its first word, KEY; a key that is a means is --key. Either is taken for "
        "the other. Where none is given, commands that use a key take the one of the profile; those that destroy do not."
    ),
    (
        "kmstool key show demo",
        "kmstool encrypt --key demo secret.txt",
        "kmstool encrypt demo secret.txt",
        "kmstool reencrypt --to demo-2 secret.blob",
    ),
    "A key has these names:",
    {
        "6f6e2a6c-e7ca-11f1-8000-525400000001": "Its key id.",
        "6f6e2a6c": "The first 8 or more characters of the id, if no other key begins with them.",
        "demo": "Its alias.",
        "alias/demo": "The alias, and nothing else: for aliases that look like an id.",
        "ap-singapore:demo": "A key of another region.",
        "profile/staging/demo": "A key of another profile, which has its own credentials.",
    },
    (
        "A name that fits several keys is refused, with the candidates (exit code 2). Data keys and white-box keys are named "
        "in the same way, data keys by NAME or --data-key."
    ),
)
FORMATS = (
    (
        "Input is a FILE, or stdin where none is named; - is stdin too. Blobs, signatures, digests, ciphertexts and keys are "
        "told by what they are: bytes, base64, hexadecimal, PEM, DER, or the answer of another tool in JSON."
    ),
    (
        "Output goes to stdout, or with -o to a file, which appears whole or not at all and replaces another one only with "
        "--force. -o - writes the bytes to stdout, also to a terminal."
    ),
    {
        "--encoding FORM": "How bytes are written: hex, base64, pem, der or raw.",
        "--raw": "Write the bytes themselves, with nothing around them.",
        "--input-encoding FORM": "How the bytes in FILE are written, where that cannot be told.",
        "--format text": "For people: tables on a terminal, lines with tabs in a pipe; dates are ISO 8601 in UTC.",
        "--format json": "One object with the field names and values of the API; an error is one object on stderr.",
        "--query JMESPATH": "The part of that object which the expression selects; a text is printed without quotes.",
        "--dry-run": "What would change, in one form for all commands, and nothing is changed.",
    },
    "A newline at the end of a secret is data: it is kept, and a note says so. --trim-newline drops exactly one.",
)
SCRIPTING = (
    "Results go to stdout, notes and errors to stderr. Every failure has an exit code of its own (kmstool help exit-codes).",
    {
        "--no-input": "Never ask; what is missing is an error. CI=true, or no terminal, has the same effect.",
        "--yes": "Confirm what is destroyed or replaced; without a terminal it is needed.",
        "--quiet": "Print no notes; warnings and errors stay.",
        "--format json, --query": "Stable names to take values from.",
        "--retries, --timeout, --max-wait": "How long a failure of the network is waited for.",
        "--profile, --region": "Better than to rely on what is in use on a machine.",
    },
    "No secret belongs on a command line, where others see it: commands take secrets from files, stdin and descriptors.",
    (
        "id=$(kmstool key create --alias app --query KeyId)",
        'printf %s "$TOKEN" | kmstool encrypt --key app -o token.blob',
        "kmstool exec --env TOKEN=@token.blob -- ./service",
        "kmstool key show app --query KeyMetadata.KeyState",
        "kmstool local serve --port-file kms.port &",
    ),
    (
        "For many items there are batch (JSON Lines), envelope encrypt -r (folders) and rotate (plans that can be resumed); "
        "each ends with exit code 9 if a part failed, and says which."
    ),
)
ALGORITHMS = {
    "symmetric": "{api}: encrypt and decrypt up to 4,096 bytes, and envelopes of any size.",
    "rsa-2048": "{api}: asymmetric decrypt; anyone encrypts with the public key.",
    "sm2": "{api}: the same with SM2.",
    "sign-sm2": "{api}: signatures with SM2 and SM3.",
    "sign-rsa-2048": "{api}: signatures with RSA.",
    "sign-rsa-3072": "{api}: signatures with RSA of 3,072 bits.",
    "sign-ecc": "{api}: signatures with ECDSA on P-256.",
    "sign-ecc-p384": "{api}: signatures with ECDSA on P-384.",
    "kyber": "{api}: post-quantum encryption; in the cloud only.",
    "dilithium": "{api}: post-quantum signatures; in the cloud only.",
}
