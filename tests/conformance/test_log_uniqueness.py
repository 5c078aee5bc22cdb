"""Places and keys of a log are unique in every store, whatever is appended."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svc_message.domain.conversation import ConversationId, DeviceId
from svc_message.domain.entry import Row
from svc_message.domain.ports import Clash
from tests.conformance.log_nodes import CHAT, LAPTOP, OTHER, OWN, PHONE, STORES, Node, OpenStore, row


@settings(max_examples=20, deadline=None)
@given(
    batches=st.lists(
        st.tuples(
            st.booleans(),
            st.lists(
                st.tuples(
                    st.sampled_from([CHAT, OTHER, OWN]),
                    st.integers(1, 6),
                    st.integers(1, 8),
                    st.sampled_from([PHONE, LAPTOP]),
                ),
                min_size=1,
                max_size=5,
            ),
        ),
        max_size=12,
    )
)
@pytest.mark.parametrize("open_store", STORES)
def test_uniqueness_against_a_model(
    open_store: OpenStore, batches: list[tuple[bool, list[tuple[ConversationId, int, int, DeviceId]]]]
) -> None:
    """Whatever is appended from either side, the store holds what a model of the two uniqueness rules holds."""
    asyncio.run(_compare(open_store, batches))


async def _compare(
    open_store: OpenStore, batches: list[tuple[bool, list[tuple[ConversationId, int, int, DeviceId]]]]
) -> None:
    model: dict[tuple[ConversationId, int], tuple[DeviceId, int]] = {}
    with TemporaryDirectory() as folder:
        async with open_store(Path(folder)) as nodes:
            for ours, batch in batches:
                node = nodes.ours if ours else nodes.theirs
                rows = [row(chat, seq, number, device=device) for chat, seq, number, device in batch]
                stored = await _append(node, rows)
                fitting = _fitting(model, rows)
                assert (stored == len(rows)) == (fitting == len(rows))
                assert stored <= fitting
                for one in rows[:stored]:
                    model[one.draft.conversation_id, one.seq] = (one.draft.device_id, one.draft.client_message_id)
            found = [s for chat in (CHAT, OTHER, OWN) for s in await nodes.theirs.log.read(chat, 1, 99, 99)]
    assert {(s.conversation_id, s.seq): (s.device_id, s.client_message_id) for s in found} == model


async def _append(node: Node, rows: list[Row]) -> int:
    try:
        await node.log.append(rows)
    except Clash as clash:
        return clash.stored
    return len(rows)


def _fitting(model: dict[tuple[ConversationId, int], tuple[DeviceId, int]], rows: list[Row]) -> int:
    """How many rows can be stored before the first that breaks a rule."""
    places = set(model)
    keys = {(chat, *key) for (chat, _), key in model.items()}
    for index, one in enumerate(rows):
        place = (one.draft.conversation_id, int(one.seq))
        if place in places or one.draft.key in keys:
            return index
        places.add(place)
        keys.add(one.draft.key)
    return len(rows)
