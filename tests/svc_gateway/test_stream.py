"""The device stream: how it opens, what it refuses, and how it ends."""

import contextlib
from functools import partial
from pathlib import Path

import grpc
import pytest

from mesh.errors import Code
from mesh.server import ServerSettings
from parley.gateway.v1.frame_pb2 import Bye, ClientFrame, Heartbeat, Hello, Mark, Resume, Typing
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest
from parley.message.v1.body_pb2 import AssistantReply, Body, Bundle, BundleItem, Custom
from parley.message.v1.entry_pb2 import Content, Edit, Post, Reaction, Recall, Tombstone
from parley.message.v1.message_service_pb2 import Send
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post, send, text
from tests.svc_message.world import World, eventually, process, world

CONNECT = "/parley.gateway.v1.GatewayService/Connect"
USER = "u" + "0" * 15


def body_of(size: int) -> Content:
    return Content(post=Post(body=text("x" * size)))


async def end_of(device: Device, first: ClientFrame) -> tuple[Code, str]:
    await device.open(first)
    end = await device.ended()
    return end.code, end.reason


async def test_a_stream_opens_with_hello(mesh: World) -> None:
    """Welcome tells who one is, the limits, and a number of the stream that rises each time."""
    ann = await new_device(mesh).connect()
    welcome = ann.received.welcome
    assert (welcome.user_id, welcome.device_id) == (ann.user_id, ann.device_id)
    assert (welcome.heartbeat_interval_ms, welcome.max_in_flight) == (55_000, 256)
    assert abs(welcome.server_time_ms - mesh.clock.now_ms()) < 5_000
    assert 0 < welcome.token_expires_at_ms - mesh.clock.now_ms() <= 900_000
    await ann.leave(bye=True)
    assert (await ann.connect()).received.welcome.epoch > welcome.epoch


@pytest.mark.parametrize("second,ends", [("bye", Code.OK), ("hello", Code.FAILED_PRECONDITION)])
async def test_a_device_hears_how_its_stream_ended_amid_a_write(mesh: World, second: str, ends: Code) -> None:
    """Who says good-bye, or what may not come, while the welcome is being written, is told so each time and at once."""
    ann = new_device(mesh)
    for _ in range(30):
        await ann.open(hello(ann.token, 1))
        await ann.say(ClientFrame(bye=Bye()) if second == "bye" else hello(ann.token, 1))
        assert (await ann.ended()).code is ends


async def test_what_does_not_open_a_stream(mesh: World) -> None:
    """A first frame without hello, another version and tokens that are none end the stream with a typed status."""
    ann = new_device(mesh)
    token = ann.token
    refused = {
        "no hello": (ClientFrame(heartbeat=Heartbeat()), Code.FAILED_PRECONDITION, "PROTOCOL_VIOLATION"),
        "empty": (ClientFrame(), Code.FAILED_PRECONDITION, "PROTOCOL_VIOLATION"),
        "version 0": (hello(token, 0), Code.FAILED_PRECONDITION, "PROTOCOL_VERSION"),
        "version 2": (hello(token, 2), Code.FAILED_PRECONDITION, "PROTOCOL_VERSION"),
        "no token": (hello(""), Code.UNAUTHENTICATED, "TOKEN_INVALID"),
        "bad token": (hello(token[:-6] + "AAAAAA"), Code.UNAUTHENTICATED, "TOKEN_INVALID"),
        "long token": (hello("x" * 9_000), Code.UNAUTHENTICATED, "TOKEN_INVALID"),
        "service token": (hello(mesh.service_token("user")), Code.UNAUTHENTICATED, "SESSION_REVOKED"),
    }
    for name, (frame, code, reason) in refused.items():
        assert await end_of(ann, frame) == (code, reason), name
    mesh.directory.ended.add(ann.session_id)
    assert await end_of(ann, hello(token)) == (Code.UNAUTHENTICATED, "SESSION_REVOKED")
    mesh.clock.advance(15 * 60 + 31)
    assert await end_of(ann, hello(token)) == (Code.UNAUTHENTICATED, "TOKEN_EXPIRED")


def hello(token: str, version: int = 1) -> ClientFrame:
    return ClientFrame(hello=Hello(access_token=token, protocol_version=version))


