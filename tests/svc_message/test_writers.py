"""C2 and C3 when two nodes believe that they own a conversation: the store decides."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.clock import SystemClock
from mesh.infrastructure.sqlite import Database
from parley.message.v1.entry_pb2 import Content, Entry, Post
from parley.message.v1.notice_pb2 import GroupChange
from svc_message.application.append import Appender, Waiting
from svc_message.application.conversations import Conversations
from svc_message.application.settle import promise
from svc_message.domain.conversation import ConversationId, DeviceId, UserId, direct_id
from svc_message.domain.entry import Appended, Draft, EntryKind
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog, SqliteMembers
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, new_device, post, text
from tests.svc_message.world import World, mesh_of_one

CHATS = [direct_id(f"u{'a' * 15}", f"u{letter * 15}") for letter in "bc"]

Step = tuple[int, int, int, int]
"""Writer, device, conversation, how many drafts."""


class Anyone:
    """Everyone may write to everyone."""

    async def may_write(self, sender_id: UserId, recipient_id: UserId) -> bool:
        """Allow."""
        return False


@asynccontextmanager
async def writer(path: Path) -> AsyncIterator[tuple[Conversations, Appender]]:
    """An appender over this file, as one message node has it."""
    async with Database(path, SCHEMA) as database:
        log, clock = SqliteLog(database), SystemClock()
        conversations = Conversations(log, SqliteMembers(database), Anyone(), clock)
        appender = Appender(log, ProtobufCodec(), conversations, clock, lambda _: None)
        task = asyncio.create_task(appender.run())
        yield conversations, appender
        task.cancel()


async def play(steps: list[Step]) -> None:
    """Submit all steps at once, each device's by one writer in order, and check what stands in the log."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            path = Path(folder) / "message.db"
            writers = [await stack.enter_async_context(writer(path)) for _ in range(2)]
            placed = await submit(writers, steps)
            await check(writers[0][0], placed)


async def submit(
    writers: list[tuple[Conversations, Appender]], steps: list[Step]
) -> dict[tuple[str, str], list[tuple[int, Appended]]]:
    """What each device was answered in each conversation, in the order in which it sent."""
    waiting = defaultdict(list)
    for number, (who, device, chat, count) in enumerate(steps):
        conversations, appender = writers[who]
        conversation = await conversations.load(CHATS[chat])
        for index in range(count):
            one = draft(CHATS[chat], f"w{who}d{device}", 100 * number + index + 1)
            done, settle = promise()
            appender.submit(Waiting(conversation, one, settle))
            waiting[one.conversation_id, one.device_id].append((one.client_message_id, done))
    return {key: [(number, await done) for number, done in some] for key, some in waiting.items()}


def draft(chat: ConversationId, device: str, number: int) -> Draft:
    content = Entry(content=Content(post=Post(body=text(str(number))))).SerializeToString()
    return Draft(chat, UserId(chat[:16]), DeviceId(device), number, EntryKind.POST, content)


async def check(conversations: Conversations, placed: dict[tuple[str, str], list[tuple[int, Appended]]]) -> None:
    for chat in CHATS:
        mine = {device: some for (id_, device), some in placed.items() if id_ == chat}
        seqs = sorted(answer.seq for some in mine.values() for _, answer in some)
        assert seqs == list(range(1, len(seqs) + 1))
        for some in mine.values():
            assert [answer.seq for _, answer in some] == sorted(answer.seq for _, answer in some)
        conversation = await conversations.load(chat)
        await conversations.reload(conversation)
        assert conversation.head == len(seqs)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(0, 1), st.integers(1, 5)), min_size=2, max_size=12
    )
)
def test_two_writers_share_one_row_of_seqs(steps: list[Step]) -> None:
    """No seq repeats, none is left out, and each device's pipeline keeps its order, whoever is faster."""
    asyncio.run(play(steps))


@asynccontextmanager
async def torn(folder: Path) -> AsyncIterator[tuple[World, World]]:
    """Two meshes that know nothing of each other over the same keys and the same file."""
    async with mesh_of_one(folder) as one, mesh_of_one(folder) as two:
        yield one, two


def settled(device: Device, count: int) -> bool:
    """Whether so many sends were answered."""
    return len(device.received.results) == count


def on(mesh: World, device: Device) -> Device:
    """The device as it would come to this mesh."""
    return Device(mesh, device.user_id, device.device_id, device.session_id)


async def test_two_meshes_over_one_file(tmp_path: Path) -> None:
    """With ownership torn in two, all that is acked stands once, in order, and repetitions are known on both sides."""
    async with torn(tmp_path) as (one, two):
        ann, bob = await new_device(one).connect(), await on(two, new_device(one)).connect()
        chat = direct(ann, bob)
        mine = [post(chat, f"a{number}") for number in range(60)]
        theirs = [post(chat, f"b{number}") for number in range(60)]
        for start in range(0, 60, 10):
            await ann.say_only(*mine[start : start + 10])
            await bob.say_only(*theirs[start : start + 10])
        for device in (ann, bob):
            await device.until(partial(settled, device, 60))
            seqs = [result.seq for result in device.received.results]
            assert seqs == sorted(seqs)
        entries = (await ann.history(chat, limit=200)).entries
        assert [entry.seq for entry in entries] == list(range(1, 121))
        same = await on(two, ann).connect()
        assert [(r.seq, r.duplicate) for r in await same.results(*mine[:50])] == [
            (r.seq, True) for r in ann.received.results[:50]
        ]


async def test_membership_that_another_node_wrote_counts(tmp_path: Path) -> None:
    """A node that did not see who came and went obeys the log: who came may write, who was removed may not."""
    async with torn(tmp_path) as (one, two):
        owner, ann, eve = [await new_device(one).connect() for _ in range(3)]
        team = await groups.make(one, owner, ann)
        await ann.post(team)
        left = await groups.kick(two, team, ann)
        assert await ann.refused(post(team, "after")) == "CONVERSATION_NOT_FOUND"
        joined = await groups.add(two, team, eve)
        assert await eve.seqs(post(team)) == [joined + 1]
        await groups.change_group(two, team, GroupChange(muted_all=True))
        await owner.post(team)
        assert await eve.refused(post(team)) == "MUTED"
        assert await owner.mark_read(team, joined) == joined
        assert [e.sender_id for e in (await owner.history(team)).entries if e.seq == left + 1] != [ann.user_id]
        written = await groups.append(two, team, post(team).content)
        assert await owner.seqs(post(team, reply_to_seq=written.seq)) == [written.seq + 1]
        last = await groups.append(two, team, post(team).content)
        assert await owner.mark_read(team, last.seq) == last.seq
