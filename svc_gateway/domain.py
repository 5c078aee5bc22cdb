"""Limits of a device stream, why it ends, and what the gateway needs from outside."""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Final, Protocol

from mesh import errors
from mesh.errors import MeshError
from mesh.session_end import SessionEnd

PROTOCOL_VERSION: Final = 1

MAX_UNKNOWN_FRAMES: Final = 100
"""Frames without anything that this server knows, after which a stream is not one of ours."""

MAX_ANSWERS: Final = 10_000
"""Answers that may wait for a device: forty times what it may have unanswered."""

MAX_WATCHED: Final = 200
"""Users whose presence one device may watch, as in the contract."""

MAX_SIGNALS: Final = 1_024
"""Signals in one write, about 100 bytes each; more are dropped. Receipts are among them, and one frame of a device may
mark 200 conversations as read, so this holds what a few such frames cause."""

HOLD_S: Final = 0.02
"""How long the welcome waits for the answer to what the device missed, in seconds."""

LAST_WRITE_S: Final = 1.0
"""How long the last write to a device may take, in seconds: then its stream ends amid it."""

RETRY_S: Final = 0.1
"""When a refused send may come again, in seconds: most of what waited has been answered by then."""


class Reason(StrEnum):
    """Reasons of this service: names of `parley.error.v1.Reason` without the prefix."""

    PROTOCOL_VERSION = "PROTOCOL_VERSION"
    PROTOCOL_VIOLATION = "PROTOCOL_VIOLATION"
    STREAM_REPLACED = "STREAM_REPLACED"
    STREAM_NOT_FOUND = "STREAM_NOT_FOUND"
    SESSION_REVOKED = "SESSION_REVOKED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105 - a reason, not a secret
    TOO_MANY_IN_FLIGHT = "TOO_MANY_IN_FLIGHT"
    OVERLOADED = "OVERLOADED"
    RATE_LIMITED = "RATE_LIMITED"
    DRAINING = "DRAINING"
    HEARTBEAT_MISSED = "HEARTBEAT_MISSED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    WATCH_LIMIT_REACHED = "WATCH_LIMIT_REACHED"


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose stream it is. `epoch` rises with each stream of the device."""

    user_id: str
    device_id: str
    session_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device may cost.

    The queue bounds are 64 KiB of the slow device budget times four: a burst in a busy group should not make a healthy
    device lag. Everything beyond is dropped, and the device reads it from the log.
    """

    queue_entries: int = field(default=1_000, metadata={"least": 1})
    queue_bytes: int = field(default=256 * 1024, metadata={"least": 1})
    window: int = field(default=1_000, metadata={"least": 1})
    max_window: int = field(default=10_000, metadata={"least": 1})
    in_flight: int = field(default=256, metadata={"least": 1})
    """Sends of one device that may wait for an answer."""
    node_in_flight: int = field(default=2_600, metadata={"least": 1})
    """Sends of all devices of a node that may be unanswered: a tenth of a second's work of one core. See `Window`."""
    kept_in_flight: int = field(default=4, metadata={"least": 1})
    """What a device may have unanswered at the least, however much the others have."""
    heartbeat_s: float = field(default=55.0, metadata={"least": 0.001})
    """How often a device says what it has, or the gateway has it compared for the device, and so how late it may notice
    that it lacks a last entry. Pings of HTTP/2 keep quiet connections open and find out about those that have gone, so
    this need not be often."""
    quiet_s: float = 420.0
    """How often a device gives a sign of life while nothing happens. Not for browsers, whose connections nobody pings;
    less than `heartbeat_s` is taken for the same. Twice as long is less than the 15 minutes of an access token, so that
    silence is what ends the stream of an app that hangs."""
    write_stall_s: float = field(default=30.0, metadata={"least": 0.001})
    """How long a write may be blocked before the stream is given up."""
    drain_s: float = 5.0
    """When the gateway stops, its devices connect elsewhere at a random time within this window."""
    frames_per_s: float = 200.0
    """Frames a device may send a second, averaged over `frames_burst`."""
    frames_burst: int = 1_000

    @property
    def quiet_interval_s(self) -> float:
        """The longest time between two heartbeats of a device with a stream of its own."""
        return max(self.quiet_s, self.heartbeat_s)


def replaced(epoch: int) -> MeshError:
    """The end of a stream whose device has a newer one, with this epoch."""
    return errors.aborted(Reason.STREAM_REPLACED, "a newer stream of this device took over", epoch=str(epoch))


