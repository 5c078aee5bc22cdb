"""Who is typing: begins with a sign, ends with another, with a post, or by itself."""

from __future__ import annotations

from typing import Final

from parley.gateway.v1 import frame_pb2
from parley_sdk.events import TypingChanged

VALID_SECONDS: Final = 6.0
REPEAT_SECONDS: Final = 3.0
MOST_TYPISTS: Final = 1_000


class Typists:
    """The others who type, and when this user last said so themselves."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], float] = {}
        self._said: dict[str, float] = {}

    def heard(self, sign: frame_pb2.Typing, now: float) -> TypingChanged | None:
        """Take a sign in; None when it changes nothing."""
        if sign.stopped:
            return self.ceased(sign.conversation_id, sign.user_id)
        key = (sign.conversation_id, sign.user_id)
        known = self._until.pop(key, None)
        if len(self._until) >= MOST_TYPISTS:
            return None
        self._until[key] = now + VALID_SECONDS
        return None if known else TypingChanged(*key, typing=True)

    def ceased(self, conversation_id: str, user_id: str) -> TypingChanged | None:
        """Note that someone types no more; None when they were not known to type."""
        if self._until.pop((conversation_id, user_id), None) is None:
            return None
        return TypingChanged(conversation_id, user_id, typing=False)

    def expired(self, now: float) -> list[TypingChanged]:
        """Return those from whom no further sign came in time."""
        over = [key for key, until in self._until.items() if until <= now]
        return [change for key in over if (change := self.ceased(*key))]

    def next_expiry(self) -> float | None:
        """Return when the next one expires."""
        return min(self._until.values(), default=None)

    def may_say(self, conversation_id: str, *, stopped: bool, now: float) -> bool:
        """Whether a sign of this user is worth sending: at most one each 3 seconds, and a stop only after a start."""
        said = self._said.pop(conversation_id, None)
        if stopped:
            return said is not None
        fresh = said is not None and now - said < REPEAT_SECONDS
        self._said[conversation_id] = said if said is not None and fresh else now
        while len(self._said) > MOST_TYPISTS:
            del self._said[next(iter(self._said))]
        return not fresh
