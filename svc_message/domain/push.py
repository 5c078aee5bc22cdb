"""Push notifications: who is told of a message while none of their devices is connected, how loudly, and with what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId
from svc_message.domain.own import Veil

MAX_TEXT: Final = 160
"""Characters of a text that are shown: what fits on a lock screen."""


@dataclass(frozen=True, slots=True)
class News:
    """A post, as one may tell somebody of it."""

    conversation_id: ConversationId
    seq: Seq
    sender_id: UserId
    sent_at_ms: int
    text: str
    """Its beginning, on one line, or what stands for it."""
    mentions: frozenset[str] = frozenset()
    mentions_all: bool = False
    silent: bool = False

    def addresses(self, user_id: str) -> bool:
        """Whether it names this user, or everyone."""
        return self.mentions_all or user_id in self.mentions


@dataclass(frozen=True, slots=True)
class PushTarget:
    """Where notifications for one device go. `provider` is the number of the contract's PushProvider."""

    device_id: DeviceId
    provider: int
    token: str
    app_id: str = ""
    hide_content: bool = False


@dataclass(frozen=True, slots=True)
class Attention:
    """What a user wants to be told: until when (Unix ms) which conversations are muted, whether it is quiet now, and
    what they have hidden from themselves.
    """

    muted_until_ms: Mapping[ConversationId, int] = field(default_factory=dict)
    quiet: bool = False
    veils: Mapping[ConversationId, Veil] = field(default_factory=dict)

    def muted(self, conversation_id: ConversationId, now_ms: int) -> bool:
        """Whether this conversation is muted."""
        return self.muted_until_ms.get(conversation_id, 0) > now_ms


def heard(attention: Attention, user_id: str, news: Sequence[News], now_ms: int) -> tuple[News, ...]:
    """What a user is told of these posts of one conversation.

    A muted conversation tells nothing, unless somebody names the user: who mutes a busy group still wants to hear what
    is meant for them, and does not want @all.
    """
    if not attention.muted(news[-1].conversation_id, now_ms):
        return tuple(news)
    return tuple(one for one in news if user_id in one.mentions)


def rings(attention: Attention, told: Sequence[News]) -> bool:
    """Whether it makes a sound. Quiet hours let everything through without one, also a mention, and a post that its
    sender sent silently rings nowhere.
    """
    return not attention.quiet and not all(one.silent for one in told)


def shortened(text: str) -> str:
    """A text on one line of at most MAX_TEXT characters."""
    line = " ".join(text[: 8 * MAX_TEXT].split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


@dataclass(frozen=True, slots=True)
class Notification:
    """What is told to one device. Without `news` it only sets the badge, because the user has read up to `seq`."""

    user_id: UserId
    target: PushTarget
    conversation_id: ConversationId
    seq: Seq
    badge: int
    news: News | None = None
    """The newest post; without its text and sender when the user hides content."""
    sender_name: str = ""
    mention: bool = False
    silent: bool = True
    expires_at_ms: int = 0

    @property
    def id(self) -> str:
        """The same for each attempt."""
        kind = "m" if self.news else "b"
        return f"{kind}-{self.target.device_id}-{self.conversation_id}-{self.seq}"


class Targets(Protocol):
    """Where notifications go, as the user service knows it."""

    async def of(self, user_ids: Collection[UserId]) -> dict[UserId, tuple[PushTarget, ...]]:
        """Targets of these users; those without any are left out. An answer may be half a minute old.

        Raises UNAVAILABLE when nobody can say.
        """

    async def names(self, user_ids: Collection[UserId]) -> dict[UserId, str]:
        """Names of these users, as far as they are known. Never raises."""


class Attentions(Protocol):
    """What users want to be told."""

    async def of(self, user_id: UserId) -> Attention:
        """The wishes of a user. Raises UNAVAILABLE when the store cannot answer."""


class Carrier(Protocol):
    """Who carries notifications to devices."""

    async def carry(self, notification: Notification) -> None:
        """Hand one over. Raises Away and Refused (`domain.outside`); what was handed over twice has the same id."""


class NewsReader(Protocol):
    """Takes entries apart, without the domain knowing the format."""

    def posts(self, entries: Sequence[bytes]) -> list[News]:
        """Those of the encoded entries that are posts, in their order, with what others among them change of them: the
        newest text, and nothing of a post that was recalled.
        """
