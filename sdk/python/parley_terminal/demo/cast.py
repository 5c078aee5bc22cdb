"""Who plays: Ann with a phone and a laptop, Bob with a phone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from parley_sdk import direct_id
from parley_terminal.demo.device import Device
from parley_terminal.demo.stage import Stage


@dataclass(slots=True)
class Cast:
    """The devices, and what the story found out on its way."""

    phone: Device
    laptop: Device
    bob: Device
    stage: Stage
    ann_id: str = ""
    bob_id: str = ""
    bob_name: str = ""
    assistant_id: str = ""
    group_id: str = ""
    texts: dict[str, int] = field(default_factory=dict)
    """Seqs of what the story remembers, by a name of its own."""

    @property
    def chat(self) -> str:
        """The direct chat of Ann and Bob."""
        return direct_id(self.ann_id, self.bob_id)

    @property
    def assistant_chat(self) -> str:
        """Ann's chat with the assistant."""
        return direct_id(self.ann_id, self.assistant_id)

    @property
    def devices(self) -> tuple[Device, Device, Device]:
        """All three."""
        return (self.phone, self.laptop, self.bob)

    async def all_see(self, conversation_id: str, seq: int) -> None:
        """Wait until all three devices have an entry."""
        await asyncio.gather(*(device.sees_entry(conversation_id, seq) for device in self.devices))


@asynccontextmanager
async def casting(address: str, folder: Path, stage: Stage) -> AsyncIterator[Cast]:
    """Open the three devices."""
    async with AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(Device(title, address, folder / f"{index}.db", stage))
            for index, title in enumerate(("Ann's phone", "Ann's laptop", "Bob's phone"))
        ]
        yield Cast(devices[0], devices[1], devices[2], stage)


async def arrive(cast: Cast) -> None:
    """Two accounts, three log-ins."""
    cast.stage.act("Ann and Bob register; Ann logs in on two devices")
    run, password = secrets.token_hex(3), "correct horse battery staple"
    names = {"Ann": f"ann_{run}", "Bob": f"bob_{run}"}
    for shown, username in names.items():
        await cast.phone.client.register(username, password, shown)
    for device, shown in ((cast.phone, "Ann"), (cast.laptop, "Ann"), (cast.bob, "Bob")):
        user = await device.client.log_in(names[shown], password)
        device.names.know_user(user)
        await device.client.wait_online()
    cast.ann_id, cast.bob_id, cast.bob_name = cast.phone.client.user_id, cast.bob.client.user_id, names["Bob"]
