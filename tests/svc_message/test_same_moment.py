"""A rule that is an entry holds for all that stands behind that entry, also for what was judged before it came."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mesh.broker import MAX_BUFFERED
from parley.conversation.v1.conversation_service_pb2 import SetRetentionRequest
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.event.v1.event_pb2 import ContactChange, NodeEvent
from parley.message.v1.message_service_pb2 import Send
from parley.message.v1.notice_pb2 import GroupChange
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, ConversationKind, Seq
from svc_message.domain.entry import EntryKind
from tests.conformance.log_nodes import BOB, TEAM, row
from tests.mongo.server import STORES, url_of
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, recall
from tests.svc_message.late_answers import LATE, Late, behind, late
from tests.svc_message.test_contacts import change, tell
from tests.svc_message.test_reactions_and_pins import pin
from tests.svc_message.test_writers import on
from tests.svc_message.timed import vanishing
from tests.svc_message.world import World, eventually, refusal

Rule = Callable[[World, str, Device], Awaitable[int]]
"""Appends an entry that forbids something to a member; its seq."""

HOUR_MS = 3_600_000


def changed(**fields: object) -> Rule:
    """A rule that is a setting of the group."""
    change = GroupChange(**fields)  # type: ignore[arg-type]
    return lambda world, team, _: groups.change_group(world, team, change)


def muted(world: World, team: str, member: Device) -> Awaitable[int]:
    return groups.update(world, team, member, muted_until_ms=world.clock.now_ms() + HOUR_MS)


def removed(world: World, team: str, member: Device) -> Awaitable[int]:
    return groups.kick(world, team, member)


RULES: dict[str, tuple[Rule, str]] = {
    "suspended": (changed(suspended=True), "GROUP_SUSPENDED"),
    "all muted": (changed(muted_all=True), "MUTED"),
    "a member muted": (muted, "MUTED"),
    "closed for calls to all": (changed(mention_all_open=False), "NOT_ALLOWED"),
    "removed": (removed, "CONVERSATION_NOT_FOUND"),
}


@pytest.fixture(params=STORES)
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Late]:
    """Two nodes over each kind of store."""
    async with (
        url_of(request.param, f"sqlite:{tmp_path / 'message.db'}") as url,
        late(tmp_path, url) as made,
    ):
        yield made


async def team_of(world: World, owner: Device, *others: Device) -> str:
    """A group in which members may address all, and pin."""
    team = await groups.make(world, owner, *others)
    await groups.change_group(world, team, GroupChange(mention_all_open=True, pin_open=True))
    return team


def call(team: str, body: str = LATE) -> Send:
    """A post to all."""
    return post(team, body, mentions_all=True)


@pytest.mark.parametrize("writer", ["one", "two"])
@pytest.mark.parametrize("rule", RULES)
async def test_what_waits_for_the_policy_is_judged_by_what_stands_before_it(
    nodes: Late, rule: str, writer: str
) -> None:
    """Nothing that a rule forbids stands behind its entry, whoever wrote it: it is refused in the words of the rule.
    What stood before stays, and a send of it that is repeated in this moment gets its place.
    """
    owner, ann = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, owner, ann)
    accepted = call(team, "before")
    [seq] = await ann.seqs(accepted)
    sends = [
        call(team),
        accepted,
        call(team),
        edit(team, seq, LATE) if rule != "closed for calls to all" else call(team),
    ]
    await nodes.say(ann, *sends)
    forbid, reason = RULES[rule]
    entry = await forbid({"one": nodes.one, "two": nodes.two}[writer], team, ann)
    results = await nodes.answers(ann, *sends)
    told = [(one.seq, one.duplicate, one.error.reason) for one in results]
    assert told == [(0, False, reason), (seq, True, ""), (0, False, reason), (0, False, reason)]
    assert await behind(owner, team, entry) == []
    assert [one.seq for one in (await owner.history(team)).entries] == list(range(1, entry + 1))


async def test_who_may_still_write_does(nodes: Late) -> None:
    """A rule that comes meanwhile stops those whom it is for: what others wrote stands behind it, in their order."""
    owner, ann = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, owner, ann)
    sends = [post(team, f"{LATE} {number}") for number in range(3)]
    await nodes.say(owner, *sends)
    entry = await groups.change_group(nodes.one, team, GroupChange(muted_all=True, mention_all_open=False))
    results = await nodes.answers(owner, *sends)
    assert [one.seq for one in results] == [entry + 1, entry + 2, entry + 3]


async def test_slow_mode_counts_from_its_entry_on(nodes: Late) -> None:
    """Of what a member had on the way when slow mode was set, one post stands behind its entry."""
    owner, ann = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, owner, ann)
    sends = [post(team, LATE) for _ in range(3)]
    await nodes.say(ann, *sends)
    entry = await groups.change_group(nodes.one, team, GroupChange(slow_mode_seconds=600))
    results = await nodes.answers(ann, *sends)
    assert [(one.seq, one.error.reason) for one in results] == [(entry + 1, ""), (0, "SLOW_MODE"), (0, "SLOW_MODE")]


async def test_who_was_removed_in_slow_mode_is_no_defect(nodes: Late) -> None:
    """A member whose post waits while they are removed from a group with slow mode is told what strangers are told."""
    owner, ann = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, owner, ann)
    await groups.change_group(nodes.one, team, GroupChange(slow_mode_seconds=600))
    late_post = post(team, LATE)
    await nodes.say(ann, late_post)
    await groups.kick(nodes.one, team, ann)
    [result] = await nodes.answers(ann, late_post)
    assert result.error.reason == "CONVERSATION_NOT_FOUND"


async def test_an_edit_does_not_stand_behind_the_recall(nodes: Late) -> None:
    """An edit that waits while its post is taken back, here or by another node, is refused: its words are nowhere."""
    ann, bob = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, ann, bob)
    [seq] = await bob.seqs(post(team, "words"))
    late_edit = edit(team, seq, LATE)
    await nodes.say(bob, late_edit)
    elsewhere = await on(nodes.two, ann).connect()
    entry = (await elsewhere.seqs(recall(team, seq)))[0]
    [result] = await nodes.answers(bob, late_edit)
    assert result.error.reason == "ALREADY_RECALLED"
    assert await behind(ann, team, entry) == []


async def test_what_destroyed_itself_does_not_come_back(nodes: Late) -> None:
    """An edit and an answer that wait while a post destroys itself do not bring its words behind that entry."""
    ann, bob = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, ann, bob)
    [seq] = await bob.seqs(vanishing(team, "swordfish", 30))
    sends = [edit(team, seq, f"swordfish {LATE}"), post(team, LATE, reply_to_seq=seq, reply_preview="swordfish")]
    await nodes.say(bob, *sends)
    nodes.one.clock.advance(31)
    await ann.entry(team, seq + 1)
    late_edit, late_answer = await nodes.answers(bob, *sends)
    assert (late_edit.error.reason, late_answer.seq) == ("ALREADY_RECALLED", seq + 2)
    assert "swordfish" not in str(await ann.history(team))


async def test_who_is_no_admin_any_more_takes_nothing_back(nodes: Late) -> None:
    """A recall by an admin whose node has not heard that they are none any more is refused as if it had."""
    owner, ann, bob = [await new_device(nodes.one).connect() for _ in range(3)]
    team = await team_of(nodes.one, owner, ann, bob)
    await groups.update(nodes.one, team, ann, role=groups.ADMIN)
    [seq] = await bob.seqs(post(team, "words"))
    entry = await groups.update(nodes.two, team, ann)
    assert await ann.refused(recall(team, seq)) == "NOT_ALLOWED"
    assert await behind(owner, team, entry) == []


async def test_pins_are_closed_by_their_entry(nodes: Late) -> None:
    """A pin of a member whose node has not heard that pins are closed is refused, and one before stays."""
    owner, ann = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, owner, ann)
    [first] = await ann.seqs(post(team, "pin me"))
    await ann.seqs(pin(team, first))
    entry = await groups.change_group(nodes.two, team, GroupChange(pin_open=False))
    assert await ann.refused(pin(team, first, removed=True)) == "NOT_ALLOWED"
    assert await behind(owner, team, entry) == []


async def test_who_handed_the_group_on_sets_no_retention(nodes: Late) -> None:
    """How long entries are kept is not said behind the entry that suspends the group, though another node wrote it."""
    owner, ann = [await new_device(nodes.one).connect() for _ in range(2)]
    team = await team_of(nodes.one, owner, ann)
    await groups.change_group(nodes.two, team, GroupChange(suspended=True))
    asked = owner.do(nodes.one.conversations.SetRetention, SetRetentionRequest(conversation_id=team, days=7))
    assert (await refusal(asked)).reason == "GROUP_SUSPENDED"


WORDS: dict[str, Callable[[Device, Device, Device], NodeEvent]] = {
    "of each pair": lambda bob, ann, eve: NodeEvent(contacts=[*change(bob, ann).contacts, *change(bob, eve).contacts]),
    "of the one who blocks": lambda bob, _, __: NodeEvent(contacts=[ContactChange(user_id=bob.user_id)]),
    "words were lost": lambda *_: NodeEvent(),
}
"""What a node is told of bob, by which it also has to ask again whether eve may write to him."""


@pytest.mark.parametrize("word", WORDS)
async def test_a_block_holds_for_what_waits(nodes: Late, word: str) -> None:
    """A direct message that waits while its receiver blocks the sender is refused, once the node was told of it.
    A repeated send of what was accepted before gets its place.
    """
    mesh = nodes.one
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    chat, other = direct(ann, bob), direct(eve, bob)
    accepted = post(chat, "before")
    [seq] = await ann.seqs(accepted)
    await eve.post(other)
    sends = [post(chat, LATE), accepted, post(chat, LATE)]
    await nodes.say(ann, *sends)
    mesh.directory.verdicts[ann.user_id, bob.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
    asked = mesh.directory.asked
    await tell(mesh, WORDS[word](bob, ann, eve), MAX_BUFFERED + 1 if word == "words were lost" else 1)

    async def told() -> bool:
        await eve.post(other)
        return mesh.directory.asked > asked

    await eventually(told)
    results = await nodes.answers(ann, *sends)
    assert [(one.seq, one.error.reason) for one in results] == [
        (0, "RECEIVER_UNAVAILABLE"),
        (seq, ""),
        (0, "RECEIVER_UNAVAILABLE"),
    ]
    assert (await bob.history(chat)).head_seq == seq


async def test_an_assistant_that_was_removed_says_nothing_more(nodes: Late) -> None:
    """The answer of an assistant that was removed while it wrote is not taken, whichever node wrote the removal; one
    that was accepted before keeps its place, and one whose node has not heard that it came is taken.
    """
    owner, robot = new_device(nodes.one), new_device(nodes.one)
    team = await team_of(nodes.one, owner)

    async def answers(number: int) -> tuple[int, bool]:
        content = post(team, "I think").content
        place = await groups.append(nodes.one, team, content, number=number, sender=robot.user_id)
        return place.seq, place.duplicate

    joined = await groups.add(nodes.two, team, robot)
    assert await answers(1) == (joined + 1, False)
    await groups.kick(nodes.two, team, robot)
    assert (await refusal(answers(2))).reason == "CONVERSATION_NOT_FOUND"
    assert await answers(1) == (joined + 1, True)
    await groups.add(nodes.one, team, robot)
    await groups.change_group(nodes.one, team, GroupChange(suspended=True))
    assert (await refusal(answers(3))).reason == "GROUP_SUSPENDED"
    await groups.kick(nodes.one, team, robot)
    assert (await refusal(answers(4))).reason == "CONVERSATION_NOT_FOUND"


def test_who_is_gone_when_the_target_was_read_is_a_stranger() -> None:
    """A member who is removed while the store is asked for what they edit is told what strangers are told."""
    conversation = Conversation(TEAM, ConversationKind.GROUP, Seq(3))
    draft = row(TEAM, 4, sender=BOB, kind=EntryKind.EDIT, target=3).draft
    refused = rules.refuse_amendment(conversation, draft, None, 0)
    assert refused is not None
    assert refused.reason == "CONVERSATION_NOT_FOUND"
