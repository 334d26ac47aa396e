"""The embedded KMS's clock: the machine's, moved by an offset that lies in the store.

Deletion windows, rotation and expiry go by it, so that a test can live through a year
at once. Signatures go by the real clock.
"""

from __future__ import annotations

import time


def now(offset: int) -> int:
    """Return the time in Unix seconds by a clock that is `offset` seconds ahead of the machine's."""
    return int(time.time()) + offset
