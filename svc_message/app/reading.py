"""Wires what is read."""

from dataclasses import dataclass

from svc_message import servicer
from svc_message.app.parts import Parts
from svc_message.application.own.veils import Veils
from svc_message.application.reading.explain import Explain
from svc_message.application.reading.history import Histories
from svc_message.application.reading.posts import Posts
from svc_message.application.reading.present import Present
from svc_message.application.reading.readers import Readers
from svc_message.application.reading.search import Search
from svc_message.infrastructure.reading import ProtobufReading
from svc_message.infrastructure.whereabouts import KeyValueWhereabouts


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read of logs, and about single posts."""

    present: Present
    histories: Histories
    posts: Posts
    about: servicer.AboutPosts


def reading_of(parts: Parts) -> Reading:
    """What is read, as it is now."""
    store, shown, reading = parts.store, parts.people.shown, ProtobufReading()
    log, members, changes = store.log, store.members, store.changes
    present = Present(changes, reading)
    histories = Histories(log, members, changes, present, reading, store.owns, parts.codec, parts.bots.sights)
    posts = Posts(histories, changes, present)
    search = Search(store.index, log, members, changes, histories, reading, Veils(store.owns))
    explain = Explain(posts, members, shown, KeyValueWhereabouts(parts.member.routes))
    about = servicer.AboutPosts(posts, Readers(posts, members, shown), search, explain)
    return Reading(present, histories, posts, about)
