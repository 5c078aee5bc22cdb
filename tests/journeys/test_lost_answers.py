"""Sends whose answer is lost on the way."""

import asyncio
import time
from pathlib import Path

import pytest

from parley_sdk import Client, Disconnected, ParleyError
from tests.journeys.mesh import Mesh
from tests.journeys.people import PASSWORD, QUICK, Device, People, numbered
from tests.journeys.raw import RawDevice, log_in_again, text_send
from tests.proxy import Proxy


async def only_one(reader: Device, chat: str, text: str, seq: int) -> None:
    """Check in the log that there is one message with this text, and where."""
    found = [entry.seq for entry in await reader.history(chat) if entry.content.post.body.text.text == text]
    assert found == [seq]
    assert reader.texts(chat).count(text) == 1


async def test_a_send_whose_answer_is_lost_is_written_once(own_people: People, own_mesh: Mesh) -> None:
    """The same number again after a lost ack gives the original place, before and after a restart of the mesh."""
    bob = await own_people.user("bob")
    async with Proxy(own_mesh.address) as proxy:
        ann = await own_people.user("ann", address=proxy.address)
        chat = ann.chat_with(bob)
        for restarts, text in ((False, "one"), (True, "two")):
            proxy.answers_lost = True
            answer = ann.client.send(chat, text)
            await bob.until_text(chat, text)
            assert not answer.done()
            if restarts:
                await asyncio.to_thread(own_mesh.kill)
                await asyncio.to_thread(own_mesh.start)
                await bob.client.wait_online()
            proxy.answers_lost = False
            await proxy.cut()
            sent = await asyncio.wait_for(answer, 30)
            assert sent.duplicate
            assert sent.seq == bob.shown[chat][-1].seq
            await only_one(bob, chat, text, sent.seq)
        await ann.until_text(chat, "two")
        assert ann.seqs(chat) == bob.seqs(chat) == [1, 2]
        assert ann.of(Disconnected)


async def test_a_slow_network_repeats_nothing(people: People) -> None:
    """Answers that are held back cost time and nothing else: each message is written once, in order."""
    bob = await people.user("bob")
    async with Proxy(people.address) as proxy:
        ann = await people.user("ann", address=proxy.address)
        chat = ann.chat_with(bob)
        proxy.delay = 0.1
        sent = await ann.say(chat, *map(str, range(20)))
        assert [one.seq for one in sent] == list(range(1, 21))
        await bob.until_text(chat, "19")
        assert bob.texts(chat) == list(map(str, range(20)))


async def test_a_number_names_one_message_for_ever(people: People) -> None:
    """A number that was used gives the original place to the same content, and a conflict to any other."""
    ann, bob = await people.users("ann", "bob")
    chat, number = ann.chat_with(bob), time.time_ns() // 1_000_000 << 20
    login = await log_in_again(people.address, ann.username)
    for repeated in (False, True):
        async with RawDevice.open(people.address, login) as device:
            await device.send(text_send(chat, "hello", number))
            first = (await device.until(lambda d=device: d.frame.results))[0]  # type: ignore[misc]
            assert (first.seq, first.duplicate) == (1, repeated)
            await device.send(text_send(chat, "other words", number))
            other = (await device.until(lambda d=device: list(d.frame.results[1:])))[0]  # type: ignore[misc]
            assert (other.seq, other.error.reason) == (0, "MESSAGE_ID_CONFLICT")
    await bob.until_text(chat, "hello")
    assert bob.texts(chat) == ["hello"]


async def test_what_a_program_left_in_its_outbox_is_sent_by_the_next(people: People, tmp_path: Path) -> None:
    """Messages written offline outlive the program: the next one that opens its state sends them once, in order."""
    ann, bob = await people.users("ann", "bob")
    chat, state = ann.chat_with(bob), tmp_path / "program.db"
    async with Client(people.address, state=state, limits=QUICK) as first:
        await first.log_in(ann.username, PASSWORD)
        await first.wait_online()
        await first.disconnect()
        waiting = [first.send(chat, text) for text in numbered("later", range(20))]
    assert all(isinstance(one.exception(), ParleyError) for one in waiting)
    assert not bob.shown[chat]
    for _ in range(2):
        async with Client(people.address, state=state, limits=QUICK) as following:
            assert await following.resume()
            await following.wait_online()
            await bob.until_text(chat, "later 19")
    await ann.say(chat, "and now")
    await bob.until_text(chat, "and now")
    assert bob.texts(chat) == [*numbered("later", range(20)), "and now"]


async def test_a_refused_send_is_told_and_leaves_the_outbox(people: People) -> None:
    """A send that can never succeed ends in one definite error, and those behind it go on."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    group = await people.open_group(bob, eve)
    with pytest.raises(ParleyError) as refused:
        await ann.client.send(group, "let me in")
    assert refused.value.reason == "CONVERSATION_NOT_FOUND"
    assert (await ann.say(ann.chat_with(bob), "anyway"))[0].seq == 1
