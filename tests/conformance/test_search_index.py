"""What every index of texts finds: see message_stores.py for the adapters."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind, Row
from svc_message.domain.posts.search import Lookup, Text
from svc_message.domain.posts.words import query, words_of
from tests.conformance.message_stores import STORES, Store

ANN, BOB = UserId("u" + "a" * 15), UserId("u" + "b" * 15)
CHAT, OTHER = direct_id(ANN, BOB), direct_id(ANN, ANN)
PHONE = DeviceId("d" + "1" * 15)


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    async with request.param(tmp_path) as opened:
        yield opened


def row(
    conversation_id: ConversationId,
    seq: int,
    *,
    sender: UserId = ANN,
    kind: EntryKind = EntryKind.POST,
    target: int = 0,
    tombstones: tuple[tuple[Seq, bytes], ...] = (),
) -> Row:
    """An entry at a place; later places are later."""
    draft = Draft(conversation_id, sender, PHONE, seq, kind, b"content", Seq(target))
    return Row(draft, Seq(seq), 1_000 + seq, b"entry", tombstones)


async def fill(store: Store, conversation_id: ConversationId, *texts: str, sender: UserId = ANN) -> None:
    """Write posts with these texts, and take them in."""
    await store.log.append([row(conversation_id, seq, sender=sender) for seq in range(1, len(texts) + 1)])
    words = [Text(Seq(seq), words_of(text)) for seq, text in enumerate(texts, start=1)]
    await store.index.add(conversation_id, words, Seq(len(texts)))


async def found(
    store: Store, text: str, *ids: ConversationId, sender: str = "", behind: str = "", limit: int = 50
) -> list[int]:
    """The seqs of what is found."""
    lookup = Lookup(ids or (CHAT,), query(text).words, sender, behind)
    return [hit.seq for hit in await store.index.find(lookup, limit)]


async def test_words_are_found_by_how_they_begin(store: Store) -> None:
    """Words of any case and width, one or many, in any order, and no other words."""
    await fill(
        store, CHAT, "Hello World", "the world says hello", "Straße Ünder ＡＢＣ", "well", "x" * 5_000, "a_bb-cc d"
    )
    asked = {
        "hello": [2, 1],
        "HEL wor": [2, 1],
        "world hello": [2, 1],
        "says": [2],
        "ello": [],
        "strasse": [3],
        "ün": [3],
        "abc": [3],
        "x" * 100: [5],
        "we": [4],
        "hello well": [],
        "bb-c": [6],
        "d a_bb": [6],
    }
    for text, seqs in asked.items():
        assert (text, await found(store, text)) == (text, seqs)


async def test_accents_do_not_matter(store: Store) -> None:
    """Words are found with and without the accents of Latin, Greek, Cyrillic, Hebrew and Arabic writing."""
    latin = ("Café in Zürich", "cafe\u0301 Łódź øre", "Tiếng Việt")
    await fill(store, CHAT, *latin, "Ἀθήνα", "всё ещё за\u0301мок", "שָׁלוֹם", "أُحِبُّ")
    asked = {
        "cafe": [2, 1],
        "CAFÉ": [2, 1],
        "zurich": [1],
        "zürïch": [1],
        "lodz ore": [2],
        "tieng viet": [3],
        "αθηνα": [4],
        "все еще замок": [5],
        "שלום": [6],
        "احب": [7],
    }
    for text, seqs in asked.items():
        assert (text, await found(store, text)) == (text, seqs)


async def test_marks_that_make_another_letter_matter(store: Store) -> None:
    """Vowels of India, voiced sounds of Japanese, syllables of Korean, and what are letters of Cyrillic stay apart."""
    texts = ("किताब", "かき", "がぎ", "ガス", "한글", "мой", "ҫăкăр їжак", "ئێران")
    await fill(store, CHAT, *texts)
    for seq, text in enumerate(texts, start=1):
        assert (text, await found(store, text)) == (text, [seq])
    for other in ("कताब", "кот", "カス", "하그", "мои", "іжак", "یران"):
        assert (other, await found(store, other)) == (other, [])


async def test_chinese_is_found_by_any_piece(store: Store) -> None:
    """One, two and more characters, at the beginning, in the middle and at the end, beside words of other writing."""
    await fill(
        store, CHAT, "我们明天去北京", "北京欢迎你", "京", "消息search功能", "สวัสดีครับ", "안녕하세요", "ひらがな🎉🥹"
    )
    asked = {
        "京": [3, 2, 1],
        "北京": [2, 1],
        "天去": [1],
        "明天去北": [1],
        "你": [2],
        "京北": [],
        "消息": [4],
        "功能 sea": [4],
        "สวัสดี": [5],
        "ครับ": [5],
        "녕하": [6],
        "らが": [7],
        "🎉": [7],
        "🥹": [7],
        "🚀": [],
    }
    for text, seqs in asked.items():
        assert (text, await found(store, text)) == (text, seqs)


async def test_a_query_is_text_and_never_syntax(store: Store) -> None:
    """Quotes, stars, operators of both databases and expressions that explode are looked for as the words they hold."""
    await fill(store, CHAT, "where NOT near", "column words place", "a+ ne or and", "plain")
    asked = {
        '"where"': [1],
        "$where": [1],
        "wher*": [1],
        "NOT near": [1],
        "near(where, not)": [1],
        "words : place": [2],
        '{"$ne": "or"}': [3],
        "' OR and --": [3],
        "(plain+)+$": [4],
        "^plain": [4],
        "-plain": [4],
    }
    for text, seqs in asked.items():
        assert (text, await found(store, text)) == (text, seqs)


async def test_only_the_conversations_and_the_sender_that_are_asked_for(store: Store) -> None:
    """What others wrote, or elsewhere, is not found."""
    await fill(store, CHAT, "one word", sender=BOB)
    await fill(store, OTHER, "a word", "another word")
    assert await found(store, "word") == [1]
    assert await found(store, "word", OTHER) == [2, 1]
    assert len(await found(store, "word", OTHER, CHAT)) == 3
    assert await found(store, "word", OTHER, CHAT, sender=BOB) == [1]
    assert await found(store, "word", OTHER, CHAT, sender="nobody' OR 1=1") == []
    assert await found(store, "word", direct_id(BOB, BOB)) == []
    assert await store.index.find(Lookup((), ("word",)), 9) == []


async def test_a_user_with_many_conversations(store: Store) -> None:
    """Searching in thousands of conversations finds the one."""
    await fill(store, CHAT, "needle")
    many = [ConversationId(f"g{number:015d}") for number in range(3_000)]
    assert await found(store, "needle", *many, CHAT) == [1]


async def test_pages_follow_each_other(store: Store) -> None:
    """Behind the last hit of a page the next one begins, over several conversations, and none is left out."""
    await fill(store, CHAT, *(["word"] * 5))
    await fill(store, OTHER, *(["word"] * 4))
    seen, behind = list[tuple[str, int]](), ""
    while hits := await store.index.find(Lookup((CHAT, OTHER), ("word",), behind=behind), 2):
        seen += [(hit.conversation_id, hit.seq) for hit in hits]
        behind = hits[-1].place
    assert len(seen) == len(set(seen)) == 9
    assert [seq for id_, seq in seen if id_ == CHAT] == [5, 4, 3, 2, 1]
    for wrong in ("x", "-1", "9" * 40, "1:x:y", ":::"):
        assert await store.index.find(Lookup((CHAT,), ("word",), behind=wrong), 9) == []


async def test_how_far_it_goes_only_rises(store: Store) -> None:
    """The end of what was taken in is told for each conversation, and taking in again changes nothing."""
    assert await store.index.reached((CHAT, OTHER)) == {CHAT: 0, OTHER: 0}
    await fill(store, CHAT, "one", "two")
    again = [Text(Seq(1), words_of("one"))]
    await store.index.add(CHAT, again, Seq(1))
    await store.index.add(CHAT, again, Seq(1))
    assert await store.index.reached((CHAT, OTHER)) == {CHAT: 2, OTHER: 0}
    assert (await found(store, "one"), await found(store, "two")) == ([1], [2])


async def test_what_was_recalled_leaves_the_index(store: Store) -> None:
    """A recall takes the words of the post and its edits out, and they do not come back with a late writer."""
    await store.log.append([row(CHAT, 1), row(CHAT, 2, kind=EntryKind.EDIT, target=1), row(CHAT, 3)])
    texts = [Text(Seq(seq), words_of("canary")) for seq in (1, 2, 3)]
    await store.index.add(CHAT, texts, Seq(3))
    assert await found(store, "canary") == [3, 2, 1]
    gone = ((Seq(1), b"gone"), (Seq(2), b"gone"))
    await store.log.append([row(CHAT, 4, kind=EntryKind.RECALL, target=1, tombstones=gone)])
    assert await found(store, "canary") == [3]
    await store.index.add(CHAT, texts, Seq(3))
    assert await found(store, "canary") == [3]
