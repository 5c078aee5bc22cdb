"""What one user is to be told, until it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from svc_message.application.push.marks import Hold
from svc_message.domain.conversation import ConversationId, DeviceId, UserId
from svc_message.domain.push.notification import News


@dataclass(frozen=True, slots=True)
class Summons:
    """A user who is to be told of these posts, or of this notice; without any, that they have read."""

    user_id: UserId
    conversation_id: ConversationId
    news: tuple[News, ...] = ()
    again: bool = False
    """Somebody wants it to be told once more."""
    hold: Hold | None = None
    """What has to be read from the log again, should it not come to be told."""
    repeated: bool = False
    """It was read from the log again: another process may have told it already."""
    carried: frozenset[DeviceId] = frozenset()
    """Devices that have it."""
    tries: int = 0
    passed: int = 0
    """How often it has failed, and what others had got through then."""

    @property
    def subject(self) -> str:
        """What it tells of."""
        return self.news[-1].subject if self.news else self.conversation_id


def summonses(
    user_id: UserId, conversation_id: ConversationId, news: Sequence[News], hold: Hold | None = None
) -> list[Summons]:
    """What a user is told of these news of one log: of all posts at once, of notices each by what it is about."""
    subjects: dict[str, list[News]] = {}
    for one in news:
        subjects.setdefault(one.subject, []).append(one)
    return [
        Summons(user_id, conversation_id, tuple(some) if some[-1].notice is None else (some[-1],), hold=hold)
        for some in subjects.values()
    ]
