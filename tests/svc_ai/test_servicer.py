"""The face of the service: the list of assistants, and what is not there yet."""

import grpc
import pytest

from mesh import status
from mesh.errors import Code
from parley.ai.v1 import ai_pb2
from parley.ai.v1.assistant_service_pb2 import GetUsageRequest, ListAssistantsRequest
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
    assert (list(assistant.capabilities), list(assistant.models)) == ([ai_pb2.CAPABILITY_CHAT], ["scripted"])
    assert listed.next_page_token == ""


async def test_a_foreign_page_token_is_refused(at_work: World) -> None:
    """A token is ours or an error, never the first page by accident."""
    async with at_work.process() as node:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.stub.ListAssistants(ListAssistantsRequest(page_token="x"), metadata=node.as_user(ANN))
    assert status.decode(refused.value).reason == "PAGE_TOKEN_INVALID"


async def test_what_is_not_there_yet_says_so(at_work: World) -> None:
    """The contract has more than this version does."""
    async with at_work.process() as node:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await node.stub.GetUsage(GetUsageRequest(), metadata=node.as_user(ANN))
    error = status.decode(refused.value)
    assert (error.code, error.reason) == (Code.UNIMPLEMENTED, "NOT_YET_AVAILABLE")
