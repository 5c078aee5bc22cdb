"""Frames as a server says them, and what is read out of those of a device."""

from __future__ import annotations

from parley.conversation.v1 import conversation_pb2
from parley.error.v1 import error_pb2
from parley.gateway.v1 import frame_pb2
from parley_sdk.errors import Code
from tests.sdk.model import DIRECT, entry

_Resumed = frame_pb2.Resumed


def state(conversation_id: str, head: int, first: int = 1) -> conversation_pb2.ConversationState:
    return conversation_pb2.ConversationState(conversation_id=conversation_id, head_seq=head, first_seq=first)


def push(*seqs: int) -> frame_pb2.ServerFrame:
    return frame_pb2.ServerFrame(entries=[entry(seq) for seq in seqs])


def answer(number: int, seq: int) -> frame_pb2.ServerFrame:
    result = frame_pb2.SendResult(conversation_id=DIRECT, client_message_id=number, seq=seq)
    return frame_pb2.ServerFrame(results=[result])


def refusal(number: int, code: Code, reason: str, retry_after_ms: int = 0) -> frame_pb2.ServerFrame:
    error = error_pb2.Error(code=code, reason=reason, retry_after_ms=retry_after_ms)
    return frame_pb2.ServerFrame(results=[frame_pb2.SendResult(client_message_id=number, error=error)])


def numbers(frames: list[frame_pb2.ClientFrame]) -> list[int]:
    return [wanted.client_message_id for frame in frames for wanted in frame.sends]
