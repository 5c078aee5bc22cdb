"""Commands about people and one's own account."""

from __future__ import annotations

from typing import Final

from parley.friend.v1 import friend_pb2
from parley.gateway.v1 import frame_pb2
from parley.user.v1 import user_pb2
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.devices import last_seen

_SEEN: Final[dict[int, str]] = {frame_pb2.AVAILABILITY_ONLINE: "● online", frame_pb2.AVAILABILITY_AWAY: "◐ away"}
_MOST_WATCHED: Final = 200


async def person(desk: Desk, name: str) -> user_pb2.User:
    """Return the user called so. Raises UsageError when there is none."""
    user = await desk.names.user_called(name)
    if user is None:
        raise UsageError(f"nobody is called {name}")
    return user


async def watch_friends(desk: Desk) -> None:
    """Learn the friends' names and watch who is online."""
    friends = await desk.client.friends.list()
    for friend in friends:
        desk.names.know_user(friend.user)
    desk.client.watch_presence([friend.user_id for friend in friends][:_MOST_WATCHED])


def _shown(desk: Desk, friend: friend_pb2.Friend) -> str:
    """A friend in the list: names, labels, and whether they are there."""
    username = friend.user.username or "deleted"
    name = friend.remark or desk.names.user(friend.user_id)
    labels = f"  [{', '.join(friend.tags)}]" if friend.tags else ""
    if friend.ended_by_other:
        return f"  {name} ({username}){labels}  no friend any more"
    seen = desk.seen.get(friend.user_id)
    word = _SEEN.get(seen.availability if seen else 0, "○")
    since = f" last seen {last_seen(seen.last_seen_ms)}" if seen and seen.last_seen_ms else ""
    return f"  {'★ ' if friend.starred else ''}{name} ({username}){labels}  {word}{since}"


async def _friends(desk: Desk, words: list[str]) -> None:
    friends = await desk.client.friends.list(tag=" ".join(words))
    for friend in friends:
        desk.names.know_user(friend.user)
        desk.screen.say(_shown(desk, friend), "")
    for request in await desk.client.friends.requests():
        desk.names.know_user(request.user)
        desk.screen.say(f"  {request.user.username} asks to be your friend — /accept {request.user.username}", "")
    if not friends:
        desk.screen.say("no friends yet: /add NAME")


async def _add(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    await desk.client.friends.request(user.user_id, " ".join(words[1:]))


async def _accept(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    for request in await desk.client.friends.requests():
        if request.sender_id == user.user_id:
            await desk.client.friends.accept(request.friend_request_id)
            await watch_friends(desk)
            return
    raise UsageError(f"{words[0]} did not ask to be your friend")


async def _refuse(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    for request in await desk.client.friends.requests():
        if request.sender_id == user.user_id:
            return await desk.client.friends.refuse(request.friend_request_id)
    raise UsageError(f"{words[0]} did not ask to be your friend")


async def _cancel(desk: Desk, words: list[str]) -> None:
    user = await person(desk, words[0])
    for request in await desk.client.friends.requests(outgoing=True):
        if request.receiver_id == user.user_id:
            return await desk.client.friends.cancel(request.friend_request_id)
    raise UsageError(f"you did not ask {words[0]}")


async def _unfriend(desk: Desk, words: list[str]) -> None:
    await desk.client.friends.delete((await person(desk, words[0])).user_id)
    await watch_friends(desk)


async def _remark(desk: Desk, words: list[str]) -> None:
    await desk.client.friends.set_remark((await person(desk, words[0])).user_id, " ".join(words[1:]))


async def _tag(desk: Desk, words: list[str]) -> None:
    await desk.client.friends.set_tags((await person(desk, words[0])).user_id, words[1:])


async def _block(desk: Desk, words: list[str]) -> None:
    await desk.client.friends.block((await person(desk, words[0])).user_id)


async def _unblock(desk: Desk, words: list[str]) -> None:
    await desk.client.friends.unblock((await person(desk, words[0])).user_id)


async def _blocked(desk: Desk, _: list[str]) -> None:
    blocked = await desk.client.friends.blocked()
    for one in blocked:
        desk.screen.say(f"  {one.user.username or one.user_id}", "")
    if not blocked:
        desk.screen.say("you blocked nobody")


async def _log_out(desk: Desk, _: list[str]) -> None:
    desk.leaving = desk.signed_out = True
    await desk.client.log_out()


async def _quit(desk: Desk, _: list[str]) -> None:
    desk.leaving = True


COMMANDS: Final = (
    Command("friends", "[label]", "your friends and who asks to be one", _friends),
    Command("add", "NAME [greeting]", "ask somebody to be your friend", _add, 1),
    Command("accept", "NAME", "accept such a request", _accept, 1),
    Command("refuse", "NAME", "refuse such a request", _refuse, 1),
    Command("withdraw", "NAME", "take back your own request", _cancel, 1),
    Command("unfriend", "NAME", "end a friendship", _unfriend, 1),
    Command("alias", "NAME [text]", "give a friend a name of your own", _remark, 1),
    Command("tag", "NAME [labels]", "sort a friend under labels; /friends LABEL lists them", _tag, 1),
    Command("block", "NAME", "hear no more from somebody", _block, 1),
    Command("unblock", "NAME", "hear from them again", _unblock, 1),
    Command("blocked", "", "whom you blocked", _blocked),
    Command("logout", "", "log out on this device and forget the session", _log_out),
    Command("quit", "", "leave; you stay logged in", _quit),
)
