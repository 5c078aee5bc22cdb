"""Values of the domain as messages of the contract."""

from parley.friend.v1 import friend_pb2
from parley.user.v1 import session_pb2, user_pb2
from svc_user.application.tokens import Tokens
from svc_user.domain.account import Account, Profile
from svc_user.domain.friend import FriendRequest, Side
from svc_user.domain.session import Device, Session


def to_user(account: Account) -> user_pb2.User:
    """An account as it was shown to the caller."""
    return user_pb2.User(
        user_id=account.user_id,
        username=account.shown_name,
        profile=_profile(account.profile),
        state=user_pb2.UserState.ValueType(account.state),
        kind=user_pb2.UserKind.ValueType(account.kind),
        created_at_ms=account.created_at_ms,
        version=account.version,
    )


def _profile(profile: Profile) -> user_pb2.Profile:
    return user_pb2.Profile(
        display_name=profile.display_name,
        avatar_media_id=profile.avatar_media_id,
        bio=profile.bio,
        birthday=profile.birthday,
        locale=profile.locale,
        region=profile.region,
        pronouns=profile.pronouns,
    )


def to_card(account: Account) -> user_pb2.User:
    """Name and picture only."""
    profile = user_pb2.Profile(
        display_name=account.profile.display_name, avatar_media_id=account.profile.avatar_media_id
    )
    return user_pb2.User(
        user_id=account.user_id,
        username=account.shown_name,
        profile=profile,
        state=user_pb2.UserState.ValueType(account.state),
        kind=user_pb2.UserKind.ValueType(account.kind),
    )


def to_tokens(tokens: Tokens) -> session_pb2.Tokens:
    """A pair of tokens."""
    return session_pb2.Tokens(
        access_token=tokens.access_token,
        access_expires_at_ms=tokens.access_expires_at_ms,
        refresh_token=tokens.refresh_token,
        refresh_expires_at_ms=tokens.refresh_expires_at_ms,
    )


def to_session(session: Session, current: str, *, connected: bool = False) -> session_pb2.Session:
    """A session; `current` is the one that asks, `connected` whether its device holds a stream."""
    return session_pb2.Session(
        session_id=session.session_id,
        device_id=session.device_id,
        device=_device(session.device),
        created_at_ms=session.created_at_ms,
        last_seen_at_ms=session.last_seen_at_ms,
        last_address=session.last_address,
        expires_at_ms=session.expires_at_ms,
        current=session.session_id == current,
        connected=connected,
    )


def _device(device: Device) -> session_pb2.Device:
    return session_pb2.Device(
        platform=session_pb2.Platform.ValueType(device.platform),
        name=device.name,
        model=device.model,
        app_version=device.app_version,
        os_version=device.os_version,
    )


def from_device(device: session_pb2.Device) -> Device:
    """What a client tells of its installation."""
    return Device(int(device.platform), device.name, device.model, device.app_version, device.os_version)


def to_friend(side: Side, account: Account | None) -> friend_pb2.Friend:
    """A friend as the caller keeps them."""
    return friend_pb2.Friend(
        user_id=side.other_id,
        remark=side.remark,
        tags=side.tags,
        starred=side.starred,
        since_ms=side.since_ms,
        version=side.version,
        ended_by_other=not side.friend,
        user=to_user(account) if account else None,
    )


def to_request(request: FriendRequest, account: Account | None) -> friend_pb2.FriendRequest:
    """A request as it was shown to the caller, with the account of the other side."""
    return friend_pb2.FriendRequest(
        friend_request_id=request.request_id,
        sender_id=request.sender_id,
        receiver_id=request.receiver_id,
        greeting=request.greeting,
        state=friend_pb2.FriendRequestState.ValueType(request.state),
        created_at_ms=request.created_at_ms,
        answered_at_ms=request.answered_at_ms,
        user=to_user(account) if account else None,
    )


def to_blocked(side: Side, account: Account | None) -> friend_pb2.BlockedUser:
    """A user whom the caller blocked."""
    user = to_card(account) if account else None
    return friend_pb2.BlockedUser(user_id=side.other_id, blocked_at_ms=side.blocked_at_ms, user=user)
