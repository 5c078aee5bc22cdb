"""The load of a group: some members write, all others hear."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import grpc

from bench import fleet
from bench.account import AT_ONCE, Account
from bench.child import Child
from bench.crowd import Crowd
from bench.device import Device
from bench.history import Fault
from bench.member import Member
from bench.meter import TIMED, Meter, Span
from bench.pairs import paced
from bench.progress import Progress
from parley.group.v1.group_pb2 import GroupSettings
from parley.group.v1.group_service_pb2 import CreateGroupRequest, GetGroupRequest
from parley.group.v1.group_service_pb2_grpc import GroupServiceStub
from parley.group.v1.invitation_service_pb2 import JoinGroupRequest
from parley.group.v1.invitation_service_pb2_grpc import InvitationServiceStub
from parley.message.v1.entry_pb2 import Content

CALL_S: Final = 60.0


async def make_group(address: str, accounts: Sequence[Account], progress: Progress) -> str:
    """Make a group of these users, the first of whom owns it: the others are asked, and come.

    Raises ConnectionError when someone is not let in.
    """
    owner, *others = accounts
    async with grpc.aio.insecure_channel(address) as channel:
        groups = GroupServiceStub(channel)
        made = await groups.CreateGroup(_wish(others), metadata=owner.metadata, timeout=CALL_S)
        group_id = made.group.group_id
        await _join(channel, group_id, others, progress)
        asked = GetGroupRequest(group_id=group_id)
        grown = await groups.GetGroup(asked, metadata=owner.metadata, timeout=CALL_S)
    if grown.group.member_count != len(accounts):
        raise ConnectionError(f"a group of {len(accounts)} has {grown.group.member_count} members")
    return group_id


def _wish(others: Sequence[Account]) -> CreateGroupRequest:
    return CreateGroupRequest(
        request_id=f"bench-{len(others)}",
        settings=GroupSettings(name="bench"),
        member_ids=[account.user_id for account in others],
    )


async def _join(channel: grpc.aio.Channel, group_id: str, accounts: Sequence[Account], progress: Progress) -> None:
    invitations, slots, joined = InvitationServiceStub(channel), asyncio.Semaphore(AT_ONCE), 0

    async def join(account: Account) -> None:
        nonlocal joined
        async with slots:
            request = JoinGroupRequest(group_id=group_id)
            await invitations.JoinGroup(request, metadata=account.metadata, timeout=CALL_S)
        joined += 1
        progress.show("members", f"{joined:,}/{len(accounts):,}")

    await asyncio.gather(*(join(account) for account in accounts))


class Circle:
    """Drives the members of one group."""

    def __init__(
        self, members: Sequence[Member], group_id: str, child: Child, content: Content, progress: Progress
    ) -> None:
        self._members = members
        self._content = content
        self._progress = progress
        self._meter = Meter(child, self._counts, progress)
        self._due: dict[tuple[str, int], float] = {}
        self._sending = False
        self.crowd = Crowd(group_id, members[0].places()[group_id])
        for index, member in enumerate(members):
            member.join(self.crowd, None if index % TIMED else self._due)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear all members, and let nothing disturb the load."""
        with fleet.undisturbed():
            async with fleet.listening(self._members, self._acked):
                yield

    async def saturate(self, senders: int, window: int, seconds: float, warm_up_s: float) -> Span:
        """Keep W messages of each sender in flight."""
        self._sending = True
        for member in self._members[:senders]:
            self._write(member, window)
            member.poke()
        span = await self._measure(f"{senders} senders", seconds, warm_up_s)
        await self._settle()
        return span

    async def pace(
        self, senders: int, window: int, rate: float, seconds: float, warm_up_s: float
    ) -> tuple[Span, list[float]]:
        """Send W messages at a time at a fixed rate of deliveries; return how long each took from when it was due."""

        def write(member: Member, due: float) -> None:
            self._write(member, window, due)
            member.poke()

        period = window * senders * (len(self._members) - 1) / rate
        async with paced(self._members[:senders], period, write):
            span = await self._measure(f"{senders} senders at {rate:,.0f}/s", seconds, warm_up_s)
        await self._settle()
        return span, self._take_delivery()

    def check(self) -> list[Fault]:
        """Return what is wrong with what the members saw."""
        group_id = self.crowd.conversation_id
        senders = {member.account.user_id: member.witnesses[group_id] for member in self._members if member.witnesses}
        return self.crowd.check(senders)

    async def _measure(self, name: str, seconds: float, warm_up_s: float) -> Span:
        await self._progress.during(f"{name}, warm-up", warm_up_s, lambda: self._counts()[0])
        self._take_delivery()
        return await self._meter.during(name, seconds)

    def _take_delivery(self) -> list[float]:
        taken = sorted(latency for member in self._members for latency in member.delivery)
        for member in self._members:
            member.delivery.clear()
        return taken

    def _counts(self) -> tuple[int, int]:
        return fleet.total_received(self._members), fleet.total_acked(self._members)

    def _acked(self, device: Device, count: int) -> None:
        if self._sending:
            self._write(device, count)

    def _write(self, device: Device, count: int, due: float | None = None) -> None:
        for _ in range(count):
            device.send(self.crowd.conversation_id, self._content, due)
            if due is not None:
                self._due[device.account.user_id, device.last_number] = due

    async def _settle(self) -> None:
        self._sending = False
        await fleet.settle("group", self._settled, self._progress)

    def _settled(self) -> bool:
        received, acked = self._counts()
        return received == acked * (len(self._members) - 1) and fleet.all_answered(self._members)
