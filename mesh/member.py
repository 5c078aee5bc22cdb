"""A service as a member of the mesh: all that its composition root builds on.

    async def build(member: Member, settings: Settings) -> None:
        store = await member.process.enter(...)
        member.server.add(UserServicer(...), user_service_pb2.DESCRIPTOR.services_by_name["UserService"])

`main` runs one service alone; the standalone makes five members around one server.
"""

import asyncio
import os
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from mesh import keys
from mesh import process as process_
from mesh.backends import Backends, BackendSettings, open_backends
from mesh.certificates import show_certificates
from mesh.client import Channels
from mesh.clock import Clock, SystemClock
from mesh.ids import Ids
from mesh.link import Accept
from mesh.process import Process
from mesh.registry import Node
from mesh.revocations import KeyValueRevocations
from mesh.route import Route
from mesh.routes import HOLDERS, Routes, unheeded
from mesh.server import Server, ServerSettings
from mesh.settings import SettingError, load
from mesh.telemetry import TelemetrySettings
from mesh.tokens import Authenticator, ServiceToken, TokenSigner, TokenVerifier
from mesh.vitals import show_parts
from mesh.waiting import waiting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

RouteLost = Callable[[str, Route], None]
Missed = Callable[[str], None]
Removed = Callable[[str], None]

BOOT_ID_BYTES: Final = 6


@dataclass(frozen=True, slots=True)
class MemberSettings:
    """Where a process listens, who it is, and where the rest of the mesh is."""

    address: str = "127.0.0.1:0"
    """Where to listen; port 0 takes a free one."""
    advertise: str = ""
    """The address that others reach this process at, when it is another than the one it listens on."""
    node: str = ""
    """Name of this node, stable over restarts; empty takes the service's name and the process id."""
    keys: Path = Path("var/keys")
    backends: BackendSettings = field(default_factory=BackendSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)


class Member:
    """One service in one process."""

    def __init__(
        self,
        service: str,
        process: Process,
        server: Server,
        backends: Backends,
        keys_folder: Path,
        clock: Clock,
        local_links: dict[str, Accept],
        node: str = "",
    ) -> None:
        self.service = service
        self.process = process
        self.server = server
        self.clock = clock
        self.ids = Ids(clock)
        self.registry = backends.registry
        self.broker = backends.broker
        self.kv = backends.kv
        self.revocations = KeyValueRevocations(backends.kv, clock)
        self.authenticator = authenticator(keys_folder, self.revocations, clock)
        self.keys_folder = keys_folder
        self.node = Node(node or f"{service}-{os.getpid()}", secrets.token_hex(BOOT_ID_BYTES), "")
        self.routes = Routes(
            backends.kv,
            clock,
            self.node.id,
            self.node.boot_id,
            live=self.holders,
            on_replaced=self._route_lost,
            on_missed=self._missed,
            on_removed=self._removed,
        )
        self._holds_routes = False
        self._on_route_lost: RouteLost = unheeded
        self._on_missed: Missed = unheeded
        self._on_removed: Removed = unheeded
        self.token = ServiceToken(keys.signer(keys_folder, "mesh", clock), service, clock).current
        self.channels = Channels(backends.registry, self.token, clock)
        self.local_links = local_links
        """Nodes of this very process that take links without a socket: node id -> accept."""
        self._joined = asyncio.Event()

    def access_signer(self) -> TokenSigner:
        """What signs users' access tokens. Raises SettingError in a service that has no private key."""
        return keys.signer(self.keys_folder, "access", self.clock)

    def accept_links(self, accept: Accept) -> None:
        """Let a gateway of this process link without a socket."""
        self.local_links[self.node.id] = accept

    def hold_routes(
        self, on_lost: RouteLost = unheeded, on_missed: Missed = unheeded, on_removed: Removed = unheeded
    ) -> None:
        """Say that devices or assistants are held here.

        `on_lost` hears (user, route) of those that are elsewhere; `on_missed` hears of a user who was here and was not
        found here for a while; `on_removed` of one who left, and whose route could not be removed until now.
        """
        self._holds_routes = True
        self._on_route_lost, self._on_missed, self._on_removed = on_lost, on_missed, on_removed

    async def join(self, address: str, *, until_closed: bool = False) -> None:
        """Announce this node at its address, until the process drains; renew its routes from now on.

        `until_closed` keeps it announced while the process drains: for members of one process, which still need each
        other then.
        """
        lease = AsyncExitStack()
        announced = Node(self.node.id, self.node.boot_id, address)
        for name in (self.service, HOLDERS) if self._holds_routes else (self.service,):
            await lease.enter_async_context(self.registry.register(name, announced))
        if until_closed:
            await self.process.enter(lease)
        else:
            self.process.on_deregister(lease.aclose)
        self.process.spawn(self._follow_holders(), f"{self.service}-holders")
        self.process.spawn(self.routes.run(), f"{self.service}-routes")
        self._joined.set()

    async def once_joined(self, work: Coroutine[object, object, None]) -> None:
        """Run something that needs the other services, from when this node is one of them."""
        try:
            await self._joined.wait()
        except asyncio.CancelledError:
            work.close()
            raise
        await work

    def holders(self) -> list[tuple[str, str]]:
        """The nodes that may hold routes and are alive, as (id, boot id)."""
        return [(node.id, node.boot_id) for node in self.registry.nodes(HOLDERS)]

    def _route_lost(self, user: str, route: Route) -> None:
        self._on_route_lost(user, route)

    def _missed(self, user: str) -> None:
        self._on_missed(user)

    def _removed(self, user: str) -> None:
        self._on_removed(user)

    async def _follow_holders(self) -> None:
        """Keep the list fresh: a registry knows the nodes of what is watched. While this node was not in it, the
        others took it for dead and told it nothing.
        """
        mine, was_listed = (self.node.id, self.node.boot_id), True
        async for _ in self.registry.watch(HOLDERS):
            is_listed = mine in self.holders()
            if is_listed and not was_listed:
                for user in self.routes.users():
                    self._missed(user)
            was_listed = is_listed

    async def leave(self) -> None:
        """Close the channels to the other services."""
        await self.channels.close()


