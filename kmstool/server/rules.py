"""Which action works on which keys: the tables of `cmk_rules`, and those of the other answers to unknowns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache

from kmstool.api.cmk_rules import RULES, WHITE_BOX_RULES, Rule
from kmstool.server.assumptions import Assumptions

_OK = None
_STATE = "ResourceUnavailable.CmkStateNotSupport"
_DISABLED = "ResourceUnavailable.CmkDisabled"
_DELETED = "ResourceUnavailable.KeyPendingDelete"
_ENABLED = "ResourceUnavailable.CmkShouldBeDisabled"
_ARCHIVED = "ResourceUnavailable.CmkArchived"

# Of each rule counts what is not as in an empty one.
_U3 = {
    "Encrypt": Rule(asymmetric=_STATE),
    "Decrypt": Rule(asymmetric=_STATE),
    "SignByAsymmetricKey": Rule(asymmetric=_STATE, symmetric=_STATE),
    "VerifyByAsymmetricKey": Rule(asymmetric=_STATE, symmetric=_STATE),
}
_U4 = {
    "Encrypt": Rule((_OK, _DISABLED, _STATE, _STATE, _ARCHIVED)),
    "Decrypt": Rule((_OK, _DISABLED, _STATE, _STATE, _OK)),
    "GenerateDataKey": Rule((_OK, _DISABLED, _DELETED, _DISABLED, _DISABLED)),
}
_U11 = {
    "EnableKey": Rule((_OK, _OK, _STATE, _STATE, _OK)),
    "EnableKeys": Rule((_OK, _OK, _STATE, _STATE, _OK)),
    "DisableKey": Rule((_OK, _OK, _STATE, _OK, _OK)),
    "DisableKeys": Rule((_OK, _OK, _STATE, _OK, _OK)),
    "ArchiveKey": Rule((_OK, _OK, _STATE, _STATE, _OK)),
    "ScheduleKeyDeletion": Rule((_ENABLED, _OK, _STATE, _OK, _OK)),
}
_U14 = {
    "ImportKeyMaterial": Rule((_OK, _OK, _STATE, _OK, _STATE)),
    "DeleteImportedKeyMaterial": Rule((_OK, _STATE, _STATE, _STATE, _STATE)),
}
_U16 = {"EncryptByWhiteBox": (_OK, _OK)}
_U17 = {"DescribeWhiteBoxDecryptKey": (_OK, "ResourceUnavailable.KeyDisabled")}
_U29 = {"EnableKeyRotation": Rule(asymmetric=_STATE)}


@lru_cache
def of_cmks(assumed: Assumptions) -> Mapping[str, Rule]:
    """Return the rules for CMKs."""
    rules = dict(RULES)
    for unknown, table in (("U3", _U3), ("U4", _U4), ("U11", _U11), ("U14", _U14), ("U29", _U29)):
        if unknown in assumed:
            rules |= {action: _changed(rules[action], rule) for action, rule in table.items()}
    return rules


@lru_cache
def of_white_box_keys(assumed: Assumptions) -> Mapping[str, tuple[str | None, ...]]:
    """Return the codes of actions on white-box keys by state."""
    codes = dict(WHITE_BOX_RULES)
    for unknown, table in (("U16", _U16), ("U17", _U17)):
        if unknown in assumed:
            codes |= table
    return codes


def _changed(rule: Rule, other: Rule) -> Rule:
    empty = Rule()
    values = {field.name: getattr(other, field.name) for field in fields(Rule)}
    return replace(rule, **{name: value for name, value in values.items() if value != getattr(empty, name)})
