"""A model as the settings name it, in front of a server that a test has in its hands."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import StringIO

import pytest

from mesh.clock import FakeClock
from mesh.errors import MeshError
from mesh.telemetry import TelemetrySettings, open_telemetry
from svc_ai.domain.assistant import Profile
from svc_ai.domain.ports import Model
from svc_ai.domain.prompt import Prompt, Role, Turn
from svc_ai.domain.reply import Usage
from svc_ai.domain.task import Answer
from svc_ai.infrastructure.models import ModelSettings, open_model
from svc_ai.infrastructure.scripted import ScriptedSettings
from tests.svc_ai.chat_server import ChatServer

TASK = Answer(Profile())
RULES = TASK.rules
PROMPT = Prompt(TASK, (Turn(Role.ASSISTANT, "", "Hello!"), Turn(Role.USER, "Person 1", "count to 3")))


@dataclass
class Stage:
    """A model, the server behind it, and what an operator reads."""

    model: Model
    server: ChatServer
    clock: FakeClock
    log: StringIO


@asynccontextmanager
async def staged(settings: ModelSettings, server: ChatServer, patience_seconds: float = 40.0) -> AsyncIterator[Stage]:
    """A model of these settings."""
    clock, log = FakeClock(), StringIO()
    async with open_model(
        settings,
        ScriptedSettings(),
        patience_seconds=patience_seconds,
        breaker_seconds=10.0,
        clock=clock,
        telemetry=open_telemetry("ai", TelemetrySettings(log_format="json"), output=log),
    ) as model:
        yield Stage(model, server, clock, log)


async def answer(model: Model, prompt: Prompt = PROMPT) -> tuple[str, Usage]:
    """What it says, and what it used."""
    text, use = "", Usage()
    async for piece in model.stream(prompt):
        if isinstance(piece, str):
            text += piece
        else:
            use = piece
    return text, use


async def failure(model: Model, prompt: Prompt = PROMPT, seconds: float = 30.0) -> MeshError:
    """How it fails."""
    async with asyncio.timeout(seconds):
        with pytest.raises(MeshError) as failed:
            await answer(model, prompt)
    return failed.value
