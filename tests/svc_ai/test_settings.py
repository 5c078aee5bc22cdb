"""How an assistant behaves in a conversation: who says so, and that it does."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from mesh.errors import Code, MeshError
from parley.ai.v1 import ai_pb2
from parley.ai.v1.assistant_service_pb2 import GetAssistantSettingsRequest, SetAssistantSettingsRequest
from parley.message.v1.body_pb2 import AssistantReply, Body, Text
from parley.message.v1.entry_pb2 import Content, Post
from svc_ai.infrastructure.models import OfferSettings
from tests.svc_ai.neighbours import ANN, ASSISTANT, BOB, DIRECT, GROUP
from tests.svc_ai.world import FAST, Running, World, until

TWO_MODELS = replace(FAST, offer=OfferSettings("scripted-large, scripted", 50))
OTHER = "u00000000000zzzz"


async def change(
    node: Running, user_id: str = ANN, to: str = DIRECT, version: int = 0, **fields: Any
) -> ai_pb2.AssistantSettings:
    """Change settings and return them."""
    request = SetAssistantSettingsRequest(
        assistant_id=ASSISTANT,
        conversation_id=to,
        settings=ai_pb2.AssistantSettings(**fields),
        update_mask=FieldMask(paths=fields),
        expected_version=version,
    )
    return (await node.ask("SetAssistantSettings", request, user_id)).settings  # type: ignore[no-any-return]


async def read(node: Running, user_id: str = ANN, to: str = DIRECT, who: str = ASSISTANT) -> ai_pb2.AssistantSettings:
    """Return the settings."""
    request = GetAssistantSettingsRequest(assistant_id=who, conversation_id=to)
    return (await node.ask("GetAssistantSettings", request, user_id)).settings  # type: ignore[no-any-return]


async def ready(world: World) -> None:
    """Wait until the assistant has its account, and one answer."""
    await world.logs.say(ANN, "hello")
    await until(lambda: len(world.logs.answers()) == 1)


async def test_settings_are_changed_field_by_field(at_work: World) -> None:
    """Only what the mask names changes, an empty field is cleared, each change raises the version by one, a repeated
    one does not.
    """
    async with at_work.process(TWO_MODELS) as node:
        await ready(at_work)
        assert await read(node) == ai_pb2.AssistantSettings()
        one = await change(node, instructions="be kind", temperature=0.0, context_messages=3)
        assert (one.version, one.instructions, one.HasField("temperature")) == (1, "be kind", True)
        two = await change(node, model="scripted-large", max_output_tokens=10**9)
        assert (two.version, two.instructions, two.model, two.max_output_tokens) == (2, "be kind", "scripted-large", 50)
        assert (await change(node, model="scripted-large")).version == 2
        three = await change(node, instructions="")
        assert (three.version, three.instructions, three.context_messages) == (3, "", 3)
        assert await read(node) == three


async def test_a_change_of_what_is_not_there_any_more_is_refused(at_work: World) -> None:
    """Who names the version that they saw undoes nothing that was changed since; who names none does not care."""
    async with at_work.process() as node:
        await ready(at_work)
        await change(node, instructions="one")
        assert (await change(node, version=1, instructions="two")).version == 2
        with pytest.raises(MeshError) as refused:
            await change(node, version=1, instructions="three")
        assert (refused.value.code, refused.value.reason) == (Code.ABORTED, "VERSION_CONFLICT")
        made = await asyncio.gather(*(change(node, context_messages=number) for number in range(1, 5)))
        assert sorted(one.version for one in made) == [3, 4, 5, 6]


@pytest.mark.parametrize(
    "fields,code,reason",
    [
        ({"model": "gpt-x"}, Code.INVALID_ARGUMENT, "MODEL_NOT_ALLOWED"),
        ({"tools": ["shell"]}, Code.FAILED_PRECONDITION, "TOOL_NOT_ALLOWED"),
        ({"tools": ["rm -rf"]}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"temperature": 99.0}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"temperature": float("nan")}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"max_output_tokens": -1}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"context_messages": 201}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"reply_mode": 9}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"instructions": "x" * 2_001}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({"version": 7}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
        ({}, Code.INVALID_ARGUMENT, "INVALID_REQUEST"),
    ],
)
async def test_wrong_settings_are_refused(at_work: World, fields: Mapping[str, Any], code: Code, reason: str) -> None:
    """What the installation does not offer and what makes no sense changes nothing."""
    async with at_work.process() as node:
        await ready(at_work)
        with pytest.raises(MeshError) as refused:
            await change(node, **fields)
        assert (refused.value.code, refused.value.reason) == (code, reason)
        assert (await read(node)).version == 0


async def test_in_a_group_its_admins_govern(at_work: World) -> None:
    """Members see how it behaves but not the instructions, and change nothing; strangers and who left see nothing."""
    at_work.logs.admins.add(BOB)
    async with at_work.process() as node:
        await ready(at_work)
        await change(node, BOB, GROUP, instructions="secret", context_messages=5)
        with pytest.raises(MeshError) as refused:
            await change(node, ANN, GROUP, instructions="mine")
        assert (refused.value.code, refused.value.reason) == (Code.PERMISSION_DENIED, "ROLE_REQUIRED")
        assert refused.value.metadata["required_role"] == "ROLE_ADMIN"
        seen = await read(node, ANN, GROUP)
        assert (seen.instructions, seen.context_messages) == ("", 5)
        assert (await read(node, BOB, GROUP)).instructions == "secret"
        at_work.logs.left[GROUP, BOB] = 1
        for user_id in (OTHER, BOB):
            for call in (read(node, user_id, GROUP), change(node, user_id, GROUP, context_messages=1)):
                with pytest.raises(MeshError) as unknown:
                    await call
                assert unknown.value.reason == "CONVERSATION_NOT_FOUND"


async def test_it_must_be_an_assistant_and_be_there(at_work: World) -> None:
    """A person is no assistant, and a conversation without the assistant has no settings of it."""
    async with at_work.process() as node:
        await ready(at_work)
        at_work.logs.members["g000000000000001"] = {ANN}
        for who, to in ((BOB, GROUP), (ASSISTANT, "g000000000000001"), (BOB, DIRECT)):
            with pytest.raises(MeshError) as refused:
                await read(node, ANN, to, who)
            assert refused.value.reason == "ASSISTANT_NOT_FOUND"
        # A chat with it need not have begun.
        bobs = f"{ASSISTANT}-{BOB}"
        assert (await change(node, BOB, bobs, context_messages=1)).version == 1
        with pytest.raises(MeshError) as foreign:
            await read(node, ANN, bobs)
        assert foreign.value.reason == "CONVERSATION_NOT_FOUND"


async def test_it_answers_as_the_mode_says(at_work: World) -> None:
    """Never, only when it is meant by name or by an answer, and always, but never a bot that did not name it."""
    logs = at_work.logs
    at_work.directory.bots.add(OTHER)
    logs.members[GROUP].add(OTHER)
    logs.admins.add(ANN)
    async with at_work.process() as node:
        await ready(at_work)
        await change(node, reply_mode=ai_pb2.REPLY_MODE_OFF)
        silent = await logs.say(ANN, "hello?", ASSISTANT)
        await until(lambda: at_work.cursor(DIRECT) >= silent)
        await change(node, reply_mode=ai_pb2.REPLY_MODE_MENTION)
        await logs.say(ANN, "count to 1")
        named = await logs.say(ANN, "count to 2", ASSISTANT)
        answering = Post(body=Body(text=Text(text="count to 3")), reply_to_seq=2)
        meant = await logs.write(ANN, Content(post=answering))
        await logs.write(ANN, Content(post=Post(body=Body(text=Text(text="count to 4")), reply_to_seq=1)))
        await change(node, to=GROUP, reply_mode=ai_pb2.REPLY_MODE_ALWAYS)
        await logs.say(OTHER, "I am a bot", to=GROUP)
        said = await logs.say(BOB, "just so", to=GROUP)
        await until(lambda: len(logs.answers(GROUP)) == 1 and len(logs.answers()) == 3)
        await logs.say(ANN, "count to 6", ASSISTANT)
        await until(lambda: len(logs.answers()) == 4)
    assert [answer.in_reply_to_seq for answer in logs.answers()][1:3] == [named, meant]
    assert [answer.in_reply_to_seq for answer in logs.answers(GROUP)] == [said]


async def test_it_keeps_to_instructions_model_length_and_memory(at_work: World) -> None:
    """What the settings say reaches the model, and the entry says which model wrote it and that it was cut."""
    async with at_work.process(TWO_MODELS) as node:
        await ready(at_work)
        await change(node, instructions="Write in capitals.", model="scripted-large", context_messages=1)
        for number, text in enumerate(("tea at five", "cake at six", "summarise"), 2):
            await at_work.logs.say(ANN, text)
            await until(lambda number=number: len(at_work.logs.answers()) == number)  # type: ignore[misc]
        summed = at_work.logs.answers()[-1]
        # The one message before the question is the assistant's own.
        assert (summed.text, summed.model) == ("NOTHING WAS SAID BEFORE.", "scripted-large")
        await change(node, instructions="", max_output_tokens=4, model="")
        await at_work.logs.say(ANN, "count to 9")
        await until(lambda: len(at_work.logs.answers()) == 5)
    last = at_work.logs.answers()[-1]
    assert (last.text.strip(), last.model) == ("1 2 3 4", "scripted")
    assert last.finish == AssistantReply.FINISH_TRUNCATED


async def test_an_answer_rests_on_what_who_asks_can_read(at_work: World) -> None:
    """What was said before the asker came, what they have hidden and what was recalled does not come back in an answer,
    though the assistant, which was there, has seen it.
    """
    logs = at_work.logs
    async with at_work.process():
        await ready(at_work)
        await logs.say(ANN, "before bob came", to=GROUP)
        for text in ("hidden by bob", "recalled", "for all"):
            await logs.say(ANN, text, to=GROUP)
        logs.came[GROUP, BOB] = 2
        logs.hidden.add((BOB, GROUP, 2))
        logs.recall(3, GROUP)
        await logs.say(BOB, "summarise", ASSISTANT, to=GROUP)
        await logs.say(ANN, "summarise", ASSISTANT, to=GROUP)
        await until(lambda: len(logs.answers(GROUP)) == 2)
    to_bob, to_ann = (answer.text for answer in logs.answers(GROUP))
    assert "for all" in to_bob
    assert not any(words in to_bob for words in ("before bob came", "hidden by bob", "recalled"))
    assert "before bob came" in to_ann
    assert "hidden by bob" in to_ann
    assert "recalled" not in to_ann


async def test_an_answer_rests_on_what_the_assistant_can_read(at_work: World) -> None:
    """What was said before the assistant came is not shown to it, though the asker has read it."""
    logs = at_work.logs
    async with at_work.process():
        await ready(at_work)
        await logs.say(ANN, "before it came", to=GROUP)
        await logs.say(ANN, "since it came", to=GROUP)
        logs.came[GROUP, ASSISTANT] = 2
        await logs.say(ANN, "summarise", ASSISTANT, to=GROUP)
        await until(lambda: len(logs.answers(GROUP)) == 1)
    assert logs.answers(GROUP)[0].text == "The last 1 messages: Person 1: “since it came”."
