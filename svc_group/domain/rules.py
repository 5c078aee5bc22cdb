"""Who may do what. Each rule returns what it vouches for, or raises the error that says what to change.

Whoever may not know of a group gets the same answer as for one that does not exist.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from mesh import errors
from mesh.errors import FieldViolation, MeshError
from mesh.visible import visible
from svc_group.domain.ban import Ban
from svc_group.domain.group import Group, GroupLimits, JoinPolicy, Role, Settings, UserId
from svc_group.domain.member import Ending, JoinRequest, JoinRequestState, Link, Member
from svc_group.domain.reasons import Reason

MAX_MUTE_MS: Final = 365 * 24 * 3_600_000
"""Longest mute; a longer one is clamped to it, as the contract says."""


def unknown_group() -> MeshError:
    """The one answer for what is not there and for what the caller may not know of."""
    return errors.not_found(Reason.GROUP_NOT_FOUND, "no such group, or you may not know of it")


def wrong_field(field: str, description: str) -> MeshError:
    """A field whose value no contract rule can judge alone."""
    violation = FieldViolation(field, description)
    return errors.invalid(Reason.INVALID_REQUEST, "the request is outside the limits of its fields", violation)


def in_use(group: Group | None, place: Member | None, *, shown_in: bool = False) -> Group:
    """The group, when it can be changed. Who was never a member learns that it is suspended only when they were shown
    the way in, by a link or an invitation.
    """
    found = in_being(group, place)
    if found.suspended and place is None and not shown_in:
        raise unknown_group()
    return open_to_all(found)


def in_being(group: Group | None, place: Member | None) -> Group:
    """The group, when it is not dissolved, for who reads or goes. Only who was a member learns that it is."""
    if group is None or (group.dissolved and place is None):
        raise unknown_group()
    if group.dissolved:
        raise errors.precondition(Reason.GROUP_DISSOLVED, "the group does not exist any more")
    return group


def open_to_all(group: Group) -> Group:
    """The group, unless an administrator of the installation has closed it for a time."""
    if group.suspended:
        message = "an administrator has closed the group for a time: it can be read, not written, joined or changed"
        raise errors.precondition(Reason.GROUP_SUSPENDED, message)
    return group


def member(group: Group, place: Member | None) -> Member:
    """The caller's place, for what every member may do. Who was one, and who could be, is told that they are not."""
    if place is not None and place.present:
        return place
    if place is not None or group.joinable:
        raise errors.precondition(Reason.NOT_MEMBER, "you are not a member of this group")
    raise unknown_group()


def ranked(group: Group, place: Member | None, role: Role) -> Member:
    """The caller's place, for what needs a role. Outsiders of a group that can be joined lack the role."""
    if place is None or not place.present:
        raise role_required(role) if group.joinable else unknown_group()
    if place.role < role:
        raise role_required(role)
    return place


def role_required(role: Role) -> MeshError:
    """Say which role would do."""
    message = f"your role in the group does not allow it; it takes {role.name.lower()}"
    return errors.denied(Reason.ROLE_REQUIRED, message, required_role=f"ROLE_{role.name}")


def role_too_high() -> MeshError:
    """Say that the other one stands too high."""
    return errors.denied(Reason.ROLE_TOO_HIGH, "the role of the other member is not below yours")


def other_member(place: Member | None) -> Member:
    """A member whom the caller named."""
    if place is None or not place.present:
        raise errors.not_found(Reason.MEMBER_NOT_FOUND, "no such member of the group")
    return place


def unchanged_since(expected_version: int, version: int) -> None:
    """Refuse a change that is based on another version; 0 means that nobody looked."""
    if expected_version not in (0, version):
        message = "it changed meanwhile: read it again and repeat"
        raise errors.aborted(Reason.VERSION_CONFLICT, message, version=str(version))


def leader(place: Member | None, programs: Collection[UserId]) -> Member:
    """A member whom the caller named to own the group: a person, since a program could neither appoint nor hand on."""
    found = other_member(place)
    if found.user_id in programs:
        raise wrong_field("new_owner_id", "a bot or an assistant cannot own a group: name a person")
    return found


def named(settings: Settings) -> Settings:
    """The settings with their name trimmed; a name that shows nothing is refused."""
    name = settings.name.strip()
    if not visible(name):
        raise wrong_field("settings.name", "must have something to see")
    return replace(settings, name=name)


def shown(field: str, text: str) -> str:
    """The text, trimmed; an empty one takes away what was there, and one that only shows nothing is refused."""
    kept = text.strip()
    if text and not visible(kept):
        raise wrong_field(field, "must have something to see, or be empty")
    return kept


def slow_enough(group: Group, settings: Settings) -> Settings:
    """The settings, when their slow mode is within the bounds that an administrator set, or is the one that was."""
    shortest, longest = group.limits.slow_mode
    kept = settings.slow_mode_seconds == group.settings.slow_mode_seconds
    if not kept and not shortest <= settings.slow_mode_seconds <= longest:
        message = f"an administrator allows {shortest} to {longest} seconds in this group"
        raise wrong_field("settings.slow_mode_seconds", message)
    return settings


