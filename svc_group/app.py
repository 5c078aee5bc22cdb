"""The group service put together: its settings, and who is given what."""

import secrets
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from mesh.audit import RemoteAudit
from mesh.clock import Clock
from mesh.infrastructure.aho_corasick import make_finder
from mesh.limits import Rate, TokenBuckets
from mesh.live import Live
from mesh.live_follow import LiveFollower, RemoteLive
from mesh.member import Member
from mesh.outbox import Outbox
from mesh.settings import Secret
from mesh.vitals import show_database
from parley.admin.v1 import group_admin_service_pb2
from parley.admin.v1.audit_service_pb2_grpc import AuditServiceStub
from parley.admin.v1.live_settings_service_pb2_grpc import LiveSettingsServiceStub
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.group.v1 import group_service_pb2, invitation_service_pb2, member_service_pb2
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from parley.media.v1.media_service_pb2_grpc import MediaServiceStub
from svc_group.application.ban import Banning
from svc_group.application.census import Census
from svc_group.application.commit import Commit
from svc_group.application.create import Creation
from svc_group.application.depart import Departing
from svc_group.application.edit import Editing
from svc_group.application.forget import Forgetting
from svc_group.application.govern import Governing
from svc_group.application.invite import Inviting
from svc_group.application.join import Joining
from svc_group.application.limits import Limits
from svc_group.application.links import Linking
from svc_group.application.mine import Listing
from svc_group.application.naming import Naming
from svc_group.application.oversee import Overseer
from svc_group.application.own import Owning
from svc_group.application.read import Reading
from svc_group.infrastructure.avatars import MediaAvatars
from svc_group.infrastructure.directory import UserDirectory
from svc_group.infrastructure.log import LogWriter, Settlement
from svc_group.infrastructure.store import open_store
from svc_group.servicer import GroupAdminServicer, GroupServicer, InvitationServicer, MemberServicer

HOUR_S: Final = 3_600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation may change. `store_url` is where groups are: `sqlite:<path>`, or
    `mongodb://<user>@<hosts>/<database>?<options>` with `store_password`.

    `web_address` is what invitation links begin with; the token of the invitation follows it.
    What is counted by the hour is counted for each user and process.
    """

    store_url: str = "sqlite:var/group.db"
    store_password: Secret = Secret()
    member_limit: int = field(default=10_000, metadata={"least": 1})
    groups_per_user: int = field(default=1_000, metadata={"least": 1})
    new_groups_per_hour: int = 10
    wrong_tokens_per_hour: int = 20
    web_address: str = "parley:join/"


async def build(member: Member, settings: Settings) -> None:
    """Build the service."""
    clock = member.clock
    store = await member.process.enter(open_store(settings.store_url, settings.store_password, clock))
    member.process.telemetry.count_reads("group", store.reads)
    show_database(member.process.telemetry, "group", store.database)
    outbox = Outbox(store.outbox, LogWriter(member.channels.stub(LogServiceStub, "message")).pay, clock)
    settlement = await member.process.enter(aclosing(Settlement(outbox)))
    groups, ways_in = store.groups, store.ways_in
    commit = Commit(groups, settlement)
    directory = UserDirectory(member.channels.stub(UserDirectoryServiceStub, "user"))
    avatars = MediaAvatars(member.channels.stub(MediaServiceStub, "message"))
    limits = Limits(settings.member_limit, settings.groups_per_user)
    wrong_tokens = _each_hour(settings.wrong_tokens_per_hour, clock)
    reading = Reading(groups, store.members, ways_in, clock, wrong_tokens)
    governing = Governing(commit, groups, directory, clock)
    live = Live(make_finder)
    naming = Naming(live)
    following = LiveFollower(RemoteLive(member.channels.stub(LiveSettingsServiceStub, "user")), live, clock)
    creations = _each_hour(settings.new_groups_per_hour, clock)
    creation = Creation(commit, directory, avatars, member.ids, clock, limits, creations, naming)
    forgetting = Forgetting(commit, groups, store.members, ways_in, directory, clock)
    editing = Editing(commit, avatars, clock, naming)
    group = GroupServicer(creation, reading, Listing(groups), editing, governing, forgetting, limits)
    inviting = Inviting(commit, directory, clock, limits)
    joining = Joining(commit, ways_in, directory, clock, limits, wrong_tokens)
    linking = Linking(commit, ways_in, member.ids, clock, _new_token)
    invitation = InvitationServicer(inviting, joining, linking, reading, limits, settings.web_address)
    banning = Banning(commit, store.bans, directory, clock)
    members = MemberServicer(reading, Departing(commit), governing, Owning(commit, naming), banning)
    member.server.add(group, group_service_pb2.DESCRIPTOR.services_by_name["GroupService"])
    member.server.add(members, member_service_pb2.DESCRIPTOR.services_by_name["MemberService"])
    member.server.add(invitation, invitation_service_pb2.DESCRIPTOR.services_by_name["InvitationService"])
    overseeing = GroupAdminServicer(Overseer(commit, store.all_groups, store.members, directory), limits)
    audit = RemoteAudit(member.channels.stub(AuditServiceStub, "user"))
    member.server.add(overseeing, group_admin_service_pb2.DESCRIPTOR.services_by_name["GroupAdminService"], audit=audit)
    member.process.spawn(outbox.run(), "group-outbox")
    census = Census(commit, groups, directory, clock)
    member.process.spawn(member.once_joined(census.run()), "group-census")
    member.process.spawn(member.once_joined(following.run()), "group-live-settings")


def _each_hour(count: int, clock: Clock) -> TokenBuckets:
    return TokenBuckets(Rate(count, count / HOUR_S), clock)


def _new_token() -> str:
    """144 random bits: nobody guesses one. 24 characters that a link can hold."""
    return secrets.token_urlsafe(18)
