"""Which actions the embedded KMS serves: where the code of each is, and whether it may write to the store.

Only the code of an action that is performed is imported: a command performs one or two of
them, and all together take as long to import as the rest of its start.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from kmstool.server.call import Action


@dataclass(frozen=True, slots=True)
class Handler:
    """What serves an action (`module:function` in `server.actions`), and whether it may write to the store."""

    place: str
    writes: bool = False

    @property
    def run(self) -> Action:
        """The function, which is imported here."""
        module, _, name = self.place.partition(":")
        action: Action = getattr(importlib.import_module(f"kmstool.server.actions.{module}"), name)
        return action


def load_all() -> None:
    """Import the code of all actions, and what they import late: a server goes on while its files are replaced."""
    for handler in ACTIONS.values():
        _ = handler.run
    importlib.import_module("kmstool.server.key_pairs")


ACTIONS: Mapping[str, Handler] = {
    "CreateKey": Handler("keys:create_key", writes=True),
    "DescribeKey": Handler("keys:describe_key"),
    "DescribeKeys": Handler("keys:describe_keys"),
    "ListKeys": Handler("keys:list_keys"),
    "ListKeyDetail": Handler("keys:list_key_detail"),
    "UpdateAlias": Handler("keys:update_alias", writes=True),
    "UpdateKeyDescription": Handler("keys:update_description", writes=True),
    "EnableKey": Handler("lifecycle:enable", writes=True),
    "DisableKey": Handler("lifecycle:disable", writes=True),
    "EnableKeys": Handler("lifecycle:enable_several", writes=True),
    "DisableKeys": Handler("lifecycle:disable_several", writes=True),
    "ArchiveKey": Handler("lifecycle:archive", writes=True),
    "CancelKeyArchive": Handler("lifecycle:cancel_archive", writes=True),
    "ScheduleKeyDeletion": Handler("lifecycle:schedule_deletion", writes=True),
    "CancelKeyDeletion": Handler("lifecycle:cancel_deletion", writes=True),
    "EnableKeyRotation": Handler("lifecycle:enable_rotation", writes=True),
    "DisableKeyRotation": Handler("lifecycle:disable_rotation", writes=True),
    "GetKeyRotationStatus": Handler("lifecycle:get_rotation_status"),
    "RotateKey": Handler("lifecycle:rotate_key", writes=True),
    "BindCloudResource": Handler("lifecycle:bind", writes=True),
    "UnbindCloudResource": Handler("lifecycle:unbind", writes=True),
    "Encrypt": Handler("ciphers:encrypt"),
    "Decrypt": Handler("ciphers:decrypt"),
    "ReEncrypt": Handler("ciphers:re_encrypt"),
    "GenerateDataKey": Handler("ciphers:generate_data_key", writes=True),
    "GenerateRandom": Handler("ciphers:generate_random"),
    "ImportDataKey": Handler("data_keys:import_data_key", writes=True),
    "DescribeDataKey": Handler("data_keys:describe_data_key"),
    "DescribeDataKeys": Handler("data_keys:describe_data_keys"),
    "ListDataKeys": Handler("data_keys:list_data_keys"),
    "ListDataKeyDetail": Handler("data_keys:list_data_key_detail"),
    "UpdateDataKeyName": Handler("data_keys:update_name", writes=True),
    "UpdateDataKeyDescription": Handler("data_keys:update_description", writes=True),
    "GetDataKeyPlaintext": Handler("data_keys:get_plaintext"),
    "GetDataKeyCiphertextBlob": Handler("data_keys:get_ciphertext_blob"),
    "EnableDataKey": Handler("data_keys:enable", writes=True),
    "DisableDataKey": Handler("data_keys:disable", writes=True),
    "EnableDataKeys": Handler("data_keys:enable_several", writes=True),
    "DisableDataKeys": Handler("data_keys:disable_several", writes=True),
    "ScheduleDataKeyDeletion": Handler("data_keys:schedule_deletion", writes=True),
    "CancelDataKeyDeletion": Handler("data_keys:cancel_deletion", writes=True),
    "GetPublicKey": Handler("asymmetric:get_public_key"),
    "SignByAsymmetricKey": Handler("asymmetric:sign"),
    "VerifyByAsymmetricKey": Handler("asymmetric:verify"),
    "AsymmetricRsaDecrypt": Handler("asymmetric:rsa_decrypt"),
    "AsymmetricSm2Decrypt": Handler("asymmetric:sm2_decrypt"),
    "GetParametersForImport": Handler("material:get_parameters", writes=True),
    "ImportKeyMaterial": Handler("material:import_material", writes=True),
    "DeleteImportedKeyMaterial": Handler("material:delete_material", writes=True),
    "CreateWhiteBoxKey": Handler("whitebox:create_key", writes=True),
    "DescribeWhiteBoxKey": Handler("whitebox:describe_key"),
    "DescribeWhiteBoxKeyDetails": Handler("whitebox:describe_details"),
    "DescribeWhiteBoxDecryptKey": Handler("whitebox:describe_decrypt_key"),
    "EnableWhiteBoxKey": Handler("whitebox:enable", writes=True),
    "DisableWhiteBoxKey": Handler("whitebox:disable", writes=True),
    "EnableWhiteBoxKeys": Handler("whitebox:enable_several", writes=True),
    "DisableWhiteBoxKeys": Handler("whitebox:disable_several", writes=True),
    "DeleteWhiteBoxKey": Handler("whitebox:delete_key", writes=True),
    "EncryptByWhiteBox": Handler("whitebox:encrypt"),
    "OverwriteWhiteBoxDeviceFingerprints": Handler("whitebox:overwrite_devices", writes=True),
    "DescribeWhiteBoxDeviceFingerprints": Handler("whitebox:describe_devices"),
    "DescribeWhiteBoxServiceStatus": Handler("whitebox:describe_service"),
    "GetServiceStatus": Handler("service:get_service_status"),
    "GetRegions": Handler("service:get_regions"),
    "ListAlgorithms": Handler("service:list_algorithms"),
}
