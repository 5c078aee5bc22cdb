"""Who of those named becomes a member, who is asked first, and who is passed over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from svc_group.domain.group import Group, Role, UserId
from svc_group.domain.member import (
    WAITING,
    Consent,
    JoinRequest,
    JoinRequestState,
    Member,
    Person,
    SkipCause,
    Skipped,
)
from svc_group.domain.ports import Scene

_REFUSALS = {Consent.UNKNOWN: SkipCause.USER_NOT_FOUND, Consent.REFUSE: SkipCause.NOT_ALLOWED_BY_USER}


@dataclass(frozen=True, slots=True)
class Intake:
    """What becomes of each."""

    members: Sequence[Member] = field(default_factory=list)
    asked: Sequence[JoinRequest] = field(default_factory=list)
    skipped: Sequence[Skipped] = field(default_factory=list)


def sort(
    group: Group,
    inviter_id: UserId,
    people: Iterable[Person],
    scene: Scene,
    member_limit: int,
    groups_per_user: int,
    now_ms: int,
    *,
    approval: bool = False,
) -> Intake:
    """Say what becomes of each person; `approval`: an admin has to let in whoever would be added.

    The group fills up in the order of the people; a full one passes over the rest.
    """
    members: list[Member] = []
    asked: list[JoinRequest] = []
    skipped: list[Skipped] = []
    for person in people:
        room = member_limit - group.member_count - len(members)
        cause = refusal(person, scene, room, groups_per_user, now_ms)
        if cause is not None:
            skipped.append(Skipped(person.user_id, cause))
        elif approval or person.consent is Consent.ASK:
            # Who wants to be asked is asked before the admins are: they approve of nobody who has not said yes.
            asks_user = person.consent is Consent.ASK
            state = JoinRequestState.AWAITING_USER if asks_user else JoinRequestState.PENDING
            fresh = JoinRequest(group.id, person.user_id, state, now_ms, inviter_id=inviter_id)
            asked.append(_asked(fresh, scene.join_requests.get(person.user_id), approval=approval))
        else:
            members.append(joined(group, person, now_ms, inviter_id, scene.places.get(person.user_id)))
    return Intake(members, asked, skipped)


def refusal(person: Person, scene: Scene, room: int, groups_per_user: int, now_ms: int) -> SkipCause | None:
    """Why this person cannot become a member now, or None."""
    place, ban = scene.places.get(person.user_id), scene.bans.get(person.user_id)
    if place is not None and place.present:
        return SkipCause.ALREADY_MEMBER
    if ban is not None and ban.holds(now_ms):
        return SkipCause.BANNED
    if person.consent in _REFUSALS:
        return _REFUSALS[person.consent]
    if room <= 0:
        return SkipCause.GROUP_FULL
    full = scene.group_counts.get(person.user_id, 0) >= groups_per_user
    return SkipCause.USER_GROUP_LIMIT if full else None


def joined(group: Group, person: Person, now_ms: int, inviter_id: str, before: Member | None) -> Member:
    """A new member. Who was one before keeps counting versions, stays muted as long as they were, since nobody gets rid
    of a mute by going and coming back, and starts again in all else.
    """
    version = before.version + 1 if before else 1
    muted_until_ms = before.muted_until_ms if before and before.muted_until_ms > now_ms else 0
    return Member(
        group.id,
        person.user_id,
        Role.MEMBER,
        now_ms,
        display_name=person.display_name,
        inviter_id=inviter_id,
        muted_until_ms=muted_until_ms,
        version=version,
        bot=person.bot,
    )


def _asked(fresh: JoinRequest, before: JoinRequest | None, *, approval: bool) -> JoinRequest:
    """The new request, or the one that waits already, so that nobody is asked twice. Invited by who lets in, somebody
    comes in by that, whoever invited them before.
    """
    waiting = before.at(fresh.created_at_ms) if before is not None else None
    if before is None or waiting not in WAITING or (not approval and waiting is JoinRequestState.PENDING):
        return fresh
    return before if approval else replace(before, inviter_id=fresh.inviter_id)
