"""How often a password may be tried."""

from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.limits import Rate, TokenBuckets, network

MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """Tries a minute, for an account and for an address; 0 sets no limit."""

    per_account: int = 5
    per_address: int = 20


class Throttle:
    """Counts in this process: an attacker gets as many tries more as there are processes, which changes nothing."""

    def __init__(self, settings: ThrottleSettings, clock: Clock) -> None:
        self._accounts = TokenBuckets(_rate(settings.per_account), clock)
        self._addresses = TokenBuckets(_rate(settings.per_address), clock)

    def take(self, username: str, address: str) -> None:
        """Count a try. RATE_LIMITED, the same for names that exist and those that do not."""
        self._addresses.take(network(address))
        self._accounts.take(username)


def _rate(per_minute: int) -> Rate:
    return Rate(per_minute, per_minute / MINUTE)
