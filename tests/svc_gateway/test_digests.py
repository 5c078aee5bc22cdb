"""Digests of heartbeats on their way to the message nodes."""

from collections.abc import Sequence

import pytest

from mesh import errors
from parley.link.v1.link_service_pb2 import DeviceDigest, LinkRequest
from svc_gateway.application import digests
from svc_gateway.application.digests import Digests
from svc_gateway.application.session import Session
from svc_gateway.application.turns import Turns
from svc_gateway.application.window import Window
from svc_gateway.domain import Identity, Limits
from tests.mesh.echo import until


class Owners:
    """Message nodes: users are owned by the node that their id ends with."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, LinkRequest]] = []
        self.down = ""

    def owner(self, key: str) -> str:
        return key[-1]

    def send(self, owner: str, request: bytes) -> None:
        if owner == self.down:
            raise errors.unavailable("SERVICE_UNAVAILABLE", "down", retry_after=1.0)
        self.sent.append((owner, LinkRequest.FromString(request)))


def session(ref: int, user_id: str) -> Session:
    async def write(_: bytes) -> None: ...

    return Session(ref, Identity(user_id, "d", "s", 1), Limits(), Turns(), Window(Limits()), write, lambda _: b"")


def encode(given: Sequence[tuple[Session, int]]) -> bytes:
    asked = [DeviceDigest(ref=one.ref, user_id=one.identity.user_id, digest=digest) for one, digest in given]
    return LinkRequest(digests=asked).SerializeToString()


async def test_digests_that_come_together_share_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each owner is asked once for all of its users, and one that is down keeps no other from being asked."""
    monkeypatch.setattr(digests, "JOIN_S", 0.01)
    owners = Owners()
    joined = Digests(owners, encode)
    for ref in range(10):
        joined.add(session(ref, f"u{ref % 2}"), ref + 1)
    await until(lambda: len(owners.sent) == 2)
    found = {owner: [one.digest for one in request.digests] for owner, request in owners.sent}
    assert (len(owners.sent), found) == (2, {"0": [1, 3, 5, 7, 9], "1": [2, 4, 6, 8, 10]})
    owners.down = "0"
    joined.add(session(1, "u0"), 1)
    joined.add(session(2, "u1"), 2)
    await until(lambda: len(owners.sent) > 2)
    assert [owner for owner, _ in owners.sent[2:]] == ["1"]


async def test_no_more_digests_wait_than_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many leave at once, whatever the time, and nothing is left for the timer."""
    monkeypatch.setattr(digests, "MOST", 3)
    owners = Owners()
    joined = Digests(owners, encode)
    for ref in range(3):
        joined.add(session(ref, "u0"), 1)
    assert [len(request.digests) for _, request in owners.sent] == [3]
    joined.add(session(3, "u0"), 1)
    assert len(owners.sent) == 1
