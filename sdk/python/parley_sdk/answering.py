"""Answers what people write to a bot, and keeps bots from talking to each other without end."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from parley.message.v1 import entry_pb2
from parley.user.v1 import user_pb2
from parley_sdk.client import Client
from parley_sdk.errors import Code, ParleyError
from parley_sdk.events import EntryReceived, text_of
from parley_sdk.ids import is_group

PROGRAMS: Final = frozenset({user_pb2.USER_KIND_BOT, user_pb2.USER_KIND_ASSISTANT})
_KNOWN: Final = 10_000
"""Senders, and own posts, that are remembered; the oldest are asked for again."""


Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Question:
    """A post that a bot may answer."""

    entry: entry_pb2.Entry
    text: str
    addressed: bool
    """In a direct chat, or it mentions the bot, or it replies to a post of the bot, or it begins with `/`."""

    @property
    def conversation_id(self) -> str:
        """Where it was written."""
        return self.entry.conversation_id


Answer = Callable[[Question], Awaitable[str | None]]
"""The text to answer with; None says nothing."""


class Bot:
    """A logged-in client that answers. Give the client a `state` file: without one it meets old posts after a restart.

        await client.log_in_as_bot(token)
        await Bot(client).answer(reply)

    In groups the server shows a bot what is addressed to it: posts that mention it or reply to it, and commands, which
    begin with `/`. One that a group made an admin is shown all, and still answers no more, unless `everything=True`.
    What bots and assistants write is never answered; `bots_too=True` answers it, but not their replies to its own
    posts, so that two such bots stop after one answer each.
    """

    def __init__(self, client: Client, *, everything: bool = False, bots_too: bool = False) -> None:
        self._client = client
        self._everything = everything
        self._bots_too = bots_too
        self._programs: OrderedDict[str, bool] = OrderedDict()
        self._own: OrderedDict[tuple[str, int], bool] = OrderedDict()

    async def answer(self, reply: Answer) -> None:
        """Answer until the client is closed. An answer that is refused (muted, no member any more) is let go."""
        async for event in self._client.events():
            if not isinstance(event, EntryReceived) or event.kind != "post":
                continue
            if event.own:
                _remember(self._own, (event.conversation_id, event.seq), value=True)
                continue
            question = await self._question(event.entry)
            text = await reply(question) if question else None
            if text:
                await self._say(event.entry, text)

    async def _question(self, entry: entry_pb2.Entry) -> Question | None:
        """The post as a question, None when it is not to be answered."""
        to_own = await self._replies_to_own(entry)
        me = self._client.user_id
        mentioned = entry.content.post.mentions_all or me in entry.content.post.mentioned_user_ids
        text = text_of(entry)
        addressed = not is_group(entry.conversation_id) or to_own or mentioned or text.startswith("/")
        if not (addressed or self._everything):
            return None
        if await self._is_program(entry.sender_id) and (not self._bots_too or to_own):
            return None
        return Question(entry, text, addressed)

    async def _replies_to_own(self, entry: entry_pb2.Entry) -> bool:
        seq = entry.content.post.reply_to_seq
        if not seq:
            return False
        key = (entry.conversation_id, seq)
        if key not in self._own:
            _remember(self._own, key, value=await self._is_own(*key))
        return self._own[key]

    async def _is_own(self, conversation_id: str, seq: int) -> bool:
        try:
            page = await self._client.messages.stretch(conversation_id, from_seq=seq, limit=1)
        except ParleyError as error:
            if error.code is not Code.NOT_FOUND:  # else it was written before the bot came, or the bot is out
                raise
            return False
        return any(entry.seq == seq and entry.sender_id == self._client.user_id for entry in page.entries)

    async def _is_program(self, user_id: str) -> bool:
        """Whether a bot or an assistant wrote it. Who is not known any more is taken for one."""
        if user_id not in self._programs:
            found = await self._client.users.get_many([user_id])
            _remember(self._programs, user_id, value=not found or found[0].kind in PROGRAMS)
        return self._programs[user_id]

    async def _say(self, entry: entry_pb2.Entry, text: str) -> None:
        """Answer as a reply: who reads it, and the guard of the other side, see what it answers."""
        try:
            sent = await self._client.send_text(entry.conversation_id, text, reply_to_seq=entry.seq)
        except ParleyError as error:
            if error.transient or error.code is Code.UNAUTHENTICATED:
                raise
            return
        _remember(self._own, (entry.conversation_id, sent.seq), value=True)


def _remember(known: OrderedDict[Key, bool], key: Key, *, value: bool) -> None:
    known[key] = value
    if len(known) > _KNOWN:
        known.popitem(last=False)
