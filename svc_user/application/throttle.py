"""How often a password may be tried.

By strangers so often for an account and for an address; who they are nobody knows, so an account that somebody keeps
guessing at is closed to all of them. A device that is known to the account is not among them: it has tries of its own.
"""

from dataclasses import dataclass
from typing import Final

from mesh.clock import Clock
from mesh.limits import Rate, TokenBuckets, network
from svc_user.domain.account import UserId
from svc_user.domain.session import DeviceId

MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class ThrottleSettings:
    """Tries a minute, for an account and for an address; 0 sets no limit.

    Each device that is known to an account has as many as an account besides, all of them together as an address.
    """

    per_account: int = 5
    per_address: int = 20


class Throttle:
    """Counts in this process: an attacker gets as many tries more as there are processes, which changes nothing."""

    def __init__(self, settings: ThrottleSettings, clock: Clock) -> None:
        self._accounts = TokenBuckets(_rate(settings.per_account), clock)
        self._addresses = TokenBuckets(_rate(settings.per_address), clock)
        self._devices = TokenBuckets(_rate(settings.per_account), clock)
        self._owners = TokenBuckets(_rate(settings.per_address), clock)

    def take(self, username: str, address: str) -> None:
        """Count a try of a stranger. RATE_LIMITED, the same for names that exist and those that do not."""
        self._addresses.take(network(address))
        self._accounts.take(username)

    def take_known(self, user_id: UserId, device_id: DeviceId) -> None:
        """Count a try of a device that has proved to be known to the account. RATE_LIMITED."""
        self._owners.take(user_id)
        self._devices.take((user_id, device_id))


def _rate(per_minute: int) -> Rate:
    return Rate(per_minute, per_minute / MINUTE)
