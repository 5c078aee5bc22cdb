"""Protobuf fields made by hand, for joining messages that are encoded already. Pure Python."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Generic, TypeVar

M = TypeVar("M")

_SMALL: Final = 1 << 7


def field(number: int, payload: bytes) -> bytes:
    """An encoded message, or any bytes, as the element of a field with a number below 16."""
    return _head(number, len(payload)) + payload


@lru_cache(maxsize=16_384)
def _head(number: int, size: int) -> bytes:
    return bytes((number << 3 | 2,)) + varint(size)


def repeated(number: int, payloads: Sequence[bytes]) -> bytes:
    """Encoded messages as the elements of one repeated field, in their order."""
    if len(payloads) == 1:
        return field(number, payloads[0])
    return b"".join([field(number, payload) for payload in payloads])


@dataclass(frozen=True, slots=True)
class Encoded(Generic[M]):
    """A message of the contract that is encoded already: what an RPC may answer instead of the message itself.

        return Encoded[SyncResponse](wire.repeated(SyncResponse.ENTRIES_FIELD_NUMBER, page.entries) + rest)

    For answers that carry what was stored encoded: it leaves without being parsed. The bytes are not looked at again.
    """

    data: bytes


def field_length(size: int) -> int:
    """How long `field` makes a payload of this many bytes."""
    return size + 1 + varint_length(size)


def varint_length(number: int) -> int:
    """How long `varint` makes a number."""
    return (number.bit_length() + 6) // 7 or 1


def fields(joined: bytes) -> Iterator[bytes]:
    """The elements that `field` made and that were joined, each as it was made."""
    start = 0
    while start < len(joined):
        end, size, shift = start + 1, 0, 0
        while joined[end] >= _SMALL:
            size |= (joined[end] & 127) << shift
            shift += 7
            end += 1
        end += 1 + (size | joined[end] << shift)
        yield joined[start:end]
        start = end


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
