"""Records of what users have of conversations, as the stores keep them: a few fields to look for, the rest together."""

from typing import Any

from svc_message.domain.conversation import ConversationId, Seq, UserId
from svc_message.domain.own import Own, Veil
from svc_message.domain.push.quiet import QuietHours, QuietPeriod

Rest = dict[str, Any]


def rest_of(own: Own) -> Rest:
    """The fields that no store looks into."""
    return {
        "pinned": own.pinned,
        "archived_at": own.archived_at,
        "unread_at": own.unread_at,
        "draft": own.draft,
        "remark": own.remark,
        "deleted": own.deleted,
        "untold": list(own.untold),
        "draft_waits": own.draft_waits,
        "draft_told_at_ms": own.draft_told_at_ms,
    }


def own_of(user_id: str, conversation_id: str, version: int, muted: int, tell_at: int, veil: Veil, rest: Rest) -> Own:
    """The record again. What a newer program has put into it besides is passed over."""
    return Own(
        UserId(user_id),
        ConversationId(conversation_id),
        version,
        pinned=rest["pinned"],
        muted_until_ms=muted,
        archived_at=rest["archived_at"],
        unread_at=rest["unread_at"],
        draft=rest["draft"],
        remark=rest["remark"],
        deleted=rest["deleted"],
        veil=veil,
        untold=tuple(rest["untold"]),
        tell_at_ms=tell_at,
        draft_waits=rest["draft_waits"],
        draft_told_at_ms=rest["draft_told_at_ms"],
    )


def veil_of(cleared_seq: int, hidden: list[int]) -> Veil:
    """What is hidden."""
    return Veil(Seq(cleared_seq), frozenset(hidden))


def hours_to(hours: QuietHours) -> Rest:
    """Quiet hours as they are kept, besides their version."""
    periods = [[one.weekdays, one.start_minute, one.end_minute] for one in hours.periods]
    return {"until_ms": hours.until_ms, "periods": periods, "time_zone": hours.time_zone}


def hours_of(rest: Rest, version: int) -> QuietHours:
    """Quiet hours again."""
    return QuietHours(rest["until_ms"], tuple(QuietPeriod(*one) for one in rest["periods"]), rest["time_zone"], version)
