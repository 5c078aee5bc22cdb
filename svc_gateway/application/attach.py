"""Attach a device: prove who it is, take its route, and replace its older stream wherever that is."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mesh import errors
from mesh.caller import Caller
from mesh.errors import MeshError
from mesh.route import Route
from mesh.routes import Routes
from mesh.session_end import SessionEnd, session_revoked
from svc_gateway import domain
from svc_gateway.application.alive import Alive
from svc_gateway.application.comings import Comings
from svc_gateway.application.departed import Departed
from svc_gateway.application.hub import Hub
from svc_gateway.application.presence import Presences
from svc_gateway.application.session import Lagging, Session, Write
from svc_gateway.application.turns import Turns
from svc_gateway.application.window import Window
from svc_gateway.domain import Identity, Limits, Nodes, People, Reason

Authenticate = Callable[[str], Awaitable[Caller]]
"""Access token -> caller. Raises TOKEN_INVALID, TOKEN_EXPIRED, SESSION_REVOKED."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a device says first."""

    token: str
    protocol_version: int
    window: int


class Attach:
    """Opens and closes sessions."""

    def __init__(
        self,
        authenticate: Authenticate,
        alive: Alive,
        people: People,
        routes: Routes,
        nodes: Nodes,
        hub: Hub,
        presences: Presences,
        comings: Comings,
        departed: Departed,
        limits: Limits,
    ) -> None:
        self._authenticate = authenticate
        self._alive = alive
        self._people = people
        self._routes = routes
        self._nodes = nodes
        self._hub = hub
        self._presences = presences
        self._comings = comings
        self._departed = departed
        self._limits = limits
        self._refs = itertools.count(1)
        self._turns = Turns()
        self._window = Window(limits)
        self._closing: set[asyncio.Task[None]] = set()
        self.draining = False

    async def open(self, opening: Opening, write: Write, frame_lagging: Lagging) -> Session:
        """A session for the device that says this.

        The route is taken before anything is read for the device, so that nothing falls between what it is told it
        missed and what is pushed to it. Raises UNAUTHENTICATED, PROTOCOL_VERSION, DRAINING.
        """
        if self.draining:
            raise domain.draining()
        if opening.protocol_version != domain.PROTOCOL_VERSION:
            message = f"this server speaks version {domain.PROTOCOL_VERSION} of the protocol"
            raise errors.precondition(Reason.PROTOCOL_VERSION, message)
        caller = await self.identify(opening.token)
        route, moved_from = await self._routes.attach(caller.user_id, caller.device_id)
        self._nodes.moved(caller.user_id)
        session = self._session(caller, route.epoch, opening, write, frame_lagging)
        older = self._hub.add(session)
        if older is not None:
            older.close(domain.replaced(route.epoch))
        try:
            await self._announce(session, route, moved_from)
        except BaseException:
            # The device went while it was let in: nobody else would give its place up.
            await self.close(session)
            raise
        return session

    async def identify(self, token: str) -> Caller:
        """Who holds this token, if their session is alive."""
        caller = await self._authenticate(token)
        if caller.kind not in ("user", "bot", "admin"):
            raise session_revoked()
        if not await self._alive.check(caller.session_id):
            raise session_revoked(await self._end_of(caller.session_id))
        return caller

    async def _end_of(self, session_id: str) -> SessionEnd:
        """Why a session ended: a device that was offline then has not been told."""
        try:
            return await self._people.session_end(session_id)
        except MeshError:
            return SessionEnd.UNKNOWN

    async def renew(self, session: Session, token: str) -> None:
        """Take a fresh token for a stream that goes on. UNAUTHENTICATED when it is not one of the same session."""
        caller = await self._authenticate(token)
        if (caller.user_id, caller.session_id) != (session.identity.user_id, session.identity.session_id):
            raise errors.unauthenticated(Reason.SESSION_REVOKED, "the token belongs to another session")
        if not await self._alive.confirm(caller.session_id):
            raise session_revoked(await self._end_of(caller.session_id))
        session.expires_at_ms = caller.expires_at_ms

    async def close(self, session: Session) -> None:
        """Give the route up, unless a newer stream has it.

        Also when the caller is cancelled meanwhile: the end of a killed app comes as an end of its frames first, and as
        a cancellation a moment later. A route that was left behind would keep the user from being notified.
        """
        closing = asyncio.create_task(self._close(session))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)

    async def _close(self, session: Session) -> None:
        session.abandon()
        await self._presences.forget(session)
        last = self._hub.remove(session)
        identity = session.identity
        await self._routes.detach(identity.user_id, identity.device_id, identity.epoch)
        if last:
            self._departed.went(identity.user_id)
            self._comings.went(identity.user_id)

    async def _announce(self, session: Session, route: Route, older: Route | None) -> None:
        user_id = session.identity.user_id
        if older is not None and (older.node, older.boot) != (route.node, route.boot):
            await self._nodes.evict(older.node, older.boot, user_id, route.device, route.epoch)
        self._comings.came(user_id)

    def _session(self, caller: Caller, epoch: int, opening: Opening, write: Write, frame_lagging: Lagging) -> Session:
        identity = Identity(caller.user_id, caller.device_id, caller.session_id, epoch)
        session = Session(next(self._refs), identity, self._limits, self._turns, self._window, write, frame_lagging)
        session.window = min(opening.window or self._limits.window, self._limits.max_window)
        session.expires_at_ms = caller.expires_at_ms
        return session
