"""The terminal messenger's commands about messages, typed to a mesh."""

from prompt_toolkit.formatted_text import StyleAndTextTuples

from parley_terminal.chat.app import COMMANDS
from parley_terminal.chat.command import run
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.screen import Screen
from tests.journeys.people import Device, People


class Paper(Screen):
    """A screen that keeps what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def _print(self, fragments: StyleAndTextTuples) -> None:
        self.lines.append("".join(fragment[1] for fragment in fragments))


class Typist:
    """A person at a terminal."""

    def __init__(self, device: Device, chat: str) -> None:
        self.paper = Paper()
        self._desk = Desk(device.client, self.paper)
        self._desk.open_id = chat

    async def types(self, line: str) -> str:
        """Type a line, and return what is shown for it."""
        begun = len(self.paper.lines)
        await run(COMMANDS, self._desk, line)
        return "\n".join(self.paper.lines[begun:])


async def test_commands_about_messages(people: People) -> None:
    """React, pin, answer, quote, pass on, search and jump: what is typed happens, and what is shown is true."""
    ann, bob, carol = await people.users("ann", "bob", "carol")
    chat, other = ann.chat_with(bob), ann.chat_with(carol)
    await people.befriend(ann, bob)
    await bob.say(chat, "where is the station?", "北京 has three")
    await ann.until_text(chat, "北京 has three")
    typist = Typist(ann, chat)
    await typist.types("/react #1 👍")
    await typist.types("/react #1 🎉")
    await typist.types("/react #1 -🎉")
    assert "👍 Ann" in await typist.types("/reactions #1")
    await typist.types("/pin #2")
    assert "北京 has three" in await typist.types("/pins")
    await typist.types("/unpin #2")
    assert "nothing is pinned" in await typist.types("/pins")
    await typist.types("/reply #1 in the sooth")
    await bob.until_text(chat, "in the sooth")
    own = bob.seqs(chat)[-1]
    await typist.types(f"/edit #{own} in the south")
    assert "in the sooth" in await typist.types(f"/edits #{own}")
    await typist.types(f"/quote #{own} near the park")
    await bob.until_text(chat, "near the park")
    assert bob.shown[chat][-1].content.post.reply_preview == "in the south"
    page = await typist.types("/history 20")
    assert "👍 1 (you too)" in page
    assert "in the south" in page
    assert "(to #1) in the south" in await typist.types("/search here south")
    assert "station" in await typist.types("/search stat")
    assert "nothing was found" in await typist.types("/search nowhere")
    assert "where is the station?" in await typist.types("/jump 2020-01-01")
    assert "near the park" in await typist.types(f"/jump #{own}")
    assert "no links here" in await typist.types("/shared links")
    await typist.types(f"/forward #1 {carol.username}")
    await typist.types(f"/bundle #1 #{own} {carol.username}")
    await carol.until(lambda: [one for one in carol.shown[other] if one.content.post.body.bundle.items], "a bundle")
    assert carol.texts(other)[0] == "where is the station?"
    assert "Bob: connected" in await typist.types(f"/delivery #{own}")
    await bob.client.mark_read(chat, own)
    await until_read(typist, own, "Bob")


async def until_read(typist: Typist, seq: int, name: str) -> None:
    """Ask until the name is among the readers."""
    for _ in range(200):
        if name in await typist.types(f"/who #{seq}"):
            return
    raise AssertionError("nobody has read it")
