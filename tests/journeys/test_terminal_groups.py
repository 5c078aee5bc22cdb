"""A group led from the terminal: what is typed, and what is shown."""

from prompt_toolkit.formatted_text import StyleAndTextTuples

from parley_terminal.chat.app import COMMANDS
from parley_terminal.chat.command import run
from parley_terminal.chat.desk import Desk
from parley_terminal.chat.screen import Screen
from tests.journeys.people import Device, People, unique


class Paper(Screen):
    """A screen that keeps what is shown on it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def _print(self, fragments: StyleAndTextTuples) -> None:
        self.lines.append("".join(fragment[1] for fragment in fragments))

    @property
    def last(self) -> str:
        """The newest line."""
        return self.lines[-1]


class Sitting:
    """A person in front of a terminal."""

    def __init__(self, device: Device) -> None:
        self.paper = Paper()
        self.desk = Desk(device.client, self.paper)

    async def types(self, *lines: str) -> str:
        """Type lines, and return the last one that is shown."""
        for line in lines:
            await run(COMMANDS, self.desk, line)
        return self.paper.last if self.paper.lines else ""


async def test_a_group_is_led_from_the_terminal(people: People) -> None:
    """Announcing, confirming, asking with an answer, approving, links, bans and rules work as they are typed."""
    ann, bob, eve = await people.users("ann", "bob", "eve")
    await people.befriend(ann, bob)
    owner, member, stranger = Sitting(ann), Sitting(bob), Sitting(eve)
    await owner.types(f'/group "Sea trip" {bob.username}')
    group = owner.desk.open_id
    member.desk.open_id = group

    await owner.types("/require Bring a coat")
    assert await member.types("/confirm") == "confirmed: Bring a coat"
    await owner.types("/confirmed")
    assert [line.strip() for line in owner.paper.lines[-2:]] == ["confirmed by: Bob", "not yet by: Ann"]

    await owner.types('/policy approval "Can you swim?"')
    assert "Can you swim?" in await stranger.types(f"/ask {group}")
    assert "an admin decides" in await stranger.types(f"/ask {group} like a fish")
    assert "like a fish" in await owner.types("/requests")
    await owner.types(f"/approve {eve.username}")
    stranger.desk.open_id = group
    assert await stranger.types("/find ev") == "  Eve"

    await owner.types(f"/ban {eve.username} too loud")
    assert "too loud" in await owner.types("/bans")
    await owner.types(f"/unban {eve.username}", "/policy invited")
    link = (await owner.types("/link 1")).strip()
    await stranger.types(f"/ask {link}")
    assert stranger.desk.open_id == group
    assert "used 1 of 1" in await owner.types("/links")

    await owner.types("/slow 60", f"/admin {bob.username}", f"/silence {eve.username} 5", f"/transfer {bob.username}")
    await member.types("/nick Captain", "/quiet on", '/dissolve "Sea trip"')
    shown = await ann.client.groups.get(group)
    assert shown.settings.slow_mode_seconds == 60
    assert shown.settings.mute_all
    assert shown.owner_id == bob.user_id


async def test_a_bot_is_made_from_the_terminal(people: People) -> None:
    """Making, listing, giving a token and ending work as they are typed; the token is shown once, the bot as a bot."""
    ann = await people.user("ann")
    owner = Sitting(ann)
    name = f"{unique('dice')}_bot"
    await owner.types(f"/bot {name} rolls dice")
    token = (await owner.types(f"/bottoken {name} read")).strip()
    assert token.startswith("pb_")
    shown = await owner.types("/bots")
    assert "read" in shown
    assert token[20:] not in shown
    [bot] = await ann.client.bots.mine()
    assert owner.desk.names.user(bot.user.user_id) == f"{name} (bot)"
    await owner.types(f"/botrevoke {name} {shown.split()[0]}", f"/botdelete {name}")
    assert "no bots yet" in await owner.types("/bots")


async def test_who_makes_a_bot_an_admin_is_told_that_it_reads_along(people: People) -> None:
    """The terminal says of a bot, and of nobody else, what an admin among them sees."""
    ann, bob = await people.users("ann", "bob")
    await people.befriend(ann, bob)
    bot = (await ann.client.bots.create(unique("clerk") + "_bot", "Clerk", "counts")).user
    owner = Sitting(ann)
    await owner.types(f"/group Lab {bob.username} {bot.username}")
    assert "reads all" not in await owner.types(f"/admin {bob.username}")
    assert await owner.types(f"/admin {bot.username}") == (
        f"{bot.username} is a bot: as an admin it reads all that is written here from now on"
    )
