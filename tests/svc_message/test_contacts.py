"""Who may write to whom: how long an answer of the user service holds, and what ends it sooner."""

from mesh.broker import MAX_BUFFERED, topic_of
from parley.conversation.v1.conversation_service_pb2 import GetConversationRequest
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.event.v1.event_pb2 import ContactChange, NodeEvent
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application.conversations import CONTACT_VALID_S
from svc_message.infrastructure.blocks import VALID_S
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.directory import BROKEN
from tests.svc_message.test_marks import knows
from tests.svc_message.world import World, eventually


async def tell(mesh: World, event: NodeEvent, times: int = 1) -> None:
    """Publish to the message node, so often without a pause."""
    [node] = mesh.backends.registry.nodes("message")
    for _ in range(times):
        await mesh.backends.broker.publish(topic_of(node), event.SerializeToString())


def change(one: Device, other: Device) -> NodeEvent:
    return NodeEvent(contacts=[ContactChange(user_id=one.user_id, other_id=other.user_id)])


async def test_an_answer_holds_for_a_while(mesh: World) -> None:
    """Messages within the time ask nobody, and the first one after it asks again."""
    ann, bob = new_device(mesh), new_device(mesh)
    chat = direct(ann, bob)
    for _ in range(3):
        await ann.do(mesh.messages.Send, SendRequest(send=post(chat)))
    assert mesh.directory.asked == 1
    mesh.clock.advance(CONTACT_VALID_S)
    await ann.do(mesh.messages.Send, SendRequest(send=post(chat)))
    assert mesh.directory.asked == 2


async def test_a_change_between_two_ends_it_for_these_two(mesh: World) -> None:
    """After word that something changed the next message asks, in either direction; other chats ask nothing."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    chat, other = direct(ann, bob), direct(ann, eve)
    await ann.post(chat)
    await ann.post(other)
    mesh.directory.verdicts[ann.user_id, bob.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER
    await tell(mesh, change(bob, ann))
    assert await ann.refused(post(chat)) == "RECEIVER_UNAVAILABLE"
    assert mesh.directory.asked == 3
    await ann.post(other)
    assert mesh.directory.asked == 3


async def test_when_words_were_lost_all_is_asked_again(mesh: World) -> None:
    """A node that does not know what it missed believes nothing that it was told before."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    await ann.post(chat)
    await tell(mesh, NodeEvent(), MAX_BUFFERED + 1)
    await ann.post(chat)
    assert mesh.directory.asked == 2


async def test_an_answer_that_may_be_older_than_the_change_is_not_used(mesh: World) -> None:
    """What was being asked when the word came is asked again before anything is written."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    mesh.directory.hold.clear()
    await ann.say_only(post(chat))
    await mesh.directory.waiting.wait()
    await tell(mesh, change(ann, bob))
    await ann.post(await groups.make(mesh, ann))  # whatever came before it has been taken by now
    mesh.directory.hold.set()
    await ann.until(lambda: len(ann.received.results) == 2)
    assert mesh.directory.asked == 2
    await ann.post(chat)
    assert mesh.directory.asked == 2


async def test_an_answer_that_may_be_older_than_new_settings_does_not_hold(mesh: World) -> None:
    """What was being asked when the settings of one of the two changed is good for what waited for it alone."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    mesh.directory.hold.clear()
    await ann.say_only(post(chat))
    await mesh.directory.waiting.wait()
    await tell(mesh, NodeEvent(contacts=[ContactChange(user_id=bob.user_id)]))
    await ann.post(await groups.make(mesh, ann))  # whatever came before it has been taken by now
    mesh.directory.hold.set()
    await ann.until(lambda: len(ann.received.results) == 2)
    assert mesh.directory.asked == 1
    await ann.post(chat)
    assert mesh.directory.asked == 2


async def test_settings_of_a_user_end_it_for_all_their_chats(mesh: World) -> None:
    """After word that a user's settings changed each chat with them asks again; chats of others ask nothing."""
    ann, bob, eve = [await new_device(mesh).connect() for _ in range(3)]
    await ann.post(direct(ann, bob))
    await eve.post(direct(bob, eve))
    await ann.post(direct(ann, eve))
    refused = ContactVerdict.CONTACT_VERDICT_NOT_ACCEPTED
    mesh.directory.verdicts[ann.user_id, bob.user_id] = mesh.directory.verdicts[eve.user_id, bob.user_id] = refused
    await tell(mesh, NodeEvent(contacts=[ContactChange(user_id=bob.user_id)]))
    await eventually(lambda: refuses(ann, direct(ann, bob)))
    assert await eve.refused(post(direct(bob, eve))) == "RECEIVER_UNAVAILABLE"
    asked = mesh.directory.asked
    await ann.post(direct(ann, eve))
    assert mesh.directory.asked == asked


