"""Actions that bring keys of any kind into a state, one or several, all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from kmstool.server.call import Action, Call
from kmstool.server.tables.sealed_rows import SealedTable

if TYPE_CHECKING:
    from kmstool.server.tables.cmks import Cmk
    from kmstool.server.tables.data_keys import DataKey
    from kmstool.server.tables.white_box_keys import WhiteBoxKey

    Row = TypeVar("Row", Cmk, DataKey, WhiteBoxKey)
else:
    # Whoever enables a data key needs no white-box code.
    Row = TypeVar("Row")


def set_states(table: SealedTable[Row], chosen: Callable[[Call], Sequence[Row]], state: str) -> Action:
    """Return the action that brings the rows into a state that `chosen` gives for a request, or refuses."""

    def run(call: Call) -> dict[str, Any]:
        for row in chosen(call):
            table.update(call, replace(row, state=state))
        return {}

    return run
