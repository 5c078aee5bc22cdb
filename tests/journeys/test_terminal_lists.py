"""That lists of the terminals say that they go on, and how to see the rest."""

import pytest

from parley_terminal.chat.command import UsageError
from tests.journeys.operating import OperatorTerminal
from tests.journeys.people import Device, People
from tests.journeys.test_terminal import Typist


async def test_an_operator_is_told_that_a_list_goes_on(
    people: People, operator: Device, terminal: OperatorTerminal
) -> None:
    """Beside the lines, not among them, and with what to type; nothing is said of a list that is whole."""
    ann, bob = await people.users("ann", "bob")
    chat = ann.chat_with(bob)
    await ann.say(chat, "one", "two", "three")
    for name in ("Zebra one", "Zebra two", "Zebra three"):
        await ann.client.groups.create(f"{name} {ann.user_id}", [bob.user_id])
    some = ("groups", "find", ann.user_id, "--limit")
    code, out, err = await terminal.typed(*some, "2")
    assert (code, out.count("\n"), err) == (0, 2, "there is more: --limit 4 lists twice as many\n")
    code, out, err = await terminal.typed(*some, "3")
    assert (code, out.count("\n"), err) == (0, 3, "")
    read = ("messages", "read", chat)
    _, out, err = await terminal.typed(*read, "#1", "--limit", "2", "--reason", "x")
    assert (out.count("\n"), err) == (2, f"it goes on: messages read {chat} #3\n")
    _, out, err = await terminal.typed(*read, "--limit", "2", "--reason", "x")
    assert ("three" in out, err) == (True, f"earlier: messages read {chat} #1\n")
    _, out, err = await terminal.typed(*read, "#3", "--reason", "x")
    assert (out.count("\n"), err) == (1, "")
    _, out, err = await terminal.typed("audit", "list", "--by", operator.username, "--limit", "1")
    assert (out.count("\n"), err) == (1, "there is more: --limit 2 lists twice as many\n")


async def test_a_user_is_told_that_a_list_goes_on(people: People) -> None:
    """Of chats, of what was shared, and of what a search found: what to type next shows the rest."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    chat = ann.chat_with(bob)
    await bob.say(chat, *(f"see https://example.org/{number:03}" for number in range(22)))
    await eve.say(ann.chat_with(eve), "hello")
    await ann.until_text(ann.chat_with(eve), "hello")
    typist = Typist(ann, chat)
    assert "there is more: /chats 2" in await typist.types("/chats 1")
    assert "there is more" not in await typist.types("/chats 2")
    newest, _, more = (await typist.types("/shared links")).rpartition("\nthere is more: ")
    assert "example.org/021" in newest
    assert more.startswith("/shared links #")
    older = await typist.types(more)
    assert "example.org/000" in older
    assert "example.org/021" not in older
    assert "there is more" not in older
    assert "there is more: search for more words at once" in await typist.types("/search example")
    assert "there is more" not in await typist.types("/search 021")
    with pytest.raises(UsageError):
        await typist.types("/chats many")
