"""That the listener of all tests knows each RPC, and hears what it must."""

import pytest

from tests import spoken
from tests.k8s.contract import contracts, path


def test_all_rpcs_are_listened_to() -> None:
    """The comments of every RPC of the contract are found, and a reason is in some of them."""
    every = {path(method) for service in contracts().values() for method in service.methods}
    assert set(spoken.contract()) == every
    assert "USERNAME_TAKEN" in spoken.contract()["/parley.user.v1.UserService/Register"]


@pytest.mark.parametrize(
    "rpc, reason, heard",
    [
        ("GroupService/GetGroup", "GROUP_NOT_FOUND", False),
        ("GroupService/GetGroup", "INVITATION_USED_UP", False),
        ("GroupService/GetGroup", "STORE_UNAVAILABLE", False),
        ("GroupService/GetGroup", "", False),
        ("GroupService/GetGroup", "SLOW_MODE", True),
        ("GroupService/DissolveGroup", "INVITATION_USED_UP", True),
    ],
)
def test_what_is_not_declared_is_heard(rpc: str, reason: str, heard: bool) -> None:  # noqa: FBT001 - a column
    """Comments of the RPC, its service and its request declare a reason, and so does the list for all."""
    spoken.hear(f"/parley.group.v1.{rpc}", reason)
    assert bool(spoken.undeclared) is heard
    spoken.undeclared.clear()
