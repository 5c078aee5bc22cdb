"""How the user service is put together."""

import secrets
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor import ServiceDescriptor

from mesh.broker import Broker
from mesh.clock import Clock
from mesh.deeds import Audit
from mesh.ids import Ids
from mesh.infrastructure.aho_corasick import make_finder
from mesh.live import Live
from mesh.live_follow import LiveFollower
from mesh.member import Member
from mesh.outbox import Outbox
from mesh.registry import Registry
from mesh.revocations import KeyValueRevocations
from mesh.routes import Routes
from mesh.settings import Secret, SettingError
from mesh.tokens import TokenSigner
from parley.admin.v1 import audit_service_pb2, live_settings_service_pb2, user_admin_service_pb2
from parley.directory.v1 import directory_service_pb2
from parley.friend.v1 import friend_service_pb2
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.user.v1 import settings_service_pb2, user_service_pb2
from svc_user.application.audit import Auditor
from svc_user.application.blocks import Blocks
from svc_user.application.change_password import PasswordChanger
from svc_user.application.directory import Assistants, Directory
from svc_user.application.erase import Eraser, Farewells
from svc_user.application.friend_requests import FriendRequests
from svc_user.application.friends import Friends
from svc_user.application.lift import Lifting
from svc_user.application.live import Tuning
from svc_user.application.log_in import LogIn
from svc_user.application.oversee import Overseer
from svc_user.application.pairs import Pairs
from svc_user.application.privacy import OwnPrivacy
from svc_user.application.profiles import Profiles, Views
from svc_user.application.push import Push
from svc_user.application.refresh import Refresher
from svc_user.application.register import Registrar
from svc_user.application.remind import Reminder
from svc_user.application.sessions import Ending, OwnSessions
from svc_user.application.throttle import Throttle, ThrottleSettings
from svc_user.application.tokens import Issuer
from svc_user.domain.device_rules import DeviceRules, Policy
from svc_user.domain.oversight import Oversight
from svc_user.domain.ports import Accounts, MessageNodes, Notices, Passwords, Privacies, Relations, Sessions
from svc_user.domain.push import PushTargets
from svc_user.domain.session import RefreshChain
from svc_user.infrastructure.gateways import NodeGateways
from svc_user.infrastructure.group_service import GroupsOfUsers
from svc_user.infrastructure.log import LogPayer, OutboxNotices, PersonalLogs
from svc_user.infrastructure.message_nodes import MessageNodeTopics
from svc_user.infrastructure.notices import encode
from svc_user.infrastructure.passwords import Argon2Passwords, HashSettings
from svc_user.infrastructure.secret import refresh_key
from svc_user.infrastructure.store import open_store
from svc_user.servicer import (
    AuditServicer,
    DirectoryServicer,
    FriendServicer,
    LiveSettingsServicer,
    PageTokens,
    SettingsServicer,
    UserAdminServicer,
    UserServicer,
)

USER_ADMIN: Final = user_admin_service_pb2.DESCRIPTOR.services_by_name["UserAdminService"]
LIVE: Final = live_settings_service_pb2.DESCRIPTOR.services_by_name["LiveSettingsService"]
AUDIT: Final = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Which devices of a user may be logged in beside each other: `policy` is a value of `Policy`."""

    policy: str = Policy.ALL.value
    per_platform: int = 5
    per_user: int = 20

    def rules(self) -> DeviceRules:
        """The rules. SettingError for a policy that does not exist."""
        if self.policy not in list(Policy):
            raise SettingError(f"PARLEY_USER_DEVICES_POLICY: must be one of {', '.join(Policy)}")
        return DeviceRules(Policy(self.policy), self.per_platform, self.per_user)


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the store is, how often a password may be tried, how it is hashed, and how many devices a user may have.

    `store_url` is `sqlite:<path>`, or `mongodb://<user>@<hosts>/<database>?<options>` with `store_password`.
    """

    store_url: str = "sqlite:var/user.db"
    store_password: Secret = Secret()
    throttle: ThrottleSettings = field(default_factory=ThrottleSettings)
    hashing: HashSettings = field(default_factory=HashSettings)
    devices: DeviceSettings = field(default_factory=DeviceSettings)


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


