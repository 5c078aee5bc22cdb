"""Ids: one letter for the kind, then 15 characters that rise with the time. Pure Python."""

import random
from typing import Final

from mesh.clock import Clock

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so that nobody misreads one."""

LENGTH: Final = 15
RANDOM_BITS: Final = 31
"""44 bits of milliseconds (until the year 2527) and 31 random bits: two ids made in the same millisecond on different
nodes meet once in two thousand million cases, and the unique index of the store decides."""


class Ids:
    """Makes ids. Those of one process rise also within a millisecond."""

    def __init__(self, clock: Clock, source: random.Random | None = None) -> None:
        self._clock = clock
        self._random = source or random.SystemRandom()
        self._last = 0

    def new(self, kind: str) -> str:
        """A new id of this kind: `u` user, `d` device, `s` session, `g` group, `m` media, and so on."""
        fresh = self._clock.now_ms() << RANDOM_BITS | self._random.getrandbits(RANDOM_BITS)
        self._last = fresh if fresh > self._last else self._last + 1
        return kind + encode(self._last)


def encode(number: int) -> str:
    """The number, below 2^75, in 15 characters that sort like the numbers."""
    characters = [ALPHABET[number >> 5 * place & 31] for place in range(LENGTH - 1, -1, -1)]
    return "".join(characters)
