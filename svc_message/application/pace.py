"""Slow mode: the time between two posts of one member, kept in the memory of the node that owns the group.

Only groups that have it pay for it. A node that takes a group over knows of no earlier posts, so a member may then
write once before their time: the limit keeps a crowd readable, and no promise stands on it.
"""

from mesh.errors import MeshError
from svc_message.application.settle import Settle
from svc_message.domain import rules
from svc_message.domain.conversation import Conversation, Posted
from svc_message.domain.entry import Appended, Draft


def keep_pace(conversation: Conversation, draft: Draft, settle: Settle, now_ms: int) -> Settle:
    """Count a post that slow mode rates and return what is to be called with its outcome. Raises SLOW_MODE."""
    if not rules.paced(conversation, draft):
        return settle
    last = conversation.posted.get(draft.sender_id)
    if last is not None and (last.device_id, last.client_message_id) == (draft.device_id, draft.client_message_id):
        return settle  # the same send again, perhaps while the first one is on its way to the disk
    refusal = rules.too_early(conversation, last, now_ms)
    if refusal is not None:
        raise refusal
    post = Posted(now_ms, draft.device_id, draft.client_message_id)
    conversation.count_post(draft.sender_id, post)

    def settled(draft: Draft, outcome: Appended | MeshError) -> None:
        """What was not written now, since it failed or stood there already, takes nobody's turn."""
        if isinstance(outcome, MeshError) or outcome.duplicate:
            conversation.uncount_post(draft.sender_id, post)
        settle(draft, outcome)

    return settled