def expired() -> MeshError:
    """The end of a stream whose token ran out without a fresh one."""
    return errors.unauthenticated(Reason.TOKEN_EXPIRED, "the access token has ended; refresh it and connect again")


def draining() -> MeshError:
    """The end of a stream on a gateway that stops."""
    return errors.unavailable(Reason.DRAINING, "this gateway stops; connect again")


def silent() -> MeshError:
    """The end of a stream whose device gave no sign of life."""
    return errors.deadline(Reason.HEARTBEAT_MISSED, "no heartbeat came; connect again")


def stalled() -> MeshError:
    """The end of a stream whose device does not read."""
    return errors.exhausted(Reason.RATE_LIMITED, "the device does not read its stream", retry_after=1.0)


def too_many(waiting: int) -> MeshError:
    """The answer to a send of a device that has so many unanswered."""
    message = f"{waiting} sends wait for an answer"
    return errors.exhausted(Reason.TOO_MANY_IN_FLIGHT, message, retry_after=_spread(RETRY_S))


def overloaded() -> MeshError:
    """The answer to a send when too many of all devices wait."""
    message = "this gateway has too much to do; send again later"
    return errors.exhausted(Reason.OVERLOADED, message, retry_after=_spread(RETRY_S))


def _spread(seconds: float) -> float:
    """Those who are refused together must not come again together."""
    return seconds * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing


def violation(what: str) -> MeshError:
    """The end of a stream that does not follow the protocol."""
    return errors.precondition(Reason.PROTOCOL_VIOLATION, what)


def watches_too_many(count: int) -> MeshError:
    """The answer to a device that wants to watch the presence of so many users."""
    message = f"you named {count} users; name at most {MAX_WATCHED}, those who are on the screen"
    return errors.exhausted(Reason.WATCH_LIMIT_REACHED, message)


class Upstream(Protocol):
    """The links to the message nodes."""

    def owner(self, key: str) -> str:
        """Id of the node that owns this conversation or user. SERVICE_UNAVAILABLE when there is none."""

    def send(self, owner: str, request: bytes) -> None:
        """Hand over an encoded link request; never waits. SERVICE_UNAVAILABLE when the link is down or full."""


class Nodes(Protocol):
    """The topics of the other nodes."""

    def moved(self, user_id: str) -> None:
        """Tell the message nodes that a user has come here, who may have been elsewhere. A hint; never waits."""

    def left(self, user_id: str) -> None:
        """Tell message nodes that a user's last device here has gone: they look where the user is. A hint."""

    async def evict(self, node: str, boot_id: str, user_id: str, device_id: str, epoch: int) -> None:
        """Tell a node that a device has moved here. A hint: may be lost, the smaller epoch loses anyway."""

    async def presence(self, nodes: Sequence[tuple[str, str]], user_id: str, seen: "Seen", seen_ms: int) -> None:
        """Tell nodes, given as (id, boot id), how a user is seen now. A hint."""


class Seen(IntEnum):
    """How a user is seen, or wants to be. The numbers are those of the contract."""

    ONLINE = 1
    AWAY = 2
    OFFLINE = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """How a user wants to be seen, and when they said so (Unix ms, 0: never)."""

    seen: Seen = Seen.ONLINE
    since_ms: int = 0


class People(Protocol):
    """What the user service knows. Raises SERVICE_UNAVAILABLE when it does not answer."""

    async def visible(self, watcher_id: str, user_ids: Sequence[str]) -> list[str]:
        """Those whose presence the watcher may see."""

    async def wishes(self, user_ids: Sequence[str]) -> dict[str, Wish]:
        """How these users want to be seen; who is not known is left out."""

    async def wish(self, user_id: str, seen: Seen) -> None:
        """Keep how a user wants to be seen, until it is set again."""

    async def session_alive(self, session_id: str) -> bool:
        """Whether the session may open a stream. SERVICE_UNAVAILABLE when nobody can say."""

    async def session_end(self, session_id: str) -> "SessionEnd":
        """Why a session ended."""


class LastSeen(Protocol):
    """When users were last online. Best effort: it may all be forgotten. UNAVAILABLE when the cache is away."""

    async def note(self, user_id: str, at_ms: int) -> None:
        """The user went at this time."""

    async def of(self, user_ids: Collection[str]) -> dict[str, int]:
        """When these users went (Unix ms); who is not known is left out."""


class Ended(Protocol):
    """The list of sessions that were ended lately, which all nodes share."""

    async def has_ended(self, session_id: str) -> bool:
        """Whether it is on the list at this moment. UNAVAILABLE when the list is away."""
