"""Drafts that were allowed before they had a place, and what comes in front of them: in one batch, in the batch that is
being committed, and from another node.
"""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Never

import pytest

from mesh.clock import SystemClock
from mesh.errors import MeshError, unavailable
from mesh.infrastructure.sqlite import Database
from svc_message.application.append import Appender, Waiting
from svc_message.application.conversations import Conversations
from svc_message.application.settle import promise
from svc_message.domain import rules
from svc_message.domain.conversation import (
    Conversation,
    ConversationId,
    DeviceId,
    GroupRights,
    Membership,
    Role,
    Seq,
    UserId,
)
from svc_message.domain.entry import Appended, Draft, EntryKind, GroupDelta, MembershipDelta
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteMembers
from tests.conformance.log_nodes import ANN, BOB, CHAT, EVE, TEAM, Node, Nodes, joining, nodes, row
from tests.svc_message.test_writers import Anyone

__all__ = ["nodes"]

FAR = 2**53
SERVICE = DeviceId("group")
MUTED_BOB = MembershipDelta(updated=(Membership(BOB, Seq(1), Seq(1), muted_until_ms=FAR),))

RULES: dict[str, tuple[GroupDelta | MembershipDelta, str]] = {
    "suspended": (GroupDelta(suspended=True), "GROUP_SUSPENDED"),
    "all muted": (GroupDelta(muted_all=True), "MUTED"),
    "a member muted": (MUTED_BOB, "MUTED"),
    "closed for calls to all": (GroupDelta(mention_all_open=False), "NOT_ALLOWED"),
    "removed": (MembershipDelta(removed=(BOB,)), "CONVERSATION_NOT_FOUND"),
}

numbers = count(1)


@dataclass
class Writer:
    """The appender of one node, with what it knows of the group."""

    appender: Appender
    conversations: Conversations

    async def knows(self, conversation_id: ConversationId = TEAM) -> Conversation:
        """The conversation as it is in memory."""
        return await self.conversations.load(conversation_id)

    def say(self, conversation: Conversation, draft: Draft) -> "asyncio.Future[Appended]":
        """Judge a draft by memory, which allows it, and queue it."""
        assert rules.refuse(conversation, draft, 0) is None
        done, settle = promise()
        self.appender.submit(Waiting(conversation, draft, settle, judged=conversation.terms))
        return done

    def tell(self, conversation: Conversation, rule: GroupDelta | MembershipDelta) -> "asyncio.Future[Appended]":
        """Queue an entry of a service."""
        done, settle = promise()
        self.appender.submit(Waiting(conversation, entry(conversation.id, rule), settle))
        return done


def entry(conversation_id: ConversationId, rule: GroupDelta | MembershipDelta) -> Draft:
    """An entry that a service writes."""
    of_group = isinstance(rule, GroupDelta)
    kind = EntryKind.GROUP if of_group else EntryKind.MEMBERSHIP
    delta = {"group" if of_group else "members": rule}
    return Draft(conversation_id, UserId(""), SERVICE, next(numbers), kind, b"rule", **delta)  # type: ignore[arg-type]


def call(sender: UserId = BOB, number: int = 0, conversation_id: ConversationId = TEAM) -> Draft:
    """A post that addresses all."""
    place = number or next(numbers)
    device = DeviceId(f"d{sender[1:]}")
    return Draft(conversation_id, sender, device, place, EntryKind.POST, f"{place} call".encode(), mentions_all=True)


@asynccontextmanager
async def writer(node: Node) -> AsyncIterator[Writer]:
    """The one writer of a node, at work."""
    conversations = Conversations(node.log, node.members, Anyone(), SystemClock())
    appender = Appender(node.log, ProtobufCodec(), conversations, SystemClock(), lambda _: None)
    task = asyncio.create_task(appender.run())
    yield Writer(appender, conversations)
    task.cancel()


@pytest.fixture
async def ours(nodes: Nodes) -> AsyncIterator[Writer]:
    """The writer of one node, to which the group begins with ann, its owner, and bob; members may address all."""
    await nodes.ours.log.append(
        [
            row(
                TEAM,
                1,
                members=MembershipDelta((Membership(ANN, Seq(1), Seq(1), role=Role.OWNER), *joining(1, BOB).added)),
            ),
            row(TEAM, 2, group=GroupDelta(mention_all_open=True)),
        ]
    )
    async with writer(nodes.ours) as made:
        yield made


