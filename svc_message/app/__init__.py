"""The composition root of the message service."""

from collections.abc import Callable, Coroutine

from mesh.broker import topic_of
from mesh.member import Member
from svc_message.app.media import serve_media
from svc_message.app.moderation import Moderation, moderate
from svc_message.app.oversight import oversee
from svc_message.app.parts import Parts, open_parts
from svc_message.app.reading import Reading, reading_of
from svc_message.app.servicers import Uses, serve_edge, serve_links, serve_services
from svc_message.app.settings import MediaSettings, Settings
from svc_message.app.syncing import syncing_of
from svc_message.app.timing import timing_of
from svc_message.application.administration.oversee import Overseer
from svc_message.application.doubts import Doubts
from svc_message.application.media.rights import MediaRights
from svc_message.application.send import Sender
from svc_message.consumer import Consumer
from svc_message.infrastructure.entries import recall
from svc_message.infrastructure.media.uses import ProtobufMediaUses

__all__ = ["MediaSettings", "Settings", "build"]


async def build(member: Member, settings: Settings) -> None:
    """Build the service."""
    parts = await open_parts(member, settings)
    store, owned = parts.store, parts.owned
    reading = reading_of(parts)
    moderation = _moderation(parts, reading)
    rights = MediaRights(store.media, store.log, store.members, ProtobufMediaUses(), parts.bots.sights)
    sender = _sender(parts, reading, moderation, rights)
    timing = timing_of(parts, sender)
    uses = Uses(sender, reading, moderation, timing, syncing_of(parts, timing))
    serve_links(member, uses)
    serve_edge(parts, uses)
    clearing = await serve_media(member, parts.share, settings.media, store, rights)
    overseer = Overseer(store.log, owned.conversations, owned.appender, recall, member.clock)
    oversee(member, parts.share, store, overseer, owned.append, owned.appender)
    serve_services(parts, uses, clearing)
    _work(parts, uses)


def _moderation(parts: Parts, reading: Reading) -> Moderation:
    return moderate(
        parts.member,
        parts.share,
        parts.settings,
        parts.store,
        reading.histories,
        parts.modes,
        parts.programs.screen,
    )


def _sender(parts: Parts, reading: Reading, moderation: Moderation, rights: MediaRights) -> Sender:
    return Sender(
        parts.store.log,
        parts.store.changes,
        reading.present,
        parts.owned.conversations,
        parts.owned.appender,
        moderation.words,
        parts.member.clock,
        rights,
        moderation.screening,
        parts.bots.sights,
    )


def _work(parts: Parts, uses: Uses) -> None:
    """Begin what goes on as long as the process lives."""
    member, syncing = parts.member, uses.syncing
    doubts = Doubts(parts.owned.conversations, parts.people.privacy.forget, parts.people.blocks)
    programs = parts.programs
    consumer = Consumer(member.broker, topic_of(member.node), doubts, parts.routes, programs.left, programs.icons)
    _spawn(member, parts.owned.appender.run, parts.deliverer.run, syncing.receipts.run)
    _spawn(member, syncing.marks.run, syncing.marks.end_windows)
    _spawn(member, consumer.run, doubts.run, uses.timing.sweep.run, parts.share.follow)


def _spawn(member: Member, *loops: Callable[[], Coroutine[object, object, None]]) -> None:
    """Let these run as long as the process does."""
    for loop in loops:
        member.process.spawn(loop(), f"message-{loop.__qualname__}")
