"""Actions that describe the service itself: status, regions, algorithms."""

from __future__ import annotations

from typing import Any

from kmstool import words
from kmstool.server import materials
from kmstool.server.call import Call
from kmstool.server.regions import REGIONS
from kmstool.server.tables import cmks, data_keys
from kmstool.signing import SIGNING_USAGES


def get_service_status(call: Call) -> dict[str, Any]:
    """Tell that the service runs, and its quotas."""
    return {
        "ServiceEnabled": True,
        "InvalidType": 1,
        "UserLevel": 1,
        "ProExpireTime": 0,
        "ProRenewFlag": 0,
        "ProResourceId": "",
        "ExclusiveVSMEnabled": False,
        "ExclusiveHSMEnabled": False,
        "SubscriptionInfo": "",
        "CmkUserCount": cmks.TABLE.count(call),
        "CmkLimit": cmks.limit(call),
        "ExclusiveHSMList": [],
        "IsAllowedDataKeyHosted": True,
        "DataKeyLimit": words.MAX_DATA_KEYS,
        "FreeDataKeyLimit": 0,
        "DataKeyUsedCount": data_keys.TABLE.count(call),
        "SyncTaskList": [],
        "IsAllowedSync": False,
        "QpsLimit": 0,
        "QpsTotalLimit": 0,
        "RegionsQps": [],
        "ResourceZone": 0,
        "ResourceRegion": 0,
        "MultiAccountLimit": 0,
        "MultiAccountUsedCount": 0,
    }


def get_regions(call: Call) -> dict[str, Any]:
    """List the regions."""
    return {"Regions": list(REGIONS)}


def list_algorithms(call: Call) -> dict[str, Any]:
    """List the region's algorithms by kind of use."""
    offered = {usage: name for usage, name in materials.ASYMMETRIC.items() if materials.offered(usage, call.region)}
    signing = {usage: name for usage, name in offered.items() if usage in SIGNING_USAGES}
    decrypting = {usage: name for usage, name in offered.items() if usage not in SIGNING_USAGES}
    return {
        "SymmetricAlgorithms": _listed({words.SYMMETRIC: call.region.algorithm}),
        "AsymmetricAlgorithms": _listed(decrypting),
        "AsymmetricSignVerifyAlgorithms": _listed(signing),
    }


def _listed(algorithms: dict[str, str]) -> list[dict[str, str]]:
    return [{"KeyUsage": usage, "Algorithm": name} for usage, name in algorithms.items()]
