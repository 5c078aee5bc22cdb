"""Who may write to whom: how long an answer of the user service holds, and what ends it sooner."""

from mesh.broker import MAX_BUFFERED, topic_of
from parley.conversation.v1.conversation_service_pb2 import GetConversationRequest
from parley.directory.v1.directory_service_pb2 import ContactVerdict
from parley.event.v1.event_pb2 import ContactChange, NodeEvent
from parley.message.v1.message_service_pb2 import SendRequest
from svc_message.application.conversations import CONTACT_VALID_S
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post
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


async def test_an_answer_that_may_be_older_than_the_change_is_not_kept(mesh: World) -> None:
    """What was being asked when the word came is used once and asked again the next time."""
    ann, bob = await new_device(mesh).connect(), new_device(mesh)
    chat = direct(ann, bob)
    mesh.directory.hold.clear()
    await ann.say_only(post(chat))
    await mesh.directory.waiting.wait()
    await tell(mesh, change(ann, bob))
    await ann.post(await groups.make(mesh, ann))  # whatever came before it has been taken by now
    mesh.directory.hold.set()
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
