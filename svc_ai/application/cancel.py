"""Cancel: which replies are being written here, and who may stop them."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_ai.domain.entry import is_direct
from svc_ai.domain.place import governs
from svc_ai.domain.ports import Log, Peers
from svc_ai.domain.reading import Histories
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Reply

MAX_ENDED: Final = 10_000
"""Ended replies that are remembered, so that stopping one that has just ended is no error."""


@dataclass(frozen=True, slots=True)
class Live:
    """A reply that is being written, and the event that stops it."""

    reply: Reply
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    withdrawn: asyncio.Event = field(default_factory=asyncio.Event)
    """What is written is not wanted either: the question was recalled, or the assistant may not answer any more."""


class Running:
    """The replies that this process writes."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}
        self._ended: OrderedDict[str, Reply] = OrderedDict()

    def begin(self, reply: Reply) -> Live:
        """Take in a reply that begins, or is about to; from then on it can be stopped."""
        return self._live.setdefault(reply.id, Live(reply))

    def end(self, reply: Reply) -> None:
        """Take note that it has ended. Twice is no more than once."""
        if self._live.pop(reply.id, None) is None:
            return
        self._ended[reply.id] = reply
        if len(self._ended) > MAX_ENDED:
            self._ended.popitem(last=False)

    def find(self, reply_id: str) -> Live | None:
        """The reply of this id, if it is being written."""
        return self._live.get(reply_id)

    def ended(self, reply_id: str) -> Reply | None:
        """The reply of this id, if it ended lately."""
        return self._ended.get(reply_id)

    def of_conversation(self, conversation_id: str) -> list[Live]:
        """What is being written in a conversation."""
        return [live for live in self._live.values() if live.reply.conversation_id == conversation_id]


class Stopping:
    """Stops replies of this process, for who asked and for admins of the group."""

    def __init__(self, running: Running, histories: Histories) -> None:
        self._running = running
        self._histories = histories

    async def one(self, user_id: str, reply_id: str) -> list[str] | None:
        """Stop a reply and return its id, or nothing when it has ended; None when none of here is this user's to stop.

        UNAVAILABLE when nobody can say who is an admin.
        """
        live = self._running.find(reply_id)
        reply = live.reply if live else self._running.ended(reply_id)
        if reply is None or not await self._may_stop(user_id, [reply]):
            return None
        return _stop([live] if live else [])

    async def all_of(self, user_id: str, conversation_id: str) -> list[str]:
        """Stop what the user may stop in a conversation, and return the ids. UNAVAILABLE as for `one`."""
        lives = self._running.of_conversation(conversation_id)
        return _stop(lives if await self._may_stop(user_id, [one.reply for one in lives]) else _own(user_id, lives))

    async def _may_stop(self, user_id: str, replies: list[Reply]) -> bool:
        """Whether all of these, of one conversation, are the user's to stop. Only of others' anybody is asked."""
        if all(reply.asked_by == user_id for reply in replies):
            return True
        try:
            place = await self._histories.place(user_id, replies[0].conversation_id)
        except MeshError as error:
            if error.reason == Reason.CONVERSATION_NOT_FOUND:
                return False
            raise
        return governs(replies[0].conversation_id, place)


class Cancelling:
    """Stops replies for those who may, whichever node writes them: who asked, and admins of the group."""

    def __init__(self, stopping: Stopping, peers: Peers, log: Log) -> None:
        self._stopping = stopping
        self._peers = peers
        self._log = log

    async def one(self, user_id: str, reply_id: str) -> list[str]:
        """Stop a reply and return its id, or nothing when it has ended.

        Raises REPLY_NOT_FOUND for one that nobody knows, and in the same words for one of somebody else.
        """
        stopped = await self._stopping.one(user_id, reply_id)
        if stopped is None:
            stopped = await self._peers.stop(user_id, reply_id)
        if stopped is None:
            raise errors.not_found(Reason.REPLY_NOT_FOUND, "there is no such answer that you may cancel")
        return stopped

    async def all_of(self, user_id: str, conversation_id: str) -> list[str]:
        """Stop what the user may stop in a conversation, and return the ids; nothing to stop is no error.

        Raises CONVERSATION_NOT_FOUND when the user cannot read it.
        """
        await self._check_reader(user_id, conversation_id)
        here = await self._stopping.all_of(user_id, conversation_id)
        return [*here, *await self._peers.stop_all(user_id, conversation_id)]

    async def _check_reader(self, user_id: str, conversation_id: str) -> None:
        if is_direct(conversation_id):
            if user_id not in conversation_id.split("-"):
                raise errors.not_found(Reason.CONVERSATION_NOT_FOUND, "no such conversation, or you are not in it")
            return
        await self._log.read(user_id, conversation_id, 0, 1)


def _own(user_id: str, lives: list[Live]) -> list[Live]:
    return [live for live in lives if live.reply.asked_by == user_id]


def _stop(lives: list[Live]) -> list[str]:
    """Set them to stop; those that were told before are left out."""
    stopped = [live for live in lives if not live.stop.is_set()]
    for live in stopped:
        live.stop.set()
    return [live.reply.id for live in stopped]
