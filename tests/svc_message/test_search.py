"""Search: what one may see, as it is now, however it is written."""

import sqlite3
import time

import pytest

from parley.message.v1.body_pb2 import Body, File, MediaRef
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import SearchMessagesRequest, SearchMessagesResponse
from svc_message.application.reading import search
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, recall, send
from tests.svc_message.uploader import Uploader
from tests.svc_message.world import World, refusal


async def page(device: Device, query: str, **fields: object) -> SearchMessagesResponse:
    """One page."""
    request = SearchMessagesRequest(query=query, **fields)  # type: ignore[arg-type]
    return await device.do(device.world.messages.SearchMessages, request)


async def found(device: Device, query: str, **fields: object) -> list[tuple[str, int]]:
    """(conversation, seq) of all that is found, page by page."""
    hits, token = list[tuple[str, int]](), ""
    while True:
        answer = await page(device, query, page_token=token, **fields)
        hits += [(entry.conversation_id, entry.seq) for entry in answer.entries]
        token = answer.next_page_token
        if not token:
            return hits


async def test_messages_are_found_in_all_conversations(mesh: World) -> None:
    """English and Chinese words of any length are found in direct chats and groups, the newest first."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat, team = direct(ann, bob), await groups.make(mesh, ann, bob)
    await ann.seqs(post(chat, "Let us go to 北京 tomorrow"), post(chat, "ok"))
    await bob.seqs(post(team, "北京很好 Tomorrow!"))
    assert await found(bob, "tomorrow") == [(team, 2), (chat, 1)]
    assert await found(bob, "京") == [(team, 2), (chat, 1)]
    assert await found(bob, "很好 tom") == [(team, 2)]
    assert await found(ann, "ok") == [(chat, 2)]
    assert await found(ann, "tomorrow", conversation_id=chat) == [(chat, 1)]
    assert await found(ann, "tomorrow", sender_id=bob.user_id) == [(team, 2)]
    assert await found(ann, "tomorrow", page_size=1) == [(team, 2), (chat, 1)]
    await ann.seqs(post(chat, "and the day after tomorrow"))
    assert await found(bob, "tomorrow") == [(chat, 3), (team, 2), (chat, 1)]


async def test_what_is_found_has_the_letters_of_the_query(mesh: World) -> None:
    """The log is held to the same letters as the index: accents do not matter in it, and a vowel of Hindi does."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "Straße nach Zürich"), post(chat, "किताब"), post(chat, "Zurich, wieder"))
    assert await found(ann, "zurich") == [(chat, 3), (chat, 1)]
    assert await found(ann, "ZÜRICH stras") == [(chat, 1)]
    assert await found(ann, "किताब") == [(chat, 2)]
    assert await found(ann, "कताब") == []


async def test_captions_and_names_of_files_are_found(mesh: World) -> None:
    """A person finds what a person can read of a post, of whatever kind it is."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    media = await Uploader(ann).upload(b"numbers", "text/plain")
    file = File(media=MediaRef(media_id=media.media_id, name="budget-2026.xlsx"), caption="第三季度 numbers")
    await ann.seqs(send(chat, Content(post=Post(body=Body(file=file, fallback_text="a file")))))
    for query in ("budget", "2026 xlsx", "季度", "NUMB"):
        assert await found(ann, query) == [(chat, 1)]


async def test_edited_text_is_found_by_its_new_words(mesh: World) -> None:
    """The post is found by its newest text alone, whether the index knew the older ones or not."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "apple"), post(chat, "apple too"))
    assert len(await found(ann, "apple")) == 2
    await ann.seqs(edit(chat, 1, "banana"), edit(chat, 1, "cherry 樱桃"))
    assert await found(ann, "apple") == [(chat, 2)]
    assert await found(ann, "banana") == []
    assert await found(ann, "樱") == [(chat, 1)]
    [edited] = (await page(ann, "cherry")).amendments
    assert edited.content.edit.target_seq == 1
    await ann.seqs(edit(chat, 1, "apple again"))
    assert await found(ann, "apple") == [(chat, 1), (chat, 2)]


