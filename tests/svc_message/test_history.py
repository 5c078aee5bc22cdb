"""History by place, time, sender and kind: bounded, and told where to go on."""

import pytest

from parley.message.v1.body_pb2 import Body, File, Image, MediaRef
from parley.message.v1.entry_pb2 import Content, Post
from parley.message.v1.message_service_pb2 import ListEntriesRequest, ListEntriesResponse, PostKind, Send
from svc_message.application.reading import scan
from tests.svc_message import groups
from tests.svc_message.device import Device, direct, edit, new_device, post, reaction, send
from tests.svc_message.uploader import Uploader
from tests.svc_message.world import World, refusal


async def page(device: Device, chat: str, **fields: object) -> ListEntriesResponse:
    """One page."""
    request = ListEntriesRequest(conversation_id=chat, **fields)  # type: ignore[arg-type]
    return await device.do(device.world.messages.ListEntries, request)


async def every(device: Device, chat: str, *, descending: bool = False, **fields: object) -> list[int]:
    """The seqs of all pages, as a client turns them."""
    seqs, bound = list[int](), dict[str, int]()
    while True:
        found = await page(device, chat, descending=descending, **fields, **bound)
        seqs += [entry.seq for entry in found.entries]
        assert found.more is (found.next_seq > 0)
        if not found.more:
            return seqs
        bound = {"to_seq" if descending else "from_seq": found.next_seq}


def body(chat: str, shown: Body) -> Send:
    """A post with this body."""
    return send(chat, Content(post=Post(body=shown)))


async def test_jump_to_a_date(mesh: World) -> None:
    """The page begins at the first entry of that time; in the other direction it ends there."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    days = list[int]()
    for _ in range(3):
        days.append(mesh.clock.now_ms())
        await ann.seqs(*(post(chat) for _ in range(4)))
        mesh.clock.advance(60)
    assert [e.seq for e in (await page(ann, chat, from_ms=days[1], limit=2)).entries] == [5, 6]
    assert await every(ann, chat, from_ms=days[1], limit=3) == list(range(5, 13))
    assert await every(ann, chat, from_ms=days[2], descending=True, limit=3) == [12, 11, 10, 9]
    assert await every(ann, chat, from_ms=1) == list(range(1, 13))
    assert await every(ann, chat, from_ms=days[0], from_seq=7, to_seq=8) == [7, 8]
    empty = await page(ann, chat, from_ms=mesh.clock.now_ms() + 1)
    assert (list(empty.entries), empty.more, empty.head_seq) == ([], False, 12)


async def test_a_date_before_one_came_begins_where_one_came(mesh: World) -> None:
    """By time nobody sees more than by place."""
    owner, late = await new_device(mesh).connect(), await new_device(mesh).connect()
    team = await groups.make(mesh, owner)
    began = mesh.clock.now_ms()
    await owner.seqs(post(team), post(team))
    came = await groups.add(mesh, team, late)
    await owner.seqs(post(team), post(team))
    assert (await page(late, team, from_ms=began)).entries[0].seq == came
    assert (await page(late, team, around_seq=1)).entries[0].seq == came
    assert await every(late, team, sender_id=owner.user_id) == [came + 1, came + 2]


async def test_around_a_seq(mesh: World) -> None:
    """Half a page before it and the rest from it on, at the ends as much as there is; nothing else may be said."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(*(post(chat) for _ in range(20)))

    async def around(seq: int, limit: int = 6) -> list[int]:
        return [entry.seq for entry in (await page(ann, chat, around_seq=seq, limit=limit)).entries]

    assert await around(10) == [7, 8, 9, 10, 11, 12]
    assert await around(2) == [1, 2, 3, 4, 5, 6]
    assert await around(20) == [17, 18, 19, 20]
    assert await around(2**64 - 1) == [17, 18, 19, 20]
    for more in ({"from_seq": 1}, {"to_seq": 9}, {"from_ms": 1}, {"descending": True}, {"sender_id": ann.user_id}):
        assert (await refusal(page(ann, chat, around_seq=10, **more))).reason == "RANGE_INVALID"


async def test_by_sender_and_kind(mesh: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posts of one user or of some kinds are found over many bounded calls, in both directions, each once."""
    monkeypatch.setattr(scan, "MAX_SCANNED", 7)
    monkeypatch.setattr(scan, "PIECE", 2)
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    chat = direct(ann, bob)
    mine, theirs = [(await Uploader(one).upload(b"plan", "text/plain")).media_id for one in (ann, bob)]
    image = Body(image=Image(media=MediaRef(media_id=mine), caption="see https://example.org"), fallback_text="image")
    file = Body(file=File(media=MediaRef(media_id=mine, name="plan.pdf")), fallback_text="file")
    other = Body(file=File(media=MediaRef(media_id=theirs, name="plan.pdf")), fallback_text="file")
    await ann.seqs(*(post(chat) for _ in range(9)), body(chat, image), body(chat, file))
    await bob.seqs(post(chat, "http://example.org/x"), *(post(chat) for _ in range(8)), body(chat, other))
    await bob.seqs(reaction(chat, 1), edit(chat, 12, "no link any more"))
    wanted = {
        (): list(range(1, 22)),
        ("IMAGE",): [10],
        ("FILE",): [11, 21],
        ("IMAGE", "FILE"): [10, 11, 21],
        ("LINK",): [10, 12],
        ("VOICE",): [],
    }
    for kinds, seqs in wanted.items():
        asked = [PostKind.Value(f"POST_KIND_{kind}") for kind in kinds]
        for limit in (2, 50):
            sender: dict[str, object] = {} if kinds else {"sender_id": ann.user_id}
            expected = seqs if kinds else [seq for seq in seqs if seq < 12]
            assert await every(ann, chat, descending=False, **{"kinds": asked, "limit": limit, **sender}) == expected
            assert (
                await every(ann, chat, descending=True, **{"kinds": asked, "limit": limit, **sender}) == expected[::-1]
            )
    both = [PostKind.POST_KIND_FILE]
    assert await every(ann, chat, kinds=both, sender_id=bob.user_id) == [21]
    ends = {"from_seq": 20}, {"to_seq": 3, "descending": True}
    assert [(await page(ann, chat, kinds=both, **end)).next_seq for end in ends] == [0, 0]
    first = await page(ann, chat, kinds=[PostKind.POST_KIND_VOICE])
    assert (list(first.entries), first.more, first.next_seq) == ([], True, 8)


async def test_an_old_page_is_shown_as_it_is_now(mesh: World) -> None:
    """However often a post was changed, its page carries the newest edit and pin, once each, and nothing of others."""
    ann = await new_device(mesh).connect()
    chat = f"{ann.user_id}-{ann.user_id}"
    await ann.seqs(post(chat, "one"), post(chat, "two"), post(chat, "three"))
    for number in range(30):
        await ann.seqs(edit(chat, 1, f"one {number}"), edit(chat, 3, f"three {number}"))
    found = await page(ann, chat, to_seq=2)
    assert [(e.content.edit.target_seq, e.content.edit.body.text.text) for e in found.amendments] == [(1, "one 29")]
    assert [e.seq for e in (await page(ann, chat, from_seq=3, limit=200)).amendments] == []
