"""`svc_message.domain.media.ports.MediaUses` in the format of the contract."""

from collections.abc import Iterator

from parley.message.v1.body_pb2 import Body, MediaRef, MessageRef
from parley.message.v1.entry_pb2 import Entry
from parley.message.v1.notice_pb2 import MembershipChange
from svc_message.domain.conversation import ConversationId, Seq
from svc_message.domain.media.file import MediaUse, Reference


class ProtobufMediaUses:
    """Parses entries: for the few that are asked about."""

    def of(self, entry: bytes) -> MediaUse:
        """See the port."""
        content = Entry.FromString(entry).content
        match content.WhichOneof("kind"):
            case "post":
                origin = content.post.forwarded_from
                return MediaUse(frozenset(_media(content.post.body)), _reference(origin) if origin.seq else None)
            case "edit":
                return MediaUse(frozenset(_media(content.edit.body)))
            case "group":
                return MediaUse(frozenset(filter(None, (content.group.avatar_media_id,))))
        return MediaUse()

    def ends_all(self, entry: bytes) -> bool:
        """See the port."""
        return Entry.FromString(entry).content.membership.cause == MembershipChange.CAUSE_DISSOLVED


def _media(body: Body) -> Iterator[str]:
    return (one.media_id for one in _references(body) if one.media_id)


def _references(body: Body) -> tuple[MediaRef, ...]:
    """Every place of a body where media may stand."""
    match body.WhichOneof("kind"):
        case "image":
            return (body.image.media,)
        case "file":
            return (body.file.media,)
        case "voice":
            return (body.voice.media,)
        case "video":
            return (body.video.media, body.video.poster)
        case "sticker":
            return (body.sticker.media,)
    return ()


def _reference(origin: MessageRef) -> Reference:
    return Reference(ConversationId(origin.conversation_id), Seq(origin.seq))
