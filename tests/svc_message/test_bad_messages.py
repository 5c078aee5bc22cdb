"""Bad messages and streams: each gets its code, never INTERNAL or UNKNOWN, and the service goes on at once.

The number before a case is that of the list of bad inputs to messages and device streams. Where Parley differs for a
reason, its own counterpart stands in and says so: sends are named by numbers (9 to 14), a device that knows too much
forgets instead of failing for ever (4 to 6), and what belongs to others is not there (7, 26, 27).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import grpc
import pytest

from parley.conversation.v1.conversation_pb2 import Position
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat
from parley.gateway.v1.gateway_service_pb2 import ConnectRequest
from parley.gateway.v1.gateway_service_pb2_grpc import GatewayServiceStub
from tests.svc_message import groups
from tests.svc_message.bad_scene import (
    CANARY,
    LIMITS,
    NARROW,
    OK,
    PROBE_S,
    Outcome,
    Scene,
    acks,
    beyond,
    burst,
    client_set,
    content,
    encoded,
    hello,
    knowing,
    late_edit,
    mentioning,
    number,
    outcome,
    pages,
    read_less,
    reads,
    received,
    refused_by,
    scene,
    submit_to_another,
    tampered,
    text_bytes,
    twice,
)
from tests.svc_message.device import direct, edit, new_device, post, recall
from tests.svc_message.world import World, eventually, mesh_of_one, refusal


@pytest.fixture
async def made(tmp_path: Path) -> object:
    """A scene whose streams have narrow limits."""
    async with mesh_of_one(tmp_path, LIMITS) as world:
        yield await scene(world)


ANY: Final = "u" + "0" * 15
INVALID: Final = ("INVALID_ARGUMENT", "INVALID_REQUEST")
MALFORMED: Final = ("INVALID_ARGUMENT", "MALFORMED_REQUEST")
UNKNOWN_CHAT: Final = ("NOT_FOUND", "CONVERSATION_NOT_FOUND")
VIOLATION: Final = ("FAILED_PRECONDITION", "PROTOCOL_VIOLATION")
FLOOD: Final = ("RESOURCE_EXHAUSTED", "RATE_LIMITED")
NO_TARGET: Final = ("INVALID_ARGUMENT", "ENTRY_NOT_FOUND")

Case = tuple[str, Callable[[Scene], Awaitable[object]], Outcome]


CASES: list[Case] = [
    ("1 no hello first", lambda s: s.opens(ClientFrame(heartbeat=Heartbeat())), VIOLATION),
    ("2 a second hello", lambda s: s.ends(hello(s.ann.token)), VIOLATION),
    ("3 protocol 9", lambda s: s.opens(hello(s.ann.token, 9)), ("FAILED_PRECONDITION", "PROTOCOL_VERSION")),
    (
        "4 resume of what is not there any more",
        lambda s: s.resumed(Position(conversation_id=direct(s.ann, s.ann))),
        ("OUTCOME_RESUMED", "0"),
    ),
    ("5 resume beyond the end", lambda s: s.resumed(Position(conversation_id=s.chat, seq=99)), ("OUTCOME_RESET", "1")),
    ("6 resume from 2^64-1, which is -1", lambda s: s.resumed(beyond(s)), ("OUTCOME_RESET", "1")),
    ("6 a place that is no number", lambda s: s.syncs_raw(b"\x10" + b"\xff" * 10 + b"\x01"), MALFORMED),
    ("7 a chat of others in a sync", lambda s: s.ann.sync([Position(conversation_id=s.team)]), UNKNOWN_CHAT),
    ("7 a stream of another session", submit_to_another, ("NOT_FOUND", "STREAM_NOT_FOUND")),
    (
        "8 10,000 conversations in a resume",
        lambda s: s.told(knowing(*[Position(conversation_id=s.chat)] * 10_000)),
        INVALID,
    ),
    ("9 number 0", lambda s: s.sends(number(s.chat, 0)), INVALID),
    ("10 number 2^63", lambda s: s.sends(number(s.chat, 2**63)), INVALID),
    (
        "11 number of 11 bytes",
        lambda s: s.sends_raw(encoded(s.chat, content("x").SerializeToString(), b"\x10" + b"\xff" * 10 + b"\x01")),
        MALFORMED,
    ),
    ("12 same number, same body", lambda s: twice(s, post(s.chat, "a", 5), post(s.chat, "a", 5)), ("OK", "duplicate")),
    (
        "13 same number, other body",
        lambda s: twice(s, post(s.chat, "a", 5), post(s.chat, CANARY, 5)),
        ("ALREADY_EXISTS", "MESSAGE_ID_CONFLICT"),
    ),
    (
        "14 same number, other chat: it names a send there",
        lambda s: twice(s, post(s.chat, "a", 5), post(direct(s.ann, s.ann), "a", 5)),
        ("OK", "new"),
    ),
    ("15 no text", lambda s: s.sends(post(s.chat, "")), INVALID),
    ("16 text as long as may be", lambda s: s.sends(post(s.chat, "x" * 16_384)), OK),
    ("16 one byte more", lambda s: s.sends(post(s.chat, "x" * 16_385)), INVALID),
    ("17 64 MiB", lambda s: s.sends_raw(b"\x00" * 2**26), ("RESOURCE_EXHAUSTED", "REQUEST_TOO_LARGE")),
    (
        "18 spaces and joiners",
        lambda s: s.sends(post(s.chat, " \u200d\u200b\u2060\t")),
        ("INVALID_ARGUMENT", "EMPTY_TEXT"),
    ),
    ("19 10,000 combining marks", lambda s: s.sends(post(s.chat, "a" + "\u0301" * 10_000)), INVALID),
    (
        "19 nothing but combining marks",
        lambda s: s.sends(post(s.chat, "\u0301" * 1_000)),
        ("INVALID_ARGUMENT", "EMPTY_TEXT"),
    ),
    ("20 a lone surrogate", lambda s: s.sends_raw(encoded(s.chat, text_bytes(b"\xed\xa0\x80"))), MALFORMED),
    ("21 NUL, escape and bidi controls", lambda s: received(s, post(s.chat, f"{CANARY}\x00\x1b[2J\u202e")), OK),
    ("22 HTML", lambda s: received(s, post(s.chat, f"<script>{CANARY}</script>")), OK),
    ("23 content of kind 999", lambda s: s.sends_raw(encoded(s.chat, b"\xba\x3e\x00")), INVALID),
    ("24 content of no kind", lambda s: s.sends_raw(encoded(s.chat, b"")), INVALID),
    (
        "25 two kinds: the last one counts",
        lambda s: s.sends_raw(encoded(s.chat, b"\x1a\x02\x08\x01" + content("x").SerializeToString())),
        OK,
    ),
    ("26 no such conversation", lambda s: s.sends(post("g" + "0" * 15, CANARY)), UNKNOWN_CHAT),
    ("27 not a member", lambda s: s.sends(post(s.team, CANARY)), UNKNOWN_CHAT),
    (
        "28 blocked",
        lambda s: refused_by(s, ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER),
        ("FAILED_PRECONDITION", "RECEIVER_UNAVAILABLE"),
    ),
    ("29 to oneself", lambda s: s.sends(post(direct(s.ann, s.ann))), OK),
    (
        "30 to a deleted user",
        lambda s: refused_by(s, ContactVerdict.CONTACT_VERDICT_RECEIVER_DELETED),
        ("FAILED_PRECONDITION", "RECEIVER_UNAVAILABLE"),
    ),
    ("31 seq, sender and time set by the client", client_set, ("OK", "3 True")),
    (
        "32 answer to a place of another chat",
        lambda s: s.sends(post(direct(s.ann, s.ann), "x", reply_to_seq=2)),
        NO_TARGET,
    ),
    ("33 answer to the future", lambda s: s.sends(post(s.chat, "x", reply_to_seq=77)), NO_TARGET),
    ("33 answer to 2^64-1", lambda s: s.sends(post(s.chat, "x", reply_to_seq=2**64 - 1)), NO_TARGET),
    ("34 edit of another's", lambda s: s.sends(edit(s.chat, 2)), ("PERMISSION_DENIED", "NOT_ALLOWED")),
    ("35 edit after a day", late_edit, ("FAILED_PRECONDITION", "EDIT_WINDOW_OVER")),
    ("36 recall twice", lambda s: twice(s, recall(s.chat, 1), recall(s.chat, 1)), ("OK", "new")),
    ("37 1,001 mentions", lambda s: s.sends(mentioning(s.chat, *[ANY] * 1_001)), INVALID),
    ("38 mention of a stranger", lambda s: s.sends(mentioning(s.chat, s.stranger.user_id)), OK),
    ("39 read beyond the end", lambda s: s.ann.mark_read(s.chat, 99), ("OUT_OF_RANGE", "RANGE_INVALID")),
    (
        "39 read beyond the end, on the stream",
        lambda s: s.told(reads(s.chat, 2**64 - 1)),
        ("OUT_OF_RANGE", "RANGE_INVALID"),
    ),
    ("40 read less than before", read_less, ("OK", "2")),
    ("41 received place 0", lambda s: s.told(acks(s.chat, 0)), INVALID),
    ("41 received what was not sent yet", lambda s: s.told(acks(s.chat, 99)), ("OUT_OF_RANGE", "RANGE_INVALID")),
    ("42 a flood of marks", lambda s: s.ends(*[acks(s.chat, 1)] * LIMITS.frames_burst), FLOOD),
    ("43 a flood of heartbeats", lambda s: s.ends(*[ClientFrame(heartbeat=Heartbeat())] * LIMITS.frames_burst), FLOOD),
    ("44 no limit", lambda s: pages(s, limit=0), ("OK", "2")),
    ("44 negative limit", lambda s: pages(s, limit=-1), INVALID),
    ("44 huge limit", lambda s: pages(s, limit=10**9), ("OK", "2")),
    ("45 a tampered page token", tampered, ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")),
    ("46 a range that goes back", lambda s: pages(s, from_seq=2, to_seq=1), ("INVALID_ARGUMENT", "RANGE_INVALID")),
    ("47 one too many in a burst", burst, ("RESOURCE_EXHAUSTED", "TOO_MANY_IN_FLIGHT")),
    ("48 100 frames that nobody knows", lambda s: s.ends(*[ClientFrame()] * 101), VIOLATION),
]


async def test_each_bad_input_gets_its_answer(made: Scene) -> None:
    """The code and the reason are those of the contract, no error and no log holds a text, and all goes on."""
    wrong: dict[str, object] = {}
    for name, act, wanted in CASES:
        of_case = await scene(made.world)
        got = await outcome(act(of_case))
        if got != wanted:
            wrong[name] = got
        if (late := await of_case.probe()) >= PROBE_S:
            wrong[f"{name}, probe"] = late
        await of_case.leave()
    assert wrong == {}
    assert CANARY not in made.world.log.getvalue()


async def test_a_mention_of_a_stranger_is_told_to_nobody(made: Scene) -> None:
    """38: who is not a member neither gets the post nor learns that it names them; members do."""
    assert await made.sends(mentioning(made.chat, made.stranger.user_id, made.bob.user_id)) == OK
    await made.bob.entry(made.chat, 3)
    assert await made.bob.unread(made.chat) == (2, 1)
    assert not made.stranger.entries(made.chat)
    assert (await refusal(made.stranger.unread(made.chat))).reason == "CONVERSATION_NOT_FOUND"


async def test_unknown_frames_below_the_bound_are_ignored(made: Scene) -> None:
    """48: a few frames of a later version of the protocol change nothing."""
    for _ in range(20):
        await made.ann.say(ClientFrame())
    assert await made.sends(post(made.chat)) == OK


async def test_a_device_that_never_reads_is_closed(made: Scene) -> None:
    """49: its stream ends with RESOURCE_EXHAUSTED once a write has waited for too long, and others do not wait."""
    deaf = new_device(made.world)
    team = await groups.make(made.world, made.ann, deaf)
    [gateway] = made.world.backends.registry.nodes("gateway")
    async with grpc.aio.insecure_channel(gateway.address, options=NARROW) as channel:
        stream = GatewayServiceStub(channel).Connect()
        await stream.write(ConnectRequest(frame=hello(deaf.token)))
        await stream.read()
        for _ in range(12):
            await made.ann.seqs(*(post(team, "x" * 16_000) for _ in range(12)))
        assert await made.probe() < PROBE_S
        await eventually(lambda: gone(made.world, f"route/{deaf.user_id}"))
        with contextlib.suppress(grpc.aio.AioRpcError):
            while await stream.read():  # what it would have read, had it read, and then how it ended
                pass
        assert await stream.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def gone(world: World, key: str) -> bool:
    """Whether the gateway has let a device go."""
    return not (await world.backends.kv.read([key])).get(key)


async def test_half_of_a_stream_closed_is_a_clean_end(made: Scene) -> None:
    """50: a device that says no more and waits is let go with OK."""
    stream = made.world.gateway.Connect()
    token = new_device(made.world, made.ann.user_id).token
    await stream.write(ConnectRequest(frame=hello(token)))
    await stream.read()
    await stream.done_writing()
    async with asyncio.timeout(30):
        assert await stream.code() is grpc.StatusCode.OK
    assert await made.probe() < PROBE_S


def test_every_input_of_the_list_is_here() -> None:
    """The suite names the inputs 1 to 50 of the list of bad messages, and leaves none out."""
    assert {int(name.split()[0]) for name, _, _ in CASES} | {49, 50} == set(range(1, 51))
