"""`svc_message.domain.ports.Blocks`, answered by the user service and kept."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from mesh.clock import Clock
from mesh.questions import Questions
from parley.directory.v1.directory_service_pb2 import CheckContactRequest, ContactPair, ContactVerdict
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.domain.conversation import UserId
from svc_message.domain.ports import Pair

VALID_S: Final = 60.0
"""How long an answer holds. This node is told of a block; should that word be lost, it holds here after this time."""

CAPACITY: Final = 100_000
"""Pairs of whom an answer is kept, about 200 bytes each; then the memory begins anew."""

APART: Final = frozenset(
    {ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_SENDER, ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_RECEIVER}
)
UNKNOWN: Final = (False, 0.0)
"""What is kept of two of whom nothing is known: it holds no more."""


class DirectoryBlocks:
    """Asks UserDirectoryService, for all who wait at once."""

    def __init__(self, directory: UserDirectoryServiceStub, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._known: dict[Pair, tuple[bool, float]] = {}
        self._questions = Questions(self._ask)
        self._age = 0

    async def between(self, pairs: Collection[Pair]) -> set[Pair]:
        """See the port."""
        now = self._clock.monotonic()
        known = {pair: self._known.get(_sorted(pair), UNKNOWN) for pair in pairs}
        apart = {pair for pair, (is_apart, until) in known.items() if is_apart and now < until}
        unknown = [pair for pair, (_, until) in known.items() if now >= until]
        if not unknown:
            return apart
        # All at once, so that they go in one call.
        answers = await asyncio.gather(*(self._questions.answer(_sorted(pair)) for pair in unknown))
        return apart | {pair for pair, is_apart in zip(unknown, answers, strict=True) if is_apart}

    def forget(self, one: str, other: str) -> None:
        """Something has changed between these two: ask again. Answers under way may be older."""
        self._age += 1
        self._known.pop(_sorted((UserId(one), UserId(other))), None)

    def forget_all(self) -> None:
        """It is not known between whom something has changed."""
        self._age += 1
        self._known.clear()

    async def _ask(self, pairs: Sequence[Pair]) -> dict[Pair, bool]:
        age = self._age
        asked = [ContactPair(sender_id=one, receiver_id=other) for one, other in pairs]
        answer = await self._directory.CheckContact(CheckContactRequest(pairs=asked))
        apart = {pair: contact.verdict in APART for pair, contact in zip(pairs, answer.contacts, strict=True)}
        if len(self._known) + len(apart) > CAPACITY:
            self._known.clear()
        if age == self._age:  # else the answer may be older than the word that something has changed
            until = self._clock.monotonic() + VALID_S
            self._known.update((pair, (is_apart, until)) for pair, is_apart in apart.items())
        return apart


def _sorted(pair: Pair) -> Pair:
    """A block is between two, whoever of them asks."""
    one, other = pair
    return pair if one < other else (other, one)
