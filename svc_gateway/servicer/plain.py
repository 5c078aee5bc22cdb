"""Frames of plain texts, and of heartbeats, told from all others at a fraction of what the rules of the contract cost.

Most frames hold texts and nothing else, and those of idle devices a heartbeat. Checking one send by the rules takes
13 µs, and this takes 2: the strings and numbers that a plain text has are looked at one by one, and the length of the
frame says that there is nothing else in it. Whoever passes here would pass there; whoever does not is judged there.
"""

import re
from functools import lru_cache
from typing import Final

from mesh import wire
from parley.gateway.v1.frame_pb2 import ClientFrame

CONVERSATION: Final = re.compile(r"u[0-9a-hjkmnp-tv-z]{15}(-u[0-9a-hjkmnp-tv-z]{15})?|g[0-9a-hjkmnp-tv-z]{15}")
MAX_NUMBER: Final = 2**63 - 1
MAX_SENDS: Final = 64
MAX_TEXT_BYTES: Final = 16_384
"""The limits of ClientFrame, Send and Text; a test holds them to the contract."""

DIGEST_LENGTH: Final = 1 + 8


def is_plain(frame: ClientFrame, encoded: bytes) -> bool:
    """Whether a frame has only plain texts within the limits, `taken`, `retry_number` and `unanswered`.

    `encoded` is the ConnectRequest that it came in: it has nothing beside the frame then.
    """
    sends = frame.sends
    if not 0 < len(sends) <= MAX_SENDS:
        return False
    length = _numbers_length(frame)
    for send in sends:
        text, number, conversation_id = send.content.post.body.text.text, send.client_message_id, send.conversation_id
        size = len(text) if text.isascii() else len(text.encode())
        if not (0 < size <= MAX_TEXT_BYTES and 0 < number <= MAX_NUMBER and CONVERSATION.fullmatch(conversation_id)):
            return False
        length += _send_length(size, number.bit_length(), len(conversation_id))
    return wire.field_length(length) == len(encoded)


def is_heartbeat(frame: ClientFrame, encoded: bytes) -> bool:
    """Whether a frame has a heartbeat, with or without `taken`, `retry_number` and `unanswered`, and nothing else.

    The contract sets no limits for these.
    """
    if not frame.HasField("heartbeat"):
        return False
    heartbeat = wire.field_length(DIGEST_LENGTH if frame.heartbeat.digest else 0)
    return wire.field_length(_numbers_length(frame) + heartbeat) == len(encoded)


def _numbers_length(frame: ClientFrame) -> int:
    return _number_length(frame.taken) + _number_length(frame.retry_number) + _number_length(frame.unanswered)


@lru_cache(maxsize=4_096)
def _send_length(text_bytes: int, number_bits: int, conversation_id_bytes: int) -> int:
    """How long a send is in its frame that is a plain text and nothing else."""
    length = text_bytes
    for _ in ("text", "body.text", "post.body", "content.post", "send.content"):
        length = wire.field_length(length)
    length += wire.field_length(conversation_id_bytes) + _number_length(1 << number_bits - 1)
    return wire.field_length(length)


def _number_length(number: int) -> int:
    """How long a field with a number is; one that is 0 is left out."""
    return 1 + wire.varint_length(number) if number else 0
