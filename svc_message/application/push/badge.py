"""How much a user has not read, over all conversations: the number on the icon of an app."""

from dataclasses import dataclass

from svc_message.application.sync.summaries import COUNT_LIMIT
from svc_message.domain.conversation import ConversationId, ConversationKind, Seq, UserId, kind_of
from svc_message.domain.own import OPEN
from svc_message.domain.ports import Members, Standing, UnreadAsk
from svc_message.domain.push.notification import Attention


@dataclass(frozen=True, slots=True)
class Badge:
    """Unread posts, and how far the user has read in each conversation."""

    unread: int
    read: dict[ConversationId, Seq]


async def badge_of(members: Members, user_id: UserId, attention: Attention, now_ms: int) -> Badge:
    """Count from positions, as lists of conversations do; muted ones do not count. UNAVAILABLE as the store says."""
    places = [
        one for one in await members.standings(user_id) if kind_of(one.conversation_id) is not ConversationKind.PERSONAL
    ]
    heard = [one for one in places if not attention.muted(one.conversation_id, now_ms)]
    asks = [ask for ask in (_ask(one, attention) for one in heard) if ask.last > ask.after]
    counts = await members.unread(user_id, asks, COUNT_LIMIT) if asks else []
    return Badge(sum(count.posts for count in counts), {one.conversation_id: one.read_seq for one in places})


def _ask(place: Standing, attention: Attention) -> UnreadAsk:
    veil = attention.veils.get(place.conversation_id, OPEN)
    last = min(place.left_seq or place.head_seq, place.head_seq)
    after = max(place.read_seq, place.first_seq - 1, veil.cleared_seq)
    return UnreadAsk(place.conversation_id, after, last, veil.hidden)
