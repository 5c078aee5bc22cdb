"""What people ask for that happens at its time, and how it is seen that it has."""

import sqlite3

from parley.message.v1.message_service_pb2 import (
    ListScheduledMessagesRequest,
    ScheduledMessage,
    ScheduleMessageRequest,
    Send,
)
from tests.svc_message.device import Device, post
from tests.svc_message.world import World

MINUTE, DAY = 60, 86_400


async def schedule(device: Device, message: Send, seconds: float) -> ScheduledMessage:
    """Schedule a message for so many seconds from now."""
    send_at_ms = device.world.clock.now_ms() + int(seconds * 1_000)
    request = ScheduleMessageRequest(send=message, send_at_ms=send_at_ms)
    return (await device.do(device.world.messages.ScheduleMessage, request)).message


async def waiting(device: Device) -> list[ScheduledMessage]:
    """What waits, read in pages."""
    found: list[ScheduledMessage] = []
    token = ""
    while True:
        request = ListScheduledMessagesRequest(page_size=40, page_token=token)
        page = await device.do(device.world.messages.ListScheduledMessages, request)
        found += page.messages
        token = page.next_page_token
        if not token:
            return found


async def kinds(device: Device, chat: str) -> dict[int, str]:
    """What stands at each place that the user sees."""
    entries = (await device.history(chat, limit=200)).entries
    return {one.seq: one.content.WhichOneof("kind") or "" for one in entries}


async def waits(device: Device, messages: list[Send]) -> bool:
    return [one.send for one in await waiting(device)] == messages


def vanishing(chat: str, body: str, seconds: int) -> Send:
    """A post that destroys itself."""
    return post(chat, body, expires_after_ms=seconds * 1_000)


async def nothing_expires(mesh: World) -> bool:
    with sqlite3.connect(mesh.database) as store:
        return not store.execute("SELECT count(*) FROM expiring").fetchone()[0]
