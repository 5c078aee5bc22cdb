"""C5 and C6: what a device missed, what is unread, and how all devices of a user come to the same state."""

import base64
import hashlib
import json
from functools import partial

import pytest

from parley.conversation.v1.conversation_pb2 import Conversation, Position
from parley.conversation.v1.conversation_service_pb2 import ListConversationsRequest
from parley.gateway.v1.frame_pb2 import ClientFrame, Heartbeat, Mark, Resumed
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application.sync import catch_up
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, reaction
from tests.svc_message.world import World, refusal

RESUMED, PARTIAL, RESET = (
    Resumed.Outcome.OUTCOME_RESUMED,
    Resumed.Outcome.OUTCOME_PARTIAL,
    Resumed.Outcome.OUTCOME_RESET,
)


async def drained(device: Device, positions: list[Position], limit: int) -> list[tuple[str, int]]:
    """All that sync gives, page by page, each page within its limit."""
    found: list[tuple[str, int]] = []
    while positions:
        page = await device.sync(positions, limit)
        assert 0 < len(page.entries) <= limit
        found += [(entry.conversation_id, entry.seq) for entry in page.entries]
        positions = list(page.remaining)
    return found


@pytest.mark.parametrize("limit", [1, 7, 1_000])
async def test_sync_gives_everything_once(mesh: World, limit: int) -> None:
    """Over many conversations every entry after the positions comes once and in order, also up to one's leaving."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    teams = [await groups.make(mesh, bob, ann) for _ in range(4)]
    for index, team in enumerate(teams):
        await bob.seqs(*(post(team) for _ in range(index * 3)))
    left = await groups.kick(mesh, teams[3], ann)
    await bob.post(teams[3])
    positions = [Position(conversation_id=team, seq=index) for index, team in enumerate(teams)]
    expected = [(team, seq) for i, team in enumerate(teams) for seq in range(i + 1, 2 + 3 * i)] + [(teams[3], left)]
    assert await drained(ann, positions, limit) == expected


async def test_sync_bounds_its_bytes(mesh: World) -> None:
    """A page holds about half a mebibyte, and the next one goes on where it ended; history is bounded alike, and so is
    what comes with the answer to a resume, which says that there is more.
    """
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    for _ in range(2):
        await ann.seqs(*(post(chat, "x" * 16_000) for _ in range(40)))
    page = await ann.sync([Position(conversation_id=chat)])
    assert page.ByteSize() < 600_000
    history = await ann.history(chat, limit=80)
    assert history.ByteSize() < 600_000
    assert (history.more, history.entries[0].seq) == (True, 1)
    assert await drained(ann, [Position(conversation_id=chat)], 100) == [(chat, seq) for seq in range(1, 81)]
    other = await new_device(mesh, ann.user_id).connect()
    assert (await other.resume()).outcome == PARTIAL
    assert [entry.seq for entry in other.entries(chat)] == [entry.seq for entry in page.entries]


async def test_resume_gives_what_was_missed(mesh: World) -> None:
    """A few missed entries come with the answer, and the states of all that changed or is new."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    one, two = direct(ann, bob), await groups.make(mesh, bob, ann)
    await bob.seqs(post(one), post(one), post(two))
    other = await new_device(mesh, ann.user_id).connect()
    resumed = await other.resume(Position(conversation_id=one, seq=1))
    assert resumed.outcome == RESUMED
    assert [e.seq for e in other.entries(one)] == [2]
    assert [e.seq for e in other.entries(two)] == [1, 2]
    assert {s.conversation_id: s.head_seq for s in resumed.states} == {one: 2, two: 2}
    again = await other.resume(Position(conversation_id=one, seq=2), Position(conversation_id=two, seq=2))
    assert (again.outcome, list(again.states)) == (RESUMED, [])
    await bob.mark_read(one, 2)
    told = await other.resume(Position(conversation_id=one, seq=2), Position(conversation_id=two, seq=2))
    assert [(s.conversation_id, s.peer_read_seq) for s in told.states] == [(one, 2)]


