"""Cancel: which replies are being written here, and who may stop them."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from mesh import errors
from svc_ai.domain.entry import is_direct
from svc_ai.domain.ports import Log, Peers
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Reply

MAX_ENDED: Final = 10_000
"""Ended replies that are remembered, so that stopping one that has just ended is no error."""


@dataclass(frozen=True, slots=True)
class Live:
    """A reply that is being written, and the event that stops it."""

    reply: Reply
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Running:
    """The replies that this process writes."""

    def __init__(self) -> None:
        self._live: dict[str, Live] = {}
        self._ended: OrderedDict[str, Reply] = OrderedDict()

    def begin(self, reply: Reply) -> Live:
        """Take in a reply that begins."""
        live = self._live[reply.id] = Live(reply)
        return live

    def end(self, reply: Reply) -> None:
        """Take note that it has ended."""
        self._live.pop(reply.id, None)
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
    """Stops replies of this process, for who asked."""

    def __init__(self, running: Running) -> None:
        self._running = running

    def one(self, user_id: str, reply_id: str) -> list[str] | None:
        """Stop a reply and return its id, or nothing when it has ended; None when it is not one of this user's here."""
        live = self._running.find(reply_id)
        reply = live.reply if live else self._running.ended(reply_id)
        if reply is None or reply.asked_by != user_id:
            return None
        return _stop([live] if live else [])

    def all_of(self, user_id: str, conversation_id: str) -> list[str]:
        """Stop what the user asked for in a conversation and return the ids."""
        lives = self._running.of_conversation(conversation_id)
        return _stop([live for live in lives if live.reply.asked_by == user_id])


class Cancelling:
    """Stops replies for those who may, whichever node writes them: who asked, which in a direct chat is the user."""

    def __init__(self, stopping: Stopping, peers: Peers, log: Log) -> None:
        self._stopping = stopping
        self._peers = peers
        self._log = log

    async def one(self, user_id: str, reply_id: str) -> list[str]:
        """Stop a reply and return its id, or nothing when it has ended.

        Raises REPLY_NOT_FOUND for one that nobody knows, and in the same words for one of somebody else.
        """
        stopped = self._stopping.one(user_id, reply_id)
        if stopped is None:
            stopped = await self._peers.stop(user_id, reply_id)
        if stopped is None:
            raise errors.not_found(Reason.REPLY_NOT_FOUND, "there is no such answer that you may cancel")
        return stopped

    async def all_of(self, user_id: str, conversation_id: str) -> list[str]:
        """Stop what the user asked for in a conversation and return the ids; nothing to stop is no error.

        Raises CONVERSATION_NOT_FOUND when the user cannot read it.
        """
        await self._check_reader(user_id, conversation_id)
        here = self._stopping.all_of(user_id, conversation_id)
        return [*here, *await self._peers.stop_all(user_id, conversation_id)]

    async def _check_reader(self, user_id: str, conversation_id: str) -> None:
        if is_direct(conversation_id):
            if user_id not in conversation_id.split("-"):
                raise errors.not_found(Reason.CONVERSATION_NOT_FOUND, "no such conversation, or you are not in it")
            return
        await self._log.read(user_id, conversation_id, 0, 1)


def _stop(lives: list[Live]) -> list[str]:
    """Set them to stop; those that were told before are left out."""
    stopped = [live for live in lives if not live.stop.is_set()]
    for live in stopped:
        live.stop.set()
    return [live.reply.id for live in stopped]
