"""Actions that describe the service itself: status, regions, algorithms."""

from __future__ import annotations

from typing import Any

from kmstool import keys
from kmstool.server.actions.keys import CMK_LIMIT
from kmstool.server.call import Call, Handler
from kmstool.server.regions import REGIONS


def get_service_status(call: Call) -> dict[str, Any]:
    """Tell that the service runs, and its quotas."""
    used = call.db.execute("SELECT count(*) FROM cmk WHERE region = ?", (call.region.name,)).fetchone()[0]
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
        "CmkUserCount": used,
        "CmkLimit": CMK_LIMIT,
        "ExclusiveHSMList": [],
        "IsAllowedDataKeyHosted": False,
        "DataKeyLimit": 0,
        "FreeDataKeyLimit": 0,
        "DataKeyUsedCount": 0,
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
    symmetric = {"KeyUsage": keys.SYMMETRIC, "Algorithm": call.region.algorithm}
    return {
        "SymmetricAlgorithms": [symmetric],
        "AsymmetricAlgorithms": [],
        "AsymmetricSignVerifyAlgorithms": [],
    }


ACTIONS = {
    "GetServiceStatus": Handler(get_service_status),
    "GetRegions": Handler(get_regions),
    "ListAlgorithms": Handler(list_algorithms),
}
