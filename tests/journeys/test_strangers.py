"""Whoever has an account and no part in something: what they may call, and what they can learn by naming it."""

import asyncio
import re
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Final

import grpc
import pytest
from google.protobuf import text_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message_factory import GetMessageClass

from mesh import access, keys
from mesh.clock import SystemClock
from parley.access.v1 import access_pb2
from parley.group.v1 import group_pb2
from tests.journeys.asking import Answer, ask, reason_of
from tests.journeys.belongings import NOBODY, Belongings, bearer, belongings, twins
from tests.journeys.mesh import Mesh
from tests.journeys.people import Device, People
from tests.journeys.raw import open_channel
from tests.journeys.rubbish import Rubbish
from tests.k8s.contract import methods, path

READ, WRITE, MANAGE = access_pb2.SCOPE_READ, access_pb2.SCOPE_WRITE, access_pb2.SCOPE_MANAGE_GROUPS
EACH: Final = 6
"""Requests to one RPC. With those of one user less than all that is limited by a number."""

Outcome = tuple[str, str]


def holders(folder_of: Mesh) -> Mapping[str, tuple[str, set[int]]]:
    """A token of each kind of caller, and what of a bot it allows."""
    clock = SystemClock()
    users, services = (keys.signer(folder_of.data / "keys", purpose, clock) for purpose in ("access", "mesh"))
    of = ("u" + NOBODY, "d" + NOBODY, "s" + NOBODY)
    bots: dict[str, tuple[str, set[int]]] = {
        f"bot {scopes}": (users.access(*of, scopes=scopes).token, scopes) for scopes in SCOPES
    }
    return bots | {
        "user": (users.access(*of).token, set()),
        "admin": (users.access(*of, admin=True).token, set()),
        "service": (services.service("message").token, set()),
    }


SCOPES: Final[Sequence[set[int]]] = (set(), {READ}, {WRITE}, {MANAGE}, {READ, WRITE})


def expected(method: MethodDescriptor, kind: str, scopes: set[int]) -> str:
    """The reason of a refusal by the contract; empty when the call is let in."""
    declared, wanted = access.callers_of(method), access.scopes_of(method)
    let_in = {access.PUBLIC: True, access.USER: kind != "service"}.get(declared, False)
    let_in = let_in or (declared, kind) in {(access.SERVICE, "service"), (access.ADMIN, "admin")}
    if kind.startswith("bot") and declared == access.USER:
        return "" if wanted and wanted <= scopes else "SCOPE_REQUIRED"
    return "" if let_in else "CALLER_NOT_ALLOWED"


async def test_each_rpc_lets_in_whom_its_contract_names(people: People, operator: Device, bare_mesh: Mesh) -> None:
    """Over all RPCs: a user, an admin, a service, and bots with scopes. A call without a message does nothing."""
    wrong = {}
    async with open_channel(people.address) as channel:
        for kind, (token, scopes) in holders(bare_mesh).items():
            for method, (_, reason) in (await knocks(channel, token)).items():
                if (reason if reason in REFUSALS else "") != expected(method, kind, scopes):
                    wrong[kind, path(method)] = reason
    assert wrong == {}


@pytest.mark.parametrize("token", ["", "a.b.c"])
async def test_nobody_is_let_in_anywhere_but_at_the_doors(bare_mesh: Mesh, token: str) -> None:
    """Without a token, or with one that is none, only public RPCs answer: to register, to log in, and the streams."""
    async with open_channel(bare_mesh.address) as channel:
        found = await knocks(channel, token)
    doors = {method.name for method, (code, _) in found.items() if code != "UNAUTHENTICATED"}
    assert doors == {"Register", "LogIn", "Refresh", "ExchangeBotToken", "Connect", "Subscribe"}


async def knocks(channel: grpc.aio.Channel, token: str) -> dict[MethodDescriptor, Outcome]:
    """Call every RPC without a message."""
    every = [method for _, method in methods()]
    found: dict[MethodDescriptor, Outcome] = {}
    for start in range(0, len(every), AT_ONCE):
        part = every[start : start + AT_ONCE]
        found |= zip(part, await asyncio.gather(*(knock(channel, method, token) for method in part)), strict=True)
    return found


AT_ONCE: Final = 50
"""Calls on one connection: the server takes 100."""

SLOW_S: Final = 240
"""Hundreds of calls one after the other, which take four times as long behind an edge that shares the machine."""

REFUSALS: Final = {"CALLER_NOT_ALLOWED", "SCOPE_REQUIRED", "TOKEN_MISSING", "TOKEN_INVALID"}


async def knock(channel: grpc.aio.Channel, method: MethodDescriptor, token: str) -> Outcome:
    """Call without a message: who is let in is told that it is missing."""
    call: grpc.aio.StreamUnaryCall[bytes, bytes] = channel.stream_unary(path(method))(
        iter(()), timeout=30, metadata=bearer(token) if token else ()
    )
    return (await call.code()).name, reason_of(await call.trailing_metadata())


# What a stranger learns.

NOT_ASKED: Final = {
    "LogOut": "ends the caller",
    "DeleteAccount": "ends the caller",
    "JoinGroup": "says in the contract that a private group is JOIN_REFUSED",
}


