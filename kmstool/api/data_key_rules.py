"""The words of hosted data keys: states, names, sizes, and which action which state allows, of the key and of its CMK.

A hosted data key lies in KMS, encrypted under a CMK. Shared by client, server and
documentation, as `cmk_rules` is (API: DataKeyMetadata, and the error lists of the actions).
"""

from __future__ import annotations

from dataclasses import dataclass

from kmstool import words
from kmstool.api import cmk_rules

_OK = None
_STATE = "ResourceUnavailable.DataKeyStateNotSupport"
_DISABLED = "ResourceUnavailable.DataKeyDisabled"
_DELETED = "ResourceUnavailable.DataKeyPendingDelete"
_KEPT = "ResourceUnavailable.DataKeyNotPendingDelete"
_CMK_DISABLED = "ResourceUnavailable.CmkDisabled"
_CMK_STATE = "ResourceUnavailable.CmkStateNotSupport"


@dataclass(frozen=True, slots=True)
class Rule:
    """With which code an action is refused on which data keys; None where it works."""

    states: tuple[str | None, ...] = (_OK,) * len(words.DATA_KEY_STATES)
    """In the order of `words.DATA_KEY_STATES`."""
    cmk: tuple[str | None, ...] = (_OK,) * len(words.STATES)
    """By the state of the CMK, in the order of `words.STATES`."""


# What is enabled can be used at once, so its CMK must be fit for that. A deletion is called off whatever
# the CMK is, unless that awaits its own, which takes its data keys along.
_USABLE_CMK = (_OK, _CMK_STATE, _CMK_STATE, _CMK_STATE, _CMK_STATE)
_KEPT_CMK = (_OK, _OK, _CMK_STATE, _OK, _OK)

RULES = {
    "DescribeDataKey": Rule(),
    "DescribeDataKeys": Rule(),
    # The list of EnableDataKey has no code for the state of the data key itself.
    "EnableDataKey": Rule((_OK, _OK, _CMK_STATE), _USABLE_CMK),
    "EnableDataKeys": Rule((_OK, _OK, _STATE), _USABLE_CMK),
    "DisableDataKey": Rule((_OK, _OK, _STATE)),
    "DisableDataKeys": Rule((_OK, _OK, _STATE)),
    "ScheduleDataKeyDeletion": Rule((_STATE, _OK, _STATE)),
    "CancelDataKeyDeletion": Rule((_KEPT, _KEPT, _OK), _KEPT_CMK),
    "UpdateDataKeyName": Rule((_OK, _OK, _STATE)),
    "UpdateDataKeyDescription": Rule((_OK, _OK, _STATE)),
    "GetDataKeyPlaintext": Rule((_OK, _DISABLED, _DELETED), (_OK, _CMK_DISABLED, _CMK_STATE, _CMK_STATE, _CMK_STATE)),
    "GetDataKeyCiphertextBlob": Rule((_OK, _STATE, _STATE)),
}


def refusal(action: str, state: str, cmk_state: str) -> str | None:
    """Return the KMS code with which `action` is refused on such a data key, None if it works.

    The data key's own state counts before that of its CMK.
    """
    rule = RULES[action]
    return rule.states[words.DATA_KEY_STATES.index(state)] or rule.cmk[words.STATES.index(cmk_state)]


def is_name(text: str) -> bool:
    """Return whether `text` may name a data key: as an alias does; no page keeps a prefix for others."""
    return cmk_rules.is_alias(text)