async def test_resume_of_much_is_partial(mesh: World) -> None:
    """With more than 500 missed entries the device is told to page; nothing comes inline."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    for _ in range(9):
        await ann.seqs(*(post(chat) for _ in range(60)))
    resumed = await ann.resume(Position(conversation_id=chat, seq=39))
    assert (resumed.outcome, len(ann.received.entries)) == (PARTIAL, 0)
    assert [(s.conversation_id, s.head_seq) for s in resumed.states] == [(chat, 540)]
    resumed = await ann.resume(Position(conversation_id=chat, seq=40))
    assert (resumed.outcome, len(ann.received.entries)) == (RESUMED, 500)


async def test_resume_in_many_conversations_says_that_it_is_not_all(
    mesh: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more changed conversations than fit into one answer, the device is told to ask for the rest."""
    monkeypatch.setattr(catch_up, "MAX_STATES", 2)
    ann, *others = [await new_device(mesh).connect() for _ in range(4)]
    for other, incomplete in zip(others, (False, False, True), strict=True):
        await other.post(direct(ann, other))
        resumed = await ann.resume()
        assert resumed.incomplete == incomplete
        assert len(resumed.states) <= 2


async def test_resume_from_beyond_the_log_is_a_reset(mesh: World) -> None:
    """A device that knows more than the log, or a conversation that is not there, must forget it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat, absent = direct(ann, bob), mesh.ids.new("g")
    await bob.seqs(post(chat))
    for seq in (2, 2**64 - 1):
        positions = [Position(conversation_id=chat, seq=seq), Position(conversation_id=absent, seq=seq)]
        resumed = await ann.resume(*positions)
        assert resumed.outcome == RESET
        assert sorted(resumed.reset_conversation_ids) == sorted([chat, absent])
        assert resumed.reset_reason


def digest(positions: dict[str, int]) -> int:
    """The digest as the contract defines it."""
    return (
        sum(int.from_bytes(hashlib.sha256(c.encode()).digest()[:8], "little") * seq for c, seq in positions.items())
        % 2**64
    )


async def test_a_digest_tells_what_is_missing(mesh: World) -> None:
    """A heartbeat with the digest of all one's conversations is fine; with any other one the answer is stale."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat, team = direct(ann, bob), await groups.make(mesh, bob, ann)
    await bob.seqs(post(chat), post(chat))
    await groups.kick(mesh, team, ann)
    await bob.post(team)
    await groups.append(mesh, ann.user_id, post(chat).content)
    known = {chat: 2, team: 2, ann.user_id: 1}
    for stale in ({}, {chat: -1}, {team: 1}, {ann.user_id: -1}):
        ann.received.ClearField("heartbeat")
        await ann.say(
            ClientFrame(heartbeat=Heartbeat(digest=digest({k: v + stale.get(k, 0) for k, v in known.items()})))
        )
        if stale:
            await ann.until(lambda: ann.received.heartbeat.stale)
        else:
            await ann.resume()
            assert ann.received.heartbeat.server_time_ms
            assert not ann.received.heartbeat.stale


async def test_unread_is_posts_of_others_after_the_read_position(mesh: World) -> None:
    """Own posts, changes and membership never count; reading on any device lowers it on all."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, bob, ann)
    await bob.seqs(post(team), post(team))
    await ann.seqs(post(team), reaction(team, 2))
    await bob.seqs(edit(team, 2), post(team))
    await groups.add(mesh, team, new_device(mesh))
    assert await ann.unread(team) == (3, 0)
    assert await bob.unread(team) == (1, 0)
    await ann.mark_read(team, 2)
    assert await new_device(mesh, ann.user_id).unread(team) == (2, 0)


async def test_a_read_position_only_rises(mesh: World) -> None:
    """A lower one changes nothing and is answered with the present one; one beyond the newest entry is refused."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await bob.seqs(*(post(chat) for _ in range(5)))
    assert [await ann.mark_read(chat, seq) for seq in (3, 1, 5, 4)] == [3, 3, 5, 5]
    for seq in (6, 2**63, 2**64 - 1):
        assert (await refusal(ann.mark_read(chat, seq))).reason == "RANGE_INVALID"
    await ann.read(chat, 6)
    await ann.until(lambda: ann.received.errors)
    error = ann.received.errors[0]
    assert (error.field, error.conversation_id, error.error.reason) == ("reads", chat, "RANGE_INVALID")


def has_read(device: Device, seq: int) -> bool:
    """Whether the newest receipt says so."""
    return bool(device.received.receipts) and device.received.receipts[-1].read_seq == seq


