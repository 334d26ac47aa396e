"""How commands name white-box keys, and what of them is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmstool.cli import key_words

# DecryptKey opens on every device when the answer is one of CreateWhiteBoxKey, and belongs into files of mode 0600
# otherwise; `download-key` fetches it, and `kmstool api` shows whole answers.
KEY_FIELDS = ("EncryptKey", "DecryptKey")

key_option = key_words.means("key", "Id or alias of the white-box key.", required=True)
"""Add `--key` of a white-box key, which no profile has by default."""


def without_keys(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer without the keys in it."""
    return {name: value for name, value in answer.items() if name not in KEY_FIELDS}