def authenticator(keys_folder: Path, revocations: KeyValueRevocations, clock: Clock) -> Authenticator:
    """What turns tokens into callers."""
    return Authenticator(TokenVerifier(keys.verification_keys(keys_folder), clock), revocations)


def main(service: str, build: Callable[[Member, T], Awaitable[None]], settings: type[T]) -> int:
    """Run one service alone; return the exit code. Settings come from the environment, `PARLEY_` and their names."""
    env = {name: value for name, value in os.environ.items() if name.startswith("PARLEY_")}
    mine = f"PARLEY_{service.upper()}"

    async def start(process: Process) -> None:
        common = load(MemberSettings, _without(env, mine), "PARLEY")
        clock = SystemClock()
        backends = await process.enter(aclosing(open_backends(common.backends, clock)))
        show_parts(process.telemetry, backends.parts())
        revocations = KeyValueRevocations(backends.kv, clock)
        server = Server(
            service,
            telemetry=process.telemetry,
            clock=clock,
            authenticator=authenticator(common.keys, revocations, clock),
            settings=common.server,
        )
        member = Member(service, process, server, backends, common.keys, clock, {}, common.node)
        own = load(settings, _only(env, mine), mine)
        show_certificates(process.telemetry, _urls(common.backends, own))
        async with waiting(common.address):
            await build(member, own)
        process.on_drain(member.leave)
        bound = await process.serve(server, common.address)
        await member.join(common.advertise or bound[0])

    return process_.main(f"svc_{service}", start, _telemetry(env))


def _urls(backends: BackendSettings, own: object) -> tuple[str, ...]:
    """Where the parts behind a service are, its store among them if it has one."""
    return backends.registry_url, backends.broker_url, backends.kv_url.reveal(), str(getattr(own, "store_url", ""))


def _telemetry(env: dict[str, str]) -> TelemetrySettings:
    """What the process observes itself with from its first moment. A wrong setting is told when all are read."""
    try:
        return load(TelemetrySettings, _only(env, "PARLEY_TELEMETRY"), "PARLEY_TELEMETRY")
    except SettingError:
        return TelemetrySettings()


def _only(env: dict[str, str], prefix: str) -> dict[str, Any]:
    return {name: value for name, value in env.items() if name.startswith(f"{prefix}_")}


def _without(env: dict[str, str], prefix: str) -> dict[str, Any]:
    return {name: value for name, value in env.items() if not name.startswith(f"{prefix}_")}