async def refuses(device: Device, chat: str) -> bool:
    """Whether a message to the chat is refused by now."""
    [result] = await device.results(post(chat))
    return result.error.reason == "RECEIVER_UNAVAILABLE"


async def test_who_begins_to_hide_their_reads_is_hidden_at_once(mesh: World) -> None:
    """After word that a user's settings changed it is asked again who hides, before the old answer has ended."""
    ann, bob = [await new_device(mesh).connect() for _ in range(2)]
    chat = direct(ann, bob)
    await ann.seqs(post(chat), post(chat))
    await bob.mark_read(chat, 1)
    await ann.until(lambda: [one.read_seq for one in ann.received.receipts][-1:] == [1])
    mesh.directory.hides_reads.add(bob.user_id)
    await tell(mesh, NodeEvent(contacts=[ContactChange(user_id=bob.user_id)]))
    await eventually(lambda: hidden(ann, chat))
    await bob.mark_read(chat, 2)
    assert not [one for one in ann.received.receipts if one.read_seq == 2]


async def hidden(device: Device, chat: str) -> bool:
    """Whether the other's reads are not shown in the chat."""
    request = GetConversationRequest(conversation_id=chat)
    return (await device.do(device.world.conversations.GetConversation, request)).conversation.peer_read_seq == 0


def block(mesh: World, one: Device, other: Device) -> None:
    """From now on the user service says that one of the two has blocked the other."""
    mesh.directory.verdicts[one.user_id, other.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_SENDER
    mesh.directory.verdicts[other.user_id, one.user_id] = ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER


async def test_a_block_takes_marks_away_and_gives_them_back(mesh: World) -> None:
    """Once a node was told of a block neither of the two is told how far the other is, in either direction, and what is
    answered is nothing; the word that it ended brings the marks back, and without a word a minute does.
    """
    ann, bob = [await new_device(mesh).connect() for _ in range(2)]
    chat = direct(ann, bob)
    seqs = [await ann.post(chat) for _ in range(4)]
    await bob.mark_read(chat, seqs[0])
    await ann.until(knows(ann, chat, bob, seqs[0]))
    assert await peer_positions(ann, chat) == (seqs[0], seqs[0])
    block(mesh, bob, ann)
    await tell(mesh, change(bob, ann))
    await eventually(lambda: silent(ann, chat))
    for reader, other in ((bob, ann), (ann, bob)):
        await reader.mark_read(chat, seqs[1])
        await other.mark_read(chat, seqs[1])
    assert await peer_positions(ann, chat) == await peer_positions(bob, chat) == (0, 0)
    mesh.directory.verdicts.clear()
    await tell(mesh, change(bob, ann))
    await eventually(lambda: heard(ann, chat))
    await bob.mark_read(chat, seqs[2])
    await ann.until(knows(ann, chat, bob, seqs[2]))
    assert [one.read_seq for one in ann.received.receipts if one.user_id == bob.user_id] == [seqs[0], seqs[2]]
    block(mesh, bob, ann)
    assert await peer_positions(ann, chat) == (seqs[2], seqs[2]), "nobody said that this holds no more"
    mesh.clock.advance(VALID_S)
    assert await peer_positions(ann, chat) == (0, 0)


async def test_while_nobody_knows_of_blocks_no_mark_is_told(mesh: World) -> None:
    """What was hidden a moment longer comes later; what was told cannot be taken back."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    seq = await ann.post(chat)
    await bob.mark_read(chat, seq)
    await tell(mesh, NodeEvent(), MAX_BUFFERED + 1)
    mesh.directory.failures += [BROKEN] * 20
    assert await peer_positions(ann, chat) == (0, 0)
    assert await peer_positions(ann, chat) == (0, 0)
    mesh.directory.failures.clear()
    assert await peer_positions(ann, chat) == (seq, seq)


async def peer_positions(device: Device, chat: str) -> tuple[int, int]:
    """How far the other one has read and received, as it is answered."""
    world = device.world
    request = GetConversationRequest(conversation_id=chat)
    found = (await device.do(world.conversations.GetConversation, request)).conversation
    return found.peer_read_seq, found.peer_received_seq


async def silent(device: Device, chat: str) -> bool:
    """Whether nothing is answered of the other one."""
    return await peer_positions(device, chat) == (0, 0)


async def heard(device: Device, chat: str) -> bool:
    """Whether something is answered of the other one."""
    return not await silent(device, chat)
