"""Notices of personal logs as news: what one tells a user of who is away, and what later makes it pointless."""

from collections.abc import Sequence
from typing import Final

from parley.message.v1.entry_pb2 import Entry
from parley.message.v1.notice_pb2 import FriendNotice, GroupNotice
from svc_message.domain.conversation import ConversationId, Seq, UserId, direct_id
from svc_message.domain.push.notification import News, NewsKind, Notice, shortened

FRIENDS: Final = {
    FriendNotice.KIND_REQUESTED: NewsKind.FRIEND_REQUEST,
    FriendNotice.KIND_ACCEPTED: NewsKind.FRIEND_ACCEPTED,
}

GROUPS: Final = {
    GroupNotice.KIND_INVITED: NewsKind.GROUP_INVITATION,
    GroupNotice.KIND_ADDED: NewsKind.GROUP_ADDED,
    GroupNotice.KIND_JOIN_REQUESTED: NewsKind.JOIN_REQUEST,
    GroupNotice.KIND_JOIN_REFUSED: NewsKind.JOIN_REFUSED,
}

ENDS_FRIEND: Final = frozenset(
    {
        FriendNotice.KIND_ACCEPTED,
        FriendNotice.KIND_REFUSED,
        FriendNotice.KIND_WITHDRAWN,
        FriendNotice.KIND_DELETED,
        FriendNotice.KIND_BLOCKED,
    }
)
"""What makes an earlier request, or that it was accepted, no news."""

ENDS_GROUP: Final = frozenset({GroupNotice.KIND_ADDED, GroupNotice.KIND_REMOVED, GroupNotice.KIND_DISSOLVED})
"""What makes an earlier invitation or join request no news."""


def notices(entries: Sequence[Entry]) -> list[News]:
    """The news among entries of one personal log, in their order, without those that a later one has settled."""
    found: list[News] = []
    ended: set[str] = set()
    for entry in reversed(entries):
        news = _news(entry)
        if news is not None and not ended & _ended_by(news):
            found.append(news)
        ended |= _ends(entry)
    return found[::-1]


def _news(entry: Entry) -> News | None:
    match entry.content.WhichOneof("kind"):
        case "friend":
            return _friend(entry, entry.content.friend)
        case "group_notice":
            return _group(entry, entry.content.group_notice)
        case "report":
            return _report(entry)
        case "schedule":
            return _schedule(entry)
        case _:
            return None


def _friend(entry: Entry, notice: FriendNotice) -> News | None:
    kind = FRIENDS.get(notice.kind)
    if kind is None or notice.own:
        return None
    concerns = direct_id(entry.conversation_id, notice.user_id)
    about = Notice(_of_friend(notice.user_id), concerns, request_id=notice.request_id)
    return _made(entry, kind, about, notice.user_id, notice.greeting)


def _group(entry: Entry, notice: GroupNotice) -> News | None:
    kind = GROUPS.get(notice.kind)
    if kind is None or not notice.actor_id:  # what users did themselves is no news to them
        return None
    group_id = notice.group_id
    key = f"join/{group_id}/{notice.actor_id}" if kind is NewsKind.JOIN_REQUEST else _of_group(group_id)
    about = Notice(key, ConversationId(group_id), group_id, notice.group_name, notice.request_id)
    return _made(entry, kind, about, notice.actor_id)


def _report(entry: Entry) -> News:
    decided = entry.content.report
    about = Notice(f"report/{decided.report_id}", ConversationId(entry.conversation_id), request_id=decided.report_id)
    return _made(entry, NewsKind.REPORT_DECIDED, about, text=decided.answer)


def _schedule(entry: Entry) -> News:
    failed = entry.content.schedule
    key = f"schedule/{failed.conversation_id}/{failed.client_message_id}"
    about = Notice(key, ConversationId(entry.conversation_id))
    return _made(entry, NewsKind.SCHEDULED_NOT_SENT, about, text=failed.message)


def _made(entry: Entry, kind: NewsKind, about: Notice, sender_id: str = "", text: str = "") -> News:
    own, seq = ConversationId(entry.conversation_id), Seq(entry.seq)
    return News(own, seq, UserId(sender_id), entry.sent_at_ms, shortened(text), kind=kind, notice=about)


def _ends(entry: Entry) -> set[str]:
    """What is settled by an entry."""
    friend, group = entry.content.friend, entry.content.group_notice
    ended: set[str] = set()
    if friend.kind in ENDS_FRIEND:
        ended.add(_of_friend(friend.user_id))
    if friend.kind == FriendNotice.KIND_BLOCKED:
        ended.add(_by(friend.user_id))
    if group.kind in ENDS_GROUP:
        ended.add(_of_group(group.group_id))
    return ended


def _ended_by(news: News) -> set[str]:
    """What settles these news."""
    group_id = news.notice.group_id if news.notice else ""
    return {news.subject, _by(news.sender_id), _of_group(group_id)}


def _of_friend(user_id: str) -> str:
    return f"friend/{user_id}"


def _of_group(group_id: str) -> str:
    return f"group/{group_id}"


def _by(user_id: str) -> str:
    return f"by/{user_id}"
