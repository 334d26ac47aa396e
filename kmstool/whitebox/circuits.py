"""What a table network looks like: which bytes go through which kind of table. Public, and the same for every key.

A byte in transit is a wire. Wires 0 to 15 are the input block, every step makes the next one,
and a step uses earlier wires only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """One byte through a permutation that depends on the key."""

    source: int

    @property
    def table_bytes(self) -> int:
        """A permutation takes 256 bytes."""
        return 256


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of several bytes, each through a public linear map of the cipher."""

    terms: tuple[tuple[int, bytes], ...]
    """Wires, and the map of each as a table of 256 bytes."""

    @property
    def table_bytes(self) -> int:
        """A constant, and eight columns for each term."""
        return 1 + 8 * len(self.terms)


@dataclass(frozen=True, slots=True)
class Circuit:
    """A block cipher in one direction."""

    steps: tuple[Box | Sum, ...]
    outputs: tuple[int, ...]
    """The wires that are the output block."""

    @property
    def table_bytes(self) -> int:
        """The size of the tables of a key."""
        return sum(step.table_bytes for step in self.steps)
