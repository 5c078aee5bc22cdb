"""Everything by which a bot reads a group, each compared with what a count by hand says."""

from collections.abc import Iterable

from parley.conversation.v1.conversation_pb2 import Position
from parley.conversation.v1.conversation_service_pb2 import (
    ExportConversationRequest,
    GetConversationRequest,
    ListConversationsRequest,
    ListPinsRequest,
)
from parley.message.v1.body_pb2 import MessageRef
from parley.message.v1.entry_pb2 import Entry
from parley.message.v1.message_service_pb2 import (
    ListEditsRequest,
    ListEntriesRequest,
    ListReactionsRequest,
    ReportMessageRequest,
    SearchMessagesRequest,
)
from tests.svc_message.bot_scene import Scene, shown
from tests.svc_message.world import WAIT_S, refusal


async def every_door(scene: Scene) -> None:
    """Everything that reads."""
    for look in (resumed, synced, paged, one_by_one, filtered, about_posts, pinned, searched, exported, summarised):
        await look(scene)


def compared(scene: Scene, entries: Iterable[Entry]) -> dict[int, str]:
    """How much of each is there."""
    return {entry.seq: shown(entry, copies=scene.log[entry.seq].copies) for entry in entries}


def views(scene: Scene) -> dict[int, str]:
    """What the rule says of the whole log."""
    return {seq: scene.view(seq) for seq in scene.log}


async def resumed(scene: Scene) -> None:
    """A device that knows nothing comes back."""
    scene.bot.received.ClearField("entries")
    await scene.bot.resume()
    await scene.bot.entry(scene.group, max(scene.log))
    assert compared(scene, scene.bot.entries(scene.group)) == views(scene)


async def synced(scene: Scene) -> None:
    """Sync, all at once and in pages."""
    position = Position(conversation_id=scene.group)
    assert compared(scene, (await scene.bot.sync([position])).entries) == views(scene)
    entries, remaining = list[Entry](), [position]
    while remaining:
        page = await scene.bot.sync(remaining, 7)
        entries += page.entries
        remaining = list(page.remaining)
    assert compared(scene, entries) == views(scene)


async def paged(scene: Scene) -> None:
    """History, forward and back."""
    page = await scene.bot.history(scene.group, limit=200)
    back = await scene.bot.history(scene.group, limit=200, descending=True)
    assert compared(scene, page.entries) == compared(scene, back.entries) == views(scene)
    hidden = {seq for seq, view in views(scene).items() if view == "hidden"}
    assert not hidden & {one.target_seq for one in page.reactions}


async def one_by_one(scene: Scene) -> None:
    """Each entry alone, with what changed it later."""
    for seq in scene.log:
        page = await scene.bot.history(scene.group, from_seq=seq, to_seq=seq)
        assert compared(scene, page.entries) == {seq: scene.view(seq)}
        later = compared(scene, page.amendments)
        assert set(later.values()) <= {"whole"}
        assert scene.view(seq) != "hidden" or not (later or page.reactions)


async def filtered(scene: Scene) -> None:
    """Posts of one sender, in small pages: nothing says that there were others."""
    for sender in (scene.ann, scene.bob, scene.bot):
        found, following = list[Entry](), 1
        while following:
            request = ListEntriesRequest(
                conversation_id=scene.group, sender_id=sender.user_id, from_seq=following, limit=2
            )
            page = await scene.bot.do(scene.bot.world.messages.ListEntries, request)
            assert len(page.entries) == 2 or not page.next_seq
            found += page.entries
            following = page.next_seq
        mine = [seq for seq in scene.posts if scene.log[seq].sender == sender.user_id and scene.shows(seq)]
        assert compared(scene, found) == {seq: scene.view(seq) for seq in mine}


async def about_posts(scene: Scene) -> None:
    """Edits, reactions and reports of single posts."""
    messages = scene.bot.world.messages
    for seq in scene.posts:
        message = MessageRef(conversation_id=scene.group, seq=seq)
        edits, reactions = ListEditsRequest(message=message), ListReactionsRequest(message=message)
        if scene.shows(seq):
            first = (await scene.bot.do(messages.ListEdits, edits)).entries[:1]
            assert compared(scene, first) == {seq: scene.view(seq)}
            await scene.bot.do(messages.ListReactions, reactions)
            continue
        for attempt in (
            scene.bot.do(messages.ListEdits, edits),
            scene.bot.do(messages.ListReactions, reactions),
            scene.bot.do(messages.ReportMessage, ReportMessageRequest(message=message, explanation="?")),
        ):
            assert (await refusal(attempt)).reason == "ENTRY_NOT_FOUND"


async def pinned(scene: Scene) -> None:
    """Pins, in their order."""
    page = await scene.bot.do(scene.bot.world.conversations.ListPins, ListPinsRequest(conversation_id=scene.group))
    expected = [seq for seq in scene.pinned if seq in scene.posts and scene.shows(seq)]
    assert [entry.seq for entry in page.entries] == expected
    assert compared(scene, page.entries) == {seq: scene.view(seq) for seq in expected}
    assert {entry.content.edit.target_seq for entry in page.amendments} <= set(expected)


async def searched(scene: Scene) -> None:
    """A word that is in every post."""
    found, token = list[Entry](), "begin"
    while token:
        request = SearchMessagesRequest(
            query="apple", conversation_id=scene.group, page_token="" if token == "begin" else token
        )
        page = await scene.bot.do(scene.bot.world.messages.SearchMessages, request)
        found += page.entries
        token = page.next_page_token
    assert compared(scene, found) == {seq: scene.view(seq) for seq in scene.posts if scene.shows(seq)}


async def exported(scene: Scene) -> None:
    """An export leaves out what is hidden."""
    stream = scene.bot.world.conversations.ExportConversation(
        ExportConversationRequest(conversation_id=scene.group),
        metadata=(("authorization", f"Bearer {scene.bot.token}"),),
        timeout=WAIT_S,
    )
    found = [entry async for page in stream for entry in page.entries]
    assert compared(scene, found) == {seq: view for seq, view in views(scene).items() if view != "hidden"}


async def summarised(scene: Scene) -> None:
    """The newest entry of the list and what is unread."""
    calls = scene.bot.world.conversations
    one = (await scene.bot.do(calls.GetConversation, GetConversationRequest(conversation_id=scene.group))).conversation
    [listed] = (await scene.bot.do(calls.ListConversations, ListConversationsRequest())).conversations
    newest = max(seq for seq, view in views(scene).items() if view != "hidden")
    assert one.last_entry.seq == listed.last_entry.seq == newest
    assert compared(scene, [one.last_entry]) == {newest: scene.view(newest)}
    unread = [
        seq
        for seq in scene.posts
        if scene.shows(seq) and scene.log[seq].sender != scene.bot.user_id and seq > one.read_seq
    ]
    mentions = sum(scene.log[seq].mentioned for seq in unread)
    assert (one.unread_count, one.mention_count) == (len(unread), mentions)


async def persons_see_all(scene: Scene) -> None:
    """Nothing is kept from anybody else."""
    page = await scene.bob.sync([Position(conversation_id=scene.group)])
    assert set(compared(scene, page.entries).values()) == {"whole"}
    assert [entry.seq for entry in page.entries] == sorted(scene.log)
    assert {entry.seq for entry in scene.bob.entries(scene.group)} >= {
        seq for seq, one in scene.log.items() if one.sender != scene.bob.user_id
    }
