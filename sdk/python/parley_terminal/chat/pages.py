"""Prints pages of history as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from parley.message.v1 import entry_pb2
from parley_sdk import EntryReceived, Shown, more_behind
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.incoming import show
from parley_terminal.names import ids_in


async def show_all(desk: Desk, page: Iterable[Shown], place: str = "") -> None:
    """Print entries in their order, posts with their newest text and their reactions."""
    for shown in page:
        await desk.names.learn(ids_in(shown.entry))
        event = EntryReceived(_as_now(shown), own=shown.entry.sender_id == desk.client.user_id)
        show(desk, event, place=place)
        if marks := _marks(shown):
            desk.screen.say(f"      {marks}", "")


def tell_more(desk: Desk, found: Sequence[object], how: str) -> None:
    """Say that a list goes on behind what was printed, and how to see that."""
    if more_behind(found):
        desk.screen.say(f"there is more: {how}")


def _as_now(shown: Shown) -> entry_pb2.Entry:
    """The entry with its newest body."""
    if shown.edit is None:
        return shown.entry
    now = entry_pb2.Entry()
    now.CopyFrom(shown.entry)
    now.content.post.body.CopyFrom(shown.body)
    return now


def _marks(shown: Shown) -> str:
    """What stands below a post."""
    counts = [f"{one.name} {one.count}{' (you too)' if one.mine else ''}" for one in shown.reactions]
    return "  ".join([*(["edited"] if shown.edit is not None else []), *counts])
