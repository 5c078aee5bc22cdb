"""The entrances of the group service: contract <-> domain, one method for each RPC, no decisions."""

from svc_group.servicer.group import GroupServicer
from svc_group.servicer.invitation import InvitationServicer
from svc_group.servicer.member import MemberServicer
from svc_group.servicer.oversight import GroupAdminServicer

__all__ = ["GroupAdminServicer", "GroupServicer", "InvitationServicer", "MemberServicer"]