@pytest.fixture
async def theirs(nodes: Nodes) -> AsyncIterator[Writer]:
    """The writer of another node over the same store."""
    async with writer(nodes.theirs) as made:
        yield made


async def outcome(done: "asyncio.Future[Appended]") -> tuple[int, bool] | str:
    """Where a draft stands and whether it stood there before, or why it was refused."""
    try:
        placed = await done
    except MeshError as error:
        return error.reason
    return placed.seq, placed.duplicate


async def senders(node: Node) -> list[str]:
    """Who wrote what stands in the group behind what it begins with."""
    return [one.sender_id for one in await node.log.read(TEAM, 3, FAR, 100)]


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_holds_for_the_rest_of_its_batch(ours: Writer, nodes: Nodes, rule: str) -> None:
    """Behind an entry that forbids it nothing stands, though it was committed with it: the refusal is that of the rule.
    What was before it stays, and the same again is answered with its place.
    """
    team, (forbids, reason) = await ours.knows(), RULES[rule]
    first = call()
    said = [ours.say(team, first), ours.tell(team, forbids), ours.say(team, call()), ours.say(team, first)]
    assert [await outcome(one) for one in said] == [(3, False), (4, False), reason, (3, True)]
    assert await senders(nodes.ours) == [BOB, ""]


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_that_is_being_committed_holds_for_the_next_batch(ours: Writer, nodes: Nodes, rule: str) -> None:
    """What is allowed by memory while the entry that forbids it is on its way to the disk is refused."""
    team, (forbids, reason) = await ours.knows(), RULES[rule]
    told = ours.tell(team, forbids)
    await asyncio.sleep(0)  # the appender takes its batch, and waits for the store
    said = [ours.say(team, call()), ours.say(team, call())]
    assert [await outcome(one) for one in (told, *said)] == [(3, False), reason, reason]
    assert await senders(nodes.ours) == [""]


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_of_another_node_holds(ours: Writer, theirs: Writer, nodes: Nodes, rule: str) -> None:
    """A node that has not heard of a rule learns of it when its place is taken; others of the same batch are placed,
    and what was written before the rule is known as such.
    """
    team, (forbids, reason) = await ours.knows(), RULES[rule]
    chat = await ours.knows(CHAT)
    first = call()
    assert await outcome(ours.say(team, first)) == (3, False)
    assert await outcome(theirs.tell(await theirs.knows(), forbids)) == (4, False)
    said = [ours.say(team, call()), ours.say(chat, call(ANN, 7, CHAT)), ours.say(team, first), ours.say(team, call())]
    assert [await outcome(one) for one in said] == [reason, (1, False), (3, True), reason]
    assert await senders(nodes.theirs) == [BOB, ""]


async def test_who_is_not_meant_keeps_the_order(ours: Writer, nodes: Nodes) -> None:
    """What is judged again and allowed stands behind the rule as it was sent, also when the batch has several rules."""
    team = await ours.knows()
    said = [ours.say(team, call(ANN)) for _ in range(3)]
    told = [ours.tell(team, GroupDelta(muted_all=True)), ours.tell(team, MUTED_BOB)]
    said += [ours.say(team, call(ANN)) for _ in range(3)]
    told.append(ours.tell(team, MembershipDelta(removed=(BOB,))))
    said += [ours.say(team, call(ANN)) for _ in range(3)]
    assert [await outcome(one) for one in told] == [(6, False), (7, False), (8, False)]
    assert [await outcome(one) for one in said] == [(seq, False) for seq in (3, 4, 5, 9, 10, 11, 12, 13, 14)]


async def test_newcomers_hold_nobody_up(ours: Writer) -> None:
    """Who comes takes nothing from anybody: what is committed with their entry stands right behind it."""
    team = await ours.knows()
    said = [ours.tell(team, joining(0, EVE)), ours.say(team, call()), ours.tell(team, MUTED_BOB)]
    assert [await outcome(one) for one in said] == [(3, False), (4, False), (5, False)]


async def test_who_was_removed_says_nothing_by_a_service_either(ours: Writer) -> None:
    """The answer of an assistant that is committed with its removal stands before it, or nowhere."""
    team, said = await ours.knows(), []
    for told in (None, MembershipDelta(removed=(BOB,)), None):
        done, settle = promise()
        if told is None:
            ours.appender.submit(Waiting(team, call()._replace(device_id=SERVICE), settle, judged=team.terms))
        said.append(ours.tell(team, told) if told else done)
    assert [await outcome(one) for one in said] == [(3, False), (4, False), "CONVERSATION_NOT_FOUND"]


