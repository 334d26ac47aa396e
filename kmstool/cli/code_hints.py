"""What to try next for each error code of KMS and of the gateways before it, as templates for `hints`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kmstool import words

_AGAIN_LATER = "try again later; if it stays like that, ask Tencent Cloud with the request id"
_NAMED_VALUE = "correct the value that the message names"
_OURS = "report this, with the version of kmstool: the request is malformed"
_NAME_RULE = "1 to 60 letters, digits, - and _, beginning with a letter or digit"
_GRANT = "grant {credential} the action kms:{action} in CAM, on this key or on all"
_SLOWER = "make fewer calls at a time; with more --retries and --max-wait it goes on by itself"
_SEE_KEY = "see its state: kmstool key show {key}"
_SEE_DATA_KEY = "see its state: kmstool data-key show {data_key}"


@dataclass(frozen=True, slots=True)
class By:
    """A template for each value of a fact, and one for all others."""

    fact: str
    cases: Mapping[str, str]
    otherwise: str


KEY_STATE = By(
    "state",
    {
        words.DISABLED: "enable it: kmstool key enable {key}",
        words.PENDING_DELETE: "it awaits its deletion; keep it: kmstool key cancel-deletion {key}, then kmstool key enable {key}",
        words.PENDING_IMPORT: "import its key material: kmstool import-material {key}",
        words.ARCHIVED: "it is archived, and only decrypts; restore it: kmstool key unarchive {key}",
    },
    _SEE_KEY,
)
_DATA_KEY_STATE = By(
    "state",
    {
        words.ENABLED: "disable it first: kmstool data-key disable {data_key}",
        words.DISABLED: "enable it: kmstool data-key enable {data_key}",
        words.PENDING_DELETE: "it awaits its deletion; keep it: kmstool data-key cancel-deletion {data_key}",
    },
    _SEE_DATA_KEY,
)
_SYMMETRIC = "it takes a symmetric key: kmstool key list --usage symmetric"
_SIGNING = "it takes a key for signatures, whose usage begins with sign-: kmstool key list"
_USAGE = By(
    "action",
    {
        **dict.fromkeys(("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "ImportDataKey"), _SYMMETRIC),
        **dict.fromkeys(("SignByAsymmetricKey", "VerifyByAsymmetricKey"), _SIGNING),
        "AsymmetricRsaDecrypt": "it takes an RSA key for decryption: kmstool key list --usage rsa-2048",
        "AsymmetricSm2Decrypt": "it takes an SM2 key for decryption: kmstool key list --usage sm2",
        "CreateKey": "see what there is in this region: kmstool key usages",
    },
    "see its usage: kmstool key show {key}",
)
_UNDECRYPTABLE = By(
    "action",
    {
        "AsymmetricRsaDecrypt": "is it the right key? of another padding it is told with --algorithm: RSAES_PKCS1_V1_5 is "
        "what openssl does by itself, RSAES_OAEP_SHA_1 its OAEP",
        "AsymmetricSm2Decrypt": "is it the right key? if the sender wrote the parts in another order, name that with "
        "--ciphertext-format",
    },
    "is it the right key, and the ciphertext unchanged?",
)

CODES: Mapping[str, str | By] = {
    "ActionOffline": "this version of the API no longer has the action: see https://cloud.tencent.com/document/api/573",
    "AuthFailure": "see which credential is used: kmstool auth status; replace it: {replace}",
    "AuthFailure.InvalidAuthorization": "is there a proxy or gateway that changes requests on the way? kmstool doctor looks",
    "AuthFailure.InvalidSecretId": "{credential} is no API key of Tencent Cloud; replace it: {replace}",
    "AuthFailure.MFAFailure": "this account wants a second factor: use a role, or the API key of a sub-account",
    "AuthFailure.SecretIdNotFound": "{credential} was deleted or disabled; replace it: {replace}",
    "AuthFailure.SignatureExpire": "the clock of this machine is off: kmstool doctor measures it",
    "AuthFailure.SignatureFailure": "the SecretKey is not that of {credential}; replace it: {replace}",
    "AuthFailure.TokenFailure": "the session token of {credential} is wrong or has expired; renew it: {replace}",
    "AuthFailure.UnauthorizedOperation": _GRANT,
    "DryRunOperation": "the request would have succeeded; send it without DryRun",
    "FailedOperation": _AGAIN_LATER,
    "FailedOperation.CmkUsedByCloudProduct": "release it in that product first; see which: kmstool key show {key}",
    "FailedOperation.DecryptError": _UNDECRYPTABLE,
    "FailedOperation.EncryptionError": _AGAIN_LATER,
    "FailedOperation.RotateTaskRunning": "wait until the rotation that runs has ended: kmstool key show {key}",
    "FailedOperation.SignError": _AGAIN_LATER,
    "FailedOperation.TaggingError": "the key may exist without its tags: kmstool key list",
    "FailedOperation.VerifyError": "do message, signature, key and --algorithm belong together?",
    "InternalError": _AGAIN_LATER,
    "InvalidAction": "see the actions of the API: https://cloud.tencent.com/document/api/573",
    "InvalidParameter": _NAMED_VALUE,
    "InvalidParameter.DecryptMaterialError": "wrap it with the newest parameters and their algorithm; KMS takes "
    "16 bytes in SM regions and 32 in FIPS regions",
    "InvalidParameter.InvalidPendingWindowInDays": "choose 7 to 30: --days 7",
    "InvalidParameter.WebIdentityTokenError": "renew the token of the pod, or the file that it is in",
    "InvalidParameterValue": _NAMED_VALUE,
    "InvalidParameterValue.AliasAlreadyExists": "choose another alias, or see who has it: kmstool key list, kmstool whitebox list",
    "InvalidParameterValue.DataKeyNameAlreadyExists": "choose another name, or see who has it: kmstool data-key show {name}",
    "InvalidParameterValue.DuplicatedDataKeyId": "name each data key once",
    "InvalidParameterValue.DuplicatedKeyId": "name each key once",
    "InvalidParameterValue.InvalidAlias": f"{_NAME_RULE}; kms- is kept for cloud products",
    "InvalidParameterValue.InvalidCiphertext": By(
        "context",
        {
            "pairs": "give the same --context as at encryption, and the blob unchanged; KMS compares the spelling too, so that "
            "another program's blob needs its text: --context-text",
            "exact": "give the context character for character as at encryption, and the blob unchanged",
        },
        "give the same --context as at encryption, and the blob unchanged",
    ),
    "InvalidParameterValue.InvalidDataKeyId": "see the data keys of this region: kmstool data-key list",
    "InvalidParameterValue.InvalidDataKeyName": _NAME_RULE,
    "InvalidParameterValue.InvalidHsmClusterId": "leave the HSM cluster out, or take an id from the console",
    "InvalidParameterValue.InvalidImportKeyMaterial": "give 1 to 1,024 bytes, or a blob that was made without a context",
    "InvalidParameterValue.InvalidKeyId": "see the keys of this region: kmstool key list",
    "InvalidParameterValue.InvalidKeyUsage": _USAGE,
    "InvalidParameterValue.InvalidPlaintext": "KMS encrypts 1 to 4,096 bytes; more go into an envelope: kmstool envelope encrypt FILE",
    "InvalidParameterValue.InvalidType": _NAMED_VALUE,
    "InvalidParameterValue.MaterialNotMatch": "import the material that the key had first; a key never takes any other",
    "InvalidParameterValue.TagKeysDuplicated": "give each tag once",
    "InvalidParameterValue.TagsNotExisted": "create the tag in the console first, or leave --tag out",
    "InvalidRequest": _OURS,
    "IpInBlacklist": "the account refuses this machine's address: have it taken off the list in CAM",
    "IpNotInWhitelist": "the account takes requests from listed addresses only: have this machine's added in CAM",
    "LimitExceeded": "delete what is no longer needed, or ask Tencent Cloud for a higher quota",
    "LimitExceeded.CmkLimitExceeded": "delete keys that are no longer needed, or ask Tencent Cloud for a higher quota: "
    "kmstool key list",
    "LimitExceeded.DataKeyLimitExceeded": "delete data keys that are no longer needed: kmstool data-key list",
    "LimitExceeded.FingerprintsLimitExceeded": "bind a white-box key to at most 200 devices",
    "LimitExceeded.KeyLimitExceeded": "delete a white-box key that is not in use: kmstool whitebox list",
    "MissingParameter": "add the parameter that the message names",
    "NoSuchProduct": "does the endpoint lead to KMS? kmstool doctor looks",
    "NoSuchVersion": "does the endpoint lead to KMS? kmstool doctor looks",
    "RequestLimitExceeded": _SLOWER,
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded": _SLOWER,
    "RequestLimitExceeded.IPLimitExceeded": _SLOWER,
    "RequestLimitExceeded.RotateRateLimited": "a key is rotated once in 24 hours; see when it was: kmstool key show {key}",
    "RequestLimitExceeded.UinLimitExceeded": _SLOWER,
    "RequestSizeLimitExceeded": "send less at once: a file goes into an envelope, kmstool envelope encrypt FILE",
    "ResourceInUse": "release it where it is used first",
    "ResourceInsufficient": _AGAIN_LATER,
    "ResourceNotFound": "see the white-box keys of this region: kmstool whitebox list",
    "ResourceUnavailable": _SEE_KEY,
    "ResourceUnavailable.CloudResourceBindingNotFound": "see what the key is bound to: kmstool key show {key}",
    "ResourceUnavailable.CmkArchived": "restore it: kmstool key unarchive {key}",
    "ResourceUnavailable.CmkDisabled": KEY_STATE,
    "ResourceUnavailable.CmkNotFound": "see the keys of this region: kmstool key list; a key or blob of another one "
    "needs --region REGION",
    "ResourceUnavailable.CmkNotPendingDelete": "it awaits no deletion, so that there is nothing to cancel: "
    "kmstool key show {key}",
    "ResourceUnavailable.CmkShouldBeDisabled": "disable it first: kmstool key disable {key}",
    "ResourceUnavailable.CmkStateNotSupport": KEY_STATE,
    "ResourceUnavailable.DataKeyDisabled": "enable it: kmstool data-key enable {data_key}",
    "ResourceUnavailable.DataKeyNotFound": "see the data keys of this region: kmstool data-key list",
    "ResourceUnavailable.DataKeyNotPendingDelete": "it awaits no deletion, so that there is nothing to cancel: "
    "kmstool data-key show {data_key}",
    "ResourceUnavailable.DataKeyPendingDelete": "keep it: kmstool data-key cancel-deletion {data_key}",
    "ResourceUnavailable.DataKeyStateNotSupport": _DATA_KEY_STATE,
    "ResourceUnavailable.KeyDisabled": "enable the white-box key: kmstool whitebox enable {key}",
    "ResourceUnavailable.KeyPendingDelete": "keep it: kmstool key cancel-deletion {key}, then kmstool key enable {key}",
    "ResourceUnavailable.NotPurchased": "white-box keys exist in ap-beijing, ap-guangzhou, ap-hongkong and ap-shanghai; "
    "in the cloud they are bought apart",
    "ResourceUnavailable.TokenExpired": "get new parameters and wrap the material again: "
    "kmstool material params {key} -o DIR",
    "ResponseSizeLimitExceeded": "ask for less at once",
    "ServiceUnavailable": _AGAIN_LATER,
    "UnauthorizedOperation": _GRANT,
    "UnknownParameter": "leave out the parameter that the message names; the API of this region may be older",
    "UnsupportedOperation": "KMS cannot do this with such a key, or in this region: kmstool key show {key}",
    "UnsupportedOperation.ExternalCmkCanNotRotate": "imported material is not rotated by KMS: make a new key for new "
    "material, kmstool key create --external",
    "UnsupportedOperation.NotExternalCmk": "make a key for it: kmstool key create --external",
    "UnsupportedOperation.NotRoleOperation": "a cloud product made this key, and only that product changes it",
    "UnsupportedOperation.NotUserCreatedCmk": "a cloud product made this key, and only that product changes it",
    "UnsupportedOperation.RotateNotSupported": "turn it on first: kmstool key rotation on {key}; only symmetric keys with "
    "material made by KMS rotate",
    "UnsupportedOperation.ServiceTemporaryUnavailable": _AGAIN_LATER,
    "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion": "see what there is: kmstool key usages",
    "UnsupportedOperation.UserVersionNotSupport": "the edition of KMS that this account has bought lacks it: see the console",
    "UnsupportedProtocol": "does the endpoint speak HTTP and TLS as KMS does? kmstool doctor looks",
    "UnsupportedRegion": "name another region with --region",
    # The codes of the KMS of 2017, which are numbers.
    "4000": _NAMED_VALUE,
    "4100": "the SecretKey is not that of {credential}; replace it: {replace}",
    "4104": "{credential} was deleted or disabled; replace it: {replace}",
    "4105": "the session token of {credential} is wrong or has expired; renew it: {replace}",
    "4400": _SLOWER,
    "4490": "the KMS of 2017 has keys of the usage ENCRYPT/DECRYPT only",
    "4500": "choose another alias; if that is not it, the clock of this machine is off: kmstool doctor measures it",
    "4510": "delete keys that are no longer needed: kmstool key list",
    "4520": "choose AES_128 or AES_256",
    "4540": "correct the --context that the message names",
    "4560": "it is disabled, or awaits its deletion",
    "4580": "give the same --context as at encryption, and the blob unchanged",
    "4590": "KMS encrypts 1 to 4,096 bytes; more go into an envelope: kmstool envelope encrypt FILE",
    "4600": "does the endpoint speak HTTP as the KMS of 2017 does? kmstool doctor looks",
    "5000": "is the key one of this region and account?",
    "5100": _AGAIN_LATER,
    "6000": _AGAIN_LATER,
    "6100": "does the endpoint lead to the KMS of 2017?",
    "6200": _AGAIN_LATER,
}
