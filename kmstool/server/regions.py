"""The regions of the embedded KMS and the compliance profile of each.

Regions in mainland China work with Chinese algorithms (SM), the others with FIPS ones;
the cloud publishes no full list (docs/local-kms.md names the choice).
"""

from __future__ import annotations

from dataclasses import dataclass

from kmstool import words
from kmstool.api import protocol


@dataclass(frozen=True, slots=True)
class Region:
    """A region: its API name, the cipher of its symmetric keys, and `KeyMetadata.Type` (4 SM, 2 FIPS)."""

    name: str
    profile: str
    algorithm: words.Cipher
    type: int


_SM = ("ap-guangzhou", "ap-shanghai", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-nanjing")
_FIPS = (
    "ap-hongkong",
    "ap-taipei",
    "ap-singapore",
    "ap-jakarta",
    "ap-bangkok",
    "ap-mumbai",
    "ap-seoul",
    "ap-tokyo",
    "na-ashburn",
    "na-siliconvalley",
    "sa-saopaulo",
    "eu-frankfurt",
)

REGIONS = {name: Region(name, "SM", words.SM4, 4) for name in _SM} | {
    name: Region(name, "FIPS", words.AES_256, 2) for name in _FIPS
}

ELSEWHERE = (
    "ap-shanghai-fsi", "ap-shenzhen-fsi", "ap-beijing-fsi", "na-toronto", "eu-moscow", "me-saudi-arabia",
)  # fmt: skip
"""Regions of the cloud in which the embedded KMS does not serve."""

WHITE_BOX = ("ap-guangzhou", "ap-shanghai", "ap-beijing", "ap-hongkong")
"""Where there are white-box keys (API page 573/43440)."""


def region(name: str) -> Region:
    """Return a region by its API name; refuse an unknown one as the cloud does (`UnsupportedRegion`)."""
    if name not in REGIONS:
        facts = {"asked_region": name}
        raise protocol.error("UnsupportedRegion", f"the region {name!r} is not served", facts=facts)
    return REGIONS[name]
