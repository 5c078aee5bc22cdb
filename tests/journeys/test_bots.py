"""Programs that act as users: what they see, what they may, and that they do not talk to each other without end."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from parley.access.v1.access_pb2 import SCOPE_MANAGE_GROUPS, SCOPE_READ, SCOPE_WRITE
from parley.bot.v1 import bot_pb2
from parley.group.v1 import group_pb2
from parley.message.v1 import entry_pb2
from parley.user.v1 import user_pb2
from parley_sdk import Bot, Client, ParleyError, Question, Stopped, direct_id
from tests.journeys.people import PATIENCE, QUICK, Device, People, unique

ROOT = Path(__file__).parents[2]
OPEN = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_OPEN)


async def make_bot(owner: Device, name: str) -> tuple[bot_pb2.Bot, str]:
    """A bot, and a token that reads and writes."""
    bot = await owner.client.bots.create(f"{unique(name)}_bot"[-32:], name.capitalize(), "says what it hears")
    made = await owner.client.bots.create_token(bot.user.user_id, [SCOPE_READ, SCOPE_WRITE])
    return bot, made.token


async def echo(question: Question) -> str | None:
    """Say it again."""
    return f"echo {question.text}"


async def until_stopped(client: Client) -> AsyncIterator[Stopped]:
    """The event that says that the client gave up."""
    async for event in client.events():
        if isinstance(event, Stopped):
            yield event
            return


@asynccontextmanager
async def seeing(people: People, token: str, state: Path) -> AsyncIterator[Device]:
    """A bot that says nothing by itself, and all that it is shown."""
    async with Client(people.address, state=state, limits=QUICK) as client:
        await client.log_in_as_bot(token)
        device = Device(client, "clerk")
        await client.wait_online()
        try:
            yield device
        finally:
            await device.close()


def text_of_all(log: list[entry_pb2.Entry]) -> list[str]:
    """The texts of the posts."""
    return [entry.content.post.body.text.text for entry in log if entry.content.HasField("post")]


def replies_to(device: Device, group: str, seq: int) -> list[entry_pb2.Post]:
    """The assistant's answers to a post that this device has."""
    posts = [entry.content.post for entry in device.shown[group]]
    return [post for post in posts if post.body.assistant_reply.in_reply_to_seq == seq]


def gone_of(device: Device, group: str) -> set[str]:
    """Who was removed, as far as this device knows."""
    return {user_id for entry in device.shown[group] for user_id in entry.content.membership.removed_user_ids}


@asynccontextmanager
async def at_work(
    people: People, token: str, state: Path, *, bots_too: bool = False, everything: bool = False
) -> AsyncIterator[Client]:
    """A program that answers as a bot."""
    async with Client(people.address, state=state, limits=QUICK) as client:
        await client.log_in_as_bot(token)
        await client.wait_online()
        working = asyncio.create_task(Bot(client, bots_too=bots_too, everything=everything).answer(echo))
        try:
            yield client
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


async def test_a_bot_answers_whom_it_should(people: People, tmp_path: Path) -> None:
    """It answers in direct chats, in groups when it is mentioned or replied to, and after a restart what it missed."""
    ann, bob = await people.users("ann", "bob")
    phone = await people.another(bob)
    bot, token = await make_bot(ann, "echo")
    bot_id = bot.user.user_id
    assert (await bob.client.users.get(bot_id)).kind == user_pb2.USER_KIND_BOT
    chat = direct_id(bob.user_id, bot_id)
    async with at_work(people, token, tmp_path / "echo.db"):
        await bob.say(chat, "hello")
        await bob.until_text(chat, "echo hello")
        group = (await ann.client.groups.create("Lab", [bot_id])).group.group_id
        await ann.say(group, "nobody in particular")
        await ann.client.send(group, "you there", mentions=[bot_id])
        await ann.until_text(group, "echo you there")
        [answer] = [entry for entry in ann.shown[group] if entry.sender_id == bot_id]
        await ann.client.send_text(group, "and again", reply_to_seq=answer.seq)
        await ann.until_text(group, "echo and again")
        await ann.say(group, "/roll")
        await ann.until_text(group, "echo /roll")
        assert "echo nobody in particular" not in ann.texts(group)
    await phone.client.disconnect()
    await bob.say(chat, "are you away?")
    async with at_work(people, token, tmp_path / "echo.db"):
        await bob.until_text(chat, "echo are you away?")
    await phone.client.connect()
    await phone.until_text(chat, "echo are you away?")
    assert phone.texts(chat) == ["hello", "echo hello", "are you away?", "echo are you away?"]


