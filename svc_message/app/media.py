"""Wires what users call for their files."""

from functools import partial

from mesh.member import Member
from mesh.share import Share
from parley.media.v1 import media_service_pb2
from svc_message import servicer
from svc_message.app.settings import MediaSettings
from svc_message.application.media.care import MediaCare
from svc_message.application.media.fetch import Fetching
from svc_message.application.media.own import OwnMedia
from svc_message.application.media.preview_link import Previews
from svc_message.application.media.process import Processing
from svc_message.application.media.rights import MediaRights
from svc_message.application.media.upload import Uploads
from svc_message.application.own.clear_estates import EstateClearing
from svc_message.infrastructure.examiner.pool import ExaminerPool
from svc_message.infrastructure.media.uses import ProtobufMediaUses
from svc_message.infrastructure.media.web import AiohttpWeb, SystemNames
from svc_message.infrastructure.store import Store
from svc_message.infrastructure.vault import open_vault


async def serve_media(
    member: Member, share: Share, settings: MediaSettings, store: Store, rights: MediaRights
) -> EstateClearing:
    """Add what users call for their files, and what looks after these; return what erases those of deleted users."""
    records, limits, clock = store.media, settings.limits(), member.clock
    vault = await member.process.enter(open_vault(settings.url, settings.access_key, settings.secret_key, clock))
    examiner = await member.process.enter(ExaminerPool.opened(settings.examiners))
    processing = Processing(records, vault, examiner, clock)
    member.process.on_drain(processing.close)
    uploads = Uploads(records, vault, examiner, processing, limits, clock, member.ids)
    own = OwnMedia(store.gallery, records)
    fetching = Fetching(records, vault, rights, clock)
    previews = Previews(AiohttpWeb() if settings.previews else None, SystemNames(), uploads, clock)
    media = servicer.MediaServicer(uploads, fetching, own, previews, rights, limits)
    member.server.add(media, media_service_pb2.DESCRIPTOR.services_by_name["MediaService"])
    member.process.spawn(MediaCare(records, vault, processing, clock).run(), "message-media-care")
    clearing = _clearing(member, share, store)
    member.process.spawn(clearing.run(), "message-estates")
    return clearing


def _clearing(member: Member, share: Share, store: Store) -> EstateClearing:
    """What erases the media of deleted users."""
    uses, leads = ProtobufMediaUses(), partial(share.has, "estates")
    return EstateClearing(store.estates, store.traces, store.log, store.members, uses, leads, member.clock)
