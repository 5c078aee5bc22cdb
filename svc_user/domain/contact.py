"""Who may write to whom, and who sees whom."""

from enum import IntEnum

from svc_user.domain.account import Account, UserState
from svc_user.domain.friend import Side
from svc_user.domain.privacy import Audience


class Verdict(IntEnum):
    """Whether a sender may write to a receiver, and why not. The numbers are those of the contract."""

    ALLOWED = 1
    RECEIVER_UNKNOWN = 2
    RECEIVER_DELETED = 3
    RECEIVER_SUSPENDED = 4
    BLOCKED_BY_RECEIVER = 5
    BLOCKED_BY_SENDER = 6
    NOT_ACCEPTED = 7
    SENDER_UNAVAILABLE = 8


def may_write(sender: Account | None, receiver: Account | None, ours: Side, theirs: Side) -> Verdict:
    """Whether `sender` may write to `receiver`; `ours` is what the sender keeps about the receiver."""
    if sender is None or sender.state is not UserState.ACTIVE:
        return Verdict.SENDER_UNAVAILABLE
    if receiver is None:
        return Verdict.RECEIVER_UNKNOWN
    if receiver.state is not UserState.ACTIVE:
        deleted = receiver.state is UserState.DELETED
        return Verdict.RECEIVER_DELETED if deleted else Verdict.RECEIVER_SUSPENDED
    if sender.user_id == receiver.user_id:
        return Verdict.ALLOWED
    return _between(receiver, ours, theirs)


def _between(receiver: Account, ours: Side, theirs: Side) -> Verdict:
    if theirs.blocked:
        return Verdict.BLOCKED_BY_RECEIVER
    if ours.blocked:
        return Verdict.BLOCKED_BY_SENDER
    accepted = receiver.privacy.write_to_me.includes(friends=ours.friend and theirs.friend)
    return Verdict.ALLOWED if accepted else Verdict.NOT_ACCEPTED


def may_find(account: Account, theirs: Side) -> bool:
    """Whether the account is found by its name by somebody about whom its user keeps `theirs`."""
    exists = account.state is not UserState.DELETED
    return exists and not theirs.blocked and account.privacy.find_me.includes(friends=theirs.friend)


def may_see_presence(watched: Account, ours: Side, theirs: Side) -> bool:
    """Whether the watcher, who keeps `ours`, sees when `watched` is online: never a stranger."""
    if ours.owner_id == watched.user_id:
        return True
    friends = ours.friend and theirs.friend and not ours.blocked and not theirs.blocked
    return friends and watched.privacy.see_presence is not Audience.NOBODY
