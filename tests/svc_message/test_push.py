"""Who is notified of a message while none of their devices is connected, and how."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from structlog.testing import capture_logs

from mesh.settings import Secret
from parley.conversation.v1.conversation_pb2 import ConversationSettings, QuietHours
from parley.conversation.v1.conversation_service_pb2 import (
    DeleteConversationRequest,
    SetQuietHoursRequest,
    UpdateSettingsRequest,
)
from parley.directory.v1.directory_service_pb2 import DirectoryProfile
from parley.gateway.v1.frame_pb2 import ClientFrame, Mark
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import HideMessagesRequest, Send, SendRequest
from parley.user.v1.session_pb2 import PushProvider, PushTarget
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import PushSettings
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, recall
from tests.svc_message.operator import letters
from tests.svc_message.receiver import SECRET, Hook
from tests.svc_message.world import World, eventually, process, world

HOLD_S, PAUSE_S = 0.2, 1.5


@asynccontextmanager
async def pushing(folder: Path, url: str, **others: float) -> AsyncIterator[World]:
    """A mesh whose message node notifies a webhook, with these times or others."""
    async with world(folder) as made:
        times = {"hold_seconds": HOLD_S, "pause_seconds": PAUSE_S, "retry_seconds": 0.01, **others}
        made.message = Settings(push=PushSettings(url, Secret(SECRET), **times), sends_burst=0)
        made.readers.append(InMemoryMetricReader())
        async with process(made, "message", "gateway") as address, AsyncExitStack() as stack:
            made.stack = stack
            made.connect(address)
            yield made


@pytest.fixture
async def mesh(tmp_path: Path, carrier: Hook) -> AsyncIterator[World]:
    async with pushing(tmp_path, carrier.url) as made:
        yield made


def phone(mesh: World, name: str, *, hidden: bool = False) -> Device:
    """A device that is not connected and can be notified."""
    made = new_device(mesh)
    mesh.directory.seen_as[made.user_id] = DirectoryProfile(user_id=made.user_id, display_name=name)
    mesh.directory.targets[made.user_id] = [
        PushTarget(
            device_id=made.device_id,
            provider=PushProvider.PUSH_PROVIDER_APNS,
            token=f"token of {name}",
            app_id="com.example",
            hide_content=hidden,
        )
    ]
    return made


def outcomes(mesh: World) -> dict[str, int]:
    """How many notifications ended how."""
    data = mesh.readers[0].get_metrics_data()  # type: ignore[attr-defined]  # it is the one in memory
    points = [
        point
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "push.notifications"
        for point in metric.data.data_points
    ]
    return {point.attributes["outcome"]: point.value for point in points}


async def counted(mesh: World, outcome: str, many: int = 1) -> None:
    """Wait until so many notifications ended so."""
    async with asyncio.timeout(10):
        while outcomes(mesh).get(outcome, 0) < many:  # noqa: ASYNC110 - a metric tells nobody
            await asyncio.sleep(0.02)


async def test_who_is_away_is_told(mesh: World, carrier: Hook) -> None:
    """A user without a device gets one notification for what came in a moment: the last text, who wrote, the badge."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    await ann.seqs(post(chat, "one"), post(chat, "two"), post(chat, " three\n\nlines "))
    await carrier.until(lambda: carrier.bodies)
    [told] = carrier.bodies
    assert told.pop("sentAtMs")
    assert told.pop("expiresAtMs")
    assert told == {
        "notificationId": f"m-{bob.device_id}-{chat}-3",
        "kind": "KIND_MESSAGE",
        "userId": bob.user_id,
        "deviceId": bob.device_id,
        "provider": "PUSH_PROVIDER_APNS",
        "token": "token of Bob",
        "appId": "com.example",
        "conversationId": chat,
        "seq": "3",
        "senderId": ann.user_id,
        "senderName": "Ann",
        "text": "three lines",
        "badge": 3,
        "collapseKey": chat,
    }


