"""What a device heard: of each conversation everything once and in order, and what it keeps until that is so."""

import sys
from collections.abc import Sequence

from bench.healing import Healing
from bench.history import Arrival, Witness
from bench.order import Order
from parley.conversation.v1.conversation_pb2 import Position
from parley.message.v1.entry_pb2 import Entry


class Hearing:
    """Keeps an `Order` and a `Witness` for each conversation."""

    def __init__(self, user_id: str) -> None:
        self.witnesses: dict[str, Witness] = {}
        self.received = 0
        """Messages of others that were shown."""
        self.taken = 0
        """All entries that came, as the flow window counts them."""
        self.healing = Healing(self._is_missing, lambda: self.taken, self.ask)
        self._user_id = user_id
        self._orders: dict[str, Order] = {}

    def ask(self) -> None:
        """Say Resume: whoever has a stream does."""
        raise NotImplementedError

    def places(self) -> dict[str, int]:
        """Return how far the device has everything, by conversation."""
        return {id_: order.last for id_, order in self._orders.items()}

    def witness(self, conversation_id: str) -> Witness:
        """Return what this device saw of a conversation."""
        found = self.witnesses.get(conversation_id)
        if found is None:
            found = self.witnesses[conversation_id] = Witness()
        return found

    def positions(self) -> list[Position]:
        """Return the same for the server."""
        return [Position(conversation_id=id_, seq=order.last) for id_, order in self._orders.items()]

    def reach(self, conversation_id: str, seq: int) -> None:
        """All up to this place is known or does not count."""
        order = self._order(conversation_id)
        order.last = max(seq, order.last)

    def forget(self) -> None:
        """Let what was shown so far not count."""
        self.witnesses.clear()
        self.received = 0

    def _is_missing(self) -> bool:
        return any(order.early for order in self._orders.values())

    def _order(self, conversation_id: str) -> Order:
        found = self._orders.get(conversation_id)
        if found is None:
            found = self._orders[conversation_id] = Order()
        return found

    def take(self, entries: Sequence[Entry]) -> None:
        """Note entries: what is next is shown, what is early waits."""
        for entry in entries:
            if entry.conversation_id == self._user_id:
                # The personal log: it tells of the log-in and the groups that were made for the measurement.
                self.reach(entry.conversation_id, entry.seq)
                continue
            # The same few ids come again and again: one string for each, and not for each entry.
            arrival = Arrival(entry.seq, sys.intern(entry.sender_id), entry.client_message_id)
            order = self._order(entry.conversation_id)
            if arrival.seq == order.last + 1 and not order.early and not self.healing.times:
                order.last += 1
                self.show(entry.conversation_id, (arrival,))
            else:
                self._take_early(entry.conversation_id, order, arrival)

    def _take_early(self, conversation_id: str, order: Order, arrival: Arrival) -> None:
        """Keep what came before an earlier one. What is there already is a fault, unless the log was read."""
        if not order.has(arrival.seq):
            # What this device wrote comes only from the log; its answer may still be on its way.
            own = arrival.sender_id == self._user_id
            self.show(conversation_id, order.take(arrival.seq, None if own else arrival))
            if order.early:
                self.healing.early()
        elif not self.healing.times:
            self.witness(conversation_id).arrivals.append(arrival)

    def show(self, conversation_id: str, arrivals: Sequence[Arrival]) -> None:
        """Note what can be shown now, in its order."""
        self.witness(conversation_id).arrivals.extend(arrivals)
        self.received += len(arrivals)

    def wrote(self, conversation_id: str, seq: int) -> None:
        """Note the place of what this device wrote."""
        order = self._order(conversation_id)
        if seq == order.last + 1 and not order.early:
            order.last += 1
        elif not order.has(seq):
            self.show(conversation_id, order.take(seq, None))
            if order.early:
                self.healing.early()
