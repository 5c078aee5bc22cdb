"""A program of the installation that judges what is written, and a mesh that asks it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc

from mesh.settings import Secret
from parley.hook.v1 import policy_service_pb2
from parley.hook.v1.policy_service_pb2 import JudgeRequest, JudgeResponse, PolicyVerdict
from svc_message.app import Settings
from svc_message.infrastructure.outside.addresses import PolicySettings
from tests.svc_message.device import Device, direct, new_device
from tests.svc_message.receiver import SECRET, Refusal
from tests.svc_message.world import World, process, world

POLICY = policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"]
ALLOW = JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_ALLOW)
PATIENT_S = 30.0
"""How long a program is waited for: a busy machine takes its time for an answer."""

DEADLINE_S = 0.3
"""The same where no answer comes."""


def refuse(reason: str = "") -> JudgeResponse:
    return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_REFUSE, reason=reason)


def replace(text: str) -> JudgeResponse:
    return JudgeResponse(verdict=PolicyVerdict.POLICY_VERDICT_REPLACE, text=text)


def written(request: JudgeRequest) -> str:
    """The text that is asked about."""
    content = request.content
    return (content.post if content.HasField("post") else content.edit).body.text.text


def judge(request: JudgeRequest) -> JudgeResponse:
    """Refuses "bad" words, and puts stars in the place of "damn"."""
    if "bad" in written(request):
        return refuse("no bad words here")
    if "damn" in written(request):
        return replace(written(request).replace("damn", "****"))
    return ALLOW


@asynccontextmanager
async def judged(
    folder: Path, address: str, *, fail_open: bool = False, deadline_s: float = PATIENT_S
) -> AsyncIterator[World]:
    """A mesh whose message node asks a program."""
    async with world(folder) as made:
        policy = PolicySettings(address, Secret(SECRET), deadline_s, fail_open)
        made.message = Settings(policy=policy, sends_burst=0)
        async with process(made, "message", "gateway") as bound, AsyncExitStack() as stack:
            made.stack = stack
            made.connect(bound)
            yield made


async def two(mesh: World) -> tuple[Device, Device, str]:
    ann, bob = await new_device(mesh).connect(), await new_device(mesh).connect()
    return ann, bob, direct(ann, bob)


async def texts(device: Device, chat: str) -> list[str]:
    """What stands in a log."""
    entries = (await device.history(chat)).entries
    return [(one.content.post if one.content.HasField("post") else one.content.edit).body.text.text for one in entries]


def failing(kind: str) -> Callable[[JudgeRequest], object]:
    """Programs that give no answer that counts."""

    def error(_: JudgeRequest) -> JudgeResponse:
        raise Refusal(grpc.StatusCode.INTERNAL)

    answers: dict[str, Callable[[JudgeRequest], object]] = {
        "an error": error,
        "too late": lambda _: asyncio.sleep(2 * PATIENT_S, ALLOW),
        "nothing": lambda _: JudgeResponse(),
        "an empty text": lambda _: replace(" \n"),
        "a reason that is too long": lambda _: refuse("x" * 201),
    }
    return answers[kind]
