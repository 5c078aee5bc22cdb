"""The short way of plain texts: what takes it would pass the rules of the contract, and nothing rides along."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protovalidate import Validator

from mesh.errors import MeshError
from parley.gateway.v1.frame_pb2 import Bye, ClientFrame, Heartbeat, Hello, Mark, Resume
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest
from parley.link.v1.link_service_pb2 import DeviceSends
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import Send
from svc_gateway.servicer.plain import MAX_NUMBER, MAX_SENDS, MAX_TEXT_BYTES, is_heartbeat, is_plain
from svc_message.domain.conversation import DeviceId, UserId
from svc_message.domain.entry import Draft
from svc_message.servicer import contents
from tests.svc_message.device import direct, new_device, post, send
from tests.svc_message.world import World

ONE, OTHER = "u" + "0" * 15, "u" + "1" * 15
CHAT = f"{ONE}-{OTHER}"
VALIDATOR = Validator()


def plain(text: str = "hello", number: int = 1, conversation_id: str = CHAT) -> Send:
    return send(conversation_id, Content(post=Post(body=Body(text=Text(text=text)))), number)


def judged(frame: ClientFrame) -> bool:
    return is_plain(frame, ConnectRequest(frame=frame).SerializeToString())


ids = st.sampled_from([CHAT, ONE, "g" + "z" * 15, "", "u", CHAT + "\n", CHAT.upper(), "gil" + "0" * 13, "p" + "0" * 15])
numbers = st.one_of(st.integers(0, 3), st.integers(MAX_NUMBER - 2, MAX_NUMBER + 2), st.integers(0, 2**64 - 1))
texts = st.one_of(st.text(max_size=300), st.integers(0, 3).map(lambda more: "é" * (MAX_TEXT_BYTES // 2 - 1 + more)))


@given(st.lists(st.tuples(texts, numbers, ids), max_size=4), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1))
def test_what_is_plain_is_what_the_contract_allows(
    sends: list[tuple[str, int, str]], taken: int, retry_number: int
) -> None:
    """Frames of texts are told plain exactly when they hold a send and the rules find nothing wrong in them."""
    frame = ClientFrame(sends=[plain(*one) for one in sends], taken=taken, retry_number=retry_number)
    assert judged(frame) == (bool(sends) and not VALIDATOR.collect_violations(frame))


@pytest.mark.parametrize("count", [MAX_SENDS, MAX_SENDS + 1])
def test_the_number_of_sends_is_held_to_the_contract(count: int) -> None:
    """As many sends as the contract allows are plain, and one more is not."""
    frame = ClientFrame(sends=[plain(number=number + 1) for number in range(count)])
    assert judged(frame) == (count == MAX_SENDS) == (not VALIDATOR.collect_violations(frame))


MORE = {
    "hello": ClientFrame(hello=Hello(access_token="x")),
    "received": ClientFrame(received=[Mark(conversation_id=CHAT, seq=1)]),
    "reads": ClientFrame(reads=[Mark(conversation_id=CHAT, seq=1)]),
    "heartbeat": ClientFrame(heartbeat=Heartbeat()),
    "resume": ClientFrame(resume=Resume()),
    "bye": ClientFrame(bye=Bye()),
    "token": ClientFrame(access_token="x"),
    "unknown": ClientFrame.FromString(b"\xfa\x3f\x01x"),
}


@pytest.mark.parametrize("name", MORE)
def test_a_frame_with_anything_else_is_not_plain(name: str) -> None:
    """Whatever the gateway has to do itself is not overlooked, what it does not know included."""
    frame = ClientFrame(sends=[plain()])
    assert judged(frame)
    frame.MergeFrom(MORE[name])
    assert not judged(frame)


SAYS_MORE = {
    "mention": Post(mentioned_user_ids=[ONE]),
    "everyone": Post(mentions_all=True),
    "reply": Post(reply_to_seq=1),
    "silent": Post(silent=True),
    "fallback": Post(body=Body(fallback_text="x")),
    "unknown": Post.FromString(b"\xfa\x3f\x01x"),
}


@pytest.mark.parametrize("name", SAYS_MORE)
def test_a_text_that_says_more_is_not_plain(name: str) -> None:
    """Mentions, replies and all else that the rules limit go the long way."""
    one = plain()
    one.content.post.MergeFrom(SAYS_MORE[name])
    assert not judged(ClientFrame(sends=[one]))


@given(texts.filter(bool), st.integers(1, MAX_NUMBER))
def test_a_plain_text_is_read_the_short_way_as_it_would_be_the_long_way(text: str, number: int) -> None:
    """The message service makes the same draft of a plain text either way, and refuses the same ones."""
    one = plain(text, number)
    assert read(contents.text, one) == read(contents.from_device, one)


def read(way: Callable[[Send, UserId, DeviceId], Draft], one: Send) -> object:
    try:
        return way(one, UserId(ONE), DeviceId("d" + "0" * 15))
    except MeshError as refusal:
        return refusal.reason


async def test_nobody_writes_as_another_by_what_they_put_behind_their_frame(mesh: World) -> None:
    """Fields beside the frame, which a node would read as the author's name, do not get to it."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    chat = direct(ann, bob)
    await ann.post(chat)
    beside = DeviceSends(user_id=ann.user_id, device_id=ann.device_id, plain=True).SerializeToString()
    forged = ClientFrame(sends=[post(chat, "from Ann, it seems")])
    await eve.write(ConnectRequest.FromString(ConnectRequest(frame=forged).SerializeToString() + beside))
    await eve.until(lambda: eve.received.results)
    assert eve.received.results[0].error.reason == "CONVERSATION_NOT_FOUND"
    assert [entry.seq for entry in bob.entries(chat)] == [1]


BEAT = ClientFrame(heartbeat=Heartbeat(digest=1))


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_a_heartbeat_and_numbers_are_a_heartbeat(digest: int, taken: int, retry_number: int, unanswered: int) -> None:
    """Whatever the numbers are, and without any; the contract sets no limits for them."""
    numbers = ClientFrame(taken=taken, retry_number=retry_number, unanswered=unanswered)
    assert not beats(numbers)
    numbers.heartbeat.digest = digest
    assert beats(numbers)
    assert not VALIDATOR.collect_violations(numbers)


@pytest.mark.parametrize("name", [name for name in MORE if name != "heartbeat"])
def test_a_heartbeat_with_anything_else_goes_the_long_way(name: str) -> None:
    """Whatever needs more than an answer is not overlooked, a text and what is not known included."""
    for more in (MORE[name], ClientFrame(sends=[plain()])):
        frame = ClientFrame()
        frame.CopyFrom(BEAT)
        frame.MergeFrom(more)
        assert not beats(frame)
    beside = ConnectRequest(frame=BEAT).SerializeToString() + DeviceSends(user_id=ONE).SerializeToString()
    assert not is_heartbeat(BEAT, beside)


def beats(frame: ClientFrame) -> bool:
    return is_heartbeat(frame, ConnectRequest(frame=frame).SerializeToString())
