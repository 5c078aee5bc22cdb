"""Completes commands, and names after those that take them."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from parley_terminal.chat.command import Command
from parley_terminal.names import Names


class CommandCompleter(Completer):
    """Knows the commands and whoever was met."""

    def __init__(self, commands: dict[str, Command], names: Names) -> None:
        self._commands = commands
        self._names = names

    def get_completions(self, document: Document, _: CompleteEvent) -> Iterable[Completion]:
        """Return what the word before the cursor may become."""
        line = document.text_before_cursor
        if not line.startswith("/"):
            return
        name, space, rest = line[1:].partition(" ")
        if not space:
            yield from self._names_of_commands(name)
        elif (command := self._commands.get(name)) is not None and command.takes_names:
            yield from self._people(rest)

    def _names_of_commands(self, begun: str) -> Iterable[Completion]:
        for command in self._commands.values():
            if command.name.startswith(begun):
                yield Completion(f"/{command.name}", -len(begun) - 1, display_meta=command.summary)

    def _people(self, rest: str) -> Iterable[Completion]:
        begun = rest.rpartition(" ")[2].lstrip('"')
        typed = len(rest.rpartition(" ")[2])
        for name in self._names.typable():
            if name.casefold().startswith(begun.casefold()):
                yield Completion(f'"{name}"' if " " in name else name, -typed, display=name)
