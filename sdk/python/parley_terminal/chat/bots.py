"""Commands about one's own bots."""

from __future__ import annotations

from typing import Final

from parley.access.v1 import access_pb2
from parley.bot.v1 import bot_pb2
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk

_SCOPES: Final = {
    "read": access_pb2.SCOPE_READ,
    "write": access_pb2.SCOPE_WRITE,
    "manage": access_pb2.SCOPE_MANAGE_GROUPS,
}
_WORDS: Final = {scope: word for word, scope in _SCOPES.items()}


async def _make(desk: Desk, words: list[str]) -> None:
    bot = await desk.client.bots.create(words[0], words[0], " ".join(words[1:]))
    desk.names.know_user(bot.user)
    desk.screen.say(f"{bot.user.username} is your bot now — /bottoken {bot.user.username} makes a token for it")


async def _list(desk: Desk, _: list[str]) -> None:
    bots = await desk.client.bots.mine()
    for bot in bots:
        desk.screen.say(f"  {bot.user.username}  {bot.user.profile.bio}", "")
        for token in await desk.client.bots.tokens(bot.user.user_id):
            allowed = ", ".join(_WORDS.get(scope, "?") for scope in token.scopes)
            desk.screen.say(f"    {token.token_id}  {allowed}  {token.name}", "")
    if not bots:
        desk.screen.say("no bots yet: /bot USERNAME (it has to end in bot)")


async def _token(desk: Desk, words: list[str]) -> None:
    wanted = words[1:] or ["read", "write"]
    if not set(wanted) <= _SCOPES.keys():
        raise UsageError(f"type /bottoken BOT {' '.join(f'[{word}]' for word in _SCOPES)}")
    bot = await _own(desk, words[0])
    made = await desk.client.bots.create_token(bot.user.user_id, [_SCOPES[word] for word in wanted], "terminal")
    desk.screen.say("this is shown once; whoever has it is the bot:")
    desk.screen.say(f"  {made.token}", "")


async def _revoke(desk: Desk, words: list[str]) -> None:
    await desk.client.bots.revoke_token((await _own(desk, words[0])).user.user_id, words[1])


async def _delete(desk: Desk, words: list[str]) -> None:
    await desk.client.bots.delete((await _own(desk, words[0])).user.user_id)


async def _own(desk: Desk, name: str) -> bot_pb2.Bot:
    for bot in await desk.client.bots.mine():
        if bot.user.username == name.lower():
            return bot
    raise UsageError(f"you have no bot called {name}; /bots lists them")


COMMANDS: Final = (
    Command("bot", "USERNAME [what it does]", "make a bot", _make, 1),
    Command("bots", "", "your bots and their tokens", _list),
    Command("bottoken", "BOT [read] [write] [manage]", "make a token, with which a program is the bot", _token, 1),
    Command("botrevoke", "BOT TOKEN_ID", "revoke a token", _revoke, 2),
    Command("botdelete", "BOT", "end a bot", _delete, 1),
)
