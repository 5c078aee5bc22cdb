"""Commands: what is typed after a slash."""

from __future__ import annotations

import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from parley_terminal.chat.desk import Desk


class UsageError(Exception):
    """What was typed makes no sense; says what would."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    name: str
    arguments: str
    """How its arguments look, for people. A capital NAME is completed with names."""
    summary: str
    act: Callable[[Desk, list[str]], Awaitable[None]]
    least: int = 0
    """How many words it needs."""

    @property
    def usage(self) -> str:
        """How to type it."""
        return f"/{self.name} {self.arguments}".rstrip()

    @property
    def takes_names(self) -> bool:
        """Its arguments are names."""
        return "NAME" in self.arguments


def split(line: str) -> tuple[str, list[str]]:
    """Return the name and the words of a line that begins with a slash. Quotes hold words together."""
    name, _, rest = line[1:].partition(" ")
    try:
        return name, shlex.split(rest)
    except ValueError:
        # A single apostrophe is more likely part of a text than of a name.
        return name, rest.split()


async def run(commands: dict[str, Command], desk: Desk, line: str) -> None:
    """Do what a line says. Raises UsageError and ParleyError."""
    name, words = split(line)
    command = commands.get(name)
    if command is None:
        raise UsageError(f"there is no /{name}; /help lists what there is")
    if len(words) < command.least:
        raise UsageError(f"type {command.usage}")
    await command.act(desk, words)


def number_of(words: list[str]) -> tuple[int, list[str]]:
    """Take a leading `#12` off; 0 when there is none."""
    if words and words[0].startswith("#") and words[0][1:].isdigit():
        return int(words[0][1:]), words[1:]
    return 0, words


def opened(desk: Desk) -> str:
    """Return the open conversation. Raises UsageError when there is none."""
    if not desk.open_id:
        raise UsageError("open a chat first: /chat NAME")
    return desk.open_id
