"""What Terraform's provider asks of KMS and of the tag service, in the order in which it asks.

Read from terraform-provider-tencentcloud (August 2026, `services/kms` and `services/tag`): its
requests are facts, and this is none of its code.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.crypto import rsa

Send = Callable[[str, dict[str, Any]], dict[str, Any]]

WINDOW_DAYS = 7
TAGS_A_PAGE = 20


class Resource:
    """A resource of the provider; `state` is what it knows of the real thing after its last look."""

    def __init__(self, send: Send, region: str = words.REGION) -> None:
        self.send = send
        self.region = region
        self.state: dict[str, Any] = {}
        self.id = ""

    def read_tags(self, resource_id: str) -> dict[str, str]:
        """Read the tags of a resource, page by page."""
        tags: dict[str, str] = {}
        request: dict[str, Any] = {
            "ServiceType": "kms", "ResourcePrefix": "key", "ResourceRegion": self.region,
            "ResourceIds": [resource_id], "Limit": TAGS_A_PAGE, "Offset": 0,
        }  # fmt: skip
        count = TAGS_A_PAGE
        while count == TAGS_A_PAGE:
            listed = self.send("DescribeResourceTagsByResourceIds", dict(request))["Tags"]
            count = len(listed)
            tags |= {tag["TagKey"]: tag["TagValue"] for tag in listed if tag["ResourceId"] == resource_id}
            request["Offset"] += count
        return tags

    def change_tags(self, resource_id: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
        """Change the tags of a resource by what differs."""
        changed = {name: value for name, value in after.items() if before.get(name) != value}
        removed = [name for name in before if name not in after]
        request: dict[str, Any] = {"Resource": f"qcs::kms:{self.region}:uin/:key/{resource_id}"}
        if changed:
            request["ReplaceTags"] = [{"TagKey": name, "TagValue": value} for name, value in changed.items()]
        if removed:
            request["DeleteTags"] = [{"TagKey": name} for name in removed]
        self.send("ModifyResourceTags", request)


class Key(Resource):
    """`tencentcloud_kms_key`."""

    usage, kind = words.SYMMETRIC, 1

    def create(self, config: dict[str, Any]) -> None:
        """Make the key as it is configured, and look at it."""
        request = {"Type": self.kind, "Alias": config["alias"], "KeyUsage": config.get("key_usage", self.usage)}
        if config.get("description"):
            request["Description"] = config["description"]
        self.id = self.send("CreateKey", request)["KeyId"]
        self.after_creation(config)
        if config.get("tags"):
            self.change_tags(self.describe()["ResourceId"], {}, config["tags"])
        self.read()

    def after_creation(self, config: Mapping[str, Any]) -> None:
        """Bring the new key into its state."""
        if not config.get("is_enabled"):
            self.send("DisableKey", {"KeyId": self.id})
        if config.get("key_rotation_enabled"):
            self.send("EnableKeyRotation", {"KeyId": self.id})
        if config.get("is_archived"):
            self.send("ArchiveKey", {"KeyId": self.id})

    def describe(self) -> dict[str, Any]:
        """Return the key's metadata."""
        found: dict[str, Any] = self.send("DescribeKey", {"KeyId": self.id})["KeyMetadata"]
        return found

    def read(self) -> None:
        """Look at the key and its tags."""
        found = self.describe()
        self.state = {
            "alias": found["Alias"], "description": found["Description"], "key_state": found["KeyState"],
            "key_usage": found["KeyUsage"], "key_rotation_enabled": found["KeyRotationEnabled"],
            "valid_to": found["ValidTo"], "tags": self.read_tags(found["ResourceId"]),
        }  # fmt: skip

    def update(self, config: dict[str, Any]) -> None:
        """Change what is configured in another way than the key was seen."""
        if config.get("description", "") != self.state["description"]:
            self.send("UpdateKeyDescription", {"KeyId": self.id, "Description": config.get("description", "")})
        if config["alias"] != self.state["alias"]:
            self.send("UpdateAlias", {"KeyId": self.id, "Alias": config["alias"]})
        self.update_material(config)
        self.update_state(config)
        rotation = config.get("key_rotation_enabled", False)
        if self.kind == 1 and rotation != self.state["key_rotation_enabled"]:
            self.send("EnableKeyRotation" if rotation else "DisableKeyRotation", {"KeyId": self.id})
        if config.get("tags", {}) != self.state["tags"]:
            self.change_tags(self.describe()["ResourceId"], self.state["tags"], config.get("tags", {}))
        self.read()

    def update_material(self, config: dict[str, Any]) -> None:
        """Do nothing: KMS made the material."""

    def update_state(self, config: Mapping[str, Any]) -> None:
        """Bring the key into its state, whether it is in it or not."""
        if self.state["key_state"] not in (words.ENABLED, words.DISABLED, words.ARCHIVED):
            return
        if config.get("is_archived"):
            self.send("ArchiveKey", {"KeyId": self.id})
        else:
            self.send("EnableKey" if config.get("is_enabled") else "DisableKey", {"KeyId": self.id})

    def destroy(self, config: Mapping[str, Any]) -> None:
        """Let the key be deleted, and look that it awaits that."""
        if config.get("is_enabled"):
            self.send("DisableKey", {"KeyId": self.id})
        self.send("ScheduleKeyDeletion", {"KeyId": self.id, "PendingWindowInDays": WINDOW_DAYS})
        assert self.describe()["KeyState"] == words.PENDING_DELETE


