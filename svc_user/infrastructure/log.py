"""The message service as a neighbour: it keeps the personal logs that notices go to."""

import asyncio
from collections.abc import Sequence

from mesh.outbox import Outbox, Owed
from parley.log.v1.log_service_pb2 import Append, AppendRequest, ForgetUserRequest
from parley.log.v1.log_service_pb2_grpc import LogServiceStub
from svc_user.domain.account import UserId


class LogPayer:
    """Pays debts of the outbox by appending them. The id of a debt is the entry's number: paying twice does nothing."""

    def __init__(self, log: LogServiceStub) -> None:
        self._log = log

    async def __call__(self, debts: Sequence[Owed]) -> None:
        """Append all of them in their order, or raise MeshError."""
        await self._log.Append(AppendRequest(appends=[_append(debt) for debt in debts]))


def _append(debt: Owed) -> Append:
    append = Append.FromString(debt.payload)
    append.client_message_id = debt.id
    return append


class OutboxNotices:
    """`svc_user.domain.ports.Notices`: settles the outbox beside the call that committed, which does not wait for it.

    One settling runs and at most one more waits, since the second takes everything that comes before it starts.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._running: asyncio.Task[None] | None = None
        self._again = False

    def dispatch(self) -> None:
        """See the port."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._settle())
        else:
            self._again = True

    async def close(self) -> None:
        """Stop. What was on its way is still in the store, and paying it twice does nothing."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _settle(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            await self._outbox.settle()


class PersonalLogs:
    """`svc_user.domain.oversight.Elsewhere` for personal logs. What is still owed to one goes there before."""

    def __init__(self, log: LogServiceStub, outbox: Outbox) -> None:
        self._log = log
        self._outbox = outbox

    async def forget(self, user_id: UserId) -> None:
        """See the port."""
        await self._outbox.settle()
        await self._log.ForgetUser(ForgetUserRequest(user_id=user_id))
