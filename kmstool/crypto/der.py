"""The little of ASN.1's DER (X.690) that keys, signatures and SM2 ciphertexts need, read strictly.

Every value has exactly one encoding here: what is longer than it must be, negative, cut short
or followed by anything is refused, so that nobody can alter bytes without altering what they mean.
"""

from __future__ import annotations

from kmstool.errors import InputError

INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
# Constructed and context-specific, as the optional parts of keys are tagged.
EXPLICIT_0 = 0xA0
EXPLICIT_1 = 0xA1
IMPLICIT_1 = 0x81

_LONG_FORM = 0x80


class Reader:
    """Takes the values of an encoding one after the other; every method raises `InputError` if its value is not next."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def _take(self, count: int) -> bytes:
        taken = self._data[self._position : self._position + count]
        if len(taken) != count:
            raise InputError("the DER is cut short")
        self._position += count
        return taken

    def _length(self) -> int:
        first = self._take(1)[0]
        if first < _LONG_FORM:
            return first
        encoded = self._take(first - _LONG_FORM)
        length = int.from_bytes(encoded, "big")
        # BER's indefinite form, a length of no bytes, is among these.
        if length < _LONG_FORM or encoded.startswith(b"\0"):
            raise InputError("the DER has a length that is not the shortest")
        return length

    def next_tag(self) -> int | None:
        """Return the tag of the value that comes next, None at the end."""
        return self._data[self._position] if self._position < len(self._data) else None

    def next_is(self, tag: int) -> bool:
        """Return whether a value with this tag comes next."""
        return self.next_tag() == tag

    def value(self, tag: int) -> bytes:
        """Take the next value and return its content, whatever it means."""
        if not self.next_is(tag):
            raise InputError(f"the DER has no value of tag 0x{tag:02x} where one must be")
        self._position += 1
        return self._take(self._length())

    def nested(self, tag: int = SEQUENCE) -> Reader:
        """Take a constructed value and return a reader of its content."""
        return Reader(self.value(tag))

    def integer(self) -> int:
        """Take an integer of zero or more."""
        content = self.value(INTEGER)
        number = int.from_bytes(content, "big", signed=True)
        if number < 0 or content != _integer_content(number):
            raise InputError("the DER has an integer that is negative or not the shortest")
        return number

    def object_identifier(self) -> bytes:
        """Take an object identifier and return all of its encoding, to be compared with `object_identifier`."""
        return value(OBJECT_IDENTIFIER, self.value(OBJECT_IDENTIFIER))

    def octets(self) -> bytes:
        """Take an octet string."""
        return self.value(OCTET_STRING)

    def bits(self) -> bytes:
        """Take a bit string of whole bytes."""
        content = self.value(BIT_STRING)
        if content[:1] != b"\0":
            raise InputError("the DER has a bit string that is not of whole bytes")
        return content[1:]

    def end(self) -> None:
        """Raise `InputError` if anything is left."""
        if self._position != len(self._data):
            raise InputError("the DER goes on after its end")


def whole_sequence(data: bytes) -> Reader:
    """Return a reader of the content of a sequence; raise `InputError` unless `data` is one and nothing more."""
    outer = Reader(data)
    inner = outer.nested()
    outer.end()
    return inner


def value(tag: int, *parts: bytes) -> bytes:
    """Encode a value whose content is the parts, one after the other."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_FORM:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_FORM + len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    """Encode a sequence of encoded values."""
    return value(SEQUENCE, *parts)


def integer(number: int) -> bytes:
    """Encode an integer of zero or more."""
    return value(INTEGER, _integer_content(number))


def octets(content: bytes) -> bytes:
    """Encode an octet string."""
    return value(OCTET_STRING, content)


def bits(content: bytes) -> bytes:
    """Encode a bit string of whole bytes."""
    return value(BIT_STRING, b"\0", content)


def object_identifier(dotted: str) -> bytes:
    """Encode an object identifier written as `1.2.840.…`."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content.extend(reversed(groups))
    return value(OBJECT_IDENTIFIER, bytes(content))


def _integer_content(number: int) -> bytes:
    # One more bit than the number has, for the sign.
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