async def test_the_welcome_goes_with_what_was_missed(mesh: World) -> None:
    """A device that says at once what it knows hears all in one frame; one that does not is welcomed without."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat))
    await eventually(partial(hears_all_at_once, mesh, ann.user_id))
    assert not ann.received.HasField("resumed")


async def hears_all_at_once(mesh: World, user_id: str) -> bool:
    """Whether the first frame of another device has all that it missed: on a busy machine that may take too long."""
    first, *_ = (await new_device(mesh, user_id).connect(resume=Resume())).frames
    assert first.HasField("welcome")
    return first.HasField("resumed") and len(first.entries) == 1


async def test_the_welcome_does_not_wait_for_long(tmp_path: Path) -> None:
    """Without a message node to say what was missed, a device is let in all the same."""
    async with world(tmp_path) as made, process(made, "gateway") as address:
        made.connect(address)
        ann = await new_device(made).connect(resume=Resume())
        await ann.until(lambda: ann.received.errors)
        assert ann.received.errors[0].field == "resume"
        await ann.leave()


async def test_hello_comes_once(mesh: World) -> None:
    """A second hello ends the stream."""
    ann = await new_device(mesh).connect()
    await ann.say(hello(ann.token))
    end = await ann.ended()
    assert (end.code, end.reason) == (Code.FAILED_PRECONDITION, "PROTOCOL_VIOLATION")


async def test_bytes_that_are_no_frame_end_the_stream(mesh: World) -> None:
    """Bytes that do not parse, among them text that is not UTF-8, are INVALID_ARGUMENT and nothing worse."""
    ann = new_device(mesh)
    good = ConnectRequest(frame=hello(ann.token)).SerializeToString()
    for bad in (b"\xff\xff\xff", b"\x0a\x06\x12\x04\x0a\x02\xed\xa0"):
        call: grpc.aio.StreamStreamCall[bytes, bytes] = mesh.channel.stream_stream(
            "/parley.gateway.v1.GatewayService/Connect"
        )()
        await call.write(good)
        await call.read()
        await call.write(bad)
        assert await call.code() == grpc.StatusCode.INVALID_ARGUMENT


CHAT = f"{USER}-{USER}"
BUNDLE = Bundle(items=[BundleItem()] * 101)
INVALID = {
    "id 0": (Send(conversation_id=CHAT, content=body_of(1)), "INVALID_REQUEST"),
    "id 2^63": (Send(conversation_id=CHAT, client_message_id=2**63, content=body_of(1)), "INVALID_REQUEST"),
    "no content": (Send(conversation_id=CHAT, client_message_id=1), "INVALID_REQUEST"),
    "unset oneof": (send(CHAT, Content()), "INVALID_REQUEST"),
    "no body": (send(CHAT, Content(post=Post())), "INVALID_REQUEST"),
    "empty body": (send(CHAT, Content(post=Post(body=Body()))), "INVALID_REQUEST"),
    "text of 0 bytes": (send(CHAT, body_of(0)), "INVALID_REQUEST"),
    "text too long": (send(CHAT, body_of(16_385)), "INVALID_REQUEST"),
    "spaces": (post(CHAT, " \n\t"), "EMPTY_TEXT"),
    "joiners": (post(CHAT, "\u200d\u200b\ufeff"), "EMPTY_TEXT"),
    "marks alone": (post(CHAT, "\u0301" * 8_000), "EMPTY_TEXT"),
    "1,001 mentions": (post(CHAT, mentioned_user_ids=[USER] * 1_001), "INVALID_REQUEST"),
    "mention of nobody": (post(CHAT, mentioned_user_ids=["ann"]), "INVALID_REQUEST"),
    "bad conversation": (post("nothing"), "INVALID_REQUEST"),
    "key characters": (post("g{a}:*" + "0" * 10), "INVALID_REQUEST"),
    "unknown conversation": (post("g" + "0" * 15), "CONVERSATION_NOT_FOUND"),
    "reply to later": (post(CHAT, reply_to_seq=99), "ENTRY_NOT_FOUND"),
    "edit of nothing": (send(CHAT, Content(edit=Edit(target_seq=0, body=text("x")))), "INVALID_REQUEST"),
    "edit of later": (send(CHAT, Content(edit=Edit(target_seq=99, body=text("x")))), "ENTRY_NOT_FOUND"),
    "recall of later": (send(CHAT, Content(recall=Recall(target_seq=99))), "ENTRY_NOT_FOUND"),
    "long reaction": (send(CHAT, Content(reaction=Reaction(target_seq=1, name="x" * 65))), "INVALID_REQUEST"),
    "a service's kind": (send(CHAT, Content(tombstone=Tombstone())), "CONTENT_NOT_ALLOWED"),
    "an assistant's body": (
        send(CHAT, Content(post=Post(body=Body(assistant_reply=AssistantReply(text="x"), fallback_text="x")))),
        "CONTENT_NOT_ALLOWED",
    ),
    "no fallback": (send(CHAT, Content(post=Post(body=Body(custom=Custom(type="x"))))), "CONTENT_NOT_ALLOWED"),
    "long bundle": (send(CHAT, Content(post=Post(body=Body(bundle=BUNDLE, fallback_text="x")))), "INVALID_REQUEST"),
    "7 days and more": (post(CHAT, expires_after_ms=604_800_001), "INVALID_REQUEST"),
}


async def test_bad_sends_are_answered_one_by_one(mesh: World) -> None:
    """Each invalid send of a frame gets its own typed refusal, and the good ones between them are written in order."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    good = [post(chat, str(number)) for number in range(len(INVALID))]
    frame = ClientFrame(heartbeat=Heartbeat())
    for number, ((bad, _), fine) in enumerate(zip(INVALID.values(), good, strict=True)):
        frame.sends.extend([_retold(bad, chat, number), fine])
    await ann.say(frame)
    await ann.until(lambda: len(ann.received.results) == len(frame.sends))
    await ann.until(lambda: ann.received.HasField("heartbeat"))
    accepted = [r.client_message_id for r in ann.received.results if not r.error.code]
    assert accepted == [one.client_message_id for one in good]
    reasons = {r.client_message_id: r.error.reason for r in ann.received.results if r.error.code}
    for number, (name, (bad, reason)) in enumerate(INVALID.items()):
        assert reasons.pop(_retold(bad, chat, number).client_message_id) == reason, name
    assert not reasons


