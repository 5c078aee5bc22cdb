"""What a device says: messages, marks and signals."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable

from parley.gateway.v1 import frame_pb2
from parley.message.v1 import body_pb2, entry_pb2, message_service_pb2
from parley_sdk.machine.actions import Sent
from parley_sdk.posts import Shown, answer_to, bundle_of, forward_of
from parley_sdk.runner import Runner


class Writing(ABC):
    """The part of Client that writes."""

    @abstractmethod
    def _running(self) -> Runner: ...

    @abstractmethod
    def _next_number(self) -> int: ...

    @abstractmethod
    def _mark_read_unknown(self, conversation_id: str, seq: int) -> Coroutine[None, None, int]: ...

    def send(
        self,
        conversation_id: str,
        body: str | body_pb2.Body,
        *,
        reply_to_seq: int = 0,
        mentions: Iterable[str] = (),
        mentions_all: bool = False,
        silent: bool = False,
        expires_after_ms: int = 0,
    ) -> asyncio.Future[Sent]:
        """Send a text or another body without waiting: the future has the answer. Many may be on their way.

        With `expires_after_ms` it destroys itself so long after it was read, in groups after it was sent.
        """
        post = entry_pb2.Post(
            body=body if isinstance(body, body_pb2.Body) else _text(body),
            mentioned_user_ids=mentions,
            mentions_all=mentions_all,
            reply_to_seq=reply_to_seq,
            silent=silent,
            expires_after_ms=expires_after_ms,
        )
        return self.write(conversation_id, entry_pb2.Content(post=post))

    async def send_text(self, conversation_id: str, text: str, *, reply_to_seq: int = 0) -> Sent:
        """Send a text and wait until it is durable. Cancelling the wait does not take the message back."""
        return await self.send(conversation_id, text, reply_to_seq=reply_to_seq)

    async def reply(self, shown: Shown, body: str | body_pb2.Body) -> Sent:
        """Answer a post, showing its beginning above the answer. `messages.one` gives the post."""
        body = body if isinstance(body, body_pb2.Body) else _text(body)
        return await self.write(shown.conversation_id, entry_pb2.Content(post=answer_to(shown, body)))

    async def forward(self, conversation_id: str, shown: Shown) -> Sent:
        """Send a copy of a post to another conversation."""
        return await self.write(conversation_id, entry_pb2.Content(post=forward_of(shown)))

    async def forward_all(
        self, conversation_id: str, title: str, posts: Iterable[Shown], name: Callable[[str], str]
    ) -> Sent:
        """Send copies of up to 100 posts as one; `name` gives the name to show for a user id."""
        return await self.write(conversation_id, entry_pb2.Content(post=bundle_of(title, posts, name)))

    async def edit(self, conversation_id: str, seq: int, body: str | body_pb2.Body) -> Sent:
        """Replace the body of an own post.

        Reasons: ENTRY_NOT_FOUND, EDIT_WINDOW_OVER, ALREADY_RECALLED, EDIT_LIMIT_REACHED.
        """
        body = body if isinstance(body, body_pb2.Body) else _text(body)
        return await self.write(conversation_id, entry_pb2.Content(edit=entry_pb2.Edit(target_seq=seq, body=body)))

    async def recall(self, conversation_id: str, seq: int) -> Sent:
        """Take a post back. Reasons: ENTRY_NOT_FOUND, RECALL_WINDOW_OVER, NOT_ALLOWED."""
        return await self.write(conversation_id, entry_pb2.Content(recall=entry_pb2.Recall(target_seq=seq)))

    async def react(self, conversation_id: str, seq: int, name: str, *, removed: bool = False) -> Sent:
        """Add a reaction to a post, or take it away. Reasons: ENTRY_NOT_FOUND, REACTION_LIMIT_REACHED."""
        reaction = entry_pb2.Reaction(target_seq=seq, name=name, removed=removed)
        return await self.write(conversation_id, entry_pb2.Content(reaction=reaction))

    async def pin(self, conversation_id: str, seq: int, *, removed: bool = False) -> Sent:
        """Pin a post for everyone, or unpin it. Reasons: ENTRY_NOT_FOUND, NOT_ALLOWED, PIN_LIMIT_REACHED."""
        return await self.write(conversation_id, entry_pb2.Content(pin=entry_pb2.Pin(target_seq=seq, removed=removed)))

    def write(self, conversation_id: str, content: entry_pb2.Content) -> asyncio.Future[Sent]:
        """Write any content that devices may write. Raises ParleyError when the outbox is full."""
        send = message_service_pb2.Send(
            conversation_id=conversation_id, client_message_id=self._next_number(), content=content
        )
        return self._running().send(send)

    async def mark_read(self, conversation_id: str, seq: int) -> None:
        """Say that the user has read up to `seq`; offline it is said later, if this device has come so far.

        Reasons otherwise: RANGE_INVALID (beyond the newest), CONVERSATION_NOT_FOUND.
        """
        runner = self._running()
        if runner.machine.mark_read(conversation_id, seq):
            runner.touch()
        else:
            await self._mark_read_unknown(conversation_id, seq)

    def typing(self, conversation_id: str, *, stopped: bool = False) -> None:
        """Say that the user types; call it with each key, it is sent at most each 3 seconds."""
        runner = self._running()
        runner.machine.typing(conversation_id, runner.now, stopped=stopped)
        runner.touch()

    def watch_presence(self, user_ids: Iterable[str]) -> None:
        """Show the presence of these friends from now on, at most 200, in place of those named before."""
        runner = self._running()
        runner.machine.watch_presence(user_ids)
        runner.touch()

    def set_availability(self, availability: frame_pb2.Availability.ValueType) -> None:
        """Say how the user wants to be seen, on all devices and until it is said again; offline it is said later.

        A refusal comes as FrameRefused. `settings.be_seen_as` says the same and waits until it is kept.
        """
        runner = self._running()
        runner.machine.set_availability(availability)
        runner.touch()


def _text(text: str) -> body_pb2.Body:
    return body_pb2.Body(text=body_pb2.Text(text=text))
