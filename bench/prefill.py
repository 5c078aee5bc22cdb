"""A message store that has been in use for long: entries are put into the file before a server opens it.

They go through the adapter of the message service itself, in large batches, so the file is what years of traffic
leave: the same tables, the same indexes.
"""

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from bench.places import conversation_of
from bench.progress import Progress
from mesh.infrastructure.sqlite import Database
from parley.message.v1.body_pb2 import Body, Text
from parley.message.v1.entry_pb2 import Content, Entry, Post
from svc_message.domain.conversation import ConversationId, DeviceId, Seq, UserId
from svc_message.domain.entry import Draft, EntryKind, Row
from svc_message.domain.ports import EntryHead
from svc_message.infrastructure.entries import ProtobufCodec
from svc_message.infrastructure.sqlite import SCHEMA, SqliteLog

TO_A_CONVERSATION: Final = 100
"""Entries of one conversation."""

BATCH: Final = 20_000
FIRST_NUMBER: Final = 1 << 60
BEGAN_MS: Final = 1_700_000_000_000
ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


async def prefill(data: Path, already: int, entries: int, characters: int, progress: Progress) -> None:
    """Bring the message store of a data folder from `already` entries to `entries`; no server may run on it."""
    async with Database(data / "message.db", SCHEMA) as database:
        log, rows, done = SqliteLog(database), _rows(already, entries, characters), already
        batch = list(islice(rows, BATCH))
        while batch:
            # The next batch is made while this one is written.
            writing = asyncio.create_task(log.append(batch))
            await asyncio.sleep(0)
            batch, length = list(islice(rows, BATCH)), len(batch)
            await writing
            done += length
            progress.show("filling the store", f"{done:,}/{entries:,}")


def _rows(first: int, end: int, characters: int) -> Iterator[Row]:
    """Two users of each conversation write in turn."""
    codec = ProtobufCodec()
    content = Entry(content=Content(post=Post(body=Body(text=Text(text="x" * characters))))).SerializeToString()
    for index in range(first, end):
        number, place = divmod(index, TO_A_CONVERSATION)
        users = _user(2 * number), _user(2 * number + 1)
        conversation_id, sender_id = conversation_of(*users), users[place % 2]
        head = EntryHead(conversation_id, place + 1, sender_id, BEGAN_MS + index, FIRST_NUMBER + index)
        draft = Draft(
            conversation_id=ConversationId(conversation_id),
            sender_id=UserId(sender_id),
            device_id=DeviceId("d" + sender_id[1:]),
            client_message_id=head.client_message_id,
            kind=EntryKind.POST,
            content=content,
        )
        yield Row(draft, Seq(head.seq), head.sent_at_ms, codec.entry(head, content))


def _user(number: int) -> str:
    """Return the id of a user who never logs in."""
    digits = ""
    while number:
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return f"u{digits.rjust(15, '0')}"
