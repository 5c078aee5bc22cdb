from __future__ import annotations

import grpc
import pytest

from mesh.clock import FakeClock
from mesh.errors import Code, Reason
from mesh.server import Server
from mesh.telemetry import TelemetrySettings, open_telemetry
from tests.mesh.echo import SERVICE, Acts, EchoServicer, bearer, refused, running
from tests.mesh.test_interceptors import ADMIN, USER, _authenticator


async def test_an_act_is_written_down_before_it_is_done() -> None:
    """Who, from where and which RPC stand in the log when the servicer begins; what others call is not in it."""
    acts = Acts()
    async with running(authenticator=_authenticator(), audit=acts) as echo:
        await echo.call("SayAsAdmin", metadata=bearer(ADMIN))
        await echo.call("SayAsUser", metadata=bearer(USER))
        with pytest.raises(grpc.aio.AioRpcError):
            await echo.call("SayAsAdmin", metadata=bearer(USER))
    [deed] = acts.deeds
    assert (deed.action, deed.admin_id, deed.session_id) == ("EchoService.SayAsAdmin", "u2", "s2")
    assert deed.address == "127.0.0.1"
    assert (deed.target, deed.failure) == ("", ""), "the contract of the echo marks no field"


async def test_what_cannot_be_written_down_is_not_done() -> None:
    """The servicer never begins, and the caller is told to come again."""
    acts = Acts()
    acts.away = True
    async with running(authenticator=_authenticator(), audit=acts) as echo:
        error = await refused(echo.call("SayAsAdmin", metadata=bearer(ADMIN)))
        assert (error.code, error.reason) == (Code.UNAVAILABLE, Reason.AUDIT_UNAVAILABLE)
        assert echo.servicer.callers == []


async def test_an_act_that_fails_is_followed_by_why() -> None:
    """A second entry names the first one and the reason."""
    acts = Acts()
    async with running(authenticator=_authenticator(), audit=acts) as echo:
        await refused(echo.call("SayAsAdmin", "conflict", metadata=bearer(ADMIN)))
    assert [(deed.failure, deed.follows_id) for deed in acts.deeds] == [("", ""), ("ABORTED LOST_RACE", "a1")]


def test_nothing_is_served_to_administrators_without_an_audit() -> None:
    """A servicer that somebody forgot to give one cannot be added."""
    telemetry = open_telemetry("test", TelemetrySettings())
    server = Server("test", telemetry=telemetry, clock=FakeClock(0))
    with pytest.raises(TypeError, match="SayAsAdmin"):
        server.add(EchoServicer(), SERVICE)
