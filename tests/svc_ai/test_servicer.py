"""The face of the service: the list of assistants, and what is not there yet."""

import grpc
import pytest

from parley.ai.v1 import ai_pb2
from parley.ai.v1.assistant_service_pb2 import ListAssistantsRequest
from tests.refused import decode
from tests.svc_ai.neighbours import ANN, ASSISTANT
from tests.svc_ai.world import World, until


async def test_assistants_are_listed(at_work: World) -> None:
    """An app learns whom one can write to and what they can do."""
    async with at_work.process() as node:
        await at_work.logs.say(ANN, "hello")
        await until(lambda: len(at_work.logs.answers()) == 1)
        listed = await node.stub.ListAssistants(ListAssistantsRequest(), metadata=node.as_user(ANN))
    [assistant] = listed.assistants
    assert (assistant.user_id, assistant.name, assistant.available) == (ASSISTANT, "Parley Assistant", True)
    assert list(assistant.models) == ["scripted"]
    assert set(assistant.capabilities) == {
        ai_pb2.CAPABILITY_CHAT,
        ai_pb2.CAPABILITY_SUMMARISE,
        ai_pb2.CAPABILITY_TRANSLATE,
        ai_pb2.CAPABILITY_SUGGEST,
    }
    assert listed.next_page_token == ""


async def test_a_foreign_page_token_is_refused(at_work: World) -> None:
    """A token is ours or an error, never the first page by accident."""
    async with at_work.process() as node:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.stub.ListAssistants(ListAssistantsRequest(page_token="x"), metadata=node.as_user(ANN))
    assert decode(refused.value).reason == "PAGE_TOKEN_INVALID"
