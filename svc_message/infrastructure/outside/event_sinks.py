"""`svc_message.domain.outside.sink.Sink`: programs behind a webhook or gRPC, as a text of TOML names them.

[audit]
url = "https://hooks.example.com/parley"     # or grpcs://host:port
secret = "..."                               # signs webhooks; gRPC calls bring it as a bearer token
kinds = ["post", "edit"]                     # optional: all kinds
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.json_format import MessageToJson

from mesh.settings import Secret, SettingError
from parley.hook.v1.event_pb2 import Event, EventBatch
from parley.message.v1.entry_pb2 import Content, Entry
from svc_message.domain.entry import EntryKind, Stored
from svc_message.domain.outside.sink import PUSH
from svc_message.infrastructure.outside.addresses import Address, address_of, secret_of
from svc_message.infrastructure.outside.event_calls import EventCalls
from svc_message.infrastructure.outside.webhook import Webhook

SETTING: Final = "MESSAGE_EVENTS_SINKS"

NAMES: Final = {field.number: field.name for field in Content.DESCRIPTOR.fields}
KINDS: Final = {field.name: EntryKind(field.number) for field in Content.DESCRIPTOR.fields}

MAX_SINKS: Final = 16


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """One sink as it was named."""

    name: str
    address: Address
    secret: Secret
    kinds: frozenset[EntryKind]


def sinks_of(text: Secret) -> list[SinkSettings]:
    """The sinks that a setting names. Raises SettingError, which says what is wrong and never quotes."""
    try:
        named = tomllib.loads(text.reveal())
    except tomllib.TOMLDecodeError:
        raise SettingError(f"{SETTING}: not TOML") from None
    if len(named) > MAX_SINKS:
        raise SettingError(f"{SETTING}: at most {MAX_SINKS} sinks")
    return [_sink(name, fields) for name, fields in named.items()]


def _sink(name: str, fields: Any) -> SinkSettings:
    setting = f"{SETTING} [{name}]"
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name) or name == PUSH:
        raise SettingError(f"{SETTING}: a name has small letters, digits and dashes, and is not {PUSH}")
    if not isinstance(fields, Mapping) or not {"url", "secret"} <= fields.keys() <= {"url", "secret", "kinds"}:
        raise SettingError(f"{setting}: has url, secret and, if you like, kinds")
    secret = secret_of(f"{setting} secret", Secret(str(fields["secret"])))
    address = address_of(f"{setting} url", str(fields["url"]), "https", "grpcs")
    return SinkSettings(name, address, secret, _kinds(setting, fields.get("kinds")))


def _kinds(setting: str, names: object) -> frozenset[EntryKind]:
    if names is None:
        return frozenset(KINDS.values())
    if not isinstance(names, list) or not names or not all(name in KINDS for name in names):
        raise SettingError(f"{setting} kinds: some of {', '.join(KINDS)}")
    return frozenset(KINDS[name] for name in names)


class WebhookSink:
    """Posts JSON of `parley.hook.v1.EventBatch`."""

    def __init__(self, settings: SinkSettings, webhook: Webhook) -> None:
        self.name = settings.name
        self.kinds = settings.kinds
        self._webhook = webhook

    async def take(self, entries: Sequence[Stored]) -> None:
        """See the port."""
        await self._webhook.post(MessageToJson(batch(entries), indent=None).encode())


class CalledSink:
    """Calls `parley.hook.v1.EventService`."""

    def __init__(self, settings: SinkSettings, calls: EventCalls) -> None:
        self.name = settings.name
        self.kinds = settings.kinds
        self._calls = calls

    async def take(self, entries: Sequence[Stored]) -> None:
        """See the port."""
        await self._calls.take(batch(entries))


def batch(entries: Sequence[Stored]) -> EventBatch:
    """Entries as events."""
    return EventBatch(events=[_event(entry) for entry in entries])


def _event(stored: Stored) -> Event:
    event_id = f"{stored.conversation_id}/{stored.seq}"
    return Event(event_id=event_id, kind=NAMES[int(stored.kind)], entry=Entry.FromString(stored.entry))