async def test_receipts_reach_own_devices_and_the_peer(mesh: World) -> None:
    """What one reads and receives is told to the other and to one's other devices, not to where it came from."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    other = await new_device(mesh, ann.user_id).connect()
    chat = direct(ann, bob)
    await bob.seqs(post(chat), post(chat))
    await ann.say(ClientFrame(received=[Mark(conversation_id=chat, seq=1)]))
    await bob.until(lambda: len(bob.received.receipts) == 1)
    await ann.read(chat, 2)
    for device in (bob, other):
        await device.until(partial(has_read, device, 2))
        last = device.received.receipts[-1]
        assert (last.conversation_id, last.user_id, last.received_seq) == (chat, ann.user_id, 2)
    assert (bob.received.receipts[0].read_seq, bob.received.receipts[0].received_seq) == (0, 1)
    await bob.post(chat)
    await ann.entry(chat, 3)
    assert not ann.received.receipts


async def test_many_marks_at_once_reach_the_other_device(mesh: World) -> None:
    """A device that marks all conversations as read in one frame brings all of them to the user's other device."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    teams = [await groups.make(mesh, bob, ann) for _ in range(150)]
    other = await new_device(mesh, ann.user_id).connect()
    await ann.say(ClientFrame(reads=[Mark(conversation_id=team, seq=1) for team in teams]))
    await other.until(lambda: {r.conversation_id for r in other.received.receipts} == set(teams))


async def listed(device: Device, size: int) -> list[Conversation]:
    """The whole list, page by page."""
    found: list[Conversation] = []
    token = ""
    while True:
        request = ListConversationsRequest(page_size=size, page_token=token)
        page = await device.do(device.world.conversations.ListConversations, request)
        found += page.conversations
        token = page.next_page_token
        if not token:
            return found
        assert len(page.conversations) == size


async def test_the_list_is_paged_newest_first(mesh: World) -> None:
    """Every conversation comes once, the newest first, without the personal log; the last entry is what one may see."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    teams = [await groups.make(mesh, bob, ann) for _ in range(7)]
    await groups.append(mesh, ann.user_id, post(teams[0]).content)
    for team in teams[::-1]:
        mesh.clock.advance(0.01)
        await bob.do(mesh.messages.Send, SendRequest(send=post(team)))
    for size in (1, 3, 7, 200):
        found = await listed(ann, size)
        assert [one.conversation_id for one in found] == teams
        assert {(one.head_seq, one.unread_count, one.last_entry.seq) for one in found} == {(2, 1, 2)}


async def test_page_tokens_are_checked(mesh: World) -> None:
    """A token that is damaged, made up or of another user is INVALID_ARGUMENT."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    for _ in range(2):
        await groups.make(mesh, bob, ann)
    first = await ann.do(mesh.conversations.ListConversations, ListConversationsRequest(page_size=1))
    good = first.next_page_token
    bad = [good[:-3], "x", "ä", "=" * 500, "[" * 500, _token([1, "g"]), _token(["1", "g", ann.user_id]), _token({})]
    bad += [_token([1, 2, ann.user_id]), _token(5), _token([1.5, "g", ann.user_id])]
    for token in bad:
        request = ListConversationsRequest(page_size=1, page_token=token)
        assert (await refusal(ann.do(mesh.conversations.ListConversations, request))).reason == "PAGE_TOKEN_INVALID"
    foreign = ListConversationsRequest(page_size=1, page_token=good)
    assert (await refusal(bob.do(mesh.conversations.ListConversations, foreign))).reason == "PAGE_TOKEN_INVALID"


def _token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


async def test_history_is_read_both_ways(mesh: World) -> None:
    """Stretches are inclusive, limits are clamped, and a stretch that ends before it begins is refused."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    for _ in range(5):
        await ann.seqs(*(post(chat) for _ in range(50)))
    assert [e.seq for e in (await ann.history(chat)).entries] == list(range(1, 51))
    page = await ann.history(chat, from_seq=10, to_seq=20, descending=True, limit=5)
    assert ([e.seq for e in page.entries], page.more, page.head_seq) == ([20, 19, 18, 17, 16], True, 250)
    assert len((await ann.history(chat, limit=2**31 - 1)).entries) == 200
    assert [e.seq for e in (await ann.history(chat, from_seq=249, to_seq=2**64 - 1)).entries] == [249, 250]
    assert list((await ann.history(chat, from_seq=2**64 - 1)).entries) == []
    assert (await refusal(ann.history(chat, limit=-1))).reason == "INVALID_REQUEST"
    assert (await refusal(ann.history(chat, from_seq=2, to_seq=1))).reason == "RANGE_INVALID"
