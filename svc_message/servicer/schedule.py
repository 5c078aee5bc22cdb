"""The RPCs of MessageService about what the caller hides and what is for later."""

from mesh.caller import Caller
from parley.message.v1.message_service_pb2 import (
    CancelScheduledMessageRequest,
    CancelScheduledMessageResponse,
    HideMessagesRequest,
    HideMessagesResponse,
    ListScheduledMessagesRequest,
    ListScheduledMessagesResponse,
    ScheduledMessage,
    ScheduleMessageRequest,
    ScheduleMessageResponse,
    Send,
)
from svc_message.application.own.change import OwnStates
from svc_message.application.reading.history import page_size
from svc_message.application.timing.schedule import Scheduler
from svc_message.domain.conversation import ConversationId, DeviceId, UserId
from svc_message.domain.timing.schedule import Scheduled
from svc_message.servicer import tokens


class OwnMessages:
    """What concerns the caller alone."""

    def __init__(self, owns: OwnStates, scheduler: Scheduler) -> None:
        self._owns = owns
        self._scheduler = scheduler

    async def hide_messages(self, request: HideMessagesRequest, caller: Caller) -> HideMessagesResponse:
        """Hide entries from the caller's devices."""
        await self._owns.hide(UserId(caller.user_id), ConversationId(request.conversation_id), frozenset(request.seqs))
        return HideMessagesResponse()

    async def schedule_message(self, request: ScheduleMessageRequest, caller: Caller) -> ScheduleMessageResponse:
        """Keep a message for later."""
        send = request.send
        one = Scheduled(
            UserId(caller.user_id),
            DeviceId(caller.device_id),
            ConversationId(send.conversation_id),
            send.client_message_id,
            request.send_at_ms,
            send.SerializeToString(deterministic=True),
        )
        return ScheduleMessageResponse(message=_message(await self._scheduler.add(one)))

    async def list_scheduled_messages(
        self, request: ListScheduledMessagesRequest, caller: Caller
    ) -> ListScheduledMessagesResponse:
        """List what waits, the next one first."""
        after = tokens.key(request, caller, int, int, str) or (0, 0, "")
        waiting = [one for one in await self._scheduler.waiting(UserId(caller.user_id)) if _key(one) > after]
        page = waiting[: page_size(request.page_size)]
        following = tokens.encode(request, caller, _key(page[-1]) if len(waiting) > len(page) else None)
        return ListScheduledMessagesResponse(messages=map(_message, page), next_page_token=following)

    async def cancel_scheduled_message(
        self, request: CancelScheduledMessageRequest, caller: Caller
    ) -> CancelScheduledMessageResponse:
        """Take one back."""
        conversation_id = ConversationId(request.conversation_id)
        await self._scheduler.cancel(UserId(caller.user_id), conversation_id, request.client_message_id)
        return CancelScheduledMessageResponse()


def _message(one: Scheduled) -> ScheduledMessage:
    return ScheduledMessage(send=Send.FromString(one.send), send_at_ms=one.send_at_ms)


def _key(one: Scheduled) -> tuple[int, int, str]:
    return one.send_at_ms, one.client_message_id, one.conversation_id
