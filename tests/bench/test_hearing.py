"""What a device of the load does when something does not come: it waits, asks, and shows all once and in order."""

import asyncio
from collections.abc import Callable

import pytest

from bench import healing
from bench.hearing import Hearing
from bench.history import Kind, Witness, check
from parley.message.v1.entry_pb2 import Entry

ANN, BOB, CHAT = "u1", "u2", "u1-u2"
SOON_S = 30.0


class Bob(Hearing):
    """A device without a stream: it notes that it would say Resume."""

    def __init__(self) -> None:
        super().__init__(BOB)
        self.asked = asyncio.Event()

    def ask(self) -> None:
        """See the base."""
        self.asked.set()

    def hears(self, *places: int) -> None:
        """Ann wrote 101 at place 1, and so on; Bob wrote at place 3."""
        own = {3}
        entries = [
            Entry(conversation_id=CHAT, seq=seq, sender_id=BOB if seq in own else ANN, client_message_id=100 + seq)
            for seq in places
        ]
        self.taken += len(entries)
        self.take(entries)

    def shown(self) -> list[int]:
        """The places that were shown."""
        return [arrival.seq for arrival in self.witness(CHAT).arrivals]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test waits for less."""
    monkeypatch.setattr(healing, "PATIENCE_S", 0.05)
    monkeypatch.setattr(healing, "QUIET_S", 0.2)


async def test_an_early_entry_waits_for_what_is_missing() -> None:
    """What comes before an earlier one is shown after it, and what the device wrote itself fills its place."""
    bob = Bob()
    bob.hears(1, 4)
    assert bob.shown() == [1]
    bob.hears(2)
    assert (bob.shown(), bob.places()) == ([1, 2], {CHAT: 2})
    bob.wrote(CHAT, 3)
    assert (bob.shown(), bob.received, bob.places()) == ([1, 2, 4], 3, {CHAT: 4})
    assert not bob.asked.is_set()


@pytest.mark.parametrize("lacks", [lambda bob: bob.hears(4), lambda bob: bob.healing.lacks()])
async def test_what_does_not_come_is_asked_for(lacks: Callable[[Bob], None]) -> None:
    """A gap that stays, and the word of the server, make it say Resume; what the log brings twice is shown once."""
    bob = Bob()
    bob.hears(1)
    lacks(bob)
    async with asyncio.timeout(SOON_S):
        await bob.asked.wait()
    bob.hears(1, 2, 3, 4)
    bob.healing.answered()
    bob.hears(4, 5)
    assert (bob.shown(), bob.received, bob.places()) == ([1, 2, 4, 5], 4, {CHAT: 5})


async def test_a_repetition_is_a_fault_without_a_reason() -> None:
    """As long as it has asked for nothing, an entry that comes twice is told."""
    bob = Bob()
    bob.hears(1, 1)
    kinds = [fault.kind for fault in check({CHAT: {BOB: bob.witness(CHAT), ANN: Witness(sent=[101])}})]
    assert Kind.REPEATED in kinds
