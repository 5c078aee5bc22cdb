"""Answers to posts, and whom a post addresses."""

from parley.message.v1.message_service_pb2 import Send
from tests.svc_message import groups
from tests.svc_message.device import direct, new_device, post, recall
from tests.svc_message.world import World


def answer(chat: str, target: int, preview: str, number: int) -> Send:
    """An answer with a copy of what it answers."""
    return post(chat, "yes", number, reply_to_seq=target, reply_preview=preview)


async def test_an_answer_keeps_its_copy_until_the_recall(mesh: World) -> None:
    """Before the recall the copy is kept byte for byte, after it the copy is dropped; the other words stay."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(post(chat, "shall we?"), post(chat, "canary"))
    await bob.seqs(answer(chat, 1, "shall we?", 71))
    await ann.seqs(recall(chat, 2))
    await bob.seqs(answer(chat, 2, "canary", 72))
    first, second = [
        entry.content.post for entry in (await ann.history(chat)).entries if entry.client_message_id in (71, 72)
    ]
    assert (first.reply_preview, second.reply_preview) == ("shall we?", "")
    assert [(one.reply_to_seq, one.body.text.text) for one in (first, second)] == [(1, "yes"), (2, "yes")]
    assert "canary" not in str((await bob.history(chat)).entries)


async def test_an_answer_that_is_repeated_is_written_once(mesh: World) -> None:
    """Whether what it answers was recalled before, after or in between, the same number gives the first place."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(post(chat, "one"), post(chat, "two"))
    kept = answer(chat, 1, "one", 81)
    assert await bob.seqs(kept) == [3]
    await ann.seqs(recall(chat, 1), recall(chat, 2))
    bare = answer(chat, 2, "two", 82)
    assert await bob.seqs(bare) == [6]
    again = await bob.results(kept, bare)
    assert [(one.seq, one.duplicate) for one in again] == [(3, True), (6, True)]
    assert await bob.refused(answer(chat, 2, "two", 81)) == "MESSAGE_ID_CONFLICT"
    assert (await ann.history(chat)).head_seq == 6


async def test_answers_do_not_overtake(mesh: World) -> None:
    """What is sent behind an answer stands behind it, though the answer had to be looked at."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await bob.post(chat, "?")
    sends = [
        answer(chat, 1, "?", 100 + number) if number % 2 else post(chat, "x", 100 + number) for number in range(20)
    ]
    assert await ann.seqs(*sends) == list(range(2, 22))


async def test_mentions_of_strangers_are_told_to_nobody(mesh: World) -> None:
    """A post that names members and others counts as a mention for the members alone, whoever comes later."""
    ann, bob, late = [await new_device(mesh).connect() for _ in range(3)]
    team = await groups.make(mesh, ann, bob)
    await ann.seqs(post(team, "you", mentioned_user_ids=[bob.user_id, late.user_id, "u" + "0" * 15]))
    assert await bob.unread(team) == (1, 1)
    await groups.add(mesh, team, late)
    assert await late.unread(team) == (0, 0)
    assert not [entry for entry in late.entries(team) if entry.content.HasField("post")]