async def test_the_badge_counts_all_conversations(mesh: World, carrier: Hook) -> None:
    """The badge is what is unread everywhere, without what was read and without one's own."""
    ann, eve = await phone(mesh, "Ann").connect(), await phone(mesh, "Eve").connect()
    bob = phone(mesh, "Bob")
    chat, other = direct(ann, bob), direct(eve, bob)
    await ann.seqs(post(chat, "one"), post(chat, "two"))
    await bob.mark_read(chat, 1)
    await bob.do(mesh.messages.Send, SendRequest(send=post(chat, "my own")))
    await carrier.until(lambda: len(carrier.bodies) == 1)
    await eve.post(other)
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [(told["text"], told["badge"]) for told in carrier.bodies] == [("two", 1), ("hello", 2)]
    assert {told["userId"] for told in carrier.bodies} == {bob.user_id}


async def test_who_is_connected_is_not_told(mesh: World, carrier: Hook) -> None:
    """A user with a device on a stream gets nothing, nobody is asked about them, and neither does the sender."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect()
    eve = phone(mesh, "Eve")
    await ann.post(direct(ann, bob))
    await ann.post(direct(ann, eve))
    await carrier.until(lambda: carrier.bodies)
    assert [told["userId"] for told in carrier.bodies] == [eve.user_id]
    assert set(mesh.directory.targets_asked) == {eve.user_id}


async def test_who_comes_back_in_time_is_not_told(mesh: World, carrier: Hook) -> None:
    """A device that was away for a moment gets the message by its stream alone."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    await ann.post(direct(ann, bob))
    await bob.connect()
    await counted(mesh, "online")
    assert carrier.tried == []


async def test_what_was_read_meanwhile_is_not_told(mesh: World, carrier: Hook) -> None:
    """Who has read it, wherever, is not told of it any more."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    seq = await ann.post(direct(ann, bob))
    await bob.mark_read(direct(ann, bob), seq)
    await counted(mesh, "read")
    assert carrier.tried == []


async def test_somebody_who_writes_a_lot_rings_now_and_then(mesh: World, carrier: Hook) -> None:
    """Between two notifications of a conversation there is a pause, and the second one has all that came in it."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ann.post(chat)
    await carrier.until(lambda: carrier.bodies)
    first = loop.time()
    assert HOLD_S <= first - began < PAUSE_S
    for _ in range(4):
        await ann.post(chat)
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert loop.time() - first > PAUSE_S / 2
    assert [told["badge"] for told in carrier.bodies] == [1, 5]


async def test_who_was_on_a_dead_connection_is_told_when_it_is_noticed(mesh: World, carrier: Hook) -> None:
    """What was sent to a stream that nobody reads any more is told when the gateway gives the device up, once."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect(window=1)
    chat = direct(ann, bob)
    await ann.post(chat, "heard")
    await bob.entry(chat, 1)
    await bob.say(ClientFrame(received=[Mark(conversation_id=chat, seq=1)]))
    await eventually(partial(heard, ann, chat, bob.user_id, 1))
    await ann.post(chat, "lost")
    await bob.leave()
    await carrier.until(lambda: carrier.bodies)
    [told] = carrier.bodies
    assert (told["text"], told["seq"], told["badge"]) == ("lost", "2", 2)
    await bob.connect()
    await bob.leave()
    await counted(mesh, "told before")
    assert len(carrier.tried) == 1


async def heard(device: Device, chat: str, user_id: str, seq: int) -> bool:
    """Whether a device was told how far the other one has received."""
    return any(
        (one.user_id, one.received_seq >= seq) == (user_id, True)
        for one in device.received.receipts
        if one.conversation_id == chat
    )


async def test_what_was_received_is_not_told_when_a_device_goes(mesh: World, carrier: Hook) -> None:
    """Of two who go at the same moment only the one is told whose device has not received what came."""
    ann, bob, eve = [await phone(mesh, name).connect() for name in ("Ann", "Bob", "Eve")]
    chat, other = direct(ann, bob), direct(ann, eve)
    await ann.post(chat, "heard")
    await ann.post(other, "lost")
    await bob.entry(chat, 1)
    await bob.say(ClientFrame(received=[Mark(conversation_id=chat, seq=1)]))
    await eventually(partial(heard, ann, chat, bob.user_id, 1))
    await bob.leave()
    await eve.leave()
    await carrier.until(lambda: carrier.bodies)
    await ann.post(chat, "afterwards")
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert [told["text"] for told in carrier.tried] == ["lost", "afterwards"]


async def test_what_was_changed_meanwhile_is_told_as_it_is(mesh: World, carrier: Hook) -> None:
    """A post that is recalled at once is not told, and of one that is edited the new text."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    [first, last] = await ann.seqs(post(chat, "helo"), post(chat, "my secret"))
    await ann.seqs(edit(chat, first, "hello"))
    await ann.seqs(recall(chat, last))
    await carrier.until(lambda: carrier.bodies)
    assert [(told["text"], told["badge"]) for told in carrier.tried] == [("hello", 1)]


