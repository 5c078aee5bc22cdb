"""What each request must answer: the reason of a refusal, or an empty string."""

from tests.walk.model import ADMIN, APPROVAL, FRIENDS, MEMBER, NOBODY, OPEN, OWNER, Chat, Entry, Model


def contact(model: Model, chat: Chat, user: str) -> str:
    """May this user write to the other one of a direct chat?"""
    peer = next(one for one in chat.users if one != user)
    if (peer, user) in model.blocked:
        return "RECEIVER_UNAVAILABLE"
    if (user, peer) in model.blocked:
        return "CONTACT_BLOCKED_BY_YOU"
    audience = model.write_to.get(peer, 1)
    refused = audience == NOBODY or (audience == FRIENDS and not model.are_friends(user, peer))
    return "RECEIVER_UNAVAILABLE" if refused else ""


def write(model: Model, chat: Chat, user: str, kind: str, target: int = 0, *, everyone: bool = False) -> str:
    """May this user write a post, edit, recall, reaction or pin here, now?"""
    if chat.group is None:
        refusal = contact(model, chat, user)
    elif user not in chat.places or not chat.places[user].present:
        refusal = "CONVERSATION_NOT_FOUND"
    else:
        refusal = _in_group(chat, user, kind, target, everyone=everyone)
    if refusal:
        return refusal
    return _of_target(chat, user, kind, target) if kind != "post" or target else ""


def _in_group(chat: Chat, user: str, kind: str, target: int, *, everyone: bool) -> str:
    group, place = chat.group, chat.places[user]
    assert group is not None
    if target and not place.first <= target <= chat.head:
        return "ENTRY_NOT_FOUND"
    if group.suspended or place.muted or (group.mute_all and place.role == MEMBER):
        return "GROUP_SUSPENDED" if group.suspended else "MUTED"
    if everyone and place.role == MEMBER and not group.mention_open:
        return "NOT_ALLOWED"
    if kind == "pin" and place.role == MEMBER and not group.pin_open:
        return "NOT_ALLOWED"
    if kind == "post" and group.slow and place.role == MEMBER and user in group.paced:
        return "SLOW_MODE"
    return ""


def _of_target(chat: Chat, user: str, kind: str, target: int) -> str:
    entry = chat.at(target)
    if entry is None or user not in chat.places or target < chat.places[user].first:
        return "ENTRY_NOT_FOUND"
    if kind == "post":
        return ""
    return _of_post(chat, user, kind, entry) if entry.kind == "post" else "ENTRY_NOT_FOUND"


def _of_post(chat: Chat, user: str, kind: str, entry: Entry) -> str:
    if entry.gone and kind != "recall":
        return "ALREADY_RECALLED"
    if kind == "edit" and entry.sender != user:
        return "NOT_ALLOWED"
    if kind == "recall" and entry.sender != user and not _above(chat, user, entry.sender):
        return "NOT_ALLOWED"
    return ""


def _above(chat: Chat, user: str, other: str) -> bool:
    """Whether a member stands above another one, or one who has left."""
    place = chat.places.get(other)
    role = place.role if place is not None and place.present else MEMBER
    return chat.places[user].role > role


def closed(chat: Chat, user: str, *, shown_in: bool = False, going: bool = False) -> str:
    """Does the state of the group keep this user from changing it, or from `going`? Few may know that it does."""
    group, inside = chat.group, user in chat.places
    assert group is not None
    if group.dissolved:
        return "GROUP_DISSOLVED" if inside else "GROUP_NOT_FOUND"
    if group.suspended and not going:
        return "GROUP_SUSPENDED" if inside or shown_in else "GROUP_NOT_FOUND"
    return ""


def ranked(chat: Chat, user: str, role: int) -> str:
    """Has this user the role in a group that can be changed?"""
    refusal, place, group = closed(chat, user), chat.places.get(user), chat.group
    assert group is not None
    if refusal or place is None or not place.present:
        return refusal or ("ROLE_REQUIRED" if group.joinable else "GROUP_NOT_FOUND")
    return "ROLE_REQUIRED" if place.role < role else ""