async def test_a_bot_begins_no_chat(people: People, tmp_path: Path) -> None:
    """A bot cannot write to who never wrote to it, nor does trying count; once they did, it can."""
    ann, bob = await people.users("ann", "bob")
    bot, token = await make_bot(ann, "seller")
    chat = direct_id(bob.user_id, bot.user.user_id)
    async with Client(people.address, state=tmp_path / "seller.db", limits=QUICK) as seller:
        await seller.log_in_as_bot(token)
        for _ in range(2):
            with pytest.raises(ParleyError) as refused:
                await seller.send_text(chat, "buy this")
            assert (refused.value.code.name, refused.value.reason) == ("PERMISSION_DENIED", "NOT_ALLOWED")
        await bob.say(chat, "what do you have?")
        await seller.send_text(chat, "this")
        await bob.until_text(chat, "this")
    assert bob.texts(chat) == ["what do you have?", "this"]


async def test_two_bots_stop_after_one_answer_each(people: People, tmp_path: Path) -> None:
    """Bots do not answer bots; two that shall, and answer everything, end by themselves."""
    ann = await people.user("ann")
    (one, one_token), (two, two_token) = await make_bot(ann, "one"), await make_bot(ann, "two")
    bots = [one.user.user_id, two.user.user_id]
    group = (await ann.client.groups.create("Lab", bots)).group.group_id
    for bot_id in bots:  # else neither would be shown what the other answers to Ann
        await ann.client.groups.set_role(group, bot_id, group_pb2.ROLE_ADMIN)
    async with (
        at_work(people, one_token, tmp_path / "one.db", everything=True, bots_too=True),
        at_work(people, two_token, tmp_path / "two.db", everything=True, bots_too=True),
    ):
        await ann.say(group, "x")
        # Each answers Ann, and the other's answer to her.
        await ann.until(lambda: len(ann.texts(group)) >= 5, "four answers")
        await ann.client.send(group, "y", mentions=bots)
        await ann.until(lambda: len(ann.texts(group)) >= 10, "four more")
    assert sorted(ann.texts(group)) == ["echo echo x"] * 2 + ["echo echo y"] * 2 + ["echo x"] * 2 + ["echo y"] * 2 + [
        "x",
        "y",
    ]


async def test_a_bot_is_shown_what_is_addressed_to_it(people: People, tmp_path: Path) -> None:
    """Live, after a restart and in history a bot sees what is for it; as an admin all that is written since."""
    ann, bob = await people.users("ann", "bob")
    phone = await people.another(bob)
    bot, token = await make_bot(ann, "clerk")
    bot_id, state = bot.user.user_id, tmp_path / "clerk.db"
    group = (await ann.client.groups.create("Lab", [bot_id], OPEN)).group.group_id
    await bob.client.groups.join(group)
    await phone.client.disconnect()
    async with seeing(people, token, state) as clerk:
        await ann.say(group, "between us")
        asked = await ann.client.send(group, "clerk, how many?", mentions=[bot_id])
        answer = await clerk.client.send_text(group, "two", reply_to_seq=asked.seq)
        await bob.client.send_text(group, "sure?", reply_to_seq=answer.seq)
        await clerk.until_text(group, "sure?")
        assert clerk.texts(group) == ["clerk, how many?", "two", "sure?"]
    [secret] = await ann.say(group, "while it is away")
    await ann.client.edit(group, secret.seq, "/while it is away")
    await bob.client.send_text(group, "/count", reply_to_seq=secret.seq)
    async with seeing(people, token, state) as clerk:
        await clerk.until_text(group, "/count")
        assert clerk.texts(group) == ["/count"]
        await ann.client.groups.set_role(group, bot_id, group_pb2.ROLE_ADMIN)
        await ann.say(group, "before an admin")
        await clerk.until_text(group, "before an admin")
        await ann.client.groups.set_role(group, bot_id, group_pb2.ROLE_MEMBER)
        [last] = await ann.say(group, "between us again")
        await clerk.until_seq(group, last.seq)
        assert clerk.seqs(group) == list(range(clerk.seqs(group)[0], last.seq + 1))
        log = await clerk.history(group)
        assert [entry.seq for entry in log] == list(range(1, last.seq + 1))
        assert text_of_all(log) == ["clerk, how many?", "two", "sure?", "/count"]
        await ann.client.groups.set_role(group, bot_id, group_pb2.ROLE_ADMIN)
        await ann.client.groups.kick(group, [bot_id])
        await clerk.until(lambda: bot_id in gone_of(clerk, group), "its removal")
        assert text_of_all(await clerk.history(group)) == ["clerk, how many?", "two", "sure?", "/count"]
    await phone.client.connect()
    await phone.until_text(group, "between us again")
    assert len(phone.texts(group)) == 8


