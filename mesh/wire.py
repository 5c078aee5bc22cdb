"""Protobuf fields made by hand, for joining messages that are encoded already. Pure Python."""

from typing import Final

_SMALL: Final = 1 << 7


def field(number: int, payload: bytes) -> bytes:
    """An encoded message, or any bytes, as the element of a field with a number below 16."""
    return bytes((number << 3 | 2,)) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    """A number of 0 or more in groups of seven bits, the lowest first."""
    if number < _SMALL:
        return bytes((number,))
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    groups = bytearray()
    while number >= _SMALL:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)