@dataclass(frozen=True, slots=True)
class Service:
    """What the process runs: servicers with their contracts, and coroutines that never end; `reads` of the store.

    `audit` is where acts of administrators are written down.
    """

    servicers: Sequence[tuple[object, ServiceDescriptor]]
    audit: Audit
    background: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    reads: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The adapters behind the ports, opened."""

    accounts: Accounts
    privacies: Privacies
    sessions: Sessions
    push_targets: PushTargets
    relations: Relations
    passwords: Passwords
    notices: Notices
    gateways: NodeGateways
    message_nodes: MessageNodes
    key: bytes
    oversight: Oversight
    farewells: Farewells
    auditor: Auditor
    live: Live
    tuning: Tuning


async def assemble(neighbours: Neighbours, settings: Settings, stack: AsyncExitStack) -> Service:
    """Open the store and wire the service; what was opened closes with the stack."""
    opened = open_store(settings.store_url, settings.store_password, neighbours.clock, encode)
    store = await stack.enter_async_context(opened)
    outbox = Outbox(store.outbox, LogPayer(neighbours.log), neighbours.clock)
    notices = OutboxNotices(outbox)
    stack.push_async_callback(notices.close)
    passwords = Argon2Passwords(settings.hashing)
    stack.push_async_callback(passwords.close)
    gateways = _gateways(neighbours)
    message_nodes = MessageNodeTopics(neighbours.broker, neighbours.registry)
    auditor = Auditor(store.audit, neighbours.ids, neighbours.clock)
    elsewhere = (GroupsOfUsers(neighbours.groups), PersonalLogs(neighbours.log, outbox))
    farewells = Farewells(store.oversight, elsewhere, neighbours.clock)
    parts = _Parts(
        store.accounts,
        store.privacies,
        store.sessions,
        store.push_targets,
        store.relations,
        passwords,
        notices,
        gateways,
        message_nodes,
        refresh_key(neighbours.keys),
        store.oversight,
        farewells,
        auditor,
        Live(make_finder),
        Tuning(store.live),
    )
    following = LiveFollower(parts.tuning.newer, parts.live, neighbours.clock)
    reminder = Reminder(parts.sessions, gateways, neighbours.clock)
    await reminder.begin()
    lifting = Lifting(store.oversight, neighbours.clock)
    background = (
        outbox.run,
        gateways.watch,
        message_nodes.watch,
        reminder.run,
        lifting.run,
        farewells.run,
        following.run,
    )
    return Service(_servicers(neighbours, settings, parts), auditor, background, store.reads)


async def build(member: Member, settings: Settings) -> None:
    """Make the service part of a process of the mesh."""
    neighbours = Neighbours(
        clock=member.clock,
        ids=member.ids,
        keys=member.keys_folder,
        signer=member.access_signer(),
        revocations=member.revocations,
        broker=member.broker,
        registry=member.registry,
        routes=member.routes,
        log=member.channels.stub(LogServiceStub, "message"),
        groups=member.channels.stub(GroupServiceStub, "group"),
    )
    service = await assemble(neighbours, settings, await member.process.enter(AsyncExitStack()))
    member.process.telemetry.count_reads("user", service.reads)
    for servicer, contract in service.servicers:
        member.server.add(servicer, contract, audit=service.audit)
    for work in service.background:
        member.process.spawn(work(), f"user-{work.__qualname__}")


def _gateways(neighbours: Neighbours) -> NodeGateways:
    return NodeGateways(neighbours.routes, neighbours.broker, neighbours.registry, neighbours.revocations)


def _servicers(
    neighbours: Neighbours, settings: Settings, parts: _Parts
) -> tuple[tuple[object, ServiceDescriptor], ...]:
    pages = PageTokens(parts.key)
    views = Views(parts.accounts, parts.relations)
    user = _user_servicer(neighbours, settings, parts, views, pages)
    friend = _friend_servicer(neighbours, parts, views, pages)
    privacy = OwnPrivacy(parts.accounts, parts.privacies, parts.notices, parts.message_nodes, neighbours.clock)
    push = Push(parts.accounts, parts.push_targets, neighbours.clock)
    settings_servicer = SettingsServicer(privacy, push, neighbours.clock)
    return (
        (user, user_service_pb2.DESCRIPTOR.services_by_name["UserService"]),
        (friend, friend_service_pb2.DESCRIPTOR.services_by_name["FriendService"]),
        (settings_servicer, settings_service_pb2.DESCRIPTOR.services_by_name["SettingsService"]),
        (
            _directory_servicer(neighbours, parts, privacy, push),
            directory_service_pb2.DESCRIPTOR.services_by_name["UserDirectoryService"],
        ),
        (_admin_servicer(neighbours, parts, pages), USER_ADMIN),
        (AuditServicer(parts.auditor, pages), AUDIT),
        (LiveSettingsServicer(parts.tuning), LIVE),
    )


def _admin_servicer(neighbours: Neighbours, parts: _Parts, pages: PageTokens) -> UserAdminServicer:
    accounts, oversight, sessions, relations = parts.accounts, parts.oversight, parts.sessions, parts.relations
    clock = neighbours.clock
    ending = Ending(sessions, parts.gateways, parts.notices, clock)
    overseer = Overseer(accounts, oversight, sessions, relations, parts.passwords, ending, clock)
    pairs = Pairs(relations, parts.notices, parts.message_nodes)
    eraser = Eraser(oversight, sessions, relations, pairs, ending, parts.farewells, clock)
    return UserAdminServicer(overseer, eraser, pages)


def _user_servicer(
    neighbours: Neighbours, settings: Settings, parts: _Parts, views: Views, pages: PageTokens
) -> UserServicer:
    accounts, sessions, passwords, clock = parts.accounts, parts.sessions, parts.passwords, neighbours.clock
    issuer = Issuer(neighbours.signer, parts.oversight, RefreshChain(parts.key), lambda: secrets.token_hex(32))
    throttle = Throttle(settings.throttle, clock)
    ending = Ending(sessions, parts.gateways, parts.notices, clock)
    return UserServicer(
        Registrar(accounts, passwords, throttle, parts.live, neighbours.ids, clock),
        LogIn(accounts, sessions, passwords, throttle, issuer, ending, settings.devices.rules(), neighbours.ids, clock),
        Refresher(accounts, sessions, issuer, ending, clock),
        OwnSessions(sessions, parts.gateways, ending, parts.notices, clock),
        PasswordChanger(accounts, sessions, passwords, throttle, issuer, ending, clock),
        Profiles(accounts, parts.relations, views, parts.notices, parts.live, clock),
        pages,
    )


def _friend_servicer(neighbours: Neighbours, parts: _Parts, views: Views, pages: PageTokens) -> FriendServicer:
    accounts, relations, clock = parts.accounts, parts.relations, neighbours.clock
    pairs = Pairs(relations, parts.notices, parts.message_nodes)
    return FriendServicer(
        FriendRequests(accounts, relations, pairs, neighbours.ids, clock),
        Friends(relations, pairs),
        Blocks(accounts, relations, pairs, clock),
        views,
        pages,
        clock,
    )


def _directory_servicer(neighbours: Neighbours, parts: _Parts, privacy: OwnPrivacy, push: Push) -> DirectoryServicer:
    directory = Directory(parts.accounts, parts.relations, parts.sessions, parts.oversight, neighbours.clock)
    assistants = Assistants(parts.accounts, parts.notices, neighbours.ids, neighbours.clock)
    return DirectoryServicer(directory, assistants, privacy, push)
