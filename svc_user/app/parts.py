"""What the user service is built of: what it is given, what its use cases share, and what it gives its process."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor

from mesh.broker import Broker
from mesh.clock import Clock
from mesh.deeds import Audit
from mesh.ids import Ids
from mesh.live import Live
from mesh.registry import Registry
from mesh.revocations import KeyValueRevocations
from mesh.routes import Routes
from mesh.tokens import TokenSigner
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from svc_user.application.audit import Auditor
from svc_user.application.bots import BotKeeping
from svc_user.application.delete_account import AccountDeletion
from svc_user.application.live import Tuning
from svc_user.application.pairs import Pairs
from svc_user.application.profiles import Profiles
from svc_user.application.sessions import Ending
from svc_user.application.throttle import Throttle
from svc_user.domain.ports import MessageNodes, Notices, Passwords
from svc_user.infrastructure.gateways import NodeGateways
from svc_user.infrastructure.store import Store


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
    """What the process runs: servicers with their contracts, and coroutines that never end; `reads` of the store.

    `audit` is where acts of administrators are written down; `stop` is called before the servers stop.
    """

    servicers: Sequence[tuple[object, ServiceDescriptor]]
    audit: Audit
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    reads: Callable[[], int]
    stop: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the use cases share: the store and the neighbours, opened, and what guards accounts."""

    store: Store
    passwords: Passwords
    notices: Notices
    gateways: NodeGateways
    nodes: MessageNodes
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
