"""The conversations that this node works with, in memory: head and members, so that a send reads nothing."""

from collections.abc import Collection
from functools import lru_cache
from typing import Final

from mesh.clock import Clock
from svc_message.domain import rules
from svc_message.domain.conversation import (
    Conversation,
    ConversationId,
    ConversationKind,
    GroupRights,
    Membership,
    Seq,
    UserId,
    direct_id,
    direct_users,
    kind_of,
    peer_of,
)
from svc_message.domain.ports import Contacts, Log, Members

CAPACITY: Final = 250_000
"""Conversations kept. About 1 KiB each with two members, so 250 MiB at most for direct chats."""

SHARED: Final = 65_536
"""Users of whom one membership serves all their direct chats: about 0.3 KiB each."""

CONTACT_VALID_S: Final = 90.0
"""How long an answer of the user service holds that a user may write to another. This node is told of a block, which
works at once; should that word be lost, it works after this time.
"""


class Conversations:
    """Loads conversations when they are first needed and forgets the oldest beyond `CAPACITY`."""

    def __init__(self, log: Log, members: Members, contacts: Contacts, clock: Clock) -> None:
        self._log = log
        self._members = members
        self._contacts = contacts
        self._clock = clock
        self._loaded: dict[ConversationId, Conversation] = {}
        self._doubts = 0
        self.with_bots = set[ConversationId]()
        """Those of which the audience was asked for, and that had bots then."""

    def get(self, conversation_id: str) -> Conversation | None:
        """The conversation if it is in memory."""
        return self._loaded.get(ConversationId(conversation_id))

    def ready_for(self, conversation: Conversation, sender_id: UserId) -> bool:
        """Whether a send can be judged at once: no one is to be asked, and no pace to be kept."""
        if conversation.kind is not ConversationKind.DIRECT:
            return not conversation.slow_mode_seconds
        return self._clock.monotonic() < conversation.cleared_until.get(sender_id, 0.0)

    async def load(self, conversation_id: str) -> Conversation:
        """The conversation, read from the store when it is not in memory. CONVERSATION_NOT_FOUND for a wrong id."""
        kind = kind_of(conversation_id)
        if kind is None:
            raise rules.unknown_conversation()
        found = self.get(conversation_id)
        return found or await self._read(ConversationId(conversation_id), kind)

    async def confirm_contact(self, conversation: Conversation, sender_id: UserId) -> None:
        """Ask the user service whether the sender may write in this direct chat, unless it said so lately."""
        if conversation.kind is not ConversationKind.DIRECT or self.ready_for(conversation, sender_id):
            return
        if sender_id not in conversation.members:
            raise rules.unknown_conversation()
        doubts, terms = self._doubts, conversation.terms
        peer_id = peer_of(conversation.id, sender_id)
        is_bot = await self._contacts.may_write(sender_id, peer_id)
        if terms != conversation.terms:  # the answer may be older than the word that something between these two has
            await self.confirm_contact(conversation, sender_id)
            return
        if is_bot and not conversation.head and peer_id != sender_id:
            raise rules.bot_begins()
        if doubts == self._doubts:  # else the answer may be older than the word that something has changed
            member = conversation.members[sender_id]  # the id that all chats of this user share
            conversation.cleared_until[member.user_id] = self._clock.monotonic() + CONTACT_VALID_S

    def doubt_contact(self, one: str, other: str) -> None:
        """Something has changed between these two: ask again before one of them writes to the other."""
        self._doubts += 1
        conversation = self.get(direct_id(one, other))
        if conversation is not None:
            conversation.doubt()

    def doubt_answers(self) -> None:
        """Keep no answer that is being waited for."""
        self._doubts += 1

    def in_memory(self) -> list[Conversation]:
        """All that are in memory at this moment."""
        return list(self._loaded.values())

    def doubt_all(self) -> None:
        """It is not known between whom something has changed."""
        self._doubts += 1
        for conversation in self._loaded.values():
            conversation.doubt()

    async def reload(self, conversation: Conversation) -> None:
        """Read head and members anew: another node wrote, or an append ended unknown.

        What changes members and rights are entries: with the same head there is nothing to read, however often a large
        group refuses somebody. What was read is let go when this node has written meanwhile: memory is newer then.
        """
        heads = await self._log.heads((conversation.id,))
        if heads[conversation.id] == conversation.head and not conversation.stale:
            return
        present = await self._present(conversation.id, conversation.kind)
        rights = await self._rights(conversation.id, conversation.kind)
        if heads[conversation.id] >= conversation.head:
            conversation.renew(heads[conversation.id], present, rights)

    async def as_stored(self, conversations: Collection[Conversation]) -> list[Conversation]:
        """The conversations as the store has them, for who may not act on what memory believes: one look for all.

        Those to which somebody else has written meanwhile, or this node is writing, are read. What is in memory stays
        as it is: the appender works with it.
        """
        heads = await self._log.heads([one.id for one in conversations]) if conversations else {}
        same = [heads[one.id] == one.head and not one.stale for one in conversations]
        pairs = zip(conversations, same, strict=True)
        return [one if as_is else await self._fresh(one.id, one.kind) for one, as_is in pairs]

    async def _read(self, conversation_id: ConversationId, kind: ConversationKind) -> Conversation:
        fresh = await self._fresh(conversation_id, kind)
        # A group without entries is a guess, or is about to be created: guesses must not push out what is in use.
        return self._keep(fresh) if fresh.head or kind is not ConversationKind.GROUP else fresh

    async def _fresh(self, conversation_id: ConversationId, kind: ConversationKind) -> Conversation:
        heads = await self._log.heads((conversation_id,))
        present = await self._present(conversation_id, kind)
        rights = await self._rights(conversation_id, kind)
        members = {membership.user_id: membership for membership in present}
        return Conversation(conversation_id, kind, heads[conversation_id], members, *rights, with_bots=self.with_bots)

    async def _rights(self, conversation_id: ConversationId, kind: ConversationKind) -> GroupRights:
        return await self._members.group_rights(conversation_id) if kind is ConversationKind.GROUP else GroupRights()

    async def _present(self, conversation_id: ConversationId, kind: ConversationKind) -> list[Membership]:
        if kind is ConversationKind.GROUP:
            return await self._members.of_conversation(conversation_id)
        users = direct_users(conversation_id) if kind is ConversationKind.DIRECT else (UserId(conversation_id),)
        return [_lasting(user_id) for user_id in users]

    def _keep(self, fresh: Conversation) -> Conversation:
        """Keep the one that came first when two were read at the same time: appends may have moved its head on."""
        kept = self._loaded.setdefault(fresh.id, fresh)
        if len(self._loaded) > CAPACITY:
            oldest = next(iter(self._loaded))
            del self._loaded[oldest]
            self.with_bots.discard(oldest)
        return kept


@lru_cache(maxsize=SHARED)
def _lasting(user_id: UserId) -> Membership:
    """The place of a user in each direct chat and in their personal log: it never changes.

    What is the same for a hundred thousand chats is one object, so that it is near when one of them is written to.
    """
    return Membership(user_id, Seq(0), Seq(1))
