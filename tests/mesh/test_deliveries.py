"""Deliveries in an event: whatever is collected comes out again, also from events that were put together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh import deliveries
from mesh.deliveries import Columns, Delivered
from mesh.part import Part
from parley.event.v1.event_pb2 import Deliveries, NodeEvent

IDS = st.text(max_size=20)
PARTS = st.builds(Part, st.binary(max_size=40), st.integers(0, 2**32 - 1), IDS)
DELIVERIES = st.lists(st.tuples(IDS, st.lists(IDS, max_size=4), st.lists(PARTS, max_size=4)), max_size=6)


def encode(some: list[Delivered]) -> bytes:
    """An event with these."""
    columns = Columns()
    for one in some:
        columns.add(*one)
    return columns.encode()


@given(DELIVERIES, DELIVERIES)
def test_what_was_collected_comes_out(some: list[Delivered], more: list[Delivered]) -> None:
    """Conversations, users and parts stand together as they were added, and one event behind another is both."""
    event = NodeEvent.FromString(encode(some) + encode(more))
    assert deliveries.read(event.for_devices) == [*some, *more]


@pytest.mark.parametrize(
    "wrong",
    [
        Deliveries(conversation_ids=["c"], users=[1], user_ids=["u"], parts=[1], frames=[b"f"], entries=[1]),
        Deliveries(conversation_ids=["c"], users=[1], user_ids=["u"], parts=[0], frames=[b"f"], entries=[1]),
        Deliveries(conversation_ids=["c"], users=[2], user_ids=["u"], parts=[0]),
        Deliveries(conversation_ids=["c"], users=[1], user_ids=["u"], parts=[1]),
        Deliveries(conversation_ids=["c"], users=[0], user_ids=["u"], parts=[0]),
        Deliveries(users=[1], user_ids=["u"], parts=[0]),
        Deliveries(conversation_ids=["c"], parts=[0]),
        Deliveries(user_ids=["u"]),
    ],
)
def test_columns_that_do_not_fit_together_are_refused(wrong: Deliveries) -> None:
    """Nothing is delivered by guess: to whom a frame goes is certain or it goes to nobody."""
    with pytest.raises(ValueError):  # noqa: PT011 - any reason
        deliveries.read(wrong)
