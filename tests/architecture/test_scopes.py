"""What tokens of bots allow, over all contracts."""

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from mesh import access
from parley.access.v1 import access_pb2
from tests.k8s.contract import methods, path

READ = access_pb2.SCOPE_READ
CLOSED = ("FriendService", "BotService", "SettingsService", "AssistantService")
"""Services that are for people alone."""


def open_to_bots() -> list[MethodDescriptor]:
    """RPCs that name a scope."""
    return [method for _, method in methods() if access.scopes_of(method)]


def test_scopes_stand_beside_users() -> None:
    """An RPC with scopes lets users in; the device streams are public, since their token comes in the first frame."""
    for method in open_to_bots():
        streams = method.name in ("Connect", "Subscribe") and method.containing_service.name == "GatewayService"
        wanted = access.PUBLIC if streams else access.USER
        assert access.callers_of(method) == wanted, path(method)


def test_a_token_that_reads_changes_nothing() -> None:
    """No RPC with side effects is allowed by SCOPE_READ alone."""
    found = open_to_bots()
    assert len(found) > 30
    for method in found:
        reads = method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        assert reads or access.scopes_of(method) != {READ}, path(method)


def test_what_is_for_people_names_no_scope() -> None:
    """Accounts, friends, bots themselves, and the taking and ending of groups are closed to bots."""
    names = {(method.containing_service.name, method.name) for method in open_to_bots()}
    assert not {service for service, _ in names} & set(CLOSED)
    assert not names & {
        ("UserService", "ChangePassword"),
        ("UserService", "DeleteAccount"),
        ("UserService", "RevokeSession"),
        ("UserService", "UpdateProfile"),
        ("GroupService", "CreateGroup"),
        ("GroupService", "TransferGroup"),
        ("GroupService", "DissolveGroup"),
        ("MemberService", "SetMemberRole"),
    }
