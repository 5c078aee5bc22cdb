"""An assistant with a model behind it that an operator has named: it answers, goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from parley.message.v1 import body_pb2
from parley_sdk import ReplyPiece, direct_id
from tests.journeys.mesh import Mesh, started
from tests.journeys.people import PATIENCE, Device, People
from tests.journeys.test_assistant import COUNT, COUNTED, assistant_of, until_answered
from tests.journeys.test_terminal_own import Typist
from tests.ports import kept_port
from tests.svc_ai.chat_server import KEY, ChatServer, chat_server, refuse

REQUESTS: Final = 3
"""What a user may have in a day."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A person, their chat with the assistant, and the model behind it."""

    people: People
    mesh: Mesh
    ann: Device
    chat: str
    model: ChatServer

    async def ask(self, text: str) -> body_pb2.AssistantReply:
        """Ask, and return the answer."""
        [asked] = await self.ann.say(self.chat, text)
        return await until_answered(self.ann, self.chat, asked.seq)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return a port of this machine that is kept free."""
    with kept_port() as port:
        yield port


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Mesh]:
    """One mesh for these stories. Its model is not there when it starts."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "key").write_text(f"{KEY}\n")
    settings = {
        "PARLEY_AI_MODEL_URL": f"http://127.0.0.1:{port}/v1",
        "PARLEY_AI_MODEL_NAME": "a-model",
        "PARLEY_AI_MODEL_KEY_FILE": str(folder / "key"),
        "PARLEY_AI_DAILY_REQUESTS": str(REQUESTS),
        "PARLEY_AI_PRICES": "a-model=0.15/0.075/0.60",
        "OPENAI_LOG": "debug",  # with which its client would tell all
    }
    with started(folder / "data", settings) as mesh:
        yield mesh


@pytest.fixture
async def stage(mesh: Mesh, port: int, tmp_path: Path) -> AsyncIterator[Stage]:
    """Return somebody new, and a model of this story in the place of the one before."""
    async with chat_server(port) as model, People(mesh.address, tmp_path) as people:
        await answering(await people.user("probe"))
        model.bodies.clear()
        ann = await people.user("ann")
        yield Stage(people, mesh, ann, direct_id(ann.user_id, await assistant_of(ann)), model)


async def answering(device: Device) -> str:
    """Ask until there is an answer, and return it: a model that was away is left alone for a while."""
    chat = direct_id(device.user_id, await assistant_of(device))
    async with asyncio.timeout(PATIENCE):
        while True:
            [asked] = await device.say(chat, "hello again")
            if text := (await until_answered(device, chat, asked.seq)).text:
                return text
            await asyncio.sleep(0.1)


async def a_part(device: Device) -> str:
    """Some of an answer that is not all of it, as a device shows it."""
    pieces = await device.until(lambda: [p for p in device.of(ReplyPiece) if 4 < len(p.text) < 40], "a part")
    return pieces[0].text.strip()


async def test_an_answer_streams_to_all_devices(stage: Stage) -> None:
    """Two devices see it grow, a third that was away sees it whole, and the entry says by which model it is."""
    laptop, tablet = await stage.people.another(stage.ann), await stage.people.another(stage.ann)
    await tablet.client.disconnect()
    stage.model.word_seconds = 0.02
    asking = asyncio.ensure_future(stage.ask(f"count to {COUNT}"))
    for device in (stage.ann, laptop):
        assert COUNTED.startswith(await a_part(device))
    reply = await asking
    assert (reply.text.strip(), reply.finish) == (COUNTED, body_pb2.AssistantReply.FINISH_COMPLETE)
    assert (reply.model, reply.input_tokens, reply.output_tokens) == ("a-model", 20, COUNT)
    await tablet.client.connect()
    for device in (laptop, tablet):
        assert await until_answered(device, stage.chat, reply.in_reply_to_seq) == reply
    assert "".join(piece.text + piece.delta for piece in tablet.of(ReplyPiece)) == "", "that it ended may still be said"


async def test_a_cancelled_answer_ends_the_request(stage: Stage) -> None:
    """What was written is kept, and the provider is not left writing what nobody reads."""
    stage.model.word_seconds = 0.02
    [asked] = await stage.ann.say(stage.chat, "count to 9999")
    piece = await stage.ann.until(lambda: [one for one in stage.ann.of(ReplyPiece) if len(one.text) > 9], "a beginning")
    await stage.ann.client.assistants.cancel(piece[0].reply_id)
    reply = await until_answered(stage.ann, stage.chat, asked.seq)
    await stage.model.until(lambda: not stage.model.under_way)
    assert reply.finish == body_pb2.AssistantReply.FINISH_CANCELLED
    assert reply.text.startswith("1 2 3")
    assert reply.output_tokens > 0, "it is counted though the provider never came to say it"


async def test_a_model_goes_away_and_comes_back(mesh: Mesh, port: int, tmp_path: Path) -> None:
    """Without it a question ends in an entry that says so and people write as ever; with it there are answers again."""
    async with People(mesh.address, tmp_path) as people:
        ann, bob = await people.users("ann", "bob")
        chat = direct_id(ann.user_id, await assistant_of(ann))
        [asked] = await ann.say(chat, "hello")
        reply = await until_answered(ann, chat, asked.seq)
        assert (reply.finish, reply.text) == (body_pb2.AssistantReply.FINISH_FAILED, "")
        await ann.say(ann.chat_with(bob), "we do not need it")
        await bob.until_text(ann.chat_with(bob), "we do not need it")
        async with chat_server(port):
            assert await answering(ann) == "hello again"
        used = await ann.client.assistants.usage()
        assert used.requests_today == 1, "nobody pays for a model that was away"


async def test_a_day_is_used_up(stage: Stage) -> None:
    """An app can show what is left; after the last of it the assistant says so, and the model is not asked any more."""
    used = await stage.ann.client.assistants.usage()
    assert (used.requests_today, used.daily_request_limit) == (0, REQUESTS)
    for number in range(1, REQUESTS + 1):
        assert (await stage.ask(f"count to {number}")).finish == body_pb2.AssistantReply.FINISH_COMPLETE
        used = await stage.ann.client.assistants.usage()
        assert used.requests_today == number
    refused = await stage.ask("one more")
    assert refused.finish == body_pb2.AssistantReply.FINISH_FAILED
    assert "midnight UTC" in refused.text
    assert len(stage.model.bodies) == REQUESTS
    shown = await Typist(stage.ann, stage.chat).types("/assistant-usage")
    assert f"answers today {REQUESTS} of {REQUESTS}" in shown
    assert f"tokens today  {20 * REQUESTS + used.today.output_tokens}" in shown
    assert f"cost today    0.0000{used.today.cost_micros}" in shown
    assert 10 <= used.today.cost_micros < 100
    assert used.today.output_tokens == sum(range(1, REQUESTS + 1))


async def test_the_key_is_in_no_log(stage: Stage) -> None:
    """Neither what is asked nor the key is written down at any level, also when the provider repeats the key."""
    for behave in (refuse(401), refuse(400, code=KEY), refuse(500)):
        stage.model.behave = behave
        assert (await stage.ask("a canary of ours")).finish == body_pb2.AssistantReply.FINISH_FAILED
        await stage.model.until(lambda: not stage.model.under_way)
    log = stage.mesh.log()
    assert "model_away" in log
    assert "PARLEY_AI_MODEL" in log
    assert KEY not in log
    assert "canary" not in log
