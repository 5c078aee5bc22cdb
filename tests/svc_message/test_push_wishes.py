"""How users who are away want to be told: what is muted, hidden, silent or quiet."""

from parley.conversation.v1.conversation_pb2 import QuietHours
from parley.conversation.v1.conversation_service_pb2 import DeleteConversationRequest, SetQuietHoursRequest
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import HideMessagesRequest, Send
from tests.svc_message import groups, push_scene
from tests.svc_message.device import direct, post
from tests.svc_message.push_scene import counted, let_go, mute, phone
from tests.svc_message.receiver import Hook
from tests.svc_message.world import World

mesh = push_scene.mesh
slow = push_scene.slow


async def test_hidden_content_does_not_leave(mesh: World, carrier: Hook) -> None:
    """Who hides content gets a notification without text, name or id of the sender."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob", hidden=True)
    await ann.post(direct(ann, bob), "a secret")
    await carrier.until(lambda: carrier.bodies)
    [told] = carrier.bodies
    assert {"text", "senderName", "senderId"} & told.keys() == set()
    assert told["badge"] == 1
    assert "a secret" not in str(carrier.tried)


async def test_a_silent_post_does_not_ring(mesh: World, carrier: Hook) -> None:
    """A post that its sender sent silently is told without a sound; with one that is not, it rings."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    quietly = Content(post=Post(body=Body(text=Text(text="hush")), silent=True))
    await ann.seqs(Send(conversation_id=chat, client_message_id=1, content=quietly))
    await carrier.until(lambda: len(carrier.bodies) == 1)
    await ann.post(chat, "hey")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [told.get("silent", False) for told in carrier.bodies] == [True, False]


async def test_a_muted_conversation_tells_nothing_but_what_names_the_user(mesh: World, carrier: Hook) -> None:
    """A mute holds against posts and @all, a post that names the user rings through it, and the badge is without it."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    group, chat = await groups.make(mesh, ann, bob), direct(ann, bob)
    await mute(bob, group)
    everybody = Content(post=Post(body=Body(text=Text(text="all")), mentions_all=True))
    await ann.seqs(post(group), Send(conversation_id=group, client_message_id=1, content=everybody))
    await counted(mesh, "muted")
    await ann.post(chat)
    await carrier.until(lambda: carrier.bodies)
    named = Content(post=Post(body=Body(text=Text(text="Bob!")), mentioned_user_ids=[bob.user_id]))
    await ann.seqs(Send(conversation_id=group, client_message_id=2, content=named))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [(told["conversationId"], told["badge"]) for told in carrier.tried] == [(chat, 1), (group, 1)]
    told = carrier.bodies[1]
    assert (told["text"], told["mention"], told.get("silent", False)) == ("Bob!", True, False)


async def test_a_mute_ends(mesh: World, carrier: Hook) -> None:
    """When the time of a mute is over, the conversation is told of again."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    await ann.post(chat, "before")
    await carrier.until(lambda: carrier.bodies)
    await mute(bob, chat, mesh.clock.now_ms() + 60_000)
    await ann.post(chat, "not now")
    await counted(mesh, "muted")
    mesh.clock.advance(61)
    await ann.post(chat, "now")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [told["text"] for told in carrier.tried] == ["before", "now"]


async def test_quiet_hours_are_silent_also_for_mentions(mesh: World, carrier: Hook) -> None:
    """In quiet hours everything is told without a sound, and afterwards with one."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    group = await groups.make(mesh, ann, bob)
    hours = QuietHours(until_ms=mesh.clock.now_ms() + 60_000)
    await bob.do(mesh.conversations.SetQuietHours, SetQuietHoursRequest(quiet_hours=hours))
    named = Content(post=Post(body=Body(text=Text(text="Bob!")), mentioned_user_ids=[bob.user_id]))
    await ann.seqs(Send(conversation_id=group, client_message_id=1, content=named))
    await carrier.until(lambda: len(carrier.bodies) == 1)
    mesh.clock.advance(61)
    await ann.post(group, "good morning")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [told.get("silent", False) for told in carrier.bodies] == [True, False]


async def test_what_a_user_has_hidden_does_not_count(slow: World, carrier: Hook) -> None:
    """The badge is that of the list of conversations: without hidden posts and what was cleared away."""
    ann, bob = await phone(slow, "Ann").connect(), phone(slow, "Bob")
    eve = await phone(slow, "Eve").connect()
    chat, other = direct(ann, bob), direct(eve, bob)
    await ann.seqs(post(chat), post(chat), post(chat))
    await eve.seqs(post(other), post(other))
    await let_go(slow, lambda: len(carrier.bodies) == 2)
    await bob.do(slow.messages.HideMessages, HideMessagesRequest(conversation_id=chat, seqs=[2]))
    await bob.do(slow.conversations.DeleteConversation, DeleteConversationRequest(conversation_id=other))
    await ann.post(chat)
    await let_go(slow, lambda: len(carrier.bodies) == 3)
    assert carrier.bodies[2]["badge"] == 3 == (await bob.unread(chat))[0]
