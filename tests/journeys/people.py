"""Users with their devices. A device is a client of the SDK whose events are all kept."""

import asyncio
import itertools
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from parley.group.v1 import group_pb2
from parley.message.v1 import entry_pb2
from parley_sdk import Client, Code, EntryReceived, Event, Limits, ParleyError, Sent, direct_id

PASSWORD: Final = "correct horse 7"
PATIENCE: Final = 30.0
"""Seconds after which what was to happen counts as not happening."""

QUICK: Final = Limits(backoff_first=0.05, backoff_most=0.3)
"""A test does not wait for a server as long as a phone does."""

_numbers = itertools.count(1)
T = TypeVar("T")
E = TypeVar("E")


class Device:
    """One device of one user, and all that it has shown."""

    def __init__(self, client: Client, username: str) -> None:
        self.client = client
        self.username = username
        self.events: list[Event] = []
        self.shown: dict[str, list[entry_pb2.Entry]] = defaultdict(list)
        self._changed = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name=f"reader of {username}")

    @property
    def id(self) -> str:
        """The device."""
        return self.client.device_id

    @property
    def user_id(self) -> str:
        """Its user."""
        return self.client.user_id

    @property
    def access_token(self) -> str:
        """What its calls carry. Not part of the SDK's surface: for a test that speaks for the device."""
        session = self.client._session
        if session is None or session.credentials is None:
            raise AssertionError("nobody is logged in")
        return session.credentials.access_token

    def chat_with(self, other: "Device") -> str:
        """Id of the direct chat of the two users."""
        return direct_id(self.user_id, other.user_id)

    async def say(self, conversation_id: str, *texts: str) -> list[Sent]:
        """Send texts without waiting between them, and return where they stand."""
        return await asyncio.gather(*(self.client.send(conversation_id, text) for text in texts))

    def texts(self, conversation_id: str) -> list[str]:
        """The texts of the posts that it has shown."""
        posts = (entry.content.post for entry in self.shown[conversation_id] if entry.content.HasField("post"))
        return [post.body.text.text or post.body.assistant_reply.text for post in posts]

    def seqs(self, conversation_id: str) -> list[int]:
        """The places of all that it has shown."""
        return [entry.seq for entry in self.shown[conversation_id]]

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, seen: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
        """Wait until `seen` answers something true, and return that. It is asked after each event."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := seen()):
                    self._changed.clear()
                    await self._changed.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"{self.username} does not see {what}; last: {self.events[-5:]}") from None

    async def until_text(self, conversation_id: str, text: str) -> None:
        """Wait until it shows a post with this text."""
        await self.until(lambda: text in self.texts(conversation_id), f"“{text}”")

    async def until_seq(self, conversation_id: str, seq: int) -> None:
        """Wait until it shows the entry at this place."""
        await self.until(lambda: seq in self.seqs(conversation_id)[-1:], f"{conversation_id}/{seq}")

    async def until_kind(self, conversation_id: str, kind: str) -> entry_pb2.Entry:
        """Wait for an entry of this kind and return the newest."""
        found = await self.until(
            lambda: [entry for entry in self.shown[conversation_id] if entry.content.WhichOneof("kind") == kind],
            f"a {kind} in {conversation_id}",
        )
        return found[-1]

    async def history(self, conversation_id: str) -> list[entry_pb2.Entry]:
        """The whole log as this user may read it, oldest first."""
        entries: list[entry_pb2.Entry] = []
        while True:
            after = entries[-1].seq + 1 if entries else 0
            page = await patiently(partial(self.client.messages.stretch, conversation_id, from_seq=after, limit=200))
            entries += page.entries
            if not page.more:
                return entries

    async def close(self) -> None:
        """Log nobody out; just go away."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def _read(self) -> None:
        async for event in self.client.events():
            self.events.append(event)
            if isinstance(event, EntryReceived):
                self.shown[event.conversation_id].append(event.entry)
            self._changed.set()


class People:
    """Makes users and their devices, and lets them all go at the end."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self._folder = folder
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def user(self, name: str, *, address: str = "") -> Device:
        """Make a user who has one device, which is online."""
        client = await self._client(address)
        username = unique(name)
        await client.register(username, PASSWORD, name.capitalize())
        return await self._log_in(client, username)

    async def users(self, *names: str) -> list[Device]:
        """Make several users."""
        return await asyncio.gather(*(self.user(name) for name in names))

    async def another(self, device: Device, *, address: str = "") -> Device:
        """Make one more device of the same user."""
        return await self._log_in(await self._client(address), device.username)

    async def befriend(self, one: Device, *others: Device) -> None:
        """Make friends."""
        for other in others:
            request = await one.client.friends.request(other.user_id)
            await other.client.friends.accept(request.friend_request_id)

    async def open_group(self, owner: Device, *members: Device) -> str:
        """Make a group that anyone may join, with these members."""
        settings = group_pb2.GroupSettings(join_policy=group_pb2.JOIN_POLICY_OPEN)
        # A group begins with someone named; who is no friend is asked, and joins like the others.
        named = [member.user_id for member in members[:1]]
        group_id = (await owner.client.groups.create("Story", named, settings)).group.group_id
        for member in members:
            await member.client.groups.join(group_id)
        return group_id

    async def _client(self, address: str) -> Client:
        state = self._folder / f"device-{next(_numbers)}.db"
        client = Client(address or self.address, state=state, limits=QUICK)
        return await self._stack.enter_async_context(client)

    async def _log_in(self, client: Client, username: str) -> Device:
        await client.log_in(username, PASSWORD)
        device = Device(client, username)
        self._stack.push_async_callback(device.close)
        await client.wait_online()
        return device


def unique(name: str) -> str:
    """Return a username that nobody has."""
    return f"{name}.{uuid.uuid4().hex[:10]}"


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Call again while the connection of unary calls has not yet found that the mesh is back."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await call()
            except ParleyError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise


def numbered(word: str, numbers: Iterable[int]) -> list[str]:
    """Return the word with each number."""
    return [f"{word} {number}" for number in numbers]
