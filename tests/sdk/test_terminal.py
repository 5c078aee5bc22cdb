"""The parts of the terminal messenger that need no terminal."""

from __future__ import annotations

from typing import Any

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from parley.message.v1 import body_pb2, entry_pb2, notice_pb2
from parley.user.v1 import user_pb2
from parley_sdk import Client, EntryReceived, ReceiptChanged, ReplyPiece, ReplyState
from parley_terminal.chat.app import ALL, COMMANDS
from parley_terminal.chat.command import UsageError, number_of, run, split
from parley_terminal.chat.completion import CommandCompleter
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.own import seconds
from parley_terminal.chat.screen import Screen, printable
from parley_terminal.describe import describe
from parley_terminal.names import Names
from tests.sdk.model import DIRECT, GROUP, OTHER, entry, text


@pytest.fixture
def names() -> Names:
    names = Names(Client())
    for user_id, username in ((OTHER, "bob"), ("u000000000000003", "carol")):
        names.know_user(user_pb2.User(user_id=user_id, username=username))
    names.rename_group(GROUP, "Sea trip")
    return names


@pytest.fixture
def desk() -> Desk:
    return Desk(Client(), Screen())


def _words(names: Names, **content: Any) -> str:
    said = entry_pb2.Entry(conversation_id=GROUP, seq=9, sender_id=OTHER, content=entry_pb2.Content(**content))
    description = describe(said, names)
    return description.text if description else ""


def test_descriptions(names: Names) -> None:
    """Every kind of entry that matters to people has words, with names and not ids."""
    membership = notice_pb2.MembershipChange
    added = [notice_pb2.GroupMember(user_id="u000000000000003")]
    body = text("at noon").post.body
    friend = notice_pb2.FriendNotice(kind=notice_pb2.FriendNotice.KIND_REQUESTED, user_id=OTHER, greeting="hi")
    assert _words(names, recall=entry_pb2.Recall(target_seq=3)) == "bob took #3 back"
    assert _words(names, edit=entry_pb2.Edit(target_seq=3, body=body)) == "bob changed #3 to: at noon"
    assert _words(names, membership=membership(cause=membership.CAUSE_INVITED, added=added)) == "bob brought carol in"
    bot = notice_pb2.GroupMember(user_id="u000000000000003", bot=True)
    assert _words(names, membership=membership(cause=membership.CAUSE_JOINED, added=[bot])) == (
        "carol (a bot; it sees what is addressed to it) joined"
    )
    bot.role = notice_pb2.MEMBER_ROLE_ADMIN
    assert _words(names, membership=membership(cause=membership.CAUSE_UPDATED, updated=[bot])) == (
        "bob changed the place of carol (a bot; as an admin it sees all that is written)"
    )
    assert _words(names, group=notice_pb2.GroupChange(name="Sea")) == "bob named the group “Sea”"
    required = notice_pb2.GroupChange(announcement="Read me", announcement_required=True)
    assert _words(names, group=required) == "bob announces: Read me — /confirm that you have read it"
    assert _words(names, group=notice_pb2.GroupChange(slow_mode_seconds=9)) == "bob lets members write every 9 s"
    assert _words(names, friend=friend) == "bob asks to be your friend: “hi”"
    assert _words(names, profile=notice_pb2.ProfileNotice()) == ""


def test_files_have_words(names: Names) -> None:
    """A message with a file says what it is, its name, how large it is, and its caption."""
    media = body_pb2.MediaRef(media_id="m" + "0" * 15, name="sea.jpg", size_bytes=1_234_567)
    image = body_pb2.Body(image=body_pb2.Image(media=media, caption="by the sea"), fallback_text="[picture]")
    assert _words(names, post=entry_pb2.Post(body=image)) == "[picture sea.jpg, 1.2 MB] by the sea"
    sticker = body_pb2.Body(sticker=body_pb2.Sticker(name="wave"), fallback_text="[sticker]")
    assert _words(names, post=entry_pb2.Post(body=sticker)) == "wave"


def test_cancelled_answer(names: Names) -> None:
    """An answer that was cancelled says so."""
    reply = body_pb2.AssistantReply(text="Once upon", finish=body_pb2.AssistantReply.FINISH_CANCELLED)
    assert _words(names, post=entry_pb2.Post(body=body_pb2.Body(assistant_reply=reply))) == "Once upon [cancelled]"


def test_others_cannot_steer_the_terminal() -> None:
    """Control characters in what others write are not printed."""
    assert printable("a\x1b[2Jb\u202ec\nd") == "a [2Jb c\nd"


