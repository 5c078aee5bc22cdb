"""What previews of links need from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from svc_message.domain.media.links import Link


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: `location` when it sends elsewhere, else the content."""

    status: int
    location: str
    content_type: str
    content: bytes


class Names(Protocol):
    """Where names lead."""

    async def addresses(self, host: str) -> Sequence[str]:
        """All addresses of a name; an address leads to itself; none when there is no such name. Asked once a step."""


class Web(Protocol):
    """Fetches single answers."""

    async def get(self, link: Link, address: str, max_bytes: int, accept: str) -> Answer:
        """Ask for a link at this very address, and nowhere else, whatever its name leads to by now.

        Follows nothing. Raises LINK_UNREACHABLE when there is no answer, or one with more than `max_bytes`.
        """
