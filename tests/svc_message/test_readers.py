"""Who has read a post, who sees that, and who does not."""

import pytest

from mesh.broker import node_topic
from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import GetConversationRequest, ListConversationsRequest
from parley.event.v1.event_pb2 import ContactChange, NodeEvent
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.message_service_pb2 import (
    ExplainDeliveryRequest,
    ListReadersRequest,
    ListReadersResponse,
)
from parley.message.v1.notice_pb2 import GroupChange
from svc_message.application.reading import readers as of_readers
from svc_message.domain import told_marks
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.world import World, eventually, refusal


async def readers(device: Device, chat: str, seq: int, **fields: int | str | bool) -> ListReadersResponse:
    """One page of readers."""
    message = MessageRef(conversation_id=chat, seq=seq)
    request = ListReadersRequest(message=message, **fields)  # type: ignore[arg-type]
    return await device.do(device.world.messages.ListReaders, request)


async def every(device: Device, chat: str, seq: int, size: int, *, unread: bool) -> list[str]:
    """All pages."""
    users, token = list[str](), ""
    while True:
        page = await readers(device, chat, seq, page_size=size, page_token=token, unread=unread)
        users += page.user_ids
        token = page.next_page_token
        if not token:
            return users


async def test_who_has_read_a_group_message(mesh: World) -> None:
    """Readers and those who have not read are listed in pages and counted, without the sender and late comers."""
    ann, *others = [await new_device(mesh).connect() for _ in range(6)]
    late = await new_device(mesh).connect()
    team = await groups.make(mesh, ann, *others, member_receipts=True)
    seq = await ann.post(team)
    await groups.add(mesh, team, late)
    for reader in others[:3]:
        await reader.mark_read(team, seq)
    assert await every(ann, team, seq, 2, unread=False) == sorted(one.user_id for one in others[:3])
    assert await every(ann, team, seq, 1, unread=True) == sorted(one.user_id for one in others[3:])
    page = await readers(ann, team, seq)
    assert (page.read_count, page.unread_count, page.sampled) == (3, 2, False)
    await groups.kick(mesh, team, others[0])
    assert (await readers(ann, team, seq)).read_count == 2


async def test_readers_are_for_the_sender_alone(mesh: World) -> None:
    """Others are refused, and whoever may not see the post does not learn of it."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(post(chat), post(chat))
    await bob.mark_read(chat, 1)
    assert list((await readers(ann, chat, 1)).user_ids) == [bob.user_id]
    assert list((await readers(ann, chat, 2, unread=True)).user_ids) == [bob.user_id]
    assert (await refusal(readers(bob, chat, 1))).reason == "NOT_ALLOWED"
    assert (await refusal(readers(ann, chat, 9))).reason == "ENTRY_NOT_FOUND"
    assert (await refusal(readers(new_device(mesh), chat, 1))).reason == "CONVERSATION_NOT_FOUND"


async def test_who_left_does_not_watch_those_who_stay(mesh: World) -> None:
    """Neither who reads an own message, nor on which devices it is, is told after the end of the membership."""
    ann, bob, joe = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, joe, ann, bob, member_receipts=True)
    seq = await ann.post(team)
    assert list((await readers(ann, team, seq, unread=True)).user_ids) == sorted([bob.user_id, joe.user_id])
    message = MessageRef(conversation_id=team, seq=seq)
    explaining = mesh.messages.ExplainDelivery
    assert (await ann.do(explaining, ExplainDeliveryRequest(message=message))).devices
    await groups.kick(mesh, team, ann)
    await groups.add(mesh, team, new_device(mesh), history_visible=True)
    assert (await refusal(readers(ann, team, seq))).reason == "NOT_ALLOWED"
    assert (await refusal(ann.do(explaining, ExplainDeliveryRequest(message=message)))).reason == "NOT_ALLOWED"


async def test_large_groups_are_sampled(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a size the counts come from a sample, say so, and are the same each time; the lists are whole."""
    monkeypatch.setattr(of_readers, "SAMPLE", 4)
    ann, *others = [await new_device(mesh).connect() for _ in range(10)]
    team = await groups.make(mesh, ann, *others, member_receipts=True)
    seq = await ann.post(team)
    for reader in others:
        await reader.mark_read(team, seq)
    mesh.clock.advance(61)  # nothing is known of anybody any more
    mesh.directory.profiles_asked = 0
    page = await readers(ann, team, seq)
    assert (page.read_count, page.unread_count, page.sampled) == (9, 0, True)
    assert 1 <= mesh.directory.profiles_asked <= 3
    assert len(await every(ann, team, seq, 4, unread=False)) == 9
    other = await ann.post(team)
    await others[0].mark_read(team, other)
    estimates = [(await readers(ann, team, other)).read_count for _ in range(3)]
    assert len(set(estimates)) == 1
    assert estimates[0] in {0, 2}