def _retold(bad: Send, chat: str, number: int) -> Send:
    """The send for this chat, with a number by which its answer is found."""
    told = Send()
    told.CopyFrom(bad)
    if told.conversation_id == CHAT:
        told.conversation_id = chat
    if 0 < told.client_message_id < 2**63:
        told.client_message_id = 1 + number
    return told


async def test_texts_are_kept_as_they_are(mesh: World) -> None:
    """Control characters, HTML and the longest text are data: stored byte by byte, and never logged."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    texts = ["\x00\x1b[31m\u202e", "<script>alert(1)</script>", "ä" * 8_192, "secret-canary"]
    await ann.seqs(*(post(chat, one) for one in texts))
    assert [e.content.post.body.text.text for e in (await ann.history(chat)).entries] == texts
    assert "canary" not in mesh.log.getvalue()


async def test_unknown_fields_pass_byte_exact(mesh: World) -> None:
    """What a newer app writes into a body reaches the others, although this server does not know it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    raw = post(chat, "x", 5).SerializeToString()
    newer = text("x").SerializeToString() + b"\xfa\x3e\x03abc"
    known = Send.FromString(raw)
    known.content.post.body.MergeFromString(newer)
    await ann.seqs(known)
    assert b"\xfa\x3e\x03abc" in (await bob.entry(chat, 1)).SerializeToString()


@pytest.mark.parametrize(
    "frame,field",
    [
        (ClientFrame(reads=[Mark(conversation_id=CHAT, seq=0)]), "reads"),
        (ClientFrame(reads=[Mark(conversation_id=CHAT, seq=1)] * 201), "reads"),
        (ClientFrame(received=[Mark(conversation_id="x", seq=1)]), "received"),
        (ClientFrame(typing=[Typing(conversation_id=CHAT)] * 9), "typing"),
        (ClientFrame(sends=[post(CHAT)] * 65), "sends"),
        (ClientFrame(access_token="x" * 4_097), "access_token"),
        (ClientFrame(resume=Resume(positions=[{"conversation_id": CHAT, "seq": 1}] * 1_001)), "resume"),  # type: ignore[list-item]
        (ClientFrame(reads=[Mark(conversation_id=CHAT, seq=1)]), "reads"),
        (ClientFrame(reads=[Mark(conversation_id=CHAT, seq=2**64 - 1)]), "reads"),
        (ClientFrame(received=[Mark(conversation_id=CHAT, seq=1)]), "received"),
    ],
)
async def test_a_refused_part_is_told_and_the_stream_goes_on(mesh: World, frame: ClientFrame, field: str) -> None:
    """What is not a send and is outside its limits is answered with the name of its field."""
    ann = await new_device(mesh).connect()
    await ann.say(frame)
    await ann.until(lambda: ann.received.errors)
    assert ann.received.errors[0].field.split(".")[0].split("[")[0] == field
    assert ann.received.errors[0].error.reason in {"INVALID_REQUEST", "CONVERSATION_NOT_FOUND"}
    assert await ann.post(f"{ann.user_id}-{ann.user_id}") == 1


async def test_a_message_as_large_as_a_frame(mesh: World) -> None:
    """A frame near the limit of the server is taken; one above it ends the stream with RESOURCE_EXHAUSTED."""
    ann = await new_device(mesh).connect()
    team = await groups.make(mesh, ann)
    assert await ann.seqs(*(send(team, body_of(16_000)) for _ in range(64))) == list(range(2, 66))
    with contextlib.suppress(grpc.aio.AioRpcError):
        await ann.say(ClientFrame(access_token="x" * (ServerSettings().max_receive_bytes + 1)))
    assert (await ann.ended()).code is Code.RESOURCE_EXHAUSTED
