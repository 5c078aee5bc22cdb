"""Commands about what one has uploaded."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from parley.media.v1 import media_pb2
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.pages import tell_more

_PAGE: Final = 50
_KINDS: Final = {
    "images": media_pb2.MEDIA_KIND_IMAGE,
    "videos": media_pb2.MEDIA_KIND_VIDEO,
    "recordings": media_pb2.MEDIA_KIND_AUDIO,
    "files": media_pb2.MEDIA_KIND_FILE,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB")
_STEP: Final = 1_024


async def _uploads(desk: Desk, words: list[str]) -> None:
    *kinds, most = words if words and words[-1].isdecimal() else [*words, str(_PAGE)]
    if not set(kinds) <= set(_KINDS):
        raise UsageError(f"type /uploads [COUNT], or with one of: {', '.join(_KINDS)}")
    found = await desk.client.media.list(kinds=[_KINDS[word] for word in kinds[:1]], limit=int(most))
    for one in reversed(found):
        name = one.file_name or f"({_NAMES.get(one.kind, 'file').removesuffix('s')})"
        desk.screen.say(f"  {one.media_id}  {_when(one.created_at_ms)}  {size_of(one.size_bytes):>10}  {name}", "")
    tell_more(desk, found, f"/uploads {' '.join([*kinds, str(2 * int(most))])}")
    if not found:
        desk.screen.say("you have uploaded nothing of that")


async def _usage(desk: Desk, _: list[str]) -> None:
    room = await desk.client.media.quota()
    desk.screen.say(f"{size_of(room.used_bytes)} of {size_of(room.limit_bytes)} are used", "")
    for one in room.usage:
        desk.screen.say(f"  {one.files} {_NAMES.get(one.kind, 'files')}, {size_of(one.size_bytes)}", "")
    if room.upload_ids:
        desk.screen.say(f"  {len(room.upload_ids)} uploads under way", "")


async def _delete(desk: Desk, words: list[str]) -> None:
    for media_id in words:
        await desk.client.media.delete(media_id)
    desk.screen.say("deleted: whoever was sent it sees that it is gone")


def size_of(count: int) -> str:
    """Return a number of bytes for people: in the largest unit of which there is a whole one."""
    power = next(power for power in (3, 2, 1, 0) if count >= _STEP**power or not power)
    return f"{count / _STEP**power:.1f} {_UNITS[power]}" if power else f"{count} {_UNITS[0]}"


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000).astimezone().strftime("%Y-%m-%d %H:%M")


COMMANDS: Final = (
    Command("uploads", "[images|videos|recordings|files] [COUNT]", "what you have uploaded", _uploads),
    Command("usage", "", "how much of your room is used, and by what", _usage),
    Command("delete-upload", "ID…", "delete uploads for good, for everyone", _delete, 1),
)