async def test_who_hides_is_not_shown_and_sees_nobody(mesh: World) -> None:
    """Hidden readers are neither listed nor counted, nor told live, nor in lists and resumes, nor do they see."""
    ann, bob, eve = [new_device(mesh) for _ in range(3)]
    mesh.directory.hides_reads.add(bob.user_id)
    for device in (ann, bob, eve):
        await device.connect()
    team = await groups.make(mesh, ann, bob, eve, member_receipts=True)
    seq = await ann.post(team)
    chat = direct(ann, bob)
    await ann.post(chat)
    mine = await bob.post(chat)
    for reader in (bob, eve):
        await reader.mark_read(team, seq)
    await bob.mark_read(chat, mine)
    await ann.mark_read(chat, mine)
    assert list((await readers(ann, team, seq)).user_ids) == [eve.user_id]
    assert (await readers(ann, team, seq)).read_count == 1
    assert (await refusal(readers(bob, chat, mine))).reason == "NOT_ALLOWED"
    await ann.until(lambda: [one for one in ann.received.receipts if one.user_id == eve.user_id and one.read_seq])
    await ann.until(lambda: [one for one in ann.received.receipts if one.conversation_id == chat])
    await bob.until(lambda: [one for one in bob.received.receipts if one.conversation_id == chat])
    await bob.until(lambda: [one for one in bob.received.receipts if one.user_id == eve.user_id])
    assert not [one for one in ann.received.receipts if one.user_id == bob.user_id and one.read_seq]
    assert not [one for one in bob.received.receipts if one.user_id != bob.user_id and one.read_seq]
    for device in (ann, bob):
        got = await device.do(mesh.conversations.GetConversation, GetConversationRequest(conversation_id=chat))
        listed = await device.do(mesh.conversations.ListConversations, ListConversationsRequest())
        [of_chat] = [one for one in listed.conversations if one.conversation_id == chat]
        states = (await device.sync([Position(conversation_id=chat)])).states
        resumed = await device.resume(Position(conversation_id=chat, seq=mine))
        seen = [got.conversation, of_chat, *states, *(one for one in resumed.states if one.conversation_id == chat)]
        assert [(one.read_seq, one.peer_read_seq) for one in seen] == [(mine, 0)] * 4  # type: ignore[attr-defined]
        assert got.conversation.peer_received_seq == mine


async def test_while_nobody_knows_who_hides_nothing_is_shown(mesh: World) -> None:
    """Without the user service positions of others are not told, one's own devices agree all the same."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    tablet = await new_device(mesh, bob.user_id).connect()
    chat = direct(ann, bob)
    await ann.post(chat)
    mesh.directory.profiles_away = True
    await bob.read(chat, 1)
    await tablet.until(lambda: [one for one in tablet.received.receipts if one.read_seq == 1])
    await ann.until(lambda: list(ann.received.receipts))
    assert not any(one.read_seq for one in ann.received.receipts)
    assert (await refusal(readers(ann, chat, 1))).code.name == "UNAVAILABLE"
    mesh.directory.profiles_away = False
    mesh.clock.advance(30)  # the breaker tries again after a while
    assert list((await readers(ann, chat, 1)).user_ids) == [bob.user_id]


async def test_who_begins_to_hide_is_hidden_at_once(mesh: World) -> None:
    """The word that the settings of a user have changed ends what was known of them; no minute passes."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(post(chat), post(chat))
    await bob.mark_read(chat, 2)
    assert (await readers(ann, chat, 1)).read_count == 1
    mesh.directory.hides_reads.add(bob.user_id)
    assert (await readers(ann, chat, 2)).read_count == 1
    [node] = mesh.backends.registry.nodes("message")
    word = NodeEvent(contacts=[ContactChange(user_id=bob.user_id)]).SerializeToString()
    await mesh.backends.broker.publish(node_topic(node.id, node.boot_id), word)

    async def hidden() -> bool:
        return (await readers(ann, chat, 1)).read_count == 0

    await eventually(hidden)


async def test_a_group_shows_counts_only_unless_it_wants_more(mesh: World) -> None:
    """By default the sender learns how many have read, and who they are when the group shows it, at once and back."""
    ann, *others = [await new_device(mesh).connect() for _ in range(4)]
    team = await groups.make(mesh, ann, *others)
    seq = await ann.post(team)
    for reader in others[:2]:
        await reader.mark_read(team, seq)
    for unread in (False, True):
        page = await readers(ann, team, seq, unread=unread, page_size=1)
        assert (page.counts_only, page.read_count, page.unread_count) == (True, 2, 1)
        assert (list(page.user_ids), page.next_page_token) == ([], "")
    await groups.change_group(mesh, team, GroupChange(member_receipts=True))
    assert await every(ann, team, seq, 1, unread=False) == sorted(one.user_id for one in others[:2])
    assert not (await readers(ann, team, seq)).counts_only
    await groups.change_group(mesh, team, GroupChange(muted_all=True))
    assert list((await readers(ann, team, seq, unread=True)).user_ids) == [others[2].user_id]
    await groups.change_group(mesh, team, GroupChange(member_receipts=False))
    assert (await readers(ann, team, seq)).counts_only


async def test_too_large_groups_show_counts_only(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one member more than the bound nobody is listed, whatever the group wants, and with one less all are."""
    monkeypatch.setattr(told_marks, "LISTED_MEMBERS", 3)
    ann, *others = [await new_device(mesh).connect() for _ in range(4)]
    team = await groups.make(mesh, ann, *others, member_receipts=True)
    seq = await ann.post(team)
    await others[0].mark_read(team, seq)
    page = await readers(ann, team, seq)
    assert (page.counts_only, list(page.user_ids), page.read_count) == (True, [], 1)
    await groups.kick(mesh, team, others[2])
    assert list((await readers(ann, team, seq)).user_ids) == [others[0].user_id]