def named_by(belonging: Belongings) -> Iterator[tuple[str, Sequence[str], Sequence[str]]]:
    """RPCs, what of somebody else is named in their requests, and what nobody has."""
    named = (*belonging.named, belonging.friend.user_id)
    yield r"", named, (*twins(belonging.named), belonging.friend.user_id)
    own_log = (belonging.owner.user_id,)
    yield r"(Message|Conversation|Assistant|Media)Service", own_log, twins(own_log)
    bots = (belonging.bot_id, belonging.bot_token_id)
    yield r"BotService", bots, twins(bots)


@pytest.mark.timeout(SLOW_S)
async def test_a_stranger_cannot_tell_what_others_have_from_nothing(people: People) -> None:
    """Over all RPCs of users: a request that names what somebody has is answered as one that names what nobody has."""
    belonging = await belongings(people)
    stranger = await people.user("eve")
    told, looked_at = {}, set()
    async with open_channel(people.address) as channel:
        for pattern, *sides in named_by(belonging):
            asked = [(method, number) for method in open_to_users(pattern) for number in range(EACH)]
            for method, number in asked:
                twin = [Rubbish(f"{method.full_name} {number}", ids).polite(method.input_type) for ids in sides]
                given = [await ask(channel, method, request, stranger.access_token) for request in twin]
                answers = [told_by(method, one) for one in given]
                if "INVALID_REQUEST" not in answers[0]:
                    looked_at.add(method.name)
                if answers[0] != answers[1]:
                    told[path(method), number] = answers
    assert told == {}
    assert len(looked_at) > 80, "so many RPCs were asked something that they look at"
    assert looked_at >= ASK_A_MODEL | {"GetAssistantSettings", "SetAssistantSettings", "RegenerateReply"}


def open_to_users(pattern: str) -> Iterator[MethodDescriptor]:
    """RPCs of users, without those that take a stream."""
    for _, method in methods():
        fits = re.search(pattern, method.containing_service.full_name) and method.name not in NOT_ASKED
        if access.callers_of(method) == access.USER and not method.client_streaming and fits:
            yield method


def told_by(method: MethodDescriptor, answer: Answer) -> tuple[str, ...]:
    """Code, reason and words of the answer, or what it says, without ids and numbers."""
    kind = GetMessageClass(method.output_type)
    said = "".join(text_format.MessageToString(kind.FromString(one)) for one in answer.messages)
    # What a model has said once costs who asks it again nothing.
    said = re.sub(r"usage \{[^}]*\}", "", said)
    masked = re.sub(r'"[a-z][0-9a-z]{15}(-u[0-9a-z]{15})?"|\d+', "…", said)
    return answer.code, answer.reason, answer.words, masked


# What somebody learns who was a member once, or became one late.

SECRET: Final = "canary-of-later"


@pytest.mark.timeout(SLOW_S)
async def test_before_and_after_ones_own_time_there_is_nothing(people: People) -> None:
    """What was written, changed, given or pinned after a removal, or before one joined, is told neither to who was
    removed nor to who came late, whatever RPC reads it; the owner finds it with the same requests.
    """
    owner, early, late = await people.users("ann", "eve", "kim")
    settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_OPEN)
    group = (await owner.client.groups.create("Story", [early.user_id], settings)).group.group_id
    await early.client.groups.join(group)
    seq = (await owner.client.send(group, "as it was")).seq
    own = await early.client.send(group, "my own")
    await owner.client.groups.kick(group, [early.user_id])
    await asyncio.gather(*(change for change in afterwards(owner, group, seq, own.seq)))
    await late.client.groups.join(group)
    found = {device.username: await searched(people.address, device, group) for device in (owner, early, late)}
    assert found[early.username] == found[late.username] == set()
    assert found[owner.username] > {"Translate", "Summarise"}
    assert found[owner.username] > {"ListEntries", "ListEdits", "ListReactions", "ListPins", "SearchMessages", "Sync"}


def afterwards(owner: Device, group: str, seq: int, own: int) -> Iterator[Awaitable[object]]:
    """What is done when somebody has gone."""
    yield owner.client.edit(group, seq, f"{SECRET} edited")
    yield owner.client.react(group, seq, SECRET)
    yield owner.client.react(group, own, SECRET)
    yield owner.client.pin(group, seq)
    for number in range(4):
        yield owner.client.send(group, f"{SECRET} {number}")


async def searched(address: str, device: Device, group: str) -> set[str]:
    """The RPCs that read and whose answers to this device have the secret."""
    found = set()
    async with open_channel(address) as channel:
        for method in open_to_users(r"(Message|Conversation)Service"):
            for number in range(LOOKS if method.GetOptions().idempotency_level == READS else 0):
                words = Rubbish(f"{method.name} {number}", (group,), texts=("", SECRET), numbers=range(13))
                request = words.polite(method.input_type)
                answer = await ask(channel, method, request, device.access_token)
                if SECRET.encode() in b"".join(answer.messages):
                    found.add(method.name)
        for method in open_to_users(r"AssistantService"):
            for number in range(LOOKS if method.name in ASK_A_MODEL else 0):
                words = Rubbish(f"{method.name} {number}", (group,), texts=("de",), numbers=range(13))
                answer = await ask(channel, method, words.polite(method.input_type), device.access_token)
                if SECRET.encode() in b"".join(answer.messages):
                    found.add(method.name)
    return found | {"SearchMessages" for _ in await device.client.messages.search(SECRET)}


LOOKS: Final = 25
ASK_A_MODEL: Final = {"Summarise", "Translate", "SuggestReplies"}
READS: Final = MethodOptions.NO_SIDE_EFFECTS
