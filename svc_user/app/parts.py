"""What the user service is built of: what it is given, what its use cases share, and what it gives its process."""

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from mesh.broker import Broker
from mesh.clock import Clock
from mesh.deeds import Audit
from mesh.ids import Ids
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live
from mesh.outbox import Outbox
from mesh.registry import Registry
from mesh.revocations import KeyValueRevocations
from mesh.routes import Routes
from mesh.tokens import TokenSigner
from mesh.vitals import Database
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from svc_user.app.settings import Settings
from svc_user.application.audit import Auditor
from svc_user.application.bots import BotKeeping
from svc_user.application.delete_account import AccountDeletion
from svc_user.application.live import Tuning
from svc_user.application.pairs import Pairs
from svc_user.application.profiles import Profiles, Views
from svc_user.application.sessions import Ending
from svc_user.application.throttle import Throttle
from svc_user.infrastructure.avatars import MediaAvatars
from svc_user.infrastructure.gateways import NodeGateways
from svc_user.infrastructure.log import LogPayer, OutboxNotices
from svc_user.infrastructure.message_nodes import MessageNodeTopics
from svc_user.infrastructure.notices import encode
from svc_user.infrastructure.passwords import Argon2Passwords
from svc_user.infrastructure.secret import refresh_key
from svc_user.infrastructure.store import Store, open_store


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What the service is given by the process that it runs in; `keys` is the folder of the signing keys."""

    clock: Clock
    ids: Ids
    keys: Path
    signer: TokenSigner
    revocations: KeyValueRevocations
    broker: Broker
    registry: Registry
    routes: Routes
    log: LogServiceStub
    groups: GroupServiceStub
    media: MediaServiceStub


@dataclass(frozen=True, slots=True)
class Service:
    """What the process runs: servicers with their contracts, and coroutines that never end; `reads` of the store, and
    how its database is.

    `audit` is where acts of administrators are written down; `stop` is called before the servers stop.
    """

    servicers: Sequence[tuple[object, ServiceDescriptor]]
    audit: Audit
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    reads: Callable[[], int]
    database: Database
    stop: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the use cases share: the store and the neighbours, opened, and what guards accounts."""

    store: Store
    outbox: Outbox
    passwords: Argon2Passwords
    notices: OutboxNotices
    gateways: NodeGateways
    nodes: MessageNodeTopics
    throttle: Throttle
    ending: Ending
    pairs: Pairs
    deletion: AccountDeletion
    profiles: Profiles
    bots: BotKeeping
    key: bytes
    auditor: Auditor
    live: Live
    tuning: Tuning


async def open_parts(neighbours: Neighbours, settings: Settings, stack: AsyncExitStack) -> Parts:
    """Open the store and what keeps accounts; the stack closes them. Raises SettingError."""
    ids, clock, live = neighbours.ids, neighbours.clock, Live(make_finder)
    opening = open_store(settings.store_url, settings.store_password, clock, encode)
    store = await stack.enter_async_context(opening)
    outbox = Outbox(store.outbox, LogPayer(neighbours.log), clock)
    notices, passwords = OutboxNotices(outbox), Argon2Passwords(settings.hashing)
    stack.push_async_callback(notices.close)
    stack.push_async_callback(passwords.close)
    gateways = NodeGateways(neighbours.routes, neighbours.broker, neighbours.registry, neighbours.revocations)
    nodes = MessageNodeTopics(neighbours.broker, neighbours.registry)
    throttle, ending = Throttle(settings.throttle, clock), Ending(store.sessions, gateways, notices, clock)
    deletion = AccountDeletion(store.accounts, store.deletions, passwords, throttle, ending, nodes, clock)
    views, avatars = Views(store.accounts, store.relations), MediaAvatars(neighbours.media)
    profiles = Profiles(store.accounts, store.relations, views, notices, avatars, live, clock)
    return Parts(
        store,
        outbox,
        passwords,
        notices,
        gateways,
        nodes,
        throttle,
        ending,
        Pairs(store.relations, notices, nodes),
        deletion,
        profiles,
        BotKeeping(store.bots, store.accounts, profiles, deletion.erase, ids, clock),
        refresh_key(neighbours.keys),
        Auditor(store.audit, ids, clock),
        live,
        Tuning(store.live, clock),
    )
