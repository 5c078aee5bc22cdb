"""Message nodes whose policy answers late: a draft is judged by memory, and then waits for as long as a test wants."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mesh.settings import Secret
from parley.gateway.v1.frame_pb2 import SendResult
from parley.hook.v1.policy_service_pb2 import JudgeRequest, JudgeResponse
from parley.message.v1.entry_pb2 import Entry
from parley.message.v1.message_service_pb2 import Send
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import PolicySettings
from tests.svc_message.device import Device
from tests.svc_message.policy_program import ALLOW, POLICY, written
from tests.svc_message.receiver import SECRET, Service, service
from tests.svc_message.world import WAIT_S, World, mesh_of_one

LATE = "late"
"""What is written so is answered when the test wants it."""


@dataclass
class Late:
    """Two meshes over one store that know nothing of each other, and the policy that both ask."""

    one: World
    two: World
    program: Service
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is clear, late posts wait."""
    told: int = 0
    """Results that the device which says something had before."""

    async def judge(self, request: JudgeRequest) -> JudgeResponse:
        """Allow all, but some later."""
        self.program.changed.set()  # it has been asked
        if LATE in written(request):
            await self.answering.wait()
        return ALLOW

    async def say(self, device: Device, *sends: Send) -> None:
        """Send, and wait until the first one was judged by memory and the policy is being asked about all of them."""
        before, self.told = len(self.program.tried), len(device.received.results)
        await device.say_only(*sends)
        await self.program.until(lambda: len(self.program.tried) >= before + len(sends))

    async def answers(self, device: Device, *sends: Send) -> list[SendResult]:
        """Let the policy answer, and wait for what became of what was said, in its order."""
        self.answering.set()
        numbers = [one.client_message_id for one in sends]

        def results() -> list[SendResult]:
            return [one for one in list(device.received.results)[self.told :] if one.client_message_id in numbers]

        await device.until(lambda: len(results()) >= len(sends))
        return sorted(results(), key=lambda one: numbers.index(one.client_message_id))


@asynccontextmanager
async def late(folder: Path, store_url: str) -> AsyncIterator[Late]:
    """Two nodes over this store. The policy has half a minute."""
    async with service(POLICY) as program, AsyncExitStack() as stack:
        policy = PolicySettings(program.address, Secret(SECRET), WAIT_S, fail_open=False)
        prepare = _prepared(Settings(policy=policy, sends_burst=0), store_url)
        one, two = [await stack.enter_async_context(mesh_of_one(folder, prepare=prepare)) for _ in range(2)]
        made = Late(one, two, program)
        program.answer = made.judge
        yield made
        made.answering.set()


def _prepared(settings: Settings, store_url: str) -> Callable[[World], None]:
    def prepare(world: World) -> None:
        world.message, world.store_url = settings, store_url

    return prepare


async def behind(device: Device, conversation_id: str, seq: int) -> list[Entry]:
    """What stands behind an entry."""
    return [entry for entry in (await device.history(conversation_id)).entries if entry.seq > seq]
