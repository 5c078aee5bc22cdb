"""Signals: typing, and the pieces of assistants' answers. Best effort, never stored, the first thing dropped."""

from svc_message.application.conversations import Conversations
from svc_message.application.deliver import Deliver
from svc_message.domain.conversation import UserId
from svc_message.domain.ports import Delivery, TypingSignal


class Signals:
    """Passes signals on to those who are in the conversation now."""

    def __init__(self, conversations: Conversations, deliver: Deliver) -> None:
        self._conversations = conversations
        self._deliver = deliver

    async def typing(self, signal: TypingSignal) -> None:
        """Tell the others that a member is typing; silently nothing for who is not a member, or where nobody may write.

        In a direct chat raises what refuses a message to the other one, who is not shown this either. It is asked now
        and then, and the message that follows need not ask.
        """
        conversation = await self._conversations.load(signal.conversation_id)
        if UserId(signal.user_id) not in conversation.members or conversation.suspended:
            return
        await self._conversations.confirm_contact(conversation, UserId(signal.user_id))
        others = tuple(user_id for user_id in conversation.audience if user_id != signal.user_id)
        self._deliver([Delivery(others, conversation.id, typing=signal)])

    async def reply(self, conversation_id: str, event: bytes) -> None:
        """Show a piece of an assistant's answer, an encoded parley.ai.v1.ReplyEvent."""
        conversation = await self._conversations.load(conversation_id)
        self._deliver([Delivery(conversation.audience, conversation.id, reply=event)])
