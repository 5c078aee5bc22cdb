"""Who sits in front of the terminal."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession

from parley.user.v1 import session_pb2
from parley_sdk import Client, Limits, ParleyError
from parley_terminal.chat.screen import Screen

BACKLOG: Final = 100
_LAST: Final = "last"


class Home:
    """The folder with a state file for each user who logged in here. Only its owner can read it."""

    def __init__(self, path: Path, address: str) -> None:
        self._path = path
        self._address = address
        # What is written here is for its owner only: what was typed, and who is logged in.
        os.umask(0o077)
        path.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def history(self) -> Path:
        """What was typed."""
        return self._path / "history"

    def last(self) -> str:
        """Return who was logged in here last; empty when nobody was."""
        last = self._path / _LAST
        return last.read_text().strip() if last.exists() else ""

    def remember(self, username: str) -> None:
        """Note who is logged in."""
        (self._path / _LAST).write_text(username)

    def forget(self) -> None:
        """Note that nobody is."""
        (self._path / _LAST).unlink(missing_ok=True)

    def client(self, username: str) -> Client:
        """Return the client of a user on this device."""
        device = session_pb2.Device(platform=_platform(), name=f"terminal on {platform.node()}"[:64])
        state = self._path / f"{username}@{self._address.replace(':', '_')}.db"
        return Client(self._address, state=state, device=device, limits=Limits(backlog=BACKLOG))


async def ask_name(screen: Screen) -> str:
    """Ask for a username; raises EOFError when the user leaves."""
    screen.say("Welcome to Parley. Your username (3 to 32 of a-z, 0-9, dot, underscore):")
    while True:
        name = (await PromptSession[str]().prompt_async("username › ")).strip().lower()
        if name and "/" not in name:
            return name
        screen.error("a username has no slash and is not empty")


async def sign_in(client: Client, username: str, screen: Screen) -> None:
    """Go on with the session that is kept, log in, or register. Raises EOFError when the user leaves."""
    while not await client.resume():
        password = await PromptSession[str]().prompt_async("password › ", is_password=True)
        try:
            await client.log_in(username, password)
        except ParleyError as error:
            if error.reason == "BAD_CREDENTIALS" and await _wants_account(username):
                await _register(client, username, password, screen)
            else:
                screen.error(str(error))


async def _wants_account(username: str) -> bool:
    question = f"No account “{username}” has this password. Make a new account with both? [y/N] "
    return (await PromptSession[str]().prompt_async(question)).strip().lower().startswith("y")


async def _register(client: Client, username: str, password: str, screen: Screen) -> None:
    shown = (await PromptSession[str]().prompt_async(f"name to show [{username}] › ")).strip() or username
    try:
        await client.register(username, password, shown)
        await client.log_in(username, password)
    except ParleyError as error:
        screen.error(str(error))


def _platform() -> session_pb2.Platform.ValueType:
    systems = {"Darwin": session_pb2.PLATFORM_MACOS, "Windows": session_pb2.PLATFORM_WINDOWS}
    return systems.get(platform.system(), session_pb2.PLATFORM_LINUX)
