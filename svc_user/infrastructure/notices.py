"""Notices as the log takes them: an encoded `parley.log.v1.Append` without its number, which paying gives it."""

from parley.log.v1.log_service_pb2 import Append
from parley.message.v1.entry_pb2 import Content
from parley.message.v1.notice_pb2 import FriendNotice as FriendContent
from parley.message.v1.notice_pb2 import ProfileNotice as ProfileContent
from parley.message.v1.notice_pb2 import SessionNotice as SessionContent
from svc_user.domain.notice import FriendNotice, Notice, SessionNotice


def encode(notice: Notice) -> bytes:
    """The append to the owner's personal log."""
    sender = notice.owner_id
    if isinstance(notice, FriendNotice):
        sender = notice.owner_id if notice.own else notice.user_id
    append = Append(conversation_id=notice.owner_id, sender_id=sender, content=_content(notice))
    return append.SerializeToString(deterministic=True)


def _content(notice: Notice) -> Content:
    if isinstance(notice, FriendNotice):
        return Content(friend=_friend(notice))
    if isinstance(notice, SessionNotice):
        return Content(session=_session(notice))
    return Content(profile=ProfileContent(version=notice.version, settings_version=notice.settings_version))


def _friend(notice: FriendNotice) -> FriendContent:
    return FriendContent(
        kind=FriendContent.Kind.ValueType(notice.event),
        user_id=notice.user_id,
        request_id=notice.request_id,
        greeting=notice.greeting,
        own=notice.own,
    )


def _session(notice: SessionNotice) -> SessionContent:
    return SessionContent(
        kind=SessionContent.Kind.ValueType(notice.event),
        session_id=notice.session_id,
        device_id=notice.device_id,
        device_name=notice.device_name,
    )
