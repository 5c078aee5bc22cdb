"""What happened, in the bytes that the logs take: `parley.log.v1.Append`."""

from parley.log.v1 import log_service_pb2
from parley.message.v1 import entry_pb2, notice_pb2
from svc_group.domain.changes import GroupChanged, LogEntry, MembershipChanged, Notified
from svc_group.domain.member import Member


def encode(entry: LogEntry) -> bytes:
    """The append without its number: the outbox numbers its debts itself."""
    return _append(entry).SerializeToString()


def _append(entry: LogEntry) -> log_service_pb2.Append:
    if isinstance(entry, Notified):
        content = entry_pb2.Content(group_notice=_notice(entry))
        return log_service_pb2.Append(conversation_id=entry.user_id, sender_id=entry.actor_id, content=content)
    if isinstance(entry, MembershipChanged):
        content = entry_pb2.Content(membership=_membership(entry))
    else:
        content = entry_pb2.Content(group=_group(entry))
    return log_service_pb2.Append(conversation_id=entry.group_id, sender_id=entry.actor_id, content=content)


def _membership(entry: MembershipChanged) -> notice_pb2.MembershipChange:
    return notice_pb2.MembershipChange(
        cause=notice_pb2.MembershipChange.Cause.ValueType(entry.cause),
        added=[_member(member) for member in entry.added],
        removed_user_ids=entry.removed,
        updated=[_member(member) for member in entry.updated],
        history_visible=entry.history_visible,
    )


def _member(member: Member) -> notice_pb2.GroupMember:
    return notice_pb2.GroupMember(
        user_id=member.user_id,
        role=notice_pb2.MemberRole.ValueType(member.role),
        nickname=member.nickname,
        muted_until_ms=member.muted_until_ms,
        bot=member.bot,
    )


def _group(entry: GroupChanged) -> notice_pb2.GroupChange:
    return notice_pb2.GroupChange(
        name=entry.name,
        announcement=entry.announcement,
        announcement_required=entry.announcement_required,
        avatar_media_id=entry.avatar_media_id,
        muted_all=entry.muted_all,
        mention_all_open=entry.mention_all_open,
        introduction=entry.introduction,
        pin_open=entry.pin_open,
        slow_mode_seconds=entry.slow_mode_seconds,
        member_receipts=entry.member_receipts,
        suspended=entry.suspended,
    )


def _notice(entry: Notified) -> notice_pb2.GroupNotice:
    return notice_pb2.GroupNotice(
        kind=notice_pb2.GroupNotice.Kind.ValueType(entry.kind),
        group_id=entry.group_id,
        actor_id="" if entry.actor_id == entry.user_id else entry.actor_id,
        group_name=entry.group_name,
    )
