"""The way out of every failure that has one, as a command or an option: here meet errors and the command line.

Below, errors carry a reason and facts. A template says `{key}` where a command needs a name; where no fact tells
which, it says KEY.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from kmstool import words
from kmstool.cli import refusals
from kmstool.cli.code_hints import CODES, By
from kmstool.errors import KmsToolError, Reason

FORMS = By(
    "form",
    {
        "ENVELOPE": "kmstool envelope decrypt opens it",
        "ARMOR": "kmstool envelope decrypt opens it",
        "SPOILT_ENVELOPE": "copy it again as bytes; kmstool envelope encrypt --armor makes one that survives as text",
        "BLOB": "kmstool decrypt opens it",
        "PUBLIC_KEY": "kmstool asymmetric encrypt takes it, as --public-key, and so does kmstool verify",
        "PRIVATE_KEY": "kmstool envelope decrypt takes it, as --identity",
        "ENCRYPTED_PRIVATE_KEY": "its public key: openssl pkey -in FILE -pubout",
        "CERTIFICATE": "kmstool asymmetric encrypt takes it, as --public-key, and so does kmstool verify",
        "CERTIFICATE_REQUEST": "kmstool asymmetric encrypt takes it, as --public-key, and so does kmstool verify",
        "OPENSSH_KEY": "convert it: ssh-keygen -e -m PKCS8 -f FILE for a public key, ssh-keygen -p -m PKCS8 -f FILE for a private one",
        "JWK": "convert it to PEM",
        "SIGNATURE": "kmstool verify takes it, as --signature",
        "CIPHERTEXT": "kmstool asymmetric decrypt opens it, with an SM2 key",
        "WHITE_BOX_KEY": "kmstool whitebox decrypt takes it, as --key-file",
        "ANSWER": "give the field that is meant: --query FIELD cuts it out of an answer",
        "DUMP": "give the bytes, or the digits alone: xxd -p FILE",
        "kmstool-wrapped-material-1": "kmstool material upload takes it",
        "kmstool-material-backup-1": "kmstool import-material takes it",
        "kmstool-import-parameters-1": "kmstool material wrap takes its folder, as --params",
        "kmstool-manifest-1": "kmstool envelope decrypt takes its folder, with --recursive",
    },
    "give another file",
)

REASONS: Mapping[Reason, str | By] = {
    Reason.ALGORITHM_NOT_NAMED: "give it with --algorithm",
    Reason.ANOTHER_FORM: FORMS,
    Reason.BUNDLE_ALTERED: "use another copy of the folder, or make it anew with kmstool whitebox bundle",
    Reason.BUNDLE_WITHOUT_MAC: "make it anew with kmstool whitebox bundle; for a profile: log in again",
    Reason.CREDENTIAL_MISSING: "kmstool auth login --profile {profile}",
    Reason.CREDENTIAL_UNREADABLE: "log in again: kmstool auth login --profile {profile}",
    Reason.ENVELOPE_CONTEXT: "see it: kmstool envelope inspect FILE",
    Reason.DASK_MISSING: "pip install 'kmstool[dask]'",
    Reason.DATA_KEY_CONTEXT: "give the --context that the data key was generated with, or as the text that another program "
    "gave KMS: --context-text",
    Reason.DATA_KEY_SIZE: "make one for it: kmstool data-key generate --bytes {bytes}",
    Reason.DATA_KEY_UNKNOWN: "see what there is: kmstool data-key list{elsewhere}",
    Reason.DEADLINE_PASSED: "give it more: --max-wait SECONDS",
    Reason.DEVICE_NOT_BOUND: "this device is not bound to the white-box key: bind the fingerprint that kmstool fingerprint "
    "prints here, then download the decrypt key anew",
    Reason.DEVICE_UNNAMED: "generate a persistent secret (kmstool random {characters}) and set KMSTOOL_DEVICE_SECRET",
    Reason.DEVICES_CHANGED: "see what became of it: kmstool fingerprint list {key}",
    Reason.DIGEST_SIZE: "make it with kmstool digest, by {digest}",
    Reason.FILE_EXISTS: "choose another name, or add --force to replace it",
    Reason.FINGERPRINT_LIST_MALFORMED: "kmstool fingerprint template prints a list to fill in",
    Reason.FINGERPRINT_MALFORMED: "kmstool fingerprint prints that of the device it runs on",
    Reason.FINGERPRINT_NOT_BOUND: "see those that are: kmstool fingerprint list {key}",
    Reason.FORMER_DEVICES_UNKNOWN: "bind the devices to the new key, kmstool fingerprint bind, and add --no-bind",
    Reason.HEADER_AND_PAYLOAD: "kmstool envelope decrypt PAYLOAD --detached HEADER",
    Reason.HEADER_MISSING: "add --detached HEADER",
    Reason.KEY_ROTATES: "kmstool key rotate {key}",
    Reason.KEY_UNKNOWN: "see what there is: kmstool key list{elsewhere}",
    Reason.LEGACY_ZEROS: "say which: --trailing-zeros strip-block, or keep",
    Reason.MATERIAL_ENCODING: "it looks like {encoding}: add --input-encoding {encoding}",
    Reason.MATERIAL_SIZE: "openssl rand -out FILE {bytes} makes some; in hex or base64 it needs --input-encoding",
    Reason.MATERIAL_UNWRAPPED: "give what kmstool material wrap made, or the {bytes} bytes that another program wrapped",
    Reason.MATERIAL_WRAPPED_FOR_OTHERS: "wrap the material again with these parameters: kmstool material wrap",
    Reason.MANIFEST_UNREADABLE: "--no-manifest does without it: what is missing or extra is not noticed then",
    Reason.NOT_BASE64: "if it is bytes: --input-encoding raw",
    Reason.NO_BLOB: "give the text that kmstool encrypt printed",
    Reason.NO_CIPHERTEXT: "give what kmstool asymmetric encrypt made, or openssl pkeyutl",
    Reason.NO_DIGEST: "kmstool digest makes one, as digits or with --raw",
    Reason.NO_PRIVATE_KEY: "give PEM, DER or base64 of it",
    Reason.NO_PUBLIC_KEY: "give PEM, DER, base64 of DER or, for SM2, the point in hexadecimal; from KMS: kmstool public-key KEY",
    Reason.NO_SIGNATURE: "give what kmstool sign made: DER or r and s, as bytes, base64 or hexadecimal",
    Reason.NO_BUNDLE: "make the folder with kmstool whitebox bundle",
    Reason.NO_CREDENTIALS: "for the local KMS run kmstool init --local once, or add --profile local; "
    "for Tencent Cloud run kmstool auth login, or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY",
    Reason.NO_ENVELOPE: "give a file that kmstool envelope encrypt made",
    Reason.NO_FITTING_KEY: "name the key or a profile that reaches one of them, or a private key with --identity",
    Reason.NO_RECORD_HERE: "without --server-side the data key is opened here and can go to any region",
    Reason.OTHER_SOURCE_KEY: "name its key with --from; see first whose envelope it is: kmstool envelope inspect FILE",
    Reason.OUTCOME_UNKNOWN: "look before you repeat it: kmstool {noun} list",
    Reason.PARAMETERS_UNUSABLE: "get them anew: kmstool material params {key} -o DIR",
    Reason.PROFILE_LOCAL_STAYS: "kmstool local reset destroys its store",
    Reason.SIGNATURE_WRONG: By(
        "algorithm",
        {
            "SM2DSA": "do message, signature and key belong together? if it was made with another user id, name that: openssl "
            "before 4.0 has an empty one, --id ''",
            words.PSS_SHA_256: "do message, signature and key belong together? if it was made with another padding, name that: "
            "openssl's own is --algorithm RSA_PKCS1_SHA_256",
            words.PKCS1_SHA_256: "do message, signature and key belong together? if it was made with another padding, name that: "
            "--algorithm RSA_PSS_SHA_256",
        },
        "do message, signature and key belong together?",
    ),
    Reason.SM2_KEY_UNNAMED: "an SM2 key must be named with its region and id: --public-key REGION:KEYID=FILE",
    Reason.TAGS_UNCHANGEABLE: "grant {credential} the action tag:ModifyResourceTags in CAM",
    Reason.TAGS_UNREADABLE: "grant {credential} the action tag:DescribeResourceTagsByResourceIds in CAM; key replace takes the tags "
    "with --tag, or does without: --no-tags",
    Reason.UNREACHABLE: "check the network, proxy and endpoint: kmstool doctor",
    Reason.VALID_TO: "for example --valid-to 365d, or leave it out: valid for ever",
    Reason.VENDOR_LIBRARY_NEEDED: "a key file of Tencent Cloud opens with Tencent's library only: name it with --sdk-lib",
    Reason.WHITE_BOX_KEY_ENABLED: "only a disabled key can be deleted: kmstool whitebox disable {key}",
    Reason.WHITE_BOX_KEY_UNKNOWN: "see what there is: kmstool whitebox list{elsewhere}",
    Reason.API_KEY_ALTERED: "delete it: kmstool local credentials delete {secret_id}; or restore a copy",
    Reason.FAULT_RULE_DAMAGED: "remove the rules: kmstool local faults clear",
    Reason.PORT_TAKEN: "choose another --port, or 0",
    Reason.ROOT_KEY_FILE_MISSING: "put it back from a copy; without it the keys are lost, and kmstool local reset begins anew",
    Reason.ROOT_KEY_NOT_IN_KEYRING: "unlock the keyring that has it; without it the keys are lost, and kmstool local reset begins anew",
    Reason.SERVER_MISSING: "start it: kmstool local serve",
    Reason.SOCKET_TAKEN: "choose another --socket",
    Reason.STORE_DAMAGED: "restore a copy (kmstool local restore FILE), or start over with kmstool local reset",
    Reason.STORE_FILE_DAMAGED: "move it away and restore a copy: kmstool local restore FILE; or start over with kmstool local reset",
    Reason.STORE_SERVED: "stop kmstool local serve first",
    Reason.STORE_SERVED_ALREADY: "see where: kmstool local env; or set KMSTOOL_LOCAL_HOME",
}

_PROSE = {"credential": "the credential in use", "replace": "kmstool auth login"}
"""Facts that are no words of a command line, and what stands for one that is not known."""


class _Facts(dict[str, str]):
    """The facts of an error as words of a command line; one that is not known is its own name in capitals."""

    def __missing__(self, name: str) -> str:
        return _PROSE.get(name, name.upper())


def hint_of(error: KmsToolError, known: Mapping[str, str] | None = None) -> str | None:
    """Return what to try next, None if nothing is known: the error's own hint, else by its reason, else by its code.

    `known` are facts that the error does not have, or has in a form that its user does not know.
    """
    if error.hint is not None:
        return error.hint
    facts = {**error.facts, **(known or {})}
    template = REASONS.get(error.reason) if error.reason else CODES.get(error.kms_code or "")
    if isinstance(template, By):
        template = template.cases.get(facts.get(template.fact, ""), template.otherwise)
    if template is not None:
        return template.format_map(_words(facts))
    # What a code means that is not known here, only KMS can say.
    return None if error.kms_code else refusals.way_out(error)


def error_fields(error: KmsToolError) -> dict[str, object]:
    """Return an error as scripts get it."""
    return {
        "code": type(error).__name__,
        "exit": error.exit_code,
        "message": error.message,
        "hint": hint_of(error),
        "kms_code": error.kms_code,
        "request_id": error.request_id,
    }


def _words(facts: Mapping[str, str]) -> _Facts:
    words = _Facts((name, value if name in _PROSE else shlex.quote(value)) for name, value in facts.items() if value)
    words["elsewhere"] = "".join(f" --{name} {words[name]}" for name in ("region", "profile") if name in words)
    return words
