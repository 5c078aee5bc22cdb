"""What a bot is shown of a group: the rule alone."""

from dataclasses import replace

import pytest

from parley.message.v1.body_pb2 import AssistantReply, Body, File, Image, MediaRef, Text
from parley.message.v1.entry_pb2 import Content, Edit, Entry, Pin, Post, Reaction, Recall, Tombstone
from parley.message.v1.notice_pb2 import GroupChange, MembershipChange
from svc_message.domain.conversation import ADDRESSED_ONLY, Membership, Role, Seq, UserId, addressed_before
from svc_message.domain.entry import EntryKind
from svc_message.domain.posts.addressed import Address, Eyes, Shown, eyes_of, shown
from svc_message.infrastructure.addressing import ProtobufAddressing

BOT, ANN, BOB = (UserId("u" + letter * 15) for letter in "xab")
TEAM = "g" + "1" * 15
READING = ProtobufAddressing()


def text(words: str) -> Body:
    """A text."""
    return Body(text=Text(text=words))


def said(words: str, sender: str = ANN, seq: int = 0, **fields: object) -> Entry:
    """A post."""
    return entry(Content(post=Post(body=text(words), **fields)), sender, seq)  # type: ignore[arg-type]


def entry(content: Content, sender: str = ANN, seq: int = 0) -> Entry:
    """An entry."""
    return Entry(conversation_id=TEAM, seq=seq, sender_id=sender, content=content)


LOG = [
    said("nobody in particular", seq=1),
    said("for the bot", seq=2, mentioned_user_ids=[BOB, BOT]),
    said("by the bot", BOT, seq=3),
    said("an answer to nobody", seq=4, reply_to_seq=1, reply_preview="nobody in particular"),
    entry(Content(tombstone=Tombstone(recall_seq=9)), ANN, 5),
    entry(Content(tombstone=Tombstone(recall_seq=9)), BOT, 6),
    said("an answer to the bot", seq=7, reply_to_seq=3),
    said("before the bot came", seq=8, mentions_all=True),
]
"""What the entries in question are about, at the places 1 to 8."""

WHOLE, BARE, NOTHING = Shown.WHOLE, Shown.WITHOUT_COPY, Shown.NOTHING

CASES = [
    ("a post to nobody", said("hello"), NOTHING),
    ("a mention of somebody else", said("hello", mentioned_user_ids=[BOB]), NOTHING),
    ("a mention", said("hello", mentioned_user_ids=[BOB, BOT]), WHOLE),
    ("a mention of all", said("hello", mentions_all=True), WHOLE),
    ("its name in a text", said(f"hello @{BOT}"), NOTHING),
    ("its own post", said("hello", BOT), WHOLE),
    ("a command", said("/throw 6"), WHOLE),
    ("a slash further on", said("and/or"), NOTHING),
    ("a blank before the slash", said(" /throw"), NOTHING),
    ("a caption that is a command", entry(Content(post=Post(body=Body(image=Image(caption="/cut"))))), WHOLE),
    ("a file with such a name", entry(Content(post=Post(body=Body(file=File(media=MediaRef(name="/a")))))), NOTHING),
    ("a fallback text", entry(Content(post=Post(body=Body(image=Image(), fallback_text="/x")))), NOTHING),
    ("an assistant's answer", entry(Content(post=Post(body=Body(assistant_reply=AssistantReply(text="/x"))))), NOTHING),
    ("an answer to its own post", said("yes", reply_to_seq=3), WHOLE),
    ("an answer with a copy of its own post", said("yes", reply_to_seq=3, reply_preview="by"), WHOLE),
    ("an answer to a post of its own that is gone", said("yes", reply_to_seq=6), WHOLE),
    ("an answer to somebody else", said("yes", reply_to_seq=1), NOTHING),
    ("an answer to a post that was for it", said("yes", reply_to_seq=2), NOTHING),
    ("an answer to what is not known", said("yes", reply_to_seq=99), NOTHING),
    ("a command with a copy of a hidden post", said("/do", reply_to_seq=1, reply_preview="nobody"), BARE),
    ("a command with a copy of what it was shown", said("/do", reply_to_seq=2, reply_preview="for"), WHOLE),
    ("a command with a copy of an answer to it", said("/do", reply_to_seq=7, reply_preview="an"), WHOLE),
    ("a command with a copy of what was recalled", said("/do", reply_to_seq=5, reply_preview="gone"), BARE),
    ("a command with a copy of what is not known", said("/do", reply_to_seq=99, reply_preview="?"), BARE),
    ("its own copy of a hidden post", said("well", BOT, reply_to_seq=1, reply_preview="nobody"), WHOLE),
    ("an edit of a hidden post", entry(Content(edit=Edit(target_seq=1, body=text("x")))), NOTHING),
    ("an edit that makes it a command", entry(Content(edit=Edit(target_seq=1, body=text("/x")))), NOTHING),
    ("an edit of a post that was for it", entry(Content(edit=Edit(target_seq=2, body=text("x")))), WHOLE),
    ("an edit of an answer to it", entry(Content(edit=Edit(target_seq=7, body=text("x")))), WHOLE),
    ("an edit of an answer to others", entry(Content(edit=Edit(target_seq=4, body=text("x")))), NOTHING),
    ("a reaction to a hidden post", entry(Content(reaction=Reaction(target_seq=1, name="+1"))), NOTHING),
    ("a reaction to its own post", entry(Content(reaction=Reaction(target_seq=3, name="+1"))), WHOLE),
    ("a reaction to what was recalled", entry(Content(reaction=Reaction(target_seq=5, name="+1"))), NOTHING),
    ("a reaction to what is not known", entry(Content(reaction=Reaction(target_seq=99, name="+1"))), NOTHING),
    ("its own reaction", entry(Content(reaction=Reaction(target_seq=1, name="+1")), BOT), WHOLE),
    ("a pin of a hidden post", entry(Content(pin=Pin(target_seq=1))), NOTHING),
    ("a pin of a post that was for it", entry(Content(pin=Pin(target_seq=2))), WHOLE),
    ("a recall", entry(Content(recall=Recall(target_seq=1))), WHOLE),
    ("what was recalled", entry(Content(tombstone=Tombstone(recall_seq=9))), WHOLE),
    ("who came and went", entry(Content(membership=MembershipChange())), WHOLE),
    ("a new name", entry(Content(group=GroupChange(name="x"))), WHOLE),
    ("what a later version may write", entry(Content()), NOTHING),
]