async def test_what_was_recalled_is_not_found_nor_kept(mesh: World) -> None:
    """After a recall neither the text nor its words are in the store, before and after a search."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "canaryone"), post(chat, "canarytwo"))
    await ann.seqs(edit(chat, 1, "canarythree"))
    assert len(await found(ann, "canary")) == 2
    assert kept(mesh) == (3, 3, 3)
    await ann.seqs(recall(chat, 1), recall(chat, 2))
    assert await found(ann, "canary") == []
    assert kept(mesh) == (0, 0, 0)


def kept(mesh: World) -> tuple[int, int, int]:
    """Rows of the index, hits of it and entries that hold the word."""
    with sqlite3.connect(mesh.database) as connection:
        words = connection.execute("SELECT count(*) FROM search WHERE words LIKE '%canary%'").fetchone()[0]
        hits = connection.execute("SELECT count(*) FROM search WHERE search MATCH 'canary*'").fetchone()[0]
        bodies = connection.execute("SELECT count(*) FROM entry WHERE instr(body, 'canary')").fetchone()[0]
    connection.close()
    return words, hits, bodies


async def test_nobody_finds_what_they_may_not_see(mesh: World) -> None:
    """Neither what stands before one came nor after one left, nor anything of conversations of others."""
    owner, member, late, stranger = [await new_device(mesh).connect() for _ in range(4)]
    team = await groups.make(mesh, owner, member)
    await owner.post(team, "secret one")
    await groups.add(mesh, team, late)
    await owner.post(team, "secret two")
    await groups.kick(mesh, team, member)
    third = await owner.post(team, "secret three")
    await owner.seqs(edit(team, 2, "secret 1st"))
    assert await found(owner, "secret") == [(team, 2), (team, third), (team, 4)]
    assert await found(member, "secret") == [(team, 4), (team, 2)]
    assert await found(member, "1st") == []
    assert await found(late, "secret") == [(team, third), (team, 4)]
    assert await found(stranger, "secret") == []
    assert (await refusal(page(stranger, "secret", conversation_id=team))).reason == "CONVERSATION_NOT_FOUND"
    assert (await refusal(page(stranger, "secret", conversation_id="nonsense"))).reason == "CONVERSATION_NOT_FOUND"


async def test_a_search_between_two_times(mesh: World) -> None:
    """Posts are found by when they were sent, whenever they were edited."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.post(chat, "word")
    mesh.clock.advance(60)
    middle = mesh.clock.now_ms()
    await ann.post(chat, "word")
    await ann.seqs(edit(chat, 1, "word 2"))
    assert await found(ann, "word", after_ms=middle) == [(chat, 2)]
    assert await found(ann, "word", before_ms=middle - 1) == [(chat, 1)]


async def test_too_short_and_bad_tokens(mesh: World) -> None:
    """A query without anything to look for is refused, as is a token of another search or of another user."""
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    await ann.seqs(*(post(chat, "word") for _ in range(3)))
    for query in ("a", "*", '"', " ", "a b 1", "$", "\u200d"):
        assert (await refusal(page(ann, query))).reason == "QUERY_TOO_SHORT"
    token = (await page(ann, "word", page_size=1)).next_page_token
    for device, query in ((ann, "words"), (bob, "word")):
        assert (await refusal(page(device, query, page_token=token))).reason == "PAGE_TOKEN_INVALID"
    for wrong in ("x", "e30=", token[:-4], "=" * 512):
        assert (await refusal(page(ann, "word", page_token=wrong))).reason == "PAGE_TOKEN_INVALID"


@pytest.mark.parametrize(
    "query", ["(a+)+$ aa", "aa* OR 1=1 --", '{"$where": "sleep(1000)"}', "aa" * 64, "%aa_", "北" * 128]
)
async def test_nasty_queries_are_quick(mesh: World, query: str) -> None:
    """Whatever a query holds, it finds no more and costs no more than a word."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "a" * 16_000), post(chat, "京" * 5_000))
    await found(ann, "warm")
    began = time.process_time()  # of this process, whose threads search: the machine may be busy with others
    await found(ann, query)
    assert time.process_time() - began < 0.5


async def test_the_index_is_made_in_parts(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long log is taken in over several calls, whose pages are empty and go on; what is found then is all of it."""
    monkeypatch.setattr(search, "MAX_INDEXED", 20)
    monkeypatch.setattr(search, "PIECE", 10)
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(*(post(chat, f"word {number}") for number in range(50)))
    first = await page(ann, "word")
    assert not first.entries
    assert first.next_page_token
    assert [seq for _, seq in await found(ann, "word")] == list(range(50, 0, -1))


async def test_many_hits_that_are_not_meant(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call looks at so many hits and no more; the pages go on until what is meant is found."""
    monkeypatch.setattr(search, "MAX_LOOKED", 10)
    monkeypatch.setattr(search, "HITS", 5)
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "搜索消息"), *(post(chat, "消息 搜索 索消") for _ in range(30)))
    first = await page(ann, "搜索消息")
    assert (list(first.entries), bool(first.next_page_token)) == ([], True)
    assert await found(ann, "搜索消息") == [(chat, 1)]
