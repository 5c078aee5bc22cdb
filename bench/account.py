"""Accounts for a run: registered and logged in once, before anything is measured."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

import grpc

from bench.progress import Progress
from parley.user.v1.session_pb2 import Device, Platform
from parley.user.v1.user_service_pb2 import LogInRequest, RegisterRequest
from parley.user.v1.user_service_pb2_grpc import UserServiceStub

AT_ONCE: Final = 16
"""Accounts that are made at the same time."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user with one logged-in device."""

    user_id: str
    device_id: str
    access_token: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes along with a unary call of this user."""
        return (("authorization", f"Bearer {self.access_token}"),)


async def open_accounts(address: str, count: int, progress: Progress) -> list[Account]:
    """Register and log in this many users."""
    made: list[Account] = []
    slots = asyncio.Semaphore(AT_ONCE)
    async with grpc.aio.insecure_channel(address) as channel:
        users = UserServiceStub(channel)

        async def make() -> Account:
            async with slots:
                account = await _open(users)
            made.append(account)
            progress.show("accounts", f"{len(made):,}/{count:,}")
            return account

        return await asyncio.gather(*(make() for _ in range(count)))


async def _open(users: UserServiceStub) -> Account:
    name, password = f"bench_{secrets.token_hex(8)}", secrets.token_hex(16)
    await users.Register(RegisterRequest(request_id=name, username=name, password=password, display_name=name))
    device = Device(platform=Platform.PLATFORM_LINUX, name="bench")
    answer = await users.LogIn(LogInRequest(request_id=name, username=name, password=password, device=device))
    return Account(answer.user.user_id, answer.device_id, answer.tokens.access_token)
