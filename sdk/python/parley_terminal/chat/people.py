"""Commands about people and one's own account."""

from __future__ import annotations

from typing import Final

from parley.gateway.v1 import frame_pb2
from parley.user.v1 import user_pb2
from parley_terminal.chat.command import Command, UsageError
from parley_terminal.chat.desk import Desk

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


async def _friends(desk: Desk, _: list[str]) -> None:
    friends = await desk.client.friends.list()
    for friend in friends:
        desk.names.know_user(friend.user)
        seen = _SEEN.get(desk.availability.get(friend.user_id, 0), "○")
        desk.screen.say(f"  {desk.names.user(friend.user_id)} ({friend.user.username})  {seen}", "")
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


async def _sessions(desk: Desk, _: list[str]) -> None:
    for session in await desk.client.users.sessions():
        here = "  (here)" if session.current else ""
        desk.screen.say(f"  {session.device.name or session.device_id}{here}", "")


async def _log_out(desk: Desk, _: list[str]) -> None:
    desk.leaving = desk.signed_out = True
    await desk.client.log_out()


async def _quit(desk: Desk, _: list[str]) -> None:
    desk.leaving = True


COMMANDS: Final = (
    Command("friends", "", "your friends and who asks to be one", _friends),
    Command("add", "NAME [greeting]", "ask somebody to be your friend", _add, 1),
    Command("accept", "NAME", "accept such a request", _accept, 1),
    Command("sessions", "", "where you are logged in", _sessions),
    Command("logout", "", "log out on this device and forget the session", _log_out),
    Command("quit", "", "leave; you stay logged in", _quit),
)