def test_lines_are_split_as_typed() -> None:
    """Quotes hold a name together, an apostrophe in a text does no harm, a number may stand first."""
    assert split('/group "Sea trip" bob') == ("group", ["Sea trip", "bob"])
    assert split("/edit don't") == ("edit", ["don't"])
    assert number_of(["#12", "text"]) == (12, ["text"])
    assert number_of(["text"]) == (0, ["text"])


@pytest.mark.parametrize(
    "line",
    [
        "/nothing",
        "/chat",
        "/recall",
        "/kick bob",
        "/status sleeping",
        "/privacy nonsense",
        "/privacy find perhaps",
        "/tag",
    ],
)
async def test_wrong_commands_say_what_to_type(desk: Desk, line: str) -> None:
    """A command that does not exist, lacks words or an open chat is refused with what to do."""
    with pytest.raises(UsageError, match="/"):
        await run(COMMANDS, desk, line)


def _completions(names: Names, line: str) -> list[str]:
    completer = CommandCompleter(COMMANDS, names)
    return [completion.text for completion in completer.get_completions(Document(line), CompleteEvent())]


@pytest.fixture
def known(names: Names, monkeypatch: pytest.MonkeyPatch) -> Names:
    monkeypatch.setattr(Client, "user_id", "u000000000000001")
    return names


def test_completion(known: Names) -> None:
    """Commands are completed after the slash, names after those that take them, and nothing in a text."""
    assert _completions(known, "/his") == ["/history"]
    assert _completions(known, "/chat b") == ["bob"]
    assert _completions(known, "/chat se") == ['"Sea trip"']
    assert _completions(known, "/rename b") == []
    assert _completions(known, "b") == []


def test_unread_is_counted_once(desk: Desk) -> None:
    """Posts of others after the read position count, each once; reading elsewhere takes them away."""
    for seq in (1, 2, 2):
        desk.entered(EntryReceived(entry(seq), own=False))
    desk.entered(EntryReceived(entry(3), own=True))
    assert [(chat.conversation_id, chat.unread) for chat in desk.unread] == [(DIRECT, 2)]


def test_marks(desk: Desk, known: Names) -> None:
    """The newest own message is sent, then received, then read."""
    desk.entered(EntryReceived(entry(3), own=True))
    chat = desk.chat(DIRECT)
    marks = [chat.mark()]
    for read_seq, received_seq in ((2, 3), (3, 3)):
        desk.receipt(ReceiptChanged(DIRECT, OTHER, read_seq, received_seq))
        marks.append(chat.mark())
    assert marks == ["✓ sent", "✓✓ received", "✓✓ read"]


def test_live_answer(desk: Desk) -> None:
    """An answer is shown while it is written and gone when it is done."""
    for state in (ReplyState.WRITING, ReplyState.FINISHED):
        desk.reply(ReplyPiece(DIRECT, "r1", OTHER, 1, state, "", "Hel", 0))
        assert (desk.chat(DIRECT).reply is not None) == (state is ReplyState.WRITING)


def test_times_are_typed_with_a_unit() -> None:
    """How long is said as people say it; anything else is refused with what to type."""
    assert [seconds(word) for word in ("30s", "10m", "2h", "3d", "1w")] == [30, 600, 7_200, 259_200, 604_800]
    for word in ("", "10", "0m", "-3h", "1y", "١m1"):
        with pytest.raises(UsageError, match="10m"):
            seconds(word)


def test_what_happens_at_its_time_has_words(names: Names) -> None:
    """Retention, self-destruction and refused schedules are told in words; what is hidden is not shown."""
    kept, refused = notice_pb2.RetentionChange(days=7), notice_pb2.ScheduleNotice(conversation_id=GROUP, message="no")
    assert _words(names, retention=kept) == "bob decided: messages here are removed after 7 days"
    assert _words(names, recall=entry_pb2.Recall(target_seq=3, expired=True)) == "#3 has destroyed itself"
    assert _words(names, schedule=refused) == "a scheduled message to Sea trip was not sent: no"
    assert _words(names, cut=entry_pb2.Cut(until_seq=9)) == "earlier messages were removed"
    assert _words(names, hidden=entry_pb2.Hidden()) == ""


def test_each_command_has_a_name_of_its_own() -> None:
    """No command hides another one that somebody gave the same name."""
    names = [command.name for command in ALL]
    assert sorted(set(names)) == sorted(names)