def ask(entry: Entry, eyes: Eyes, seq: int) -> Shown:
    """What the rule says of an entry at a place behind those of `LOG`."""
    known = {one.seq: READING.of(one.SerializeToString()) for one in LOG}
    moved = Entry(seq=seq)
    moved.MergeFrom(entry)
    moved.seq = seq
    return shown(eyes, READING.of(moved.SerializeToString()), known)


@pytest.mark.parametrize("what, entry, expected", CASES, ids=[case[0] for case in CASES])
def test_the_rule(what: str, entry: Entry, expected: Shown) -> None:
    """A bot that is no admin is shown what is addressed to it, and nothing else, whatever the kind of the entry."""
    assert ask(entry, Eyes(BOT, Seq(1), ADDRESSED_ONLY), 20) is expected, what


WRITTEN = [case[:2] for case in CASES if case[1].content.WhichOneof("kind") in {"post", "edit"}]


@pytest.mark.parametrize("what, entry", WRITTEN, ids=[case[0] for case in WRITTEN])
def test_an_admin_sees_what_is_written_since(what: str, entry: Entry) -> None:
    """From the entry that made it an admin on a bot is shown each post; edits go on to follow their posts."""
    known = entry.content.HasField("edit") and entry.content.edit.target_seq in {2, 7}
    since, before = (ask(entry, Eyes(BOT, Seq(1), Seq(20)), seq) for seq in (20, 19))
    assert (since is not NOTHING) == (entry.content.HasField("post") or known), what
    assert before is ask(entry, Eyes(BOT, Seq(1), ADDRESSED_ONLY), 20), what


def test_an_admin_sees_changes_of_what_it_sees() -> None:
    """An edit of a post that was written since is shown, one of an older post is not."""
    edit, older = (entry(Content(edit=Edit(target_seq=seq, body=text("x")))) for seq in (4, 1))
    assert [ask(one, Eyes(BOT, Seq(1), Seq(4)), 20) for one in (edit, older)] == [WHOLE, NOTHING]


def test_what_stands_before_its_reach_is_not_copied() -> None:
    """A copy of a post from before the bot came is left out, even of one to all."""
    copying = said("/do", reply_to_seq=8, reply_preview="before")
    eyes = Eyes(BOT, Seq(1), ADDRESSED_ONLY)
    assert [ask(copying, one, 20) for one in (eyes, eyes._replace(first_seq=Seq(9)))] == [WHOLE, BARE]


def test_a_copy_is_left_out_and_nothing_else() -> None:
    """Without its copy an entry is as it was, what this version does not know of it included."""
    whole = said("/do", seq=20, reply_to_seq=1, reply_preview="nobody", mentioned_user_ids=[BOT])
    unknown = b"\x9a\x3f\x03abc"  # field 1011
    made = READING.without_copy(whole.SerializeToString() + unknown)
    bare = Entry()
    bare.CopyFrom(whole)
    bare.content.post.ClearField("reply_preview")
    assert b"nobody" not in made
    assert made == bare.SerializeToString() + unknown


@pytest.mark.parametrize(
    "before, role, expected",
    [
        (0, Role.MEMBER, ADDRESSED_ONLY),
        (0, Role.ADMIN, 7),
        (ADDRESSED_ONLY, Role.MEMBER, ADDRESSED_ONLY),
        (ADDRESSED_ONLY, Role.ADMIN, 7),
        (ADDRESSED_ONLY, Role.OWNER, 7),
        (5, Role.ADMIN, 5),
        (5, Role.OWNER, 5),
        (5, Role.MEMBER, ADDRESSED_ONLY),
    ],
)
def test_what_a_role_opens(before: int, role: Role, expected: int) -> None:
    """A role opens what comes after it, a higher one no more than that, and losing it closes all."""
    assert addressed_before(Seq(before), role, Seq(7)) == expected


def test_persons_stay_persons() -> None:
    """A change of a member that does not say that it is a bot changes nothing of what is shown."""
    person = Membership(ANN, Seq(1), Seq(1))
    bot = replace(person, addressed_before=ADDRESSED_ONLY)
    promoted = replace(person, role=Role.ADMIN)
    assert person.updated(promoted, Seq(7)).addressed_before == 0
    assert bot.updated(promoted, Seq(7)).addressed_before == ADDRESSED_ONLY
    assert bot.updated(replace(promoted, addressed_before=ADDRESSED_ONLY), Seq(7)).addressed_before == 7
    assert eyes_of(bot) == Eyes(ANN, Seq(1), ADDRESSED_ONLY)
    assert Address(Seq(1), ANN, EntryKind.POST, mentions_all=True).mentioned(BOT)
