"""`svc_ai.domain.ports.Peers`: the other nodes of this service, all asked, since one of them writes the reply."""

import asyncio
from collections.abc import Callable
from typing import Final

from mesh import dial
from mesh.errors import MeshError
from mesh.http2.headers import Metadata
from mesh.registry import Node, Registry
from parley.ai.v1.reply_service_pb2 import StopRepliesRequest, StopRepliesResponse

PATH: Final = "/parley.ai.v1.ReplyService/StopReplies"

TIMEOUT_S: Final = 2.0


class GrpcPeers:
    """Opens a connection for a question and closes it: people cancel now and then."""

    def __init__(self, registry: Registry, service: str, node: Node, metadata: Callable[[], Metadata]) -> None:
        self._registry = registry
        self._service = service
        self._node = node
        self._metadata = metadata

    async def stop(self, user_id: str, reply_id: str) -> list[str] | None:
        """See the port."""
        answers = await self._ask(StopRepliesRequest(user_id=user_id, reply_id=reply_id))
        if not any(answer.known for answer in answers):
            return None
        return [stopped for answer in answers for stopped in answer.stopped_reply_ids]

    async def stop_all(self, user_id: str, conversation_id: str) -> list[str]:
        """See the port."""
        answers = await self._ask(StopRepliesRequest(user_id=user_id, conversation_id=conversation_id))
        return [stopped for answer in answers for stopped in answer.stopped_reply_ids]

    async def _ask(self, request: StopRepliesRequest) -> list[StopRepliesResponse]:
        """What the others say; one that does not answer writes nothing that could be stopped."""
        others = [node for node in self._registry.nodes(self._service) if node.id != self._node.id]
        answers = await asyncio.gather(*(self._call(node, request) for node in others), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, MeshError):
                raise answer
        return [answer for answer in answers if isinstance(answer, StopRepliesResponse)]

    async def _call(self, node: Node, request: StopRepliesRequest) -> StopRepliesResponse:
        question = request.SerializeToString()
        answer = await dial.ask(node.address, PATH, question, self._metadata(), TIMEOUT_S)
        return StopRepliesResponse.FromString(answer)
