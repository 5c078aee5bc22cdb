"""Words that an installation does not want, in what people write and call themselves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Final

import pytest

from parley.admin.v1.live_settings_pb2 import LiveSettings, SendRate, WordClass
from parley.ai.v1.moderation_service_pb2 import VERDICT_BLOCK, VERDICT_MASK, VERDICT_REVIEW
from parley_sdk import ParleyError
from tests.journeys.mesh import Mesh
from tests.journeys.people import PATIENCE, Device, People, unique

WORDS: Final = LiveSettings(
    word_classes=[
        WordClass(name="insults", action=VERDICT_MASK, words=["zounderkite", "傻瓜蛋"]),
        WordClass(name="goods", action=VERDICT_REVIEW, words=["wabbling ointment"]),
        WordClass(name="forbidden", action=VERDICT_BLOCK, words=["gnashgab", "违禁词汇"]),
    ]
)
"""Words that no other story uses: the list holds for the whole mesh."""


@pytest.fixture
async def words(operator: Device) -> AsyncIterator[Device]:
    """A mesh with a word list, and its operator."""
    admin = operator.client.administration
    await admin.change_settings(WORDS, ["word_classes"], "a story")
    yield operator
    await admin.change_settings(LiveSettings(), ["word_classes"], "it ended")


async def eventually(call: Callable[[], Awaitable[bool]], what: str) -> None:
    """Call until it is so: a node takes settings a moment later."""
    async with asyncio.timeout(PATIENCE):
        while not await call():  # noqa: ASYNC110 - settings tell nobody that they were taken
            await asyncio.sleep(0.1)
    assert what


async def refusal(call: Awaitable[object]) -> str:
    """The reason with which a call was refused; empty when it was not."""
    try:
        await call
    except ParleyError as error:
        return error.reason
    return ""


async def test_words_are_hidden_and_refused_before_anybody_sees_them(people: People, words: Device) -> None:
    """In Chinese and in disguise, in posts and in edits; a device that was offline sees the same; others go through."""
    ann, bob = await people.users("ann", "bob")
    tablet = await people.another(bob)
    await tablet.client.disconnect()
    chat = ann.chat_with(bob)

    async def blocked() -> bool:
        return await refusal(ann.client.send(chat, "gnashgab")) == "CONTENT_REFUSED"

    await eventually(blocked, "the list is there")
    before = (await ann.say(chat, "you Z0UNDERkite!"))[0].seq
    await ann.say(chat, "z.o.u.n.d.e.r.k.i.t.e", "你是傻\u200b瓜 蛋吗", "all is well")
    assert await refusal(ann.client.send(chat, "ｇｎａｓｈｇａｂ")) == "CONTENT_REFUSED"
    assert await refusal(ann.client.send(chat, "违*禁 词汇")) == "CONTENT_REFUSED"
    assert await refusal(ann.client.edit(chat, before, "gnashgab")) == "CONTENT_REFUSED"
    await ann.client.edit(chat, before, "oh zounderkite")
    await tablet.client.connect()
    for device in (bob, tablet):
        edit = await device.until_kind(chat, "edit")
        assert edit.content.edit.body.text.text == "oh ***********"
        assert device.texts(chat)[-4:] == [
            "you ***********!",
            "*********************",
            "你是*** *吗",
            "all is well",
        ]


async def test_names_are_refused_and_what_is_to_be_reviewed_is_reported(people: People, words: Device) -> None:
    """No user and no group is called so; a message that somebody should look at is shown, and a report of nobody."""
    ann, bob = await people.users("ann", "bob")
    chat, numbers = ann.chat_with(bob), count(1)

    async def refused_name() -> bool:
        name = f"Zounder-Kite {next(numbers)}"  # a name that one has already is no news
        return await refusal(ann.client.users.update_profile(display_name=name)) == "CONTENT_REFUSED"

    async def refused_group() -> bool:
        return await refusal(ann.client.groups.create("gnashgab fans", [bob.user_id])) == "CONTENT_REFUSED"

    group = await people.open_group(ann, bob)

    async def refused_nickname() -> bool:
        name = f"gnashgab {next(numbers)}"
        return await refusal(bob.client.groups.set_nickname(group, name)) == "CONTENT_REFUSED"

    await eventually(refused_name, "a profile")
    await eventually(refused_nickname, "a nickname")
    await eventually(refused_group, "a group")
    moderation = words.client.administration.moderation

    async def reported() -> bool:
        await ann.say(chat, "Wabbling Ointment for sale")
        found = await moderation.reports(subject_id=chat)
        return bool(found) and found[0].reporter_id == "" and "goods" in found[0].explanation

    await eventually(reported, "a report")
    await bob.until_text(chat, "Wabbling Ointment for sale")


async def test_settings_are_taken_by_a_mesh_that_runs(own_mesh: Mesh, own_people: People) -> None:
    """Registration closes and opens, and a send rate makes what is beyond a burst wait; all without a restart."""
    root, ann, bob = await own_people.users("root", "ann", "bob")
    await asyncio.to_thread(own_mesh.appoint, root.username)
    admin = (await own_people.another(root)).client.administration
    chat = ann.chat_with(bob)
    closed = LiveSettings(registration_closed=True, send_rate=SendRate(burst=20, per_second=1))
    numbers = count(1)
    await _direct(ann, chat, 10_000, "gnashgab")
    version = (await admin.change_settings(WORDS, ["word_classes"], "a list")).version
    after = await admin.change_settings(closed, ["registration_closed", "send_rate"], "a storm", version)
    assert (after.version, after.registration_closed) == (version + 1, True)
    assert await refusal(admin.change_settings(closed, ["send_rate"], "late", version)) == "VERSION_CONFLICT"

    async def shut() -> bool:
        return await refusal(ann.client.register(unique("late"), "correct horse 7")) == "REGISTRATION_CLOSED"

    await eventually(shut, "closed")

    async def listed() -> bool:
        return await refusal(_direct(ann, chat, next(numbers), "违禁词汇")) == "CONTENT_REFUSED"

    await eventually(listed, "the list is there")
    assert await refusal(_direct(ann, chat, 10_001, "gnashgab")) == "CONTENT_REFUSED"
    assert await refusal(_direct(ann, chat, 10_000, "gnashgab")) == "", "what was accepted once stays accepted"

    async def limited() -> bool:
        burst = await asyncio.gather(*(refusal(_direct(ann, chat, next(numbers))) for _ in range(40)))
        return set(burst) == {"", "RATE_LIMITED"}

    await eventually(limited, "no more than a burst at once")
    await admin.change_settings(LiveSettings(send_rate=SendRate(burst=20, per_second=12)), ["send_rate"], "calmer")

    async def let_in() -> bool:
        return await refusal(_direct(ann, chat, next(numbers))) == ""

    await eventually(let_in, "as many as come in a second")
    await ann.say(chat, *(f"burst {number}" for number in range(24)))
    await bob.until_text(chat, "burst 23")
    assert [text for text in bob.texts(chat) if text.startswith("burst")] == [f"burst {n}" for n in range(24)]


async def _direct(device: Device, chat: str, number: int, text: str = "raw") -> None:
    """A send without the SDK's patience."""
    from parley.message.v1 import entry_pb2, message_service_pb2, message_service_pb2_grpc  # noqa: PLC0415

    content = entry_pb2.Content()
    content.post.body.text.text = text
    request = message_service_pb2.SendRequest()
    request.send.conversation_id, request.send.client_message_id = chat, number
    request.send.content.CopyFrom(content)
    calls = device.client._calls
    await calls.unary(calls.stub(message_service_pb2_grpc.MessageServiceStub).Send, request, again=False)