def member(chat: Chat, user: str, *, going: bool = False) -> str:
    """Is this user a member of a group that can be changed, or left?"""
    refusal, place, group = closed(chat, user, going=going), chat.places.get(user), chat.group
    assert group is not None
    if refusal:
        return refusal
    if place is not None:
        return "" if place.present else "NOT_MEMBER"
    return "NOT_MEMBER" if group.joinable else "GROUP_NOT_FOUND"


def over(chat: Chat, user: str, other: str) -> str:
    """May this user, as admin, mute the other one?"""
    refusal = ranked(chat, user, ADMIN)
    if refusal:
        return refusal
    place = chat.places.get(other)
    if place is None or not place.present:
        return "MEMBER_NOT_FOUND"
    return "ROLE_TOO_HIGH" if place.role >= chat.places[user].role else ""


def ban(chat: Chat, user: str, other: str) -> str:
    """May this user keep the other one out? Who is no member can be banned too."""
    if user == other:
        return "KICK_SELF"
    refusal = over(chat, user, other)
    return "" if refusal == "MEMBER_NOT_FOUND" else refusal


def leave(chat: Chat, user: str) -> str:
    """May this user go?"""
    refusal = member(chat, user, going=True)
    return refusal or ("OWNER_CANNOT_LEAVE" if chat.places[user].role == OWNER else "")


def join(chat: Chat, user: str, maker: str = "") -> str:
    """May this user come in by themselves, or ask to? `maker`: of the link that they come with."""
    place, group = chat.places.get(user), chat.group
    assert group is not None
    refusal = closed(chat, user, shown_in=bool(maker) or user in group.asked)
    if refusal or (place is not None and place.present):
        return refusal
    if user in group.banned:
        return "JOIN_REFUSED"
    if maker:
        return "INVITATION_EXPIRED" if _put_out(chat, maker) else ""
    return "" if group.policy in {OPEN, APPROVAL} or vouched(chat, user) else "JOIN_REFUSED"


def _put_out(chat: Chat, user: str) -> bool:
    place = chat.places[user]
    return not place.present and place.removed


def lets_in(chat: Chat, user: str) -> bool:
    """Do those come in at once whom this one has invited, or gave a link, whatever was then?"""
    place = chat.places[user]
    role = place.role if place.present else MEMBER
    assert chat.group is not None
    return not _put_out(chat, user) and not (chat.group.policy == APPROVAL and role == MEMBER)


def vouched(chat: Chat, user: str) -> bool:
    """Was this one invited by somebody who lets in?"""
    group = chat.group
    return group is not None and user in group.asked and lets_in(chat, group.inviters[user])


def waits(chat: Chat, user: str, *, approval: bool) -> bool:
    """Has who comes in by themselves to wait for an admin? `approval`: of a link; by id the group says it."""
    return approval and not vouched(chat, user)


def approves(chat: Chat, user: str) -> bool:
    """Has an admin to let in whom this member brings?"""
    return chat.group is not None and chat.group.policy == APPROVAL and chat.places[user].role == MEMBER


def answer(chat: Chat, user: str, other: str, *, accept: bool) -> str:
    """May this user decide about someone who waits? The same answer again is no error."""
    refusal, group = ranked(chat, user, ADMIN), chat.group
    assert group is not None
    if refusal or other in group.knocked:
        return refusal
    if other in group.asked or other not in group.decided:
        return "JOIN_REQUEST_NOT_FOUND"
    return "" if group.decided[other] is accept else "JOIN_REQUEST_CLOSED"


def dissolve(chat: Chat, user: str) -> str:
    """May this user end the group? Who has ended it may again."""
    group = chat.group
    assert group is not None
    return "" if group.dissolved and chat.owner() == user else ranked(chat, user, OWNER)


def retention(model: Model, chat: Chat, user: str) -> str:
    """May this user say how long entries are kept?"""
    if chat.group is None:
        return contact(model, chat, user)
    if user not in chat.places or not chat.places[user].present:
        return "CONVERSATION_NOT_FOUND"
    if chat.places[user].role != OWNER:
        return "NOT_ALLOWED"
    return "GROUP_SUSPENDED" if chat.group.suspended else ""
