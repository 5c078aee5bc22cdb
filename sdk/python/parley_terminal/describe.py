"""What an entry says, in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from parley.message.v1 import body_pb2, entry_pb2, notice_pb2
from parley_sdk import media_of, text_of
from parley_terminal.names import Names

_Membership = notice_pb2.MembershipChange
_Friend = notice_pb2.FriendNotice
_Group = notice_pb2.GroupNotice
_Session = notice_pb2.SessionNotice
_Report = notice_pb2.ReportNotice

_FRIEND: Final = {
    _Friend.KIND_REQUESTED: ("you asked {other} to be your friend", "{other} asks to be your friend"),
    _Friend.KIND_ACCEPTED: ("you and {other} are friends now", "{other} accepted: you are friends now"),
    _Friend.KIND_REFUSED: ("you refused {other}", "{other} refused"),
    _Friend.KIND_WITHDRAWN: ("you took your request to {other} back", "{other} took the request back"),
    _Friend.KIND_DELETED: ("you and {other} are friends no more", "{other} ended the friendship"),
    _Friend.KIND_UPDATED: ("you changed what you keep about {other}", ""),
    _Friend.KIND_BLOCKED: ("you blocked {other}", ""),
    _Friend.KIND_UNBLOCKED: ("you unblocked {other}", ""),
}
_MEMBERSHIP: Final = {
    _Membership.CAUSE_CREATED: "{actor} made the group with {added}",
    _Membership.CAUSE_INVITED: "{actor} brought {added} in",
    _Membership.CAUSE_JOINED: "{added} joined",
    _Membership.CAUSE_LEFT: "{removed} left",
    _Membership.CAUSE_KICKED: "{actor} removed {removed}",
    _Membership.CAUSE_DISSOLVED: "{actor} dissolved the group",
    _Membership.CAUSE_UPDATED: "{actor} changed the place of {updated}",
}
_GROUP: Final = {
    _Group.KIND_ADDED: "you are in the group “{group}” now, by {actor}",
    _Group.KIND_REMOVED: "you are no longer in the group “{group}”, by {actor}",
    _Group.KIND_INVITED: "{actor} invites you to the group “{group}”",
    _Group.KIND_JOIN_REQUESTED: "{actor} asks to join the group “{group}”",
    _Group.KIND_JOIN_REFUSED: "you were not let into the group “{group}”",
    _Group.KIND_DISSOLVED: "the group “{group}” was dissolved by {actor}",
}
_SESSION: Final = {
    _Session.KIND_STARTED: "{device} logged in",
    _Session.KIND_REVOKED: "the session of {device} was ended",
    _Session.KIND_LOGGED_OUT: "{device} logged out",
    _Session.KIND_DISPLACED: "{device} was logged out by a newer log-in",
    _Session.KIND_RENAMED: "a device is called {device} now",
}
_FINISH: Final = {
    body_pb2.AssistantReply.FINISH_CANCELLED: " [cancelled]",
    body_pb2.AssistantReply.FINISH_TRUNCATED: " [cut]",
    body_pb2.AssistantReply.FINISH_FAILED: " [failed]",
}

_MEGABYTE: Final = 1_000_000
_MEDIA: Final = {"image": "picture", "voice": "recording"}


@dataclass(frozen=True, slots=True)
class Description:
    """An entry in words. `speaker` is empty for what nobody said but what happened."""

    speaker: str
    text: str


def describe(entry: entry_pb2.Entry, names: Names) -> Description | None:
    """Return what to show for an entry; None for what needs no showing."""
    kind = entry.content.WhichOneof("kind") or ""
    if kind == "post":
        return Description(names.user(entry.sender_id), _post(entry, names))
    text = _TEXTS[kind](entry, names) if kind in _TEXTS else ""
    return Description("", text) if text else None


def _post(entry: entry_pb2.Entry, names: Names) -> str:
    post = entry.content.post
    finish = _FINISH.get(post.body.assistant_reply.finish, "")
    text = _file(entry) or _bundle(post.body.bundle) or text_of(entry) + finish
    if post.forwarded_from.seq:
        text = f"(forwarded) {text}"
    if post.mentions_all or post.mentioned_user_ids:
        called = ["all"] if post.mentions_all else [names.user(user_id) for user_id in post.mentioned_user_ids]
        text = f"@{', @'.join(called)} {text}"
    quoted = f" “{post.reply_preview}”" if post.reply_preview else ""
    return f"(to #{post.reply_to_seq}{quoted}) {text}" if post.reply_to_seq else text


def _bundle(bundle: body_pb2.Bundle) -> str:
    """The messages of a bundle, one a line; empty for another body."""
    if not bundle.items:
        return ""
    return "\n".join([f"[{bundle.title}]", *(f"  {item.sender_name}: {item.summary}" for item in bundle.items)])


def _file(entry: entry_pb2.Entry) -> str:
    """What a message with a file says of it; empty for others."""
    media = media_of(entry)
    if media is None:
        return ""
    shown = entry.content.post.body
    kind = shown.WhichOneof("kind") or ""
    caption = getattr(getattr(shown, kind), "caption", "")
    name = f" {media.name}" if media.name else ""
    return f"[{_MEDIA.get(kind, kind)}{name}, {_amount(media.size_bytes)}]{f' {caption}' if caption else ''}"


def _amount(size: int) -> str:
    return f"{size / _MEGABYTE:.1f} MB" if size >= _MEGABYTE else f"{-(-size // 1_000)} kB"


def _edit(entry: entry_pb2.Entry, names: Names) -> str:
    return f"{names.user(entry.sender_id)} changed #{entry.content.edit.target_seq} to: {text_of(entry)}"


def _recall(entry: entry_pb2.Entry, names: Names) -> str:
    if entry.content.recall.expired:
        return f"#{entry.content.recall.target_seq} has destroyed itself"
    return f"{names.user(entry.sender_id)} took #{entry.content.recall.target_seq} back"


def _retention(entry: entry_pb2.Entry, names: Names) -> str:
    days = entry.content.retention.days
    what = f"are removed after {days} days" if days else "are kept"
    return f"{names.user(entry.sender_id)} decided: messages here {what}"


def _schedule(entry: entry_pb2.Entry, names: Names) -> str:
    notice = entry.content.schedule
    return f"a scheduled message to {names.conversation(notice.conversation_id)} was not sent: {notice.message}"


def _cut(_: entry_pb2.Entry, __: Names) -> str:
    return "earlier messages were removed"


def _tombstone(entry: entry_pb2.Entry, names: Names) -> str:
    if not entry.content.tombstone.recalled_by:
        return "has destroyed itself"
    return f"taken back by {names.user(entry.content.tombstone.recalled_by)}"


def _reaction(entry: entry_pb2.Entry, names: Names) -> str:
    reaction = entry.content.reaction
    verb = "takes back" if reaction.removed else "answers"
    return f"{names.user(entry.sender_id)} {verb} {reaction.name} to #{reaction.target_seq}"


def _pin(entry: entry_pb2.Entry, names: Names) -> str:
    verb = "unpinned" if entry.content.pin.removed else "pinned"
    return f"{names.user(entry.sender_id)} {verb} #{entry.content.pin.target_seq}"


def _membership(entry: entry_pb2.Entry, names: Names) -> str:
    change = entry.content.membership
    return _MEMBERSHIP.get(change.cause, "").format(
        actor=names.user(entry.sender_id),
        added=", ".join(_member(member, names) for member in change.added),
        removed=", ".join(map(names.user, change.removed_user_ids)),
        updated=", ".join(_member(member, names) for member in change.updated),
    )


def _member(member: notice_pb2.GroupMember, names: Names) -> str:
    """The name, and of a bot what it is shown: people shall know who reads along."""
    name = names.user(member.user_id)
    if not member.bot:
        return name
    below = member.role in (notice_pb2.MEMBER_ROLE_MEMBER, notice_pb2.MEMBER_ROLE_UNSPECIFIED)
    return (
        f"{name} (a bot; {'it sees what is addressed to it' if below else 'as an admin it sees all that is written'})"
    )


def _group(entry: entry_pb2.Entry, names: Names) -> str:
    change, actor = entry.content.group, names.user(entry.sender_id)
    if change.HasField("name"):
        return f"{actor} named the group “{change.name}”"
    if change.HasField("announcement"):
        return _announcement(change, actor)
    return _setting(change, actor)


def _setting(change: notice_pb2.GroupChange, actor: str) -> str:
    if change.HasField("muted_all"):
        return f"{actor} lets only admins write" if change.muted_all else f"{actor} lets everyone write"
    if change.HasField("suspended"):
        return "the group is closed for a time: it can only be read" if change.suspended else "the group is open again"
    if change.HasField("slow_mode_seconds"):
        seconds = change.slow_mode_seconds
        return f"{actor} lets members write {f'every {seconds} s' if seconds else 'as often as they like'}"
    if change.HasField("member_receipts"):
        return (
            f"{actor} lets {'members see who has read' if change.member_receipts else 'senders see how many have read'}"
        )
    return f"{actor} changed the group"


def _announcement(change: notice_pb2.GroupChange, actor: str) -> str:
    if not change.announcement:
        return "the announcement was taken away"
    hint = " — /confirm that you have read it" if change.announcement_required else ""
    return f"{actor} announces: {change.announcement}{hint}"


def _group_notice(entry: entry_pb2.Entry, names: Names) -> str:
    notice = entry.content.group_notice
    actor = names.user(notice.actor_id) if notice.actor_id else "yourself"
    return _GROUP.get(notice.kind, "").format(group=notice.group_name, actor=actor)


def _session(entry: entry_pb2.Entry, _: Names) -> str:
    notice = entry.content.session
    return _SESSION.get(notice.kind, "").format(device=notice.device_name or "a device")


def _friend(entry: entry_pb2.Entry, names: Names) -> str:
    notice = entry.content.friend
    by_owner, by_other = _FRIEND.get(notice.kind, ("", ""))
    text = (by_owner if notice.own else by_other).format(other=names.user(notice.user_id))
    return f"{text}: “{notice.greeting}”" if text and notice.greeting else text


def _report(entry: entry_pb2.Entry, _: Names) -> str:
    notice = entry.content.report
    subject = f"{notice.subject_id} #{notice.seq}" if notice.seq else notice.subject_id
    found = "agree with" if notice.outcome == _Report.OUTCOME_UPHELD else "see nothing wrong after"
    answer = f": “{notice.answer}”" if notice.answer else ""
    return f"the moderators {found} your report about {subject}{answer}"


_TEXTS: Final[dict[str, Callable[[entry_pb2.Entry, Names], str]]] = {
    "edit": _edit,
    "recall": _recall,
    "tombstone": _tombstone,
    "reaction": _reaction,
    "pin": _pin,
    "membership": _membership,
    "group": _group,
    "group_notice": _group_notice,
    "friend": _friend,
    "session": _session,
    "retention": _retention,
    "schedule": _schedule,
    "cut": _cut,
    "report": _report,
}
