"""`svc_message.domain.push.notification.Carrier`: a program behind a webhook, or nobody, for development."""

import hashlib
from typing import Final

import structlog
from google.protobuf.json_format import MessageToJson

from parley.push.v1.push_pb2 import Notification as Contract
from parley.user.v1.session_pb2 import PushProvider
from svc_message.domain.outside.program import Away
from svc_message.domain.push.notification import Gone, News, Notification
from svc_message.infrastructure.outside.webhook import NOT_THIS, Webhook

NO_SUCH_DEVICE: Final = "HTTP_410"
"""How a carrier says that a token is dead: "gone", as push services themselves do."""

REFUSALS: Final = NOT_THIS - {500}
"""Answers about a notification. A carrier that fails by itself is away: what waits for it is told when it is back."""


class WebhookCarrier:
    """Posts notifications as JSON of `parley.push.v1.Notification`."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    async def carry(self, notification: Notification) -> None:
        """See the port."""
        try:
            await self._webhook.post(MessageToJson(contract(notification), indent=None).encode())
        except Away as away:
            if away.why == NO_SUCH_DEVICE:
                raise Gone from None
            raise


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
        kind=Contract.Kind.ValueType(one.news.kind) if one.news else Contract.Kind.KIND_BADGE,
        user_id=one.user_id,
        device_id=one.target.device_id,
        provider=PushProvider.ValueType(one.target.provider),
        token=one.target.token,
        app_id=one.target.app_id,
        conversation_id=one.conversation_id,
        seq=one.seq,
        badge=one.badge,
        mention=one.mention,
        collapse_key=_collapse_key(one),
        silent=one.silent,
        expires_at_ms=one.expires_at_ms,
    )
    if one.news:
        _say(told, one.news, one.sender_name)
    return told


def _collapse_key(one: Notification) -> str:
    """What it is about; as a digest where that names somebody to whom content is hidden."""
    if one.news is None or one.news.notice is None:
        return one.conversation_id
    key = one.news.subject
    return hashlib.sha256(key.encode()).hexdigest() if one.target.hide_content else key


def _say(told: Contract, news: News, sender_name: str) -> None:
    told.sent_at_ms, told.sender_id = news.sent_at_ms, news.sender_id
    told.sender_name, told.text = sender_name, news.text
    if news.notice:
        told.group_id, told.group_name = news.notice.group_id, news.notice.group_name
        told.request_id = news.notice.request_id