async def test_who_left_is_found_to_be_away_at_once(mesh: World, carrier: Hook) -> None:
    """A message right after a device has gone is told, although the node had remembered where it was."""
    ann, bob = await phone(mesh, "Ann").connect(), await phone(mesh, "Bob").connect()
    chat = direct(ann, bob)
    seq = await ann.post(chat)
    await bob.entry(chat, seq)
    await bob.mark_read(chat, seq)
    await bob.leave()
    await eventually(partial(unrouted, mesh, bob.user_id))
    await ann.post(chat, "are you there?")
    await carrier.until(lambda: carrier.bodies)
    assert [told["text"] for told in carrier.bodies] == ["are you there?"]


async def unrouted(mesh: World, user_id: str) -> bool:
    """Whether no device of a user is anywhere."""
    return not (await mesh.backends.kv.read([f"route/{user_id}"])).get(f"route/{user_id}")


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


FOREVER = 2**63 - 1


async def mute(device: Device, chat: str, until_ms: int = FOREVER) -> None:
    """Mute a conversation, as any device of the user may."""
    request = UpdateSettingsRequest(conversation_id=chat, settings=ConversationSettings(muted_until_ms=until_ms))
    request.update_mask.paths.append("muted_until_ms")
    await device.do(device.world.conversations.UpdateSettings, request)


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