class ExternalKey(Key):
    """`tencentcloud_kms_external_key`; it knows nothing of rotation, and sets no state before there is material."""

    kind = 2
    material = ""

    def after_creation(self, config: Mapping[str, Any]) -> None:
        """Import the material, if there is any, and bring the key into its state."""
        if not config.get("key_material_base64"):
            return
        self.import_material(config)
        if not config.get("is_enabled"):
            self.send("DisableKey", {"KeyId": self.id})
        if config.get("is_archived"):
            self.send("ArchiveKey", {"KeyId": self.id})

    def import_material(self, config: Mapping[str, Any]) -> None:
        """Wrap the material under new parameters and import it."""
        algorithm = config.get("wrapping_algorithm", words.PKCS1_V1_5)
        self.material = config["key_material_base64"]
        issued = self.send(
            "GetParametersForImport",
            {"KeyId": self.id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": words.RSA_2048},
        )
        wrapping = rsa.load_public_key(protocol.decode(issued["PublicKey"]))
        encrypted = rsa.encrypt(wrapping, algorithm, protocol.decode(self.material))
        request = {"KeyId": self.id, "ValidTo": config.get("valid_to", 0), "ImportToken": issued["ImportToken"]}
        self.send("ImportKeyMaterial", request | {"EncryptedKeyMaterial": protocol.encode(encrypted)})

    def update_material(self, config: dict[str, Any]) -> None:
        """Import or delete the material where that is configured in another way."""
        wanted = config.get("key_material_base64", "")
        if wanted == self.material and config.get("valid_to", 0) == self.state["valid_to"]:
            return
        if wanted:
            self.import_material(config)
        else:
            self.send("DeleteImportedKeyMaterial", {"KeyId": self.id})
            self.material = ""
        self.state["key_state"] = self.describe()["KeyState"]


class WhiteBoxKey(Resource):
    """`tencentcloud_kms_white_box_key`, whose tags are those of its bare id."""

    def create(self, config: dict[str, Any]) -> None:
        """Make the key as it is configured, and look at it."""
        request = {name.title(): config[name] for name in ("alias", "algorithm", "description") if config.get(name)}
        self.id = self.send("CreateWhiteBoxKey", request)["KeyId"]
        if config.get("tags"):
            self.change_tags(self.id, {}, config["tags"])
        if config.get("status") == words.DISABLED:
            self.send("DisableWhiteBoxKey", {"KeyId": self.id})
        self.read()

    def read(self) -> None:
        """Look at the key and its tags."""
        found = self.send("DescribeWhiteBoxKey", {"KeyId": self.id})["KeyInfo"]
        self.state = {name.lower(): found[name] for name in ("Alias", "Description", "Algorithm", "Status")}
        self.state["tags"] = self.read_tags(self.id)

    def update(self, config: dict[str, Any]) -> None:
        """Change state and tags; all else of a white-box key stays."""
        status = config.get("status", words.ENABLED)
        if status != self.state["status"]:
            self.send(f"{status.removesuffix('d')}WhiteBoxKey", {"KeyId": self.id})
        if config.get("tags", {}) != self.state["tags"]:
            self.change_tags(self.id, self.state["tags"], config.get("tags", {}))
        self.read()

    def destroy(self, config: Mapping[str, Any]) -> None:
        """Delete the key; it is not disabled before, so that its owner has to do that."""
        self.send("DeleteWhiteBoxKey", {"KeyId": self.id})


class CloudResourceAttachment(Resource):
    """`tencentcloud_kms_cloud_resource_attachment`."""

    def create(self, config: dict[str, Any]) -> None:
        """Note that a resource uses a key, and look at the key."""
        self.send("BindCloudResource", self._request(config))
        self.id = config["key_id"]
        self.read()

    def read(self) -> None:
        """Look at the key."""
        found = self.send("DescribeKey", {"KeyId": self.id})["KeyMetadata"]
        self.state = {name: found[name] for name in ("Alias", "Description", "KeyState", "KeyUsage", "Owner")}

    def destroy(self, config: Mapping[str, Any]) -> None:
        """Note that the resource no longer uses the key."""
        self.send("UnbindCloudResource", self._request(config))

    def _request(self, config: Mapping[str, Any]) -> dict[str, Any]:
        return {"KeyId": config["key_id"], "ProductId": config["product_id"], "ResourceId": config["resource_id"]}


class DeviceFingerprints(Resource):
    """`tencentcloud_kms_overwrite_white_box_device_fingerprints`, which reads and destroys nothing.

    It looks for its own list under another name than its schema has, and sends none.
    """

    def create(self, config: dict[str, Any]) -> None:
        """Bind the key to no device."""
        self.send("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": config["key_id"]})
        self.id = config["key_id"]
