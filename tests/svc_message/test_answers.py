"""Answers to devices: that each gets there, however many there are in one moment."""

import asyncio

import pytest

from mesh.clock import FakeClock
from mesh.errors import Code
from mesh.holds import Holds
from mesh.link import MAX_PAYLOAD_BYTES, Link, Receive, local_link
from parley.gateway.v1.frame_pb2 import ServerFrame
from parley.link.v1.link_service_pb2 import LinkResponse
from parley.message.v1.body_pb2 import Body, Image, MediaRef
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import Send
from svc_message.application.media.rights import MediaRights
from svc_message.application.settle import overloaded
from svc_message.servicer.link import Answers
from tests.svc_message import groups
from tests.svc_message.device import direct, new_device, post, recall, send
from tests.svc_message.world import World

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


async def test_a_defect_costs_one_send_its_message_and_no_other_its_answer(
    mesh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the code stumbles over is refused for good, and what waits behind it in the conversation goes on."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    [first] = await ann.seqs(post(chat))

    async def stumble(*_: object) -> None:
        raise ValueError("unforeseen")

    monkeypatch.setattr(MediaRights, "check", stumble)
    body = Body(image=Image(media=MediaRef(media_id="m" + "0" * 15)), fallback_text="a picture")
    picture = send(chat, Content(post=Post(body=body)))
    refused, *others = await ann.results(picture, post(chat), post(chat))
    assert (refused.error.code, refused.error.reason, refused.error.retry_after_ms) == (Code.INTERNAL, "INTERNAL", 0)
    assert [result.seq for result in others] == [first + 1, first + 2]


async def test_an_answer_that_lost_its_copy_is_known_when_it_comes_again(mesh: World) -> None:
    """It was accepted without the words of what was recalled; repeated as it was sent it gets its first place, also
    when its sender may not write any more.
    """
    owner, ann = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner, ann)
    asked = await owner.post(team, "a secret")
    await owner.seqs(recall(team, asked))
    answer = post(team, "I see", 77, reply_to_seq=asked, reply_preview="a secret")
    [first] = await ann.results(answer)
    assert (await owner.entry(team, first.seq)).content.post.reply_preview == ""
    [again] = await ann.results(answer)
    await groups.update(mesh, team, ann, muted_until_ms=2**62)
    [muted] = await ann.results(answer)
    for result in (again, muted):
        assert (result.seq, result.duplicate, result.replaced) == (first.seq, True, False)
    other = post(team, "I do not", 77, reply_to_seq=asked, reply_preview="a secret")
    assert await ann.refused(other) == "MESSAGE_ID_CONFLICT"
