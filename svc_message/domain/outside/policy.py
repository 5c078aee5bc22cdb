"""What the installation's own program says of posts and edits before they are kept."""

from dataclasses import dataclass
from typing import Protocol

from svc_message.domain.entry import Draft


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a draft may be kept, and as what."""

    draft: Draft
    """As it shall be kept: the very draft that was judged, or one with another content and the digest of the first."""
    refused: bool = False
    reason: str = ""
    """Why, for the sender; may be empty."""


class Policy(Protocol):
    """Asks the program."""

    async def judge(self, draft: Draft) -> Judgement:
        """Its judgement. Raises Away (`domain.outside`) when it gives none within its time, or one that is wrong."""
