"""Scenario `logins`: what it costs to log in with a password, and to refresh a token.

Passwords are hashed as the server comes, not cheaply as in the other scenarios: that is what a log-in costs.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import grpc

from bench import server
from bench.child import TICKS_PER_SECOND
from bench.figure import Figure
from bench.machine import Cores
from bench.progress import Progress
from bench.result import Result, Row
from bench.server import SHARED_NOTES, STANDALONE
from parley.user.v1.session_pb2 import Device, Platform
from parley.user.v1.user_service_pb2 import LogInRequest, RefreshRequest, RegisterRequest
from parley.user.v1.user_service_pb2_grpc import UserServiceStub
from svc_user.infrastructure.passwords import HashSettings

AT_ONCE: Final = 8
MICRO: Final = 1e6


@dataclass(frozen=True, slots=True)
class Options:
    """How many users log in, and how often each refreshes its token."""

    users: int = 300
    refreshes: int = 10
    program: tuple[str, ...] = STANDALONE


@dataclass
class _User:
    """A user and the refresh token that is good at present."""

    name: str
    password: str
    device_id: str = ""
    refresh_token: str = ""


async def run(options: Options, cores: Cores, progress: Progress) -> Result:
    """Run the scenario. Raises ChildError and AioRpcError when it cannot be run to its end."""
    users = [_User(f"bench_{secrets.token_hex(8)}", secrets.token_hex(16)) for _ in range(options.users)]
    async with (
        server.start(cores.server, options.program, None, **_hashing()) as running,
        grpc.aio.insecure_channel(running.address) as channel,
    ):
        stub = UserServiceStub(channel)
        rows = (
            await _measure("register", partial(_register, stub), users, 1, running, progress),
            await _measure("log in", partial(_log_in, stub), users, 1, running, progress),
            await _measure("refresh", partial(_refresh, stub), users, options.refreshes, running, progress),
        )
    return Result(rows, 0, notes=(SHARED_NOTES[0], "Each is one call of one device."))


def _hashing() -> dict[str, str]:
    as_it_comes = HashSettings()
    return {
        "PARLEY_USER_HASHING_MEMORY_KIB": str(as_it_comes.memory_kib),
        "PARLEY_USER_HASHING_ITERATIONS": str(as_it_comes.iterations),
    }


async def _measure(
    name: str,
    act: Callable[[_User], Awaitable[None]],
    users: Sequence[_User],
    times: int,
    running: server.Server,
    progress: Progress,
) -> Row:
    done, everything = 0, len(users) * times

    async def some(of: Sequence[_User]) -> None:
        nonlocal done
        for user in of:
            for _ in range(times):
                await act(user)
            done += times
            progress.show(name, f"{done:,}/{everything:,}")

    before = running.child.usage()
    await asyncio.gather(*(some(users[first::AT_ONCE]) for first in range(AT_ONCE)))
    # A few calls may take less than the finest step of the clock.
    cpu_s = max(running.child.usage().cpu_s - before.cpu_s, 1 / TICKS_PER_SECOND)
    return Row(name, (Figure("CPU us", cpu_s / done * MICRO), Figure("per server-CPU-second", done / cpu_s)))


async def _register(stub: UserServiceStub, user: _User) -> None:
    request = RegisterRequest(request_id=user.name, username=user.name, password=user.password, display_name=user.name)
    await stub.Register(request)


async def _log_in(stub: UserServiceStub, user: _User) -> None:
    device = Device(platform=Platform.PLATFORM_LINUX, name="bench")
    request = LogInRequest(request_id=user.name, username=user.name, password=user.password, device=device)
    answer = await stub.LogIn(request)
    user.device_id, user.refresh_token = answer.device_id, answer.tokens.refresh_token


async def _refresh(stub: UserServiceStub, user: _User) -> None:
    answer = await stub.Refresh(RefreshRequest(refresh_token=user.refresh_token, device_id=user.device_id))
    user.refresh_token = answer.tokens.refresh_token
