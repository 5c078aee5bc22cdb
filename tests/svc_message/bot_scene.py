"""A group with a bot in which anything may be written, and what the bot must be shown of it: counted by hand."""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from parley.message.v1.entry_pb2 import Content, Entry, Pin
from parley.message.v1.message_service_pb2 import Send
from tests.svc_message import groups
from tests.svc_message.device import Device, edit, new_device, post, reaction, recall, send
from tests.svc_message.world import World

NEVER = 2**63


@dataclass(frozen=True)
class Written:
    """An entry as whoever wrote it knows it; a change has the post that it is about."""

    kind: str
    sender: str
    about: int = 0
    addressed: bool = False
    mentioned: bool = False
    copies: bool = False
    recalled: bool = False


@dataclass
class Scene:
    """Ann owns the group, Bob is in it, and so is a bot, which is an admin at times."""

    world: World
    chance: random.Random
    ann: Device
    bob: Device
    bot: Device
    group: str
    opened: int = NEVER
    log: dict[int, Written] = field(default_factory=dict)
    pinned: list[int] = field(default_factory=list)
    live: dict[int, str] = field(default_factory=dict)
    """What the bot was shown of each entry of others when it was written."""

    def view(self, seq: int) -> str:
        """What the bot is to be shown of an entry: `whole`, `bare` without a copy, or `hidden`."""
        one = self.log[seq]
        if one.kind in {"membership", "recall", "tombstone"} or one.sender == self.bot.user_id:
            return "whole"
        if one.kind != "post":
            return "whole" if self.shows(one.about) else "hidden"
        if not self.shows(seq):
            return "hidden"
        return "bare" if one.copies and not self.shows(one.about) else "whole"

    def shows(self, seq: int) -> bool:
        """Whether the bot is shown this post."""
        one = self.log[seq]
        if one.sender == self.bot.user_id:
            return True
        return one.kind == "post" and (one.addressed or seq >= self.opened)

    @property
    def posts(self) -> list[int]:
        """Posts that were not recalled."""
        return [seq for seq, one in self.log.items() if one.kind == "post"]

    async def step(self) -> None:
        """Somebody does something."""
        await self.chance.choice(
            [self.write, self.write, self.answer, self.answer, self.change, self.recall, self.turn]
        )()

    async def write(self) -> None:
        """A post to nobody, to the bot, to all, a command, or one of the bot's own."""
        by = self.chance.choice([self.ann, self.bob, self.ann, self.bot])
        number = len(self.log)
        how = self.chance.choice(["nobody", "nobody", "bot", "all", "command"])
        fields: dict[str, Any] = {}
        if how == "bot":
            fields["mentioned_user_ids"] = [self.bot.user_id]
        if how == "all" and by is self.ann:
            fields["mentions_all"] = True
        text = f"{'/' if how == 'command' else ''}apple {number}"
        await self._post(by, post(self.group, text, **fields), mentioned=bool(fields), command=how == "command")

    async def answer(self) -> None:
        """An answer to any post, with or without a copy of it, which may be a command too."""
        if not self.posts:
            return
        by, target = self.chance.choice([self.ann, self.bob]), self.chance.choice(self.posts)
        command, copies = self.chance.random() < 0.6, self.chance.random() < 0.8
        text = f"{'/' if command else ''}apple {len(self.log)}"
        fields: dict[str, Any] = {"reply_to_seq": target, "reply_preview": f"copy {target}" if copies else ""}
        await self._post(by, post(self.group, text, **fields), about=target, command=command, copies=copies)

    async def change(self) -> None:
        """An edit, a reaction or a pin."""
        if not self.posts:
            return
        target = self.chance.choice(self.posts)
        kind = self.chance.choice(["edit", "reaction", "pin"])
        sender = next(one for one in (self.ann, self.bob, self.bot) if one.user_id == self.log[target].sender)
        by = sender if kind == "edit" else self.ann if kind == "pin" else self.chance.choice([self.ann, self.bob])
        if kind == "pin":
            self.pinned = [target, *(seq for seq in self.pinned if seq != target)]
        made = {
            "edit": edit(self.group, target, f"/apple {len(self.log)}"),
            "reaction": reaction(self.group, target, self.chance.choice(["+1", "-1", "ok"])),
            "pin": send(self.group, Content(pin=Pin(target_seq=target))),
        }[kind]
        [seq] = await by.seqs(made)
        await self._note(seq, Written(kind, by.user_id, target))

    async def recall(self) -> None:
        """A recall by the owner, who may take back any post."""
        if not self.posts or self.chance.random() < 0.5:
            return
        target = self.chance.choice(self.posts)
        [seq] = await self.ann.seqs(recall(self.group, target))
        for gone, one in self.log.items():
            if gone == target or (one.kind == "edit" and one.about == target):
                self.log[gone] = replace(one, kind="tombstone")
        await self._note(seq, Written("recall", self.ann.user_id, target))

    async def turn(self) -> None:
        """The bot becomes an admin, or is one no more."""
        promoted = self.opened == NEVER
        if promoted and self.chance.random() < 0.5:
            return
        role = groups.ADMIN if promoted else groups.MEMBER
        seq = await groups.update(self.world, self.group, self.bot, role, bot=True)
        self.opened = seq if promoted else NEVER
        await self._note(seq, Written("membership", ""))

    async def _post(
        self,
        by: Device,
        made: Send,
        *,
        about: int = 0,
        mentioned: bool = False,
        command: bool = False,
        copies: bool = False,
    ) -> None:
        [seq] = await by.seqs(made)
        to_bot = bool(about) and self.log[about].sender == self.bot.user_id
        addressed = mentioned or command or to_bot
        await self._note(seq, Written("post", by.user_id, about, addressed, mentioned, copies))

    async def end(self) -> None:
        """The last word, which is not for the bot."""
        if self.opened != NEVER:
            await self.turn()
        await self._post(self.ann, post(self.group, "apple at last"))

    async def leave(self) -> None:
        """All go offline."""
        for one in (self.ann, self.bob, self.bot):
            await one.leave()

    async def _note(self, seq: int, written: Written) -> None:
        """Write it down, and wait until the bot has it: what it is shown now may be another thing a step later."""
        self.log[seq] = written
        if written.sender != self.bot.user_id:
            came = await self.bot.entry(self.group, seq)
            self.live[seq] = self.view(seq)
            assert shown(came, copies=written.copies) == self.live[seq], (seq, written)


async def begin(world: World, seed: int) -> Scene:
    """The scene at its beginning."""
    ann, bob, bot = [await new_device(world).connect() for _ in range(3)]
    await bot.resume()  # from the first look on the node remembers what it writes
    group = await groups.make(world, ann, bob, bots=[bot])
    scene = Scene(world, random.Random(seed), ann, bob, bot, group)
    await scene.bot.entry(group, 1)
    scene.log[1] = Written("membership", "")
    return scene


def shown(entry: Entry, *, copies: bool) -> str:
    """How much of an entry is there, as `Scene.view` names it; `copies`: it was written with a copy."""
    if entry.content.HasField("hidden"):
        return "hidden" if entry == _placeholder(entry) else "a placeholder that says too much"
    return "bare" if copies and entry.content.HasField("post") and not entry.content.post.reply_preview else "whole"


def _placeholder(entry: Entry) -> Entry:
    """A placeholder as it has to be."""
    made = Entry(conversation_id=entry.conversation_id, seq=entry.seq)
    made.content.hidden.SetInParent()
    return made
