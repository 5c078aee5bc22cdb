"""What a user does with their own part of a conversation, and what they see of it."""

from google.protobuf.field_mask_pb2 import FieldMask

from parley.conversation.v1.conversation_pb2 import Conversation, ConversationSettings
from parley.conversation.v1.conversation_service_pb2 import (
    DeleteConversationRequest,
    GetConversationRequest,
    ListConversationsRequest,
    UpdateSettingsRequest,
)
from parley.message.v1.message_service_pb2 import HideMessagesRequest
from parley.message.v1.notice_pb2 import ConversationNotice
from tests.svc_message.device import Device

FOR_EVER = 2**63 - 1


async def configure(device: Device, chat: str, *fields: str, **values: object) -> ConversationSettings:
    """Change settings: those that are given, and the named ones to nothing."""
    request = UpdateSettingsRequest(
        conversation_id=chat,
        settings=ConversationSettings(**values),  # type: ignore[arg-type]
        update_mask=FieldMask(paths=[*fields, *values]),
    )
    return (await device.do(device.world.conversations.UpdateSettings, request)).settings


async def listed(device: Device, *, archived: bool = False) -> list[Conversation]:
    """The list of conversations."""
    request = ListConversationsRequest(archived=archived)
    return list((await device.do(device.world.conversations.ListConversations, request)).conversations)


async def ids(device: Device, *, archived: bool = False) -> list[str]:
    """The same, their ids."""
    return [one.conversation_id for one in await listed(device, archived=archived)]


async def shown(device: Device, chat: str) -> Conversation:
    """One conversation."""
    request = GetConversationRequest(conversation_id=chat)
    return (await device.do(device.world.conversations.GetConversation, request)).conversation


async def hide(device: Device, chat: str, *seqs: int) -> None:
    """Hide entries."""
    await device.do(device.world.messages.HideMessages, HideMessagesRequest(conversation_id=chat, seqs=seqs))


async def delete(device: Device, chat: str) -> None:
    """Delete from the list."""
    await device.do(device.world.conversations.DeleteConversation, DeleteConversationRequest(conversation_id=chat))


async def notice(device: Device, number: int) -> ConversationNotice:
    """Wait until so many notices have come, and return the last one."""

    def came() -> list[ConversationNotice]:
        personal = device.entries(device.user_id)
        found = [one.content.conversation for one in personal if one.content.HasField("conversation")]
        return found if len(found) >= number else []

    return (await device.until(came))[-1]


async def kinds(device: Device, chat: str) -> list[str]:
    """What kind of entry stands at each place of the history."""
    return [one.content.WhichOneof("kind") or "" for one in (await device.history(chat)).entries]
