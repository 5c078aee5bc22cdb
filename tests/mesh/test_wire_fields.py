from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import UninterpretedOption
from google.protobuf.empty_pb2 import Empty
from google.protobuf.struct_pb2 import ListValue, Value
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from mesh.wire import field, repeated, varint

LENGTH_DELIMITED = 2
EDGES = sorted({edge + step for bits in range(0, 64, 7) for edge in [1 << bits] for step in (-1, 0, 1)} | {2**64 - 1})


def theirs(number: int) -> bytes:
    """The number as protobuf writes it, without the one byte of its tag."""
    return UninterpretedOption(positive_int_value=number).SerializeToString()[1:]


def only(encoded: bytes) -> Any:
    """The one field that protobuf finds in these bytes."""
    found = UnknownFieldSet(Empty.FromString(encoded))
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("number", EDGES)
def test_a_varint_of_each_length_is_protobufs(number: int) -> None:
    """At each place where one more byte is needed, both sides of it are written as protobuf writes them."""
    assert varint(number) == theirs(number)


@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_any_varint_is_protobufs(number: int) -> None:
    """Every number of 64 bits is written as protobuf writes it."""
    assert varint(number) == theirs(number)


@given(number=st.integers(min_value=1, max_value=15), payload=st.binary(max_size=300))
def test_a_field_parses(number: int, payload: bytes) -> None:
    """Protobuf reads back the number and the bytes, and nothing is left over."""
    found = only(field(number, payload))
    assert (found.field_number, found.wire_type, found.data) == (number, LENGTH_DELIMITED, payload)


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 2_097_152])
def test_a_long_field_parses(size: int) -> None:
    """The length may need any number of bytes."""
    assert only(field(15, bytes(size))).data == bytes(size)


@given(st.lists(st.text(max_size=200)))
def test_encoded_messages_joined_by_hand_are_a_list(texts: list[str]) -> None:
    """A repeated field put together from encoded elements is byte for byte what protobuf writes."""
    values = [Value(string_value=text) for text in texts]
    joined = repeated(1, [value.SerializeToString() for value in values])
    assert joined == ListValue(values=values).SerializeToString()
