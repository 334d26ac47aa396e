"""Lets data go through the tables of a white-box key: single blocks, and messages in CBC with PKCS#7.

Byte number p of all blocks is one byte string, a lane, so that each table is applied to a
whole message by one `bytes.translate`, and lanes are added as large integers.
"""

from __future__ import annotations

from kmstool.errors import InputError, IntegrityError
from kmstool.whitebox.affine import expand
from kmstool.whitebox.circuits import Box, Circuit, Sum
from kmstool.words import BLOCK_BYTES

# All wires of a message are in memory at once: for this much of it about 30 times as many bytes.
_CHUNK_BYTES = 2**16


class Network:
    """The tables of one key, ready for use; several threads may use it at once."""

    def __init__(self, circuit: Circuit, tables: bytes) -> None:
        """Expand the tables; raise `InputError` if they are not of the circuit's size."""
        if len(tables) != circuit.table_bytes:
            raise InputError(f"the tables have {len(tables):,} bytes, not {circuit.table_bytes:,}")
        self._outputs = circuit.outputs
        self._steps: list[tuple[tuple[int, bytes], ...]] = []
        offset = 0
        for step in circuit.steps:
            table = tables[offset : offset + step.table_bytes]
            self._steps.append(((step.source, table),) if isinstance(step, Box) else _expanded(step, table))
            offset += step.table_bytes

    def apply(self, blocks: bytes) -> bytes:
        """Return whole blocks of 16 bytes, each enciphered or deciphered by itself."""
        lanes = [blocks[index::BLOCK_BYTES] for index in range(BLOCK_BYTES)]
        size = len(lanes[0])
        for (source, table), *others in self._steps:
            lane = lanes[source].translate(table)
            if others:
                total = int.from_bytes(lane)
                for other, other_table in others:
                    total ^= int.from_bytes(lanes[other].translate(other_table))
                lane = total.to_bytes(size)
            lanes.append(lane)
        result = bytearray(len(blocks))
        for index, wire in enumerate(self._outputs):
            result[index::BLOCK_BYTES] = lanes[wire]
        return bytes(result)

    def decrypt_cbc(self, iv: bytes, ciphertext: bytes) -> bytes:
        """Return the plaintext of CBC (NIST SP 800-38A section 6.2) without its PKCS#7 padding.

        Raises `InputError` if IV or ciphertext cannot be, `IntegrityError` if the padding is
        wrong. Nothing else tells whether the data was altered: CBC authenticates nothing.
        """
        if len(iv) != BLOCK_BYTES:
            raise InputError(f"the IV has {len(iv)} bytes, not {BLOCK_BYTES}")
        if not ciphertext or len(ciphertext) % BLOCK_BYTES:
            raise InputError(
                f"the ciphertext has {len(ciphertext):,} bytes, which are not whole blocks of {BLOCK_BYTES}"
            )
        chunks = range(0, len(ciphertext), _CHUNK_BYTES)
        deciphered = b"".join(self.apply(ciphertext[start : start + _CHUNK_BYTES]) for start in chunks)
        before = iv + ciphertext[:-BLOCK_BYTES]
        padded = (int.from_bytes(deciphered) ^ int.from_bytes(before)).to_bytes(len(ciphertext))
        return _without_padding(padded)


def _expanded(step: Sum, table: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return the wires of a sum and for each a table of 256 bytes; the first one adds the constant too."""
    columns = [table[start : start + 8] for start in range(1, len(table), 8)]
    constants = [table[0]] + [0] * (len(columns) - 1)
    return tuple(
        (wire, expand(column, constant))
        for (wire, _), column, constant in zip(step.terms, columns, constants, strict=True)
    )


def _without_padding(padded: bytes) -> bytes:
    size = padded[-1]
    if not 1 <= size <= BLOCK_BYTES or padded[-size:] != bytes((size,)) * size:
        raise IntegrityError(
            "the ciphertext does not decrypt: its padding is wrong",
            hint="use the IV and the decrypt key that belong to it, and the ciphertext unchanged",
        )
    return padded[:-size]
