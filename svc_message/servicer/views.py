"""Values of the domain -> messages of the contract."""

from collections.abc import Iterable

from parley.conversation.v1.conversation_pb2 import (
    Conversation,
    ConversationKind,
    ConversationSettings,
    ConversationState,
    Position,
    QuietHours,
    QuietPeriod,
)
from parley.message.v1.entry_pb2 import Entry
from svc_message.application.sync import catch_up as sync
from svc_message.application.sync.summaries import Summary
from svc_message.domain import conversation as domain
from svc_message.domain.own import OwnSettings
from svc_message.domain.push import quiet

KINDS = {
    domain.ConversationKind.DIRECT: ConversationKind.CONVERSATION_KIND_DIRECT,
    domain.ConversationKind.GROUP: ConversationKind.CONVERSATION_KIND_GROUP,
    domain.ConversationKind.PERSONAL: ConversationKind.CONVERSATION_KIND_PERSONAL,
}


def positions(given: Iterable[Position]) -> list[sync.Position]:
    """Positions of a device."""
    return [
        sync.Position(
            domain.ConversationId(one.conversation_id),
            domain.Seq(one.seq),
            domain.Seq(one.read_seq),
            domain.Seq(one.peer_read_seq),
        )
        for one in given
    ]


def remaining(left: Iterable[sync.Position]) -> list[Position]:
    """Positions for the next page."""
    return [Position(conversation_id=one.conversation_id, seq=one.seq) for one in left]


def states(given: Iterable[sync.State]) -> list[ConversationState]:
    """States of conversations."""
    return [
        ConversationState(
            conversation_id=one.conversation_id,
            head_seq=one.head_seq,
            first_seq=one.first_seq,
            read_seq=one.read_seq,
            peer_read_seq=one.peer_read_seq,
            left_seq=one.left_seq,
        )
        for one in given
    ]


def conversation(summary: Summary) -> Conversation:
    """A conversation of a user's list."""
    kind = domain.kind_of(summary.conversation_id)
    return Conversation(
        conversation_id=summary.conversation_id,
        kind=KINDS[kind] if kind else ConversationKind.CONVERSATION_KIND_UNSPECIFIED,
        head_seq=summary.head_seq,
        first_seq=summary.place.first_seq,
        left_seq=summary.place.left_seq,
        read_seq=summary.place.read_seq,
        unread_count=summary.unread.posts,
        mention_count=summary.unread.mentions,
        peer_read_seq=summary.peer.read_seq if summary.peer else 0,
        peer_received_seq=summary.peer.received_seq if summary.peer else 0,
        last_entry=Entry.FromString(summary.last.entry) if summary.last else None,
        settings=settings(summary.settings),
        settings_version=summary.own.version,
        retention_days=summary.retention_days,
    )


def settings(given: OwnSettings) -> ConversationSettings:
    """A user's own settings of a conversation."""
    return ConversationSettings(
        pinned=given.pinned,
        muted_until_ms=given.muted_until_ms,
        archived=given.archived,
        marked_unread=given.marked_unread,
        draft=given.draft,
        remark=given.remark,
    )


def settings_wanted(given: ConversationSettings) -> OwnSettings:
    """Settings as a user wants them."""
    return OwnSettings(
        given.pinned, given.muted_until_ms, given.archived, given.marked_unread, given.draft, given.remark
    )


def quiet_hours(given: quiet.QuietHours) -> QuietHours:
    """When a user does not want to be disturbed."""
    periods = [
        QuietPeriod(weekdays=one.weekdays, start_minute=one.start_minute, end_minute=one.end_minute)
        for one in given.periods
    ]
    return QuietHours(until_ms=given.until_ms, periods=periods, time_zone=given.time_zone, version=given.version)


def quiet_hours_wanted(given: QuietHours) -> quiet.QuietHours:
    """Quiet hours as a user wants them."""
    periods = [quiet.QuietPeriod(one.weekdays, one.start_minute, one.end_minute) for one in given.periods]
    return quiet.QuietHours(given.until_ms, tuple(periods), given.time_zone)
