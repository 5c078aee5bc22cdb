"""Wires what administrators do."""

from collections.abc import Callable
from functools import partial

from mesh.audit import RemoteAudit
from mesh.member import Member
from mesh.share import Share
from parley.admin.v1 import message_admin_service_pb2
from parley.admin.v1.audit_service_pb2_grpc import AuditServiceStub
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.report.v1 import report_admin_service_pb2
from svc_message import servicer
from svc_message.application.administration.broadcast import Announcing, Writing
from svc_message.application.administration.count import Counting
from svc_message.application.administration.oversee import Overseer
from svc_message.application.administration.report import Deciding, Telling
from svc_message.application.append import Appender
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.administration.broadcast import Broadcasts
from svc_message.infrastructure.people import DirectoryPeople, encode_text
from svc_message.infrastructure.report_notices import encode as encode_decision
from svc_message.infrastructure.store import Store


def oversee(
    member: Member, share: Share, store: Store, overseer: Overseer, append: ServiceAppend, appender: Appender
) -> None:
    """Add what administrators do with messages, and what goes on because of it."""
    clock, leads = member.clock, partial(share.has, "for all")
    telling = Telling(store.reports, append, encode_decision, clock)
    counting = Counting(store.statistics, leads, clock)
    announcing = Announcing(
        store.broadcasts, _broadcasting(member, store.broadcasts, append, appender, leads), member.ids, clock
    )
    messages = servicer.MessageAdminServicer(overseer, announcing, counting)
    _serve_administrators(member, messages, Deciding(store.reports, telling, clock))
    for loop in (telling.run, counting.run):
        member.process.spawn(loop(), f"message-{loop.__qualname__}")


def _broadcasting(
    member: Member, broadcasts: Broadcasts, append: ServiceAppend, appender: Appender, leads: Callable[[], bool]
) -> Writing:
    """What goes on with broadcasts."""
    people = DirectoryPeople(member.channels.stub(UserDirectoryServiceStub, "user"))
    writing = Writing(broadcasts, people, append, appender, encode_text, leads, member.clock)
    member.process.spawn(member.once_joined(writing.run()), "message-broadcasts")
    return writing


def _serve_administrators(member: Member, messages: servicer.MessageAdminServicer, deciding: Deciding) -> None:
    """Add what administrators call; the user service writes down what they do."""
    audit = RemoteAudit(member.channels.stub(AuditServiceStub, "user"))
    reports = report_admin_service_pb2.DESCRIPTOR.services_by_name["ReportAdminService"]
    member.server.add(servicer.ReportAdminServicer(deciding), reports, audit=audit)
    contract = message_admin_service_pb2.DESCRIPTOR.services_by_name["MessageAdminService"]
    member.server.add(messages, contract, audit=audit)
