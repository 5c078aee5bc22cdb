"""The programs of docs/hooks.md do what the page says, as they stand there."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from mesh.settings import Secret
from parley.user.v1.session_pb2 import PushProvider, PushTarget
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import EventSettings, PolicySettings, PushSettings
from svc_message.infrastructure.outside.event_sinks import sinks_of
from tests.ports import kept_port
from tests.svc_message.device import Device, direct, new_device, post
from tests.svc_message.receiver import SECRET
from tests.svc_message.world import World, process, world

PAGE = (Path(__file__).parents[2] / "docs/hooks.md").read_text(encoding="utf-8")
CARRIER, POLICY, WEBHOOK, CALLED = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


class Program:
    """One of the programs, running."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self._process = process

    async def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return (await asyncio.wait_for(self._process.stdout.readline(), 30)).decode().strip()


@asynccontextmanager
async def running(source: str) -> AsyncIterator[Program]:
    """Run a program until the end of the block; it answers when this begins."""
    with kept_port() as port:
        env = os.environ | {"PORT": str(port), "HOOK_SECRET": SECRET}
        started = await asyncio.create_subprocess_exec(sys.executable, "-c", source, env=env, stdout=PIPE)
        try:
            await _answers(port)
            yield Program(port, started)
        finally:
            started.kill()
            await started.wait()


async def _answers(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


@asynccontextmanager
async def mesh(folder: Path, settings: Settings) -> AsyncIterator[tuple[World, Device, Device, str]]:
    """Ann, who is connected, and Bob, who is not."""
    async with world(folder) as made:
        made.message = settings
        async with process(made, "message", "gateway") as address, AsyncExitStack() as stack:
            made.stack = stack
            made.connect(address)
            ann, bob = await new_device(made).connect(), new_device(made)
            yield made, ann, bob, direct(ann, bob)


async def test_the_carrier_of_the_page_carries(tmp_path: Path) -> None:
    """It takes a signed notification and has the token, the badge and the text."""
    async with running(CARRIER) as program:
        push = PushSettings(f"http://127.0.0.1:{program.port}/push", Secret(SECRET), hold_seconds=0.1)
        async with mesh(tmp_path, Settings(push=push, sends_burst=0)) as (made, ann, bob, chat):
            made.directory.targets[bob.user_id] = [
                PushTarget(device_id=bob.device_id, provider=PushProvider.PUSH_PROVIDER_FCM, token="abc")
            ]
            await ann.post(chat, "hello")
            assert await program.line() == "to abc badge 1 | None hello"


async def test_the_policy_of_the_page_judges(tmp_path: Path) -> None:
    """It refuses, rewrites and allows."""
    async with running(POLICY) as program:
        policy = PolicySettings(f"grpc://127.0.0.1:{program.port}", Secret(SECRET), 5.0)
        async with mesh(tmp_path, Settings(policy=policy, sends_burst=0)) as (_, ann, _, chat):
            assert await ann.refused(post(chat, "best casino")) == "CONTENT_REFUSED"
            assert (await ann.results(post(chat, "damn")))[0].replaced
            assert not (await ann.results(post(chat, "hello")))[0].replaced


@pytest.mark.parametrize("source,url", [(WEBHOOK, "http://127.0.0.1:{}/events"), (CALLED, "grpc://127.0.0.1:{}")])
async def test_the_sinks_of_the_page_take_events(tmp_path: Path, source: str, url: str) -> None:
    """They take each event, in order."""
    async with running(source) as program:
        sinks = f'[audit]\nurl = "{url.format(program.port)}"\nsecret = "{SECRET}"\n'
        events = EventSettings(Secret(sinks), poll_seconds=0.05)
        async with mesh(tmp_path, Settings(events=events, sends_burst=0)) as (_, ann, _, chat):
            await ann.seqs(post(chat), post(chat))
            assert [await program.line(), await program.line()] == [f"{chat}/1 post", f"{chat}/2 post"]


def test_the_sinks_of_the_page_are_settings() -> None:
    """The example of the settings is taken as it stands."""
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    audit, search = sinks_of(Secret(example))
    assert (audit.name, audit.address.target) == ("audit", "https://hooks.example.com/parley")
    assert (search.address.target, {kind.name for kind in search.kinds}) == (
        "search.example.com:443",
        {"POST", "EDIT", "RECALL"},
    )
