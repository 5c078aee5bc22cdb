"""The model as it is asked before a text is kept: like the policy of an installation."""

from collections.abc import Callable
from typing import Final

from mesh.words import Action
from svc_message.domain.administration.judging import Critic
from svc_message.domain.conversation import ConversationId, DeviceId
from svc_message.domain.entry import Draft
from svc_message.domain.outside.policy import Judgement

PATIENCE: Final = 10
"""Seconds that moderators wait for a text to stand: in its lane it waits for the answers about those before it."""

REFUSED: Final = "this text may not be written here"
"""What its sender reads. What was found is not said: it would teach how to avoid it."""


class JudgedByModel:
    """`Policy` that refuses what the model blocks, and shows moderators what they should look at."""

    def __init__(
        self, critic: Critic, review: Callable[[tuple[ConversationId, DeviceId, int], str, int], None]
    ) -> None:
        self._critic = critic
        self._review = review

    async def judge(self, draft: Draft) -> Judgement:
        """See the port."""
        finding = await self._critic.judge(draft.content)
        if finding is None:
            return Judgement(draft)
        if finding.action is Action.BLOCK:
            return Judgement(draft, refused=True, reason=REFUSED)
        self._review(draft.key, finding.explanation, PATIENCE)
        return Judgement(draft)
