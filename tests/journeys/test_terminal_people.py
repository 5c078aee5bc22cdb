"""The terminal's commands about people, privacy and devices, typed by a user of a mesh."""

from parley.user.v1 import user_pb2
from parley_sdk import SignedOut
from parley_terminal.chat.app import COMMANDS
from parley_terminal.chat.command import run
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.screen import Screen
from tests.journeys.people import Device, People


class Page(Screen):
    """A screen that keeps what it was told to show."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def say(self, text: str, style: str = "hint") -> None:
        """Keep a line."""
        self.lines.append(text)


async def typed(device: Device, *lines: str) -> str:
    """Type lines as the user of the device; return what was shown."""
    page = Page()
    for line in lines:
        await run(COMMANDS, Desk(device.client, page), line)
    return "\n".join(page.lines)


async def test_friends_are_sorted_and_let_go(people: People) -> None:
    """Ask, accept, remark, tag, list by tag, block, unblock and end, all by their names."""
    ann, bob = await people.users("ann", "bob")
    await typed(ann, f"/add {bob.username} hello", f"/withdraw {bob.username}", f"/add {bob.username} hello again")
    await typed(bob, f"/accept {ann.username}")
    shown = await typed(ann, f"/alias {bob.username} Robert", f"/tag {bob.username} work", "/friends work")
    assert "Robert" in shown
    assert "[work]" in shown
    assert bob.username in await typed(ann, f"/block {bob.username}", "/blocked")
    await typed(ann, f"/unblock {bob.username}", f"/unfriend {bob.username}", "/friends")
    assert await bob.client.friends.list() == []


async def test_status_privacy_and_devices_are_changed_by_typing(people: People) -> None:
    """What is typed on one device is kept for all, and a device that was named is logged out by its number."""
    ann = await people.user("ann")
    tablet = await people.another(ann)
    await typed(ann, "/status invisible", "/privacy find nobody", "/privacy hide-push yes", "/privacy")
    settings = await tablet.client.settings.privacy()
    assert (settings.seen_as, settings.find_me) == (user_pb2.SEEN_AS_OFFLINE, user_pb2.AUDIENCE_NOBODY)
    assert settings.hide_push_content
    await typed(tablet, "/name-device Kitchen")
    names = [one.device.name for one in await ann.client.users.sessions()]
    assert "Kitchen" in await typed(ann, "/devices", f"/kick-device #{names.index('Kitchen') + 1}")
    await tablet.until(lambda: [one.why for one in tablet.of(SignedOut)] == ["REVOKED"], "that it was kicked")
