from __future__ import annotations

import os
import time
from collections.abc import Coroutine
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Self

import grpc

from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2
from parley.user.v1 import session_pb2, user_pb2
from parley_sdk.credentials import Credentials
from parley_sdk.errors import Code, ParleyError
from parley_sdk.facades.administration import Administration
from parley_sdk.facades.assistants import Assistants
from parley_sdk.facades.bots import Bots
from parley_sdk.facades.conversations import Conversations
from parley_sdk.facades.friends import Friends
from parley_sdk.facades.groups import Groups
from parley_sdk.facades.media import Media
from parley_sdk.facades.messages import Messages
from parley_sdk.facades.reports import Reports
from parley_sdk.facades.settings import Settings
from parley_sdk.facades.users import Users
from parley_sdk.feed import Feed
from parley_sdk.ids import MessageIds
from parley_sdk.infrastructure.calls import Calls
from parley_sdk.infrastructure.channel import open_channel
from parley_sdk.infrastructure.sqlite import Store
from parley_sdk.machine import Limits, Machine
from parley_sdk.machine.actions import Delivery
from parley_sdk.runner import Runner
from parley_sdk.session import Session
from parley_sdk.writing import Writing

_CLIENT = "parley-sdk-python/0.1.0"


class Client(Writing):
    """One device of one user. Use it with `async with`; read `events()` in one place.

        async with Client("127.0.0.1:7700", state="ann.db") as client:
            if not await client.resume():
                await client.log_in("ann", "correct horse battery")
            async for event in client.events(): ...

    What you can rely on:

    - Entries. Each entry of each conversation comes as EntryReceived exactly once and in the order of `seq`, one's own
      included, over reconnects and, with a `state` file, over restarts. It counts as handed over when you ask for the
      next event or close the client; if your program dies before, it comes again after the restart, so compare
      `(conversation_id, seq)` if that matters. A conversation that the device meets for the first time begins at most
      `limits.backlog` entries before its end; `messages.history` has the earlier ones. HistorySkipped and
      ConversationReset tell where the order has a cut.
    - Sends. `send` and its like put the message into the outbox first. It goes out as soon as the stream is open, in
      order, and again with the same number until there is an answer: it is written once. With a `state` file the
      outbox survives a restart. A refusal comes as ParleyError, and as SendFailed when nobody waits any more.
    - Everything else (typing, presence, pieces of an assistant's answer) is a hint that may be lost.

    `address` is `host:port`; without one it is PARLEY_ADDRESS of the environment, or the mesh of this machine.
    `state` is the file for all this, made readable for its owner only and used by one client at a time; None keeps
    it in memory. Without `credentials` the connection is not encrypted.
    """

    def __init__(
        self,
        address: str = "",
        *,
        state: str | Path | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        device: session_pb2.Device | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._address = address or os.environ.get("PARLEY_ADDRESS", "127.0.0.1:7700")
        self._state = None if state is None else Path(state)
        self._channel_credentials = credentials
        self._device = device or session_pb2.Device(platform=session_pb2.PLATFORM_HEADLESS, name=_CLIENT)
        self._limits = limits or Limits()
        self._random = SystemRandom()
        self._calls = Calls(self._open_channel, self._random)
        self.users = Users(self._calls)
        self.settings = Settings(self._calls)
        self.friends = Friends(self._calls)
        self.groups = Groups(self._calls)
        self.conversations = Conversations(self._calls)
        self.messages = Messages(self._calls)
        self.media = Media(self._calls)
        self.assistants = Assistants(self._calls)
        self.reports = Reports(self._calls)
        self.administration = Administration(self._calls)
        self.bots = Bots(self._calls)
        self._store: Store | None = None
        self._session: Session | None = None
        self._runner: Runner | None = None
        self._feed = Feed(self._limits.queue, self._taken)
        self._ids = MessageIds()

    async def __aenter__(self) -> Self:
        self._store = Store(self._state)
        self._session = Session(self._calls, self._store, self._renewed)
        self._calls.tokens = self._session
        self._ids = MessageIds(self._store.last_number())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            # An app that ends by a failure has perhaps not dealt with its last entry: that one comes again.
            self._feed.confirm()
        await self._end()
        self._feed.close()
        await self._calls.close()
        if self._store is not None:
            self._store.close()

    # Who is logged in.

    @property
    def user_id(self) -> str:
        """The user who is logged in. Raises ParleyError when nobody is."""
        return self._credentials().user_id

    @property
    def username(self) -> str:
        """Their username. Raises ParleyError when nobody is logged in."""
        return self._credentials().username

    @property
    def device_id(self) -> str:
        """This device. Raises ParleyError when nobody is logged in."""
        return self._credentials().device_id

    @property
    def session_id(self) -> str:
        """This session. Raises ParleyError when nobody is logged in."""
        return self._credentials().session_id

    async def register(self, username: str, password: str, display_name: str = "") -> user_pb2.User:
        """Make an account; log in with it afterwards. Reasons: USERNAME_TAKEN, USERNAME_RESERVED, PASSWORD_TOO_WEAK."""
        return await self._opened().register(username, password, display_name)

    async def log_in(self, username: str, password: str) -> user_pb2.User:
        """Log in on this device and go online. Reasons: BAD_CREDENTIALS, USER_SUSPENDED, RATE_LIMITED."""
        session = self._opened()
        await self._end()
        user = await session.log_in(username, password, self._device)
        self._begin()
        return user

    async def log_in_as_bot(self, token: str) -> user_pb2.User:
        """Go online as a bot, until its owner revokes the token. Reasons: BOT_TOKEN_INVALID, SCOPE_REQUIRED."""
        session = self._opened()
        await self._end()
        user = await session.log_in_as_bot(token)
        self._begin()
        return user

    async def resume(self) -> bool:
        """Go online with the session that `state` keeps. False: there is none, log in."""
        if self._opened().credentials is None:
            return False
        if self._runner is None:
            self._begin()
        self._running().go_online()
        return True

    async def log_out(self) -> None:
        """End the session and forget all that belongs to it: also what waits in the outbox."""
        session = self._opened()
        await self._end()
        await session.log_out()

    async def change_password(self, old: str, new: str) -> None:
        """Set a new password and end all other sessions. Reasons: BAD_CREDENTIALS, PASSWORD_TOO_WEAK."""
        changed = await self.users.change_password(old, new)
        self._opened().take(changed.tokens, changed.device_key)
        self._renewed(self._credentials())

    async def delete_account(self, password: str) -> None:
        """Delete one's own account for good, and forget all that belongs to it here. Reasons: BAD_CREDENTIALS."""
        await self.users.delete_account(password)
        await self._end()
        self._opened().forget()

    async def connect(self) -> None:
        """Go online again, after `disconnect` or Replaced."""
        self._running().go_online()

    async def disconnect(self) -> None:
        """Go offline and stay so. Sends wait in the outbox."""
        await self._running().go_offline()

    async def wait_online(self) -> None:
        """Wait until the stream is open. Raises ParleyError when that will not happen by itself."""
        await self._running().online()

    def events(self) -> Feed:
        """Return all that happens, for `async for`. It ends when the client is closed. One reader at a time."""
        return self._feed

    async def schedule(
        self, conversation_id: str, body: str | body_pb2.Body | entry_pb2.Post, send_at_ms: int
    ) -> message_service_pb2.ScheduledMessage:
        """Hand a message over that the server sends at this time, also while this device is offline.

        A whole post may answer another one, mention people, or be a forward: `answer_to` and `forward_of` give such.
        Reasons: TIME_INVALID, SCHEDULE_LIMIT_REACHED. A refusal at that time comes as an entry of the personal log.
        """
        body = body_pb2.Body(text=body_pb2.Text(text=body)) if isinstance(body, str) else body
        post = entry_pb2.Post(body=body) if isinstance(body, body_pb2.Body) else body
        send = message_service_pb2.Send(
            conversation_id=conversation_id,
            client_message_id=self._next_number(),
            content=entry_pb2.Content(post=post),
        )
        return await self.messages.schedule(send, send_at_ms)

    # Wiring.

    def _begin(self) -> None:
        session, store = self._opened(), self._store
        if store is None:
            return
        machine = Machine(store.saved(), self._limits, self._random, client=_CLIENT)
        self._feed.user_id = self.user_id
        self._runner = Runner(
            machine, store=store, calls=self._calls, session=session, feed=self._feed, open_channel=self._open_channel
        )
        self._runner.go_online()

    async def _end(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.close()
        # What the app did not take comes again: its position was not moved.
        self._feed.clear()

    def _opened(self) -> Session:
        if self._session is None:
            raise ParleyError(Code.FAILED_PRECONDITION, "NOT_OPEN", "use the client with `async with`")
        return self._session

    def _credentials(self) -> Credentials:
        credentials = self._opened().credentials
        if credentials is None:
            raise ParleyError(Code.UNAUTHENTICATED, "TOKEN_MISSING", "nobody is logged in")
        return credentials

    def _running(self) -> Runner:
        if self._runner is None:
            raise ParleyError(Code.UNAUTHENTICATED, "TOKEN_MISSING", "log in or resume first")
        return self._runner

    def _next_number(self) -> int:
        return self._ids.next(time.time_ns() // 1_000_000)

    def _mark_read_unknown(self, conversation_id: str, seq: int) -> Coroutine[None, None, int]:
        return self.conversations.mark_read(conversation_id, seq)

    def _open_channel(self) -> grpc.aio.Channel:
        return open_channel(self._address, self._channel_credentials)

    def _taken(self, delivery: Delivery) -> None:
        if self._runner is not None:
            self._runner.taken(delivery)

    def _renewed(self, credentials: Credentials) -> None:
        runner = self._runner
        if runner is not None:
            runner.machine.token_changed(credentials.access_token, credentials.access_expires_at_ms, runner.now)
            runner.touch()