async def test_an_assistant_tells_a_bot_nothing_more(people: People, tmp_path: Path) -> None:
    """A bot that has an assistant sum a group up hears of what it was shown, and a person of all."""
    ann = await people.user("ann")
    bot, token = await make_bot(ann, "asker")
    assistant = (await ann.client.assistants.list())[0].user_id
    group = (await ann.client.groups.create("Lab", [bot.user.user_id, assistant])).group.group_id
    await ann.say(group, "the safe opens with 4711")
    async with seeing(people, token, tmp_path / "asker.db") as asker:
        answers = dict[str, str]()
        for device in (ann, asker):
            asked = await device.client.send(group, "summarise, please", mentions=[assistant])
            [reply] = await device.until(partial(replies_to, device, group, asked.seq), "a summary")
            answers[device.username] = reply.body.assistant_reply.text
    assert "4711" in answers[ann.username]
    assert "4711" not in answers[asker.username]


async def test_a_token_allows_what_its_scopes_say(people: People, tmp_path: Path) -> None:
    """A reading token opens no stream and sends nothing; one that manages groups does what the bot's role allows."""
    ann, bob = await people.users("ann", "bob")
    bot, token = await make_bot(ann, "keeper")
    bot_id = bot.user.user_id
    group = (await ann.client.groups.create("Lab", [bot_id])).group.group_id
    reading = await ann.client.bots.create_token(bot_id, [SCOPE_READ])
    async with Client(people.address, limits=QUICK) as reader:
        await reader.log_in_as_bot(reading.token)
        assert (await reader.groups.get(group)).settings.name == "Lab"
        for call in (
            reader.groups.rename(group, "Mine"),
            reader.groups.leave(group),
            reader.friends.list(),
            reader.bots.mine(),
        ):
            with pytest.raises(ParleyError) as refused:
                await call
            assert refused.value.reason == "SCOPE_REQUIRED"
        async with asyncio.timeout(PATIENCE):
            [end] = [event async for event in until_stopped(reader)]
        assert end.error.reason == "SCOPE_REQUIRED"
    managing = await ann.client.bots.create_token(bot_id, [SCOPE_READ, SCOPE_WRITE, SCOPE_MANAGE_GROUPS])
    async with Client(people.address, limits=QUICK) as keeper:
        await keeper.log_in_as_bot(managing.token)
        await keeper.wait_online()
        with pytest.raises(ParleyError) as refused:
            await keeper.groups.announce(group, "I keep order here")
        assert refused.value.reason == "ROLE_REQUIRED"
        await ann.client.groups.set_role(group, bot_id, group_pb2.ROLE_ADMIN)
        await keeper.groups.announce(group, "I keep order here")
        change = (await ann.until_kind(group, "group")).content.group
        assert change.announcement == "I keep order here"
        with pytest.raises(ParleyError) as refused:
            await keeper.messages.history(direct_id(ann.user_id, bob.user_id))
        assert refused.value.code.name == "NOT_FOUND"
    assert token != managing.token


async def test_a_revoked_token_closes_the_stream(people: People, tmp_path: Path) -> None:
    """When its owner revokes the token the program is signed out, and cannot come back."""
    ann = await people.user("ann")
    bot, token = await make_bot(ann, "gone")
    async with Client(people.address, limits=QUICK) as client:
        await client.log_in_as_bot(token)
        device = Device(client, "gone")
        await client.wait_online()
        [known] = await ann.client.bots.tokens(bot.user.user_id)
        await ann.client.bots.revoke_token(bot.user.user_id, known.token_id)
        await device.until(
            lambda: [event for event in device.events if type(event).__name__ in {"SignedOut", "Stopped"}], "the end"
        )
        await device.close()
        with pytest.raises(ParleyError) as refused:
            await client.log_in_as_bot(token)
        assert refused.value.reason == "BOT_TOKEN_INVALID"


async def test_the_bot_of_the_document_runs_as_written(people: People, tmp_path: Path) -> None:
    """Copied out of docs/bots.md, the program throws a die for whoever writes to it."""
    ann = await people.user("ann")
    bot, token = await make_bot(ann, "dice")
    program = re.findall(r"```python\n(.*?)```", (ROOT / "docs/bots.md").read_text(), re.DOTALL)[0]
    environment = {**os.environ, "PARLEY_ADDRESS": people.address, "BOT_TOKEN": token}
    environment["BOT_STATE"] = str(tmp_path / "dice.db")
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", program, env=environment)
    try:
        chat = direct_id(ann.user_id, bot.user.user_id)
        await ann.say(chat, "throw!")
        await ann.until(
            lambda: [text for text in ann.texts(chat) if re.fullmatch(r"you threw a [1-6]", text)], "a throw"
        )
    finally:
        running.terminate()
        await running.wait()
