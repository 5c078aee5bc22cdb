"""The entrances of the user service, each with its use cases."""

import secrets
from typing import Final

from google.protobuf.descriptor import ServiceDescriptor

from parley.admin.v1 import audit_service_pb2, live_settings_service_pb2, user_admin_service_pb2
from parley.bot.v1 import bot_service_pb2
from parley.directory.v1 import directory_service_pb2
from parley.friend.v1 import friend_service_pb2
from parley.user.v1 import session_pb2, settings_service_pb2, user_service_pb2
from svc_user.app.parts import Neighbours, Parts
from svc_user.app.settings import Settings
from svc_user.application.blocks import Blocks
from svc_user.application.bot_tokens import BotTokens
from svc_user.application.change_password import PasswordChanger
from svc_user.application.directory import Assistants, Directory
from svc_user.application.erase import Eraser
from svc_user.application.friend_requests import FriendRequests
from svc_user.application.friends import Friends
from svc_user.application.log_in import LogIn
from svc_user.application.oversee import Overseer
from svc_user.application.privacy import OwnPrivacy
from svc_user.application.profiles import Views
from svc_user.application.push import Push
from svc_user.application.refresh import Refresher
from svc_user.application.register import Registrar
from svc_user.application.sessions import OwnSessions
from svc_user.application.tokens import Issuer
from svc_user.domain.device_key import DeviceKeys
from svc_user.domain.session import RefreshChain
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


def servicers(neighbours: Neighbours, settings: Settings, parts: Parts) -> tuple[tuple[object, ServiceDescriptor], ...]:
    """What others may call, with its contract."""
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


def _admin_servicer(neighbours: Neighbours, parts: Parts, pages: PageTokens) -> UserAdminServicer:
    store, clock = parts.store, neighbours.clock
    overseer = Overseer(
        store.accounts, store.oversight, store.sessions, store.relations, parts.passwords, parts.ending, clock
    )
    return UserAdminServicer(overseer, Eraser(store.oversight, parts.deletion), pages)


def _user_servicer(neighbours: Neighbours, settings: Settings, parts: Parts, pages: PageTokens) -> UserServicer:
    accounts, sessions, passwords, clock = parts.store.accounts, parts.store.sessions, parts.passwords, neighbours.clock
    issuer = Issuer(neighbours.signer, parts.store.oversight, RefreshChain(parts.key), lambda: secrets.token_hex(32))
    throttle, ending, rules, ids = parts.throttle, parts.ending, settings.devices.rules(), neighbours.ids
    keys = DeviceKeys(parts.key)
    return UserServicer(
        Registrar(accounts, passwords, throttle, parts.live, ids, clock),
        LogIn(accounts, sessions, passwords, throttle, issuer, ending, rules, keys, ids, clock),
        Refresher(accounts, sessions, issuer, ending, clock),
        OwnSessions(sessions, parts.gateways, ending, parts.notices, clock),
        PasswordChanger(accounts, sessions, passwords, throttle, issuer, ending, keys, clock),
        parts.deletion,
        parts.profiles,
        pages,
    )


def _bot_servicer(neighbours: Neighbours, parts: Parts) -> BotServicer:
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


def _friend_servicer(neighbours: Neighbours, parts: Parts, views: Views, pages: PageTokens) -> FriendServicer:
    accounts, relations, clock = parts.store.accounts, parts.store.relations, neighbours.clock
    return FriendServicer(
        FriendRequests(accounts, relations, parts.pairs, neighbours.ids, clock),
        Friends(relations, parts.pairs),
        Blocks(accounts, relations, parts.pairs, clock),
        views,
        pages,
        clock,
    )


def _directory_servicer(neighbours: Neighbours, parts: Parts, privacy: OwnPrivacy, push: Push) -> DirectoryServicer:
    store = parts.store
    directory = Directory(
        store.accounts, store.relations, store.sessions, store.oversight, store.bots, neighbours.clock
    )
    assistants = Assistants(store.accounts, parts.notices, neighbours.ids, neighbours.clock)
    return DirectoryServicer(directory, assistants, privacy, push)
