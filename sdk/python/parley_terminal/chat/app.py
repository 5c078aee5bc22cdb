from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from prompt_toolkit import PromptSession
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory
from prompt_toolkit.patch_stdout import patch_stdout

from parley_sdk import ParleyError
from parley_terminal.chat import (
    assistant,
    behaviour,
    bots,
    devices,
    files,
    groups,
    messages,
    own,
    people,
    posts,
    privacy,
    uploads,
    usage,
)
from parley_terminal.chat.command import Command, UsageError, opened, run
from parley_terminal.chat.completion import CommandCompleter
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.incoming import Incoming
from parley_terminal.chat.screen import STYLE, Screen, printable
from parley_terminal.chat.sign_in import Home, ask_name, sign_in

_LIVE_CHARACTERS: Final = 1_000


async def chat(address: str, folder: Path) -> int:
    """Sign in and talk until the user leaves; return the exit code."""
    home, screen = Home(folder, address), Screen()
    try:
        await _visit(home, screen)
    except (EOFError, KeyboardInterrupt):
        return 0
    except ParleyError as error:
        screen.error(str(error))
        return 1
    return 0


async def _visit(home: Home, screen: Screen) -> None:
    username = home.last() or await ask_name(screen)
    async with home.client(username) as client:
        await sign_in(client, username, screen)
        home.remember(username)
        desk = Desk(client, screen)
        await _talk(desk, home)
        if desk.signed_out:
            home.forget()


async def _talk(desk: Desk, home: Home) -> None:
    with patch_stdout(raw=True):
        await _arrive(desk)
        reading = asyncio.create_task(Incoming(desk).run())
        try:
            await _read_lines(desk, _session(desk, home))
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def _arrive(desk: Desk) -> None:
    desk.screen.say(f"You are {desk.client.username}. /help lists the commands.")
    try:
        await people.watch_friends(desk)
        await messages.list_chats(desk)
    except ParleyError as error:
        desk.screen.error(f"the server does not answer: {error}")


async def _read_lines(desk: Desk, session: PromptSession[str]) -> None:
    while not desk.leaving:
        try:
            line = (await session.prompt_async()).strip()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        if line:
            await _obey(desk, line)


async def _obey(desk: Desk, line: str) -> None:
    try:
        if line.startswith("/"):
            await run(COMMANDS, desk, line)
        else:
            desk.client.send(opened(desk), line)
    except (UsageError, ParleyError) as error:
        desk.screen.error(str(error))


def _session(desk: Desk, home: Home) -> PromptSession[str]:
    session: PromptSession[str] = PromptSession(
        message=lambda: _before_input(desk),
        bottom_toolbar=lambda: _below_input(desk),
        completer=CommandCompleter(COMMANDS, desk.names),
        complete_while_typing=True,
        erase_when_done=True,
        history=FileHistory(str(home.history)),
        style=STYLE,
    )
    session.default_buffer.on_text_changed += lambda buffer: _typed(desk, buffer.text)
    desk.screen.redraw = session.app.invalidate
    return session


def _typed(desk: Desk, text: str) -> None:
    if desk.open_id and text and not text.startswith("/"):
        with suppress(ParleyError):
            desk.client.typing(desk.open_id)


def _before_input(desk: Desk) -> StyleAndTextTuples:
    """Show the answer that is being written, then the prompt."""
    live: StyleAndTextTuples = []
    piece = desk.chat(desk.open_id).reply if desk.open_id else None
    if piece is not None:
        text = printable(piece.text[-_LIVE_CHARACTERS:])
        live = [("class:other", f"{desk.names.user(piece.assistant_id)}: "), ("class:reply", f"{text}▌\n")]
    name = desk.names.conversation(desk.open_id) if desk.open_id else ""
    return [*live, ("class:prompt", f"{printable(name)} › ")]


def _below_input(desk: Desk) -> StyleAndTextTuples:
    """Show how far the newest own message came, who types, and what is new elsewhere."""
    parts = [] if desk.online else ["offline"]
    if desk.open_id:
        here = desk.chat(desk.open_id)
        typists = ", ".join(desk.names.user(user_id) for user_id in sorted(here.typists))
        parts += [f"#{here.last_own} {here.mark()}" if here.mark() else "", f"{typists} typing …" if typists else ""]
    parts += [f"{name}: {count} new" for name, count in desk.summary().items()]
    return [("", " " + printable("  ·  ".join(filter(None, parts))))]


async def _help(desk: Desk, _: list[str]) -> None:
    for command in COMMANDS.values():
        desk.screen.say(f"  {command.usage:<34} {command.summary}", "")
    desk.screen.say("  Anything else is sent to the open chat.", "")


ALL: Final[tuple[Command, ...]] = (
    *messages.COMMANDS,
    *assistant.COMMANDS,
    *behaviour.COMMANDS,
    *posts.COMMANDS,
    *people.COMMANDS,
    *devices.COMMANDS,
    *privacy.COMMANDS,
    *groups.COMMANDS,
    *files.COMMANDS,
    *uploads.COMMANDS,
    *own.COMMANDS,
    *bots.COMMANDS,
    *usage.COMMANDS,
    Command("help", "", "this list", _help),
)
COMMANDS: Final[dict[str, Command]] = {command.name: command for command in ALL}