async def test_slow_mode_counts_what_stands_behind_its_entry(ours: Writer) -> None:
    """Of what a member had on the way one post passes, a repeated one is answered, and the owner is free."""
    team = await ours.knows()
    first = call()
    said = [ours.say(team, first), ours.tell(team, GroupDelta(slow_mode_seconds=600))]
    said += [ours.say(team, call()), ours.say(team, call()), ours.say(team, first)]
    said += [ours.say(team, call(ANN)), ours.say(team, call(ANN))]
    told = [await outcome(one) for one in said]
    assert told == [(3, False), (4, False), (5, False), "SLOW_MODE", (3, True), (6, False), (7, False)]


async def test_what_changes_or_copies_a_post_is_judged_from_the_beginning(ours: Writer) -> None:
    """A pin behind the entry that closes pins is not placed, nor an answer with a copy: whoever brought them is told to
    judge them anew.
    """
    team = await ours.knows()
    assert await outcome(ours.tell(team, GroupDelta(pin_open=True))) == (3, False)
    pin = call()._replace(kind=EntryKind.PIN, target_seq=Seq(3), mentions_all=False)
    copy = call()._replace(target_seq=Seq(3), bare=b"without it")
    said = [ours.say(team, pin), ours.tell(team, GroupDelta(pin_open=False))]
    said += [ours.say(team, replaced(pin)), ours.say(team, copy)]
    assert [await outcome(one) for one in said] == [(4, False), (5, False), "OVERLOADED", "OVERLOADED"]


def replaced(pin: Draft) -> Draft:
    """Another one like it."""
    return pin._replace(client_message_id=next(numbers))


class Unasked(SqliteLog):
    """A store that fails when it is asked what stands in it, and takes all that is written."""

    async def find(self, keys: Collection[tuple[ConversationId, DeviceId, int]]) -> Never:
        """Fail."""
        raise unavailable("STORE_UNAVAILABLE", "it does not answer", retry_after=0.1)


async def test_nobody_is_refused_who_may_have_been_accepted(tmp_path: Path) -> None:
    """While nobody can say whether a forbidden draft stood there before, its sender is told to send again, and so are
    all of its batch: what its device wrote behind it would overtake it.
    """
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        node = Node(Unasked(database), SqliteMembers(database))
        await node.log.append([row(TEAM, 1, members=joining(1, ANN, BOB))])
        async with writer(node) as made:
            team, chat = await made.knows(), await made.knows(CHAT)
            told = made.tell(team, GroupDelta(suspended=True))
            await asyncio.sleep(0)
            said = [made.say(team, call(ANN)._replace(mentions_all=False)), made.say(chat, call(ANN, 7, CHAT))]
            assert [await outcome(one) for one in (told, *said)] == [(2, False), *["STORE_UNAVAILABLE"] * 2]


class Slow(SqliteMembers):
    """A store whose first answer about rights is long under way."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.asked, self.arrives = asyncio.Event(), asyncio.Event()

    async def group_rights(self, conversation_id: ConversationId) -> GroupRights:
        """Read, and hand it over later."""
        rights = await super().group_rights(conversation_id)
        if self.asked.is_set():
            return rights
        self.asked.set()
        await self.arrives.wait()
        return rights


async def test_an_old_look_at_the_store_takes_nothing_back(tmp_path: Path) -> None:
    """What was read before this node wrote is let go when it arrives after that: the rule stays in memory."""
    async with Database(tmp_path / "message.db", SCHEMA) as database:
        log, members = SqliteLog(database), Slow(database)
        await log.append([row(TEAM, 1, members=joining(1, ANN, BOB))])
        async with writer(Node(log, members)) as made, writer(Node(log, SqliteMembers(database))) as other:
            members.asked.set()
            team = await made.knows()
            members.asked.clear()
            assert await outcome(other.tell(await other.knows(), GroupDelta(pin_open=True))) == (2, False)
            looking = asyncio.create_task(made.conversations.reload(team))
            await members.asked.wait()
            assert await outcome(made.tell(team, GroupDelta(suspended=True))) == (3, False)
            members.arrives.set()
            await looking
            assert (team.head, team.suspended, team.pin_open) == (3, True, True)
