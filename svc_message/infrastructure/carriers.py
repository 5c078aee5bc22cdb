"""`svc_message.domain.push.Carrier`: the installation's own program behind a webhook, or nobody, for development."""

import structlog
from google.protobuf.json_format import MessageToJson

from parley.push.v1.push_pb2 import Notification as Contract
from parley.user.v1.session_pb2 import PushProvider
from svc_message.domain.push import Notification
from svc_message.infrastructure.webhook import Webhook


class WebhookCarrier:
    """Posts notifications as JSON of `parley.push.v1.Notification`."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def carry(self, notification: Notification) -> None:
        """See the port."""
        await self._webhook.post(MessageToJson(contract(notification), indent=None).encode())


class LoggedCarrier:
    """Writes down that it would have been sent: to whom and how loudly, never what it says or the token."""

    async def carry(self, notification: Notification) -> None:
        """See the port."""
        structlog.get_logger().warning(
            "push",
            user=notification.user_id,
            device=notification.target.device_id,
            conversation=notification.conversation_id,
            seq=notification.seq,
            badge=notification.badge,
            silent=notification.silent,
            mention=notification.mention,
        )


def contract(one: Notification) -> Contract:
    """A notification as the contract has it."""
    told = Contract(
        notification_id=one.id,
        kind=Contract.Kind.KIND_MESSAGE if one.news else Contract.Kind.KIND_BADGE,
        user_id=one.user_id,
        device_id=one.target.device_id,
        provider=PushProvider.ValueType(one.target.provider),
        token=one.target.token,
        app_id=one.target.app_id,
        conversation_id=one.conversation_id,
        seq=one.seq,
        badge=one.badge,
        mention=one.mention,
        collapse_key=one.conversation_id,
        silent=one.silent,
        expires_at_ms=one.expires_at_ms,
    )
    if one.news:
        told.sent_at_ms, told.sender_id = one.news.sent_at_ms, one.news.sender_id
        told.sender_name, told.text = one.sender_name, one.news.text
    return told
