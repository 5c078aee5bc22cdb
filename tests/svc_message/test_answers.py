"""Answers to devices: that each gets there, however many there are in one moment."""

import asyncio

from mesh.clock import FakeClock
from mesh.holds import Holds
from mesh.link import MAX_PAYLOAD_BYTES, Link, Receive, local_link
from parley.gateway.v1.frame_pb2 import ServerFrame
from parley.link.v1.link_service_pb2 import LinkResponse
from parley.message.v1.message_service_pb2 import Send
from svc_message.application.append import overloaded
from svc_message.servicer.link import Answers

SESSIONS, EACH = 200, 100
CHAT = f"u{'0' * 15}-u{'1' * 15}"


async def test_more_refusals_than_one_message_holds_all_arrive() -> None:
    """A node that refuses 20,000 sends in one turn of the loop answers every one of them."""
    batches: list[bytes] = []
    links: list[Link] = []

    def accept(link: Link) -> Receive:
        links.append(link)
        return lambda _: None

    local_link(accept, batches.append)
    answers = Answers(links[0], Holds(FakeClock()))
    sends = [Send(conversation_id=CHAT, client_message_id=number + 1) for number in range(EACH)]
    for ref in range(SESSIONS):
        answers.refuse_all(ref + 1, sends, "d", overloaded())
    for _ in range(50):
        await asyncio.sleep(0)

    frames = [frame for batch in batches for frame in LinkResponse.FromString(batch).frames]
    refused = [result for frame in frames for result in ServerFrame.FromString(frame.frame).results]
    assert sum(map(len, batches)) > MAX_PAYLOAD_BYTES
    assert {frame.ref: frame.settled for frame in frames} == dict.fromkeys(range(1, SESSIONS + 1), EACH)
    assert {(one.error.reason, one.error.retry_after_ms) for one in refused} == {("OVERLOADED", 1_000)}
    assert len(refused) == SESSIONS * EACH
