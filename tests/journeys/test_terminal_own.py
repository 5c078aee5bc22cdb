"""The terminal's commands about what is one's own, and about time, typed by users of a mesh."""

from pathlib import Path

import pytest

from parley_terminal.chat.app import COMMANDS
from parley_terminal.chat.command import UsageError, run
from parley_terminal.chat.desk import Desk
from tests.journeys.people import Device, People
from tests.journeys.test_terminal_people import Page


class Typist:
    """A user of the terminal with one chat open."""

    def __init__(self, device: Device, chat: str) -> None:
        self.page = Page()
        self.desk = Desk(device.client, self.page)
        self.desk.open_id = self._chat = chat

    async def types(self, *lines: str) -> str:
        """Type lines into the chat; return what was shown."""
        self.page.lines.clear()
        for line in lines:
            self.desk.open_id = self._chat
            await run(COMMANDS, self.desk, line)
        return "\n".join(self.page.lines)


async def test_a_chat_is_arranged_from_the_terminal(people: People, tmp_path: Path) -> None:
    """Mute, pin, archive, mark, draft, remark, hide, delete, schedule, retention, quiet hours and export."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await bob.say(chat, "hello", "secret")
    typist = Typist(ann, chat)
    await typist.types("/mute 2h", "/pin-chat", "/unread", "/draft dear Bob", "/remark Bobby")
    assert "Bobby  2 new  (pinned, muted, unread, draft)" in await typist.types("/chats")
    assert "dear Bob" in await typist.types("/draft")
    await typist.types("/send-draft", "/unmute", "/unpin-chat", "/hide #2", "/archive")
    assert "Bobby" not in await typist.types("/chats")
    assert await typist.types("/archived")
    await typist.types("/unarchive", "/remark")
    kept = (await ann.client.conversations.get(chat)).settings
    assert (kept.muted_until_ms, kept.pinned, kept.archived, kept.draft, kept.remark) == (0, False, False, "", "")
    await bob.until_text(chat, "dear Bob")

    assert "/scheduled" in await typist.types("/later 2h see you")
    assert "see you" in await typist.types("/scheduled")
    await typist.types("/unschedule 1")
    assert not await typist.types("/scheduled")
    await typist.types("/vanish 1h psst", "/keep 30")
    assert (await bob.until_kind(chat, "retention")).content.retention.days == 30
    assert "quiet 22:00-07:00 Asia/Shanghai" in await typist.types("/quiet-hours 22:00-07:00 Asia/Shanghai")
    assert await typist.types("/quiet-hours off") == "not quiet"
    assert "are in" in await typist.types(f"/export {tmp_path / 'mine'}")
    exported = (tmp_path / "mine" / "conversations" / f"{chat}.jsonl").read_text()
    assert "hello" in exported
    assert "secret" not in exported
    await typist.types("/delete-chat")
    assert chat not in [one.conversation_id for one in await ann.client.conversations.list()]
    for wrong in ("/later soon hello", "/vanish 2w x", "/keep some", "/unschedule 9", "/quiet-hours 25"):
        with pytest.raises(UsageError):
            await typist.types(wrong)
