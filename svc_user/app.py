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
from parley.bot.v1 import bot_service_pb2
from parley.directory.v1 import directory_service_pb2
from parley.friend.v1 import friend_service_pb2
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from parley.user.v1 import session_pb2, settings_service_pb2, user_service_pb2
from svc_user.application.audit import Auditor
from svc_user.application.blocks import Blocks
from svc_user.application.bot_tokens import BotTokens
from svc_user.application.bots import BotKeeping
from svc_user.application.change_password import PasswordChanger
from svc_user.application.delete_account import AccountDeletion, Remains
from svc_user.application.directory import Assistants, Directory
from svc_user.application.erase import Eraser
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
from svc_user.domain.ports import MessageNodes, Notices, Passwords
from svc_user.domain.session import RefreshChain
from svc_user.infrastructure.avatars import MediaAvatars
from svc_user.infrastructure.gateways import NodeGateways
from svc_user.infrastructure.groups import GroupMemberships
from svc_user.infrastructure.log import LogPayer, OutboxNotices, PersonalLogs
from svc_user.infrastructure.message_nodes import MessageNodeTopics
from svc_user.infrastructure.notices import encode
from svc_user.infrastructure.passwords import Argon2Passwords, HashSettings
from svc_user.infrastructure.secret import refresh_key
from svc_user.infrastructure.store import Store, open_store
from svc_user.servicer import (
    AuditServicer,
    BotServicer,
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
    media: MediaServiceStub


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


async def assemble(neighbours: Neighbours, settings: Settings, stack: AsyncExitStack) -> Service:
    """Open the store and wire the service; what was opened closes with the stack."""
    clock = neighbours.clock
    opened = open_store(settings.store_url, settings.store_password, clock, encode)
    store = await stack.enter_async_context(opened)
    outbox = Outbox(store.outbox, LogPayer(neighbours.log), clock)
    notices = OutboxNotices(outbox)
    stack.push_async_callback(notices.close)
    passwords = Argon2Passwords(settings.hashing)
    stack.push_async_callback(passwords.close)
    gateways, nodes = _gateways(neighbours), MessageNodeTopics(neighbours.broker, neighbours.registry)
    throttle, ending = Throttle(settings.throttle, clock), Ending(store.sessions, gateways, notices, clock)
    pairs = Pairs(store.relations, notices, nodes)
    deletion = AccountDeletion(store.accounts, store.deletions, passwords, throttle, ending, nodes, clock)
    key = refresh_key(neighbours.keys)
    auditor = Auditor(store.audit, neighbours.ids, clock)
    live, tuning = Live(make_finder), Tuning(store.live)
    views, avatars = Views(store.accounts, store.relations), MediaAvatars(neighbours.media)
    profiles = Profiles(store.accounts, store.relations, views, notices, avatars, live, clock)
    bots = BotKeeping(store.bots, store.accounts, profiles, deletion.erase, neighbours.ids, clock)
    parts = _Parts(
        store,
        passwords,
        notices,
        gateways,
        nodes,
        throttle,
        ending,
        pairs,
        deletion,
        profiles,
        bots,
        key,
        auditor,
        live,
        tuning,
    )
    reminder = Reminder(store.sessions, gateways, clock)
    await reminder.begin()
    elsewhere = (GroupMemberships(neighbours.groups), PersonalLogs(neighbours.log, outbox))
    remains = Remains(
        store.deletions,
        store.sessions,
        store.relations,
        pairs,
        store.oversight,
        elsewhere,
        bots,
        ending,
        deletion.begun,
        clock,
    )
    following, lifting = LiveFollower(tuning.newer, live, clock), Lifting(store.oversight, clock)
    background = (outbox.run, gateways.watch, nodes.watch, reminder.run, remains.run, following.run, lifting.run)
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
        media=member.channels.stub(MediaServiceStub, "message"),
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
    store, pages = parts.store, PageTokens(parts.key)
    views = Views(store.accounts, store.relations)
    user = _user_servicer(neighbours, settings, parts, pages)
    friend = _friend_servicer(neighbours, parts, views, pages)
    privacy = OwnPrivacy(store.accounts, store.privacies, parts.notices, parts.nodes, neighbours.clock)
    push = Push(store.accounts, store.push_targets, neighbours.clock)
    settings_servicer = SettingsServicer(privacy, push, neighbours.clock)
    return (
        (user, user_service_pb2.DESCRIPTOR.services_by_name["UserService"]),
        (friend, friend_service_pb2.DESCRIPTOR.services_by_name["FriendService"]),
        (_bot_servicer(neighbours, parts), bot_service_pb2.DESCRIPTOR.services_by_name["BotService"]),
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
    store, clock = parts.store, neighbours.clock
    overseer = Overseer(
        store.accounts, store.oversight, store.sessions, store.relations, parts.passwords, parts.ending, clock
    )
    return UserAdminServicer(overseer, Eraser(store.oversight, parts.deletion), pages)


def _user_servicer(neighbours: Neighbours, settings: Settings, parts: _Parts, pages: PageTokens) -> UserServicer:
    accounts, sessions, passwords, clock = parts.store.accounts, parts.store.sessions, parts.passwords, neighbours.clock
    issuer = Issuer(neighbours.signer, parts.store.oversight, RefreshChain(parts.key), lambda: secrets.token_hex(32))
    throttle, ending, rules, ids = parts.throttle, parts.ending, settings.devices.rules(), neighbours.ids
    return UserServicer(
        Registrar(accounts, passwords, throttle, parts.live, ids, clock),
        LogIn(accounts, sessions, passwords, throttle, issuer, ending, rules, ids, clock),
        Refresher(accounts, sessions, issuer, ending, clock),
        OwnSessions(sessions, parts.gateways, ending, parts.notices, clock),
        PasswordChanger(accounts, sessions, passwords, throttle, issuer, ending, clock),
        parts.deletion,
        parts.profiles,
        pages,
    )


def _bot_servicer(neighbours: Neighbours, parts: _Parts) -> BotServicer:
    tokens = BotTokens(
        parts.bots,
        parts.store.bots,
        parts.store.accounts,
        parts.store.sessions,
        neighbours.signer,
        parts.ending,
        neighbours.ids,
        neighbours.clock,
        lambda: secrets.token_hex(32),
        session_pb2.PLATFORM_HEADLESS,
    )
    return BotServicer(parts.bots, tokens)


def _friend_servicer(neighbours: Neighbours, parts: _Parts, views: Views, pages: PageTokens) -> FriendServicer:
    accounts, relations, clock = parts.store.accounts, parts.store.relations, neighbours.clock
    return FriendServicer(
        FriendRequests(accounts, relations, parts.pairs, neighbours.ids, clock),
        Friends(relations, parts.pairs),
        Blocks(accounts, relations, parts.pairs, clock),
        views,
        pages,
        clock,
    )


def _directory_servicer(neighbours: Neighbours, parts: _Parts, privacy: OwnPrivacy, push: Push) -> DirectoryServicer:
    store = parts.store
    directory = Directory(store.accounts, store.relations, store.sessions, store.oversight, neighbours.clock)
    assistants = Assistants(store.accounts, parts.notices, neighbours.ids, neighbours.clock)
    return DirectoryServicer(directory, assistants, privacy, push)
