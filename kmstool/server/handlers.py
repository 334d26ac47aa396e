"""Which actions the embedded KMS serves, and where the code of each is.

Only the code of an action that is performed is imported: a command performs one or two of
them, and all together take as long to import as the rest of its start.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from kmstool.server.call import Action


@dataclass(frozen=True, slots=True)
class Handler:
    """What serves an action: `module:function` in `server.actions`."""

    function: str

    @property
    def run(self) -> Action:
        """The function, which is imported here."""
        return _imported(self.function)


@cache
def _imported(address: str) -> Action:
    module, _, name = address.partition(":")
    action: Action = getattr(importlib.import_module(f"kmstool.server.actions.{module}"), name)
    return action


def load_all() -> None:
    """Import the code of all actions, and what they import late: a server goes on while its files are replaced."""
    for handler in ACTIONS.values():
        _ = handler.run
    importlib.import_module("kmstool.server.key_pairs")


ACTIONS: Mapping[str, Handler] = {
    "CreateKey": Handler("keys:create_key"),
    "DescribeKey": Handler("keys:describe_key"),
    "DescribeKeys": Handler("keys:describe_keys"),
    "ListKeys": Handler("keys:list_keys"),
    "ListKeyDetail": Handler("keys:list_key_detail"),
    "UpdateAlias": Handler("keys:update_alias"),
    "UpdateKeyDescription": Handler("keys:update_description"),
    "EnableKey": Handler("lifecycle:enable"),
    "DisableKey": Handler("lifecycle:disable"),
    "EnableKeys": Handler("lifecycle:enable_several"),
    "DisableKeys": Handler("lifecycle:disable_several"),
    "ArchiveKey": Handler("lifecycle:archive"),
    "CancelKeyArchive": Handler("lifecycle:cancel_archive"),
    "ScheduleKeyDeletion": Handler("lifecycle:schedule_deletion"),
    "CancelKeyDeletion": Handler("lifecycle:cancel_deletion"),
    "EnableKeyRotation": Handler("lifecycle:enable_rotation"),
    "DisableKeyRotation": Handler("lifecycle:disable_rotation"),
    "GetKeyRotationStatus": Handler("lifecycle:get_rotation_status"),
    "RotateKey": Handler("lifecycle:rotate_key"),
    "BindCloudResource": Handler("lifecycle:bind"),
    "UnbindCloudResource": Handler("lifecycle:unbind"),
    "Encrypt": Handler("ciphers:encrypt"),
    "Decrypt": Handler("ciphers:decrypt"),
    "ReEncrypt": Handler("ciphers:re_encrypt"),
    "GenerateDataKey": Handler("ciphers:generate_data_key"),
    "GenerateRandom": Handler("ciphers:generate_random"),
    "ImportDataKey": Handler("data_keys:import_data_key"),
    "DescribeDataKey": Handler("data_keys:describe_data_key"),
    "DescribeDataKeys": Handler("data_keys:describe_data_keys"),
    "ListDataKeys": Handler("data_keys:list_data_keys"),
    "ListDataKeyDetail": Handler("data_keys:list_data_key_detail"),
    "UpdateDataKeyName": Handler("data_keys:update_name"),
    "UpdateDataKeyDescription": Handler("data_keys:update_description"),
    "GetDataKeyPlaintext": Handler("data_keys:get_plaintext"),
    "GetDataKeyCiphertextBlob": Handler("data_keys:get_ciphertext_blob"),
    "EnableDataKey": Handler("data_keys:enable"),
    "DisableDataKey": Handler("data_keys:disable"),
    "EnableDataKeys": Handler("data_keys:enable_several"),
    "DisableDataKeys": Handler("data_keys:disable_several"),
    "ScheduleDataKeyDeletion": Handler("data_keys:schedule_deletion"),
    "CancelDataKeyDeletion": Handler("data_keys:cancel_deletion"),
    "GetPublicKey": Handler("asymmetric:get_public_key"),
    "SignByAsymmetricKey": Handler("asymmetric:sign"),
    "VerifyByAsymmetricKey": Handler("asymmetric:verify"),
    "AsymmetricRsaDecrypt": Handler("asymmetric:rsa_decrypt"),
    "AsymmetricSm2Decrypt": Handler("asymmetric:sm2_decrypt"),
    "GetParametersForImport": Handler("material:get_parameters"),
    "ImportKeyMaterial": Handler("material:import_material"),
    "DeleteImportedKeyMaterial": Handler("material:delete_material"),
    "CreateWhiteBoxKey": Handler("whitebox:create_key"),
    "DescribeWhiteBoxKey": Handler("whitebox:describe_key"),
    "DescribeWhiteBoxKeyDetails": Handler("whitebox:describe_details"),
    "DescribeWhiteBoxDecryptKey": Handler("whitebox:describe_decrypt_key"),
    "EnableWhiteBoxKey": Handler("whitebox:enable"),
    "DisableWhiteBoxKey": Handler("whitebox:disable"),
    "EnableWhiteBoxKeys": Handler("whitebox:enable_several"),
    "DisableWhiteBoxKeys": Handler("whitebox:disable_several"),
    "DeleteWhiteBoxKey": Handler("whitebox:delete_key"),
    "EncryptByWhiteBox": Handler("whitebox:encrypt"),
    "OverwriteWhiteBoxDeviceFingerprints": Handler("whitebox:overwrite_devices"),
    "DescribeWhiteBoxDeviceFingerprints": Handler("whitebox:describe_devices"),
    "DescribeWhiteBoxServiceStatus": Handler("whitebox:describe_service"),
    "GetServiceStatus": Handler("service:get_service_status"),
    "GetRegions": Handler("service:get_regions"),
    "ListAlgorithms": Handler("service:list_algorithms"),
}