def limited(group: Group, limits: GroupLimits) -> Group:
    """The group with these limits, its slow mode moved into the bounds. Raises INVALID_REQUEST for bounds crosswise."""
    shortest, longest = limits.slow_mode
    if shortest > longest:
        raise wrong_field("limits.slow_mode_max_seconds", "must not be below slow_mode_min_seconds")
    slow = min(max(group.settings.slow_mode_seconds, shortest), longest)
    settings = replace(group.settings, slow_mode_seconds=slow)
    return replace(group, limits=limits, settings=settings, version=group.version + 1)


def may_leave(place: Member) -> None:
    """The owner hands the group on, or dissolves it, first: also the last one in it."""
    if place.role is Role.OWNER:
        raise errors.precondition(Reason.OWNER_CANNOT_LEAVE, "hand the group on, or dissolve it, first")


def may_invite(group: Group, place: Member | None) -> Member:
    """The caller's place, when they may bring others in."""
    actor = member(group, place)
    if actor.role < group.settings.invite_role:
        raise role_required(group.settings.invite_role)
    if group.settings.join_policy is JoinPolicy.CLOSED:
        raise errors.precondition(Reason.GROUP_CLOSED, "nobody joins this group")
    return actor


def needs_approval(group: Group, actor: Member) -> bool:
    """Whom a member below admin brings into a group with approval waits for an admin."""
    return group.settings.join_policy is JoinPolicy.APPROVAL and actor.role is Role.MEMBER


def has_room(group: Group, member_limit: int, group_count: int, groups_per_user: int) -> None:
    """Refuse one more member of a full group, and one more group of a user who is in as many as may be."""
    if group.member_count >= member_limit:
        raise errors.exhausted(Reason.GROUP_FULL, "the group has as many members as it may have")
    if group_count >= groups_per_user:
        raise too_many_groups()


def too_many_groups() -> MeshError:
    """Say that the caller has to leave a group first."""
    return errors.exhausted(Reason.GROUP_LIMIT_REACHED, "you are in as many groups as a user may be")


def join_refused() -> MeshError:
    """Private, closed or banned: the answer does not tell which."""
    return errors.denied(Reason.JOIN_REFUSED, "you cannot join this group")


def not_banned(ban: Ban | None, now_ms: int) -> None:
    """Refuse who was banned, with the words that a private group has."""
    if ban is not None and ban.holds(now_ms):
        raise join_refused()


def brings(group: Group, inviter: Member | None) -> bool:
    """Whether those may still come whom this user has invited, or gave a link: not when they were removed since, or
    could not invite any more. Who left by themselves counts as a member, so that their links go on.
    """
    if inviter is None or inviter.ended is Ending.KICKED:
        return False
    return _standing(inviter) >= group.settings.invite_role


def lets_in(group: Group, inviter: Member | None) -> bool:
    """Whether they come without an admin's approval."""
    below = inviter is None or _standing(inviter) is Role.MEMBER
    return brings(group, inviter) and not (below and group.settings.join_policy is JoinPolicy.APPROVAL)


def _standing(inviter: Member) -> Role:
    return inviter.role if inviter.present else Role.MEMBER


def leading(group: Group, link: Link, creator: Member | None) -> Link:
    """The link as it is by now: it ends with its creator's right to invite, and asks the admins when they would be."""
    if not brings(group, creator):
        raise errors.precondition(Reason.INVITATION_EXPIRED, "the invitation has ended")
    return replace(link, needs_approval=link.needs_approval or not lets_in(group, creator))


def usable(link: Link | None, now_ms: int) -> Link:
    """The link, when it still lets somebody in."""
    if link is None:
        raise errors.invalid(Reason.INVITATION_INVALID, "this is no invitation of ours")
    if link.revoked_at_ms or link.expires_at_ms <= now_ms:
        raise errors.precondition(Reason.INVITATION_EXPIRED, "the invitation has ended")
    if link.max_uses and link.use_count >= link.max_uses:
        raise errors.precondition(Reason.INVITATION_USED_UP, "the invitation was used as often as it may be")
    return link


def invited(request: JoinRequest | None, now_ms: int) -> bool:
    """Whether somebody who lets in has asked this user, who has yet to answer."""
    return request is not None and request.at(now_ms) is JoinRequestState.AWAITING_USER


def decidable(request: JoinRequest | None, now_ms: int, *, accept: bool) -> bool:
    """Whether an admin's answer is still to be carried out; False when the same answer was given before."""
    if request is None or request.state is JoinRequestState.AWAITING_USER:
        raise errors.not_found(Reason.JOIN_REQUEST_NOT_FOUND, "no such request to join")
    state = request.at(now_ms)
    if state is JoinRequestState.PENDING:
        return True
    if state is not (JoinRequestState.ACCEPTED if accept else JoinRequestState.REFUSED):
        raise errors.precondition(Reason.JOIN_REQUEST_CLOSED, "the request to join was decided already")
    return False


def sees_members(group: Group, place: Member | None) -> Member:
    """The caller's place, when they may see who else is in the group."""
    if place is None or not place.present:
        raise _hidden() if group.joinable else unknown_group()
    if group.settings.hide_members and place.role is Role.MEMBER:
        raise _hidden()
    return place


def _hidden() -> MeshError:
    return errors.denied(Reason.MEMBERS_HIDDEN, "the group does not show its members to you")
