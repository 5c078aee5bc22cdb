"""When a user does not want to be disturbed, in all conversations."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from mesh import errors
from mesh.errors import FieldViolation
from svc_message.domain.conversation import UserId
from svc_message.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class QuietPeriod:
    """From `start_minute` to `end_minute` after midnight, on the days of the mask: 1 Monday to 64 Sunday.

    With an end that is not after the start it ends on the next day.
    """

    weekdays: int
    start_minute: int
    end_minute: int

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether it holds at this minute of this day, 0 Monday to 6 Sunday."""
        begun_today = bool(self.weekdays >> weekday & 1) and minute >= self.start_minute
        if self.end_minute > self.start_minute:
            return begun_today and minute < self.end_minute
        begun_yesterday = bool(self.weekdays >> (weekday - 1) % 7 & 1)
        return begun_today or (begun_yesterday and minute < self.end_minute)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet until a time, and in some periods of each week; `version` rises by one with each change."""

    until_ms: int = 0
    periods: tuple[QuietPeriod, ...] = ()
    time_zone: str = ""
    version: int = 0

    def quiet(self, now_ms: int) -> bool:
        """Whether the user is not to be disturbed at this time, Unix milliseconds."""
        if self.until_ms > now_ms:
            return True
        if not self.periods:
            return False
        local = datetime.fromtimestamp(now_ms / 1_000, UTC).astimezone(zone(self.time_zone))
        return any(period.holds(local.weekday(), local.hour * 60 + local.minute) for period in self.periods)


def zone(name: str) -> ZoneInfo:
    """The time zone of this name; empty is UTC. Raises INVALID_REQUEST when there is none."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        message = "there is no such time zone: give an IANA name such as Asia/Shanghai"
        violation = FieldViolation("quiet_hours.time_zone", message)
        raise errors.invalid(Reason.INVALID_REQUEST, message, violation) from None


class QuietStore(Protocol):
    """Where they are kept."""

    async def of_users(self, user_ids: "list[UserId]") -> dict[UserId, QuietHours]:
        """The quiet hours of those of the users who have set any."""

    async def set(self, user_id: UserId, hours: QuietHours) -> QuietHours:
        """Keep them durably in place of what there was; return them with their version."""