async def test_what_a_user_has_hidden_does_not_count(mesh: World, carrier: Hook) -> None:
    """The badge is that of the list of conversations: without hidden posts and what was cleared away."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    eve = await phone(mesh, "Eve").connect()
    chat, other = direct(ann, bob), direct(eve, bob)
    await ann.seqs(post(chat), post(chat), post(chat))
    await eve.seqs(post(other), post(other))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    await bob.do(mesh.messages.HideMessages, HideMessagesRequest(conversation_id=chat, seqs=[2]))
    await bob.do(mesh.conversations.DeleteConversation, DeleteConversationRequest(conversation_id=other))
    await ann.post(chat)
    await carrier.until(lambda: len(carrier.bodies) == 3)
    assert carrier.bodies[2]["badge"] == 3 == (await bob.unread(chat))[0]


async def test_a_group_tells_its_members_who_are_away(mesh: World, carrier: Hook) -> None:
    """Members who are away are told, with a mark for those whom a post addresses; who left is not."""
    ann, bob, eve, joe = await phone(mesh, "Ann").connect(), *(phone(mesh, name) for name in ("Bob", "Eve", "Joe"))
    group = await groups.make(mesh, ann, bob, eve, joe)
    await groups.kick(mesh, group, joe)
    named = Content(post=Post(body=Body(text=Text(text="look")), mentioned_user_ids=[eve.user_id]))
    await ann.seqs(Send(conversation_id=group, client_message_id=1, content=named))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    assert {told["userId"]: told.get("mention", False) for told in carrier.bodies} == {
        bob.user_id: False,
        eve.user_id: True,
    }


async def test_reading_elsewhere_puts_the_icon_right(mesh: World, carrier: Hook) -> None:
    """Who was told and then reads gets one silent notification with the new badge; who was told nothing gets none."""
    ann, bob, eve = await phone(mesh, "Ann").connect(), phone(mesh, "Bob"), await phone(mesh, "Eve").connect()
    chat = direct(ann, bob)
    [first, last] = await ann.seqs(post(chat), post(chat))
    await carrier.until(lambda: carrier.bodies)
    desk = new_device(mesh, bob.user_id)
    await desk.mark_read(chat, first)
    await desk.mark_read(chat, last)
    await eve.mark_read(direct(ann, eve), await ann.post(direct(ann, eve)))
    await carrier.until(lambda: len(carrier.bodies) == 2)
    cleared = carrier.bodies[1]
    assert (cleared["kind"], cleared["conversationId"], cleared["seq"]) == ("KIND_BADGE", chat, str(last))
    assert (cleared.get("badge", 0), cleared["silent"], "text" in cleared) == (0, True, False)
    await desk.mark_read(chat, last)
    await ann.post(chat)
    await carrier.until(lambda: len(carrier.bodies) == 3)
    assert carrier.bodies[2]["kind"] == "KIND_MESSAGE"


async def test_a_carrier_that_stumbles_is_tried_again(mesh: World, carrier: Hook) -> None:
    """After 503 the same notification comes again, with the same id, and a redirect is not followed."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    carrier.answers = [503, 302]
    await ann.post(direct(ann, bob))
    await carrier.until(lambda: carrier.bodies)
    assert len({told["notificationId"] for told in carrier.tried}) == 1
    assert (len(carrier.tried), carrier.followed) == (3, False)


async def test_what_cannot_be_carried_is_written_down_and_told_again(mesh: World, carrier: Hook) -> None:
    """A refused notification is a dead letter without text or token, which goes out when somebody wishes it."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    carrier.answers = [400]
    await ann.post(direct(ann, bob), "the words")
    await counted(mesh, "refused")
    listed = await letters(mesh, "list")
    assert f"push/{direct(ann, bob)}/1/{bob.user_id}  HTTP_400" in listed
    assert "words" not in listed + mesh.log.getvalue()
    assert "token of" not in listed + mesh.log.getvalue()
    assert "1 to be sent again" in await letters(mesh, "again", "push/all")
    await carrier.until(lambda: carrier.bodies)
    assert carrier.bodies[0]["text"] == "the words"
    assert await letters(mesh, "list") == ""


async def test_a_recalled_post_is_not_told_again(mesh: World, carrier: Hook) -> None:
    """A dead letter of a post that was taken back goes nowhere."""
    ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
    chat = direct(ann, bob)
    carrier.answers = [400]
    seq = await ann.post(chat)
    await counted(mesh, "refused")
    await ann.seqs(recall(chat, seq))
    await letters(mesh, "again", "push/all")
    async with asyncio.timeout(10):
        while await letters(mesh, "list"):  # noqa: ASYNC110 - another process takes it
            await asyncio.sleep(0.1)
    await ann.post(chat, "another")
    await carrier.until(lambda: carrier.bodies)
    assert [told["text"] for told in carrier.bodies] == ["another"]


async def test_for_development_it_is_written_down_that_somebody_is_told(tmp_path: Path) -> None:
    """With `log://` nothing leaves: a line says who would be told and how, without the text, the name and the token."""
    with capture_logs() as logs:
        async with pushing(tmp_path, "log://") as mesh:
            ann, bob = await phone(mesh, "Ann").connect(), phone(mesh, "Bob")
            await ann.post(direct(ann, bob), "the words")
            await counted(mesh, "carried")
    [line] = [one for one in logs if one["event"] == "push"]
    assert (line["user"], line["device"], line["badge"]) == (bob.user_id, bob.device_id, 1)
    assert not {"the words", "Ann", "token of Bob"} & set(map(str, line.values()))
