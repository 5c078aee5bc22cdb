"""Commands about the devices of one's own account."""

from __future__ import annotations

import time
from typing import Final

from parley.user.v1 import session_pb2
from parley_terminal.chat.command import Command, UsageError, number_of
from parley_terminal.chat.desk import Desk

_PLATFORMS: Final = {
    session_pb2.PLATFORM_IOS: "iOS",
    session_pb2.PLATFORM_ANDROID: "Android",
    session_pb2.PLATFORM_WEB: "browser",
    session_pb2.PLATFORM_MACOS: "macOS",
    session_pb2.PLATFORM_WINDOWS: "Windows",
    session_pb2.PLATFORM_LINUX: "Linux",
    session_pb2.PLATFORM_HEADLESS: "program",
}


def last_seen(at_ms: int) -> str:
    """When somebody or something was seen last, in words."""
    return time.strftime("%d.%m. %H:%M", time.localtime(at_ms / 1_000)) if at_ms else "not known"


def described(number: int, session: session_pb2.Session) -> str:
    """A line of the list."""
    name = session.device.name or session.device_id
    seen = "connected" if session.connected else f"last seen {last_seen(session.last_seen_at_ms)}"
    here = "  (here)" if session.current else ""
    return f"  #{number} {name} ({_PLATFORMS.get(session.device.platform, 'unknown')}), {seen}{here}"


async def _list(desk: Desk, _: list[str]) -> None:
    for number, session in enumerate(await desk.client.users.sessions(), 1):
        desk.screen.say(described(number, session), "")


async def _named(desk: Desk, number: int) -> session_pb2.Session:
    sessions = await desk.client.users.sessions()
    if not 1 <= number <= len(sessions):
        raise UsageError("no such device; /devices numbers them")
    return sessions[number - 1]


async def _rename(desk: Desk, words: list[str]) -> None:
    number, rest = number_of(words)
    if not rest:
        raise UsageError("type /name-device [#number] name")
    session_id = (await _named(desk, number)).session_id if number else ""
    await desk.client.users.rename_device(" ".join(rest), session_id)


async def _log_out(desk: Desk, words: list[str]) -> None:
    session = await _named(desk, number_of(words)[0])
    if session.current:
        raise UsageError("that is this device: /logout")
    await desk.client.users.revoke_session(session.session_id)


async def _log_out_others(desk: Desk, _: list[str]) -> None:
    desk.screen.say(f"logged out on {await desk.client.users.revoke_other_sessions()} other devices")


COMMANDS: Final = (
    Command("devices", "", "where you are logged in", _list),
    Command("name-device", "[#number] name", "give a device another name", _rename, 1),
    Command("kick-device", "#number", "log out on another device", _log_out, 1),
    Command("kick-others", "", "log out on all other devices", _log_out_others),
)
