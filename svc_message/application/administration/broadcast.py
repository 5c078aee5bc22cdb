"""Write a text to everybody, without taking the mesh down.

A broadcast goes through the users in the order of their ids, some at a time and with a pause between, and notes how
far it came after each step. Whoever finds one that stands still goes on from there: a number that follows from the
broadcast makes each message one, even where two nodes write it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mesh import errors
from mesh.clock import Clock, until
from mesh.errors import MeshError
from mesh.ids import Ids
from svc_message.application.administration.report import number_of
from svc_message.application.append import Appender
from svc_message.application.service_append import ServiceAppend
from svc_message.domain.administration.broadcast import Broadcast, Broadcasts, BroadcastState, People, no_such_broadcast
from svc_message.domain.conversation import DeviceId, UserId, direct_id
from svc_message.domain.entry import Draft, EntryKind
from svc_message.domain.reasons import Reason

WRITER: Final = DeviceId("broadcast")
"""As what it is appended."""

STEP: Final = 100
"""Users of one step: a tenth of what a commit takes, so that what people write does not wait for it."""

PAUSE_S: Final = 0.5
"""Seconds between two steps: 200 users a second."""

LOOK_S: Final = 30.0
"""Seconds between two looks for broadcasts that somebody else left; who begins one goes on with it at once."""

LISTED: Final = 50


class Announcing:
    """Begins, ends and lists broadcasts."""

    def __init__(self, broadcasts: Broadcasts, writing: "Writing", ids: Ids, clock: Clock) -> None:
        self._broadcasts = broadcasts
        self._writing = writing
        self._ids = ids
        self._clock = clock

    async def start(self, admin_id: str, request_id: str, text: str) -> Broadcast:
        """Begin one, or return the one that this request began. REQUEST_ID_REUSED for another text."""
        request = f"{admin_id} {request_id}"
        fresh = Broadcast(self._ids.new("b"), request, text, admin_id, self._clock.now_ms())
        kept = await self._broadcasts.add(fresh)
        if kept.text != text:
            raise errors.already_exists(Reason.REQUEST_ID_REUSED, "this request id was used for another text")
        self._writing.wake()
        return kept

    async def cancel(self, broadcast_id: str) -> Broadcast:
        """End one where it is; one that has ended stays so. BROADCAST_NOT_FOUND."""
        while True:
            found = await self._broadcasts.get(broadcast_id)
            if found is None:
                raise no_such_broadcast()
            if found.state is not BroadcastState.RUNNING:
                return found
            cancelled = replace(found, state=BroadcastState.CANCELLED)
            if await self._broadcasts.advance(found, cancelled):
                return cancelled

    async def latest(self) -> list[Broadcast]:
        """The latest ones."""
        return await self._broadcasts.latest(LISTED)


class Writing:
    """Goes on with broadcasts. `leads` says whether this node should; two that both do so do no harm."""

    def __init__(
        self,
        broadcasts: Broadcasts,
        people: People,
        append: ServiceAppend,
        appender: Appender,
        encode: Callable[[str], bytes],
        leads: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._broadcasts = broadcasts
        self._people = people
        self._append = append
        self._appender = appender
        self._encode = encode
        self._leads = leads
        self._clock = clock
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """One has begun here."""
        self._wake.set()

    async def run(self) -> None:
        """Go on for ever, with one after the other."""
        while True:
            woken = self._wake.is_set()
            self._wake.clear()
            with contextlib.suppress(MeshError):
                if woken or self._leads():
                    await self._go_on()
            await until(self._wake, LOOK_S, self._clock)

    async def _go_on(self) -> None:
        for broadcast in await self._broadcasts.running():
            current: Broadcast | None = broadcast
            while current is not None:
                current = await self._step(current)
                await self._clock.sleep(PAUSE_S)

    async def _step(self, broadcast: Broadcast) -> Broadcast | None:
        """Write to the next users; return where it stands then, None when it ended or somebody else goes on."""
        if self._appender.full:
            return broadcast
        users = await self._people.after(broadcast.reached, STEP)
        system, content = await self._people.system(), self._encode(broadcast.text)
        drafts = [self._draft(broadcast, system, user, content) for user in users if user != system]
        await asyncio.gather(*await self._append.start(drafts))
        further = broadcast.further(users, last=len(users) < STEP)
        kept = await self._broadcasts.advance(broadcast, further)
        return further if kept and further.state is BroadcastState.RUNNING else None

    def _draft(self, broadcast: Broadcast, system: UserId, user: UserId, content: bytes) -> Draft:
        number = number_of(broadcast.broadcast_id)
        return Draft(direct_id(system, user), system, WRITER, number, EntryKind.POST, content)
