"""Everything that a user has on the server, as files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TextIO

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from parley.conversation.v1 import conversation_pb2
from parley_sdk.client import Client
from parley_sdk.errors import Code, ParleyError

_ALL: Final = 100_000


async def export(client: Client, folder: Path) -> int:
    """Write one's own data into a folder, which is made; return how many conversations there are.

    `profile.json`, `sessions.json`, `friends.json`, `blocked.json`, `groups.json`, `quiet_hours.json`,
    `scheduled.json`, `privacy.json`, `media.json` (what is known of one's files; `Media.download` fetches them),
    `bots.json`, `reports.json`, `friend_requests.json`, `join_requests.json` and `conversations.json` hold the
    messages of the contract as JSON, the name of whose fields is that of the contract; `conversations/<id>.jsonl` has
    an entry a line, oldest first. Only the owner of the files may read them. Files of an earlier export are replaced.
    Raises ParleyError, and OSError when the folder cannot be written.
    """
    _make(folder)
    _make(folder / "conversations")
    _write(folder / "profile.json", _plain(await client.users.get()))
    _write(folder / "sessions.json", _all(await client.users.sessions()))
    _write(folder / "friends.json", _all(await client.friends.list()))
    _write(folder / "blocked.json", _all(await client.friends.blocked(limit=_ALL)))
    _write(folder / "groups.json", _all(await client.groups.mine()))
    _write(folder / "quiet_hours.json", _plain(await client.conversations.quiet_hours()))
    _write(folder / "scheduled.json", _all(await client.messages.scheduled()))
    await _wishes(client, folder)
    conversations = await _conversations(client)
    _write(folder / "conversations.json", _all(conversations))
    for one in conversations:
        await _entries(client, one.conversation_id, folder / "conversations" / f"{one.conversation_id}.jsonl")
    return len(conversations)


async def _wishes(client: Client, folder: Path) -> None:
    """What one set, made and asked for."""
    _write(folder / "privacy.json", _plain(await client.settings.privacy()))
    _write(folder / "media.json", _all(await client.media.list(limit=_ALL)))
    _write(folder / "bots.json", _all(await client.bots.mine()))
    _write(folder / "reports.json", _all(await client.reports.mine(limit=_ALL)))
    ways = [await client.friends.requests(outgoing=way, pending_only=False, limit=_ALL) for way in (False, True)]
    _write(folder / "friend_requests.json", _all([*ways[0], *ways[1]]))
    _write(folder / "join_requests.json", _all(await client.groups.join_requests(limit=_ALL)))


async def _conversations(client: Client) -> list[conversation_pb2.Conversation]:
    """All of them, the personal log too."""
    listed = [await client.conversations.list(archived=archived, limit=_ALL) for archived in (False, True)]
    found = [one for some in listed for one in some]
    try:
        found.append(await client.conversations.get(client.user_id))
    except ParleyError as error:
        if error.code is not Code.NOT_FOUND:
            raise
    return found


async def _entries(client: Client, conversation_id: str, path: Path) -> None:
    with _open(path) as lines:
        async for entry in client.conversations.export(conversation_id):
            lines.write(json.dumps(_plain(entry), ensure_ascii=False) + "\n")


def _make(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write(path: Path, content: object) -> None:
    with _open(path) as file:
        json.dump(content, file, ensure_ascii=False, indent=2)


def _open(path: Path) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _plain(message: Message) -> dict[str, object]:
    return MessageToDict(message, preserving_proto_field_name=True)


def _all(messages: Iterable[Message]) -> list[dict[str, object]]:
    return [_plain(message) for message in messages]
