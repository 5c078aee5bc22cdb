"""Push notifications: who is told of a message while none of their devices is connected, how loudly, and with what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final, Protocol

from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId
from svc_message.domain.own import Veil

MAX_TEXT: Final = 160
"""Characters of a text that are shown: what fits on a lock screen."""


class NewsKind(IntEnum):
    """What a user is told of: the numbers of `parley.push.v1.Notification.Kind`. All but posts are notices, from the
    personal log.
    """

    POST = 1
    FRIEND_REQUEST = 3
    FRIEND_ACCEPTED = 4
    GROUP_INVITATION = 5
    GROUP_ADDED = 6
    JOIN_REQUEST = 7
    JOIN_REFUSED = 8
    REPORT_DECIDED = 9
    SCHEDULED_NOT_SENT = 10


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notice is about. `key` is the same for notices of which a later one makes an earlier one pointless."""

    key: str
    concerns: ConversationId
    """The conversation that it is about, whether there is one or not: when it is muted, so is the notice."""
    group_id: str = ""
    group_name: str = ""
    request_id: str = ""
    """The friend request, invitation, join request or report."""


@dataclass(frozen=True, slots=True)
class News:
    """A post or a notice, as one may tell somebody of it."""

    conversation_id: ConversationId
    seq: Seq
    sender_id: UserId
    sent_at_ms: int
    text: str
    """Its beginning, on one line, or what stands for it."""
    mentions: frozenset[str] = frozenset()
    mentions_all: bool = False
    silent: bool = False
    kind: NewsKind = NewsKind.POST
    notice: Notice | None = None

    @property
    def subject(self) -> str:
        """What it is about: one is told of the newest about it."""
        return self.notice.key if self.notice else self.conversation_id

    @property
    def concerns(self) -> ConversationId:
        """The conversation that has to be muted for it to be."""
        return self.notice.concerns if self.notice else self.conversation_id

    def hidden(self) -> "News":
        """The same without what it says and who says it."""
        notice = self.notice and replace(self.notice, group_id="", group_name="", request_id="")
        return replace(self, text="", sender_id=UserId(""), notice=notice)

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
    """What a user is told of these posts of one conversation, or of this notice.

    A muted conversation tells nothing, unless somebody names the user: who mutes a busy group still wants to hear what
    is meant for them, and does not want @all.
    """
    if not attention.muted(news[-1].concerns, now_ms):
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
    """The newest post, or the notice; without its text and names when the user hides content."""
    sender_name: str = ""
    mention: bool = False
    silent: bool = True
    expires_at_ms: int = 0

    @property
    def id(self) -> str:
        """The same for each attempt."""
        kind = "b" if self.news is None else "n" if self.news.notice else "m"
        return f"{kind}-{self.target.device_id}-{self.conversation_id}-{self.seq}"


class Gone(Exception):  # noqa: N818 - what the carrier says, not a failure
    """The token of a device is dead: nothing will ever reach it there."""


class Targets(Protocol):
    """Where notifications go, as the user service knows it."""

    async def of(self, user_ids: Collection[UserId]) -> dict[UserId, tuple[PushTarget, ...]]:
        """Targets of these users; those without any are left out. An answer may be half a minute old.

        Raises UNAVAILABLE when nobody can say.
        """

    async def forget(self, user_id: UserId, target: PushTarget) -> None:
        """Nothing goes there any more, unless its device names the same place again. Raises UNAVAILABLE."""

    async def names(self, user_ids: Collection[UserId]) -> dict[UserId, str]:
        """Names of these users, as far as they are known. Never raises."""


class Attentions(Protocol):
    """What users want to be told."""

    async def of(self, user_id: UserId) -> Attention:
        """The wishes of a user. Raises UNAVAILABLE when the store cannot answer."""


class Carrier(Protocol):
    """Who carries notifications to devices."""

    async def carry(self, notification: Notification) -> None:
        """Hand one over. Raises Gone, and Away and Refused (`domain.outside`); what was handed over twice has the same
        id.
        """


class NewsReader(Protocol):
    """Takes entries apart, without the domain knowing the format."""

    def news(self, entries: Sequence[bytes]) -> list[News]:
        """Those of the encoded entries of one log that one tells somebody of, in their order, with what others among
        them change of them: the newest text, and nothing of a post that was recalled, of a request that was answered or
        taken back, and of what comes from a user who was blocked.
        """
