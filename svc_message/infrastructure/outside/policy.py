"""`svc_message.domain.outside.policy.Policy`: the program that implements `parley.hook.v1.PolicyService`."""

from typing import Final

import grpc
import protovalidate

from mesh import wire
from mesh.settings import Secret
from parley.hook.v1.policy_service_pb2 import JudgeRequest, JudgeResponse, PolicyVerdict
from parley.hook.v1.policy_service_pb2_grpc import PolicyServiceStub
from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Content, Entry
from svc_message.domain.entry import Draft, digest
from svc_message.domain.outside.policy import Judgement
from svc_message.domain.outside.program import Away
from svc_message.infrastructure.outside.calls import bearer

CAPTIONED: Final = frozenset({"image", "file", "video"})

MAX_FALLBACK: Final = 512
"""Characters of a fallback text, by the contract."""


class CalledPolicy:
    """Calls one program."""

    def __init__(self, channel: grpc.aio.Channel, secret: Secret, deadline_s: float) -> None:
        self._stub = PolicyServiceStub(channel)
        self._metadata = bearer(secret)
        self._deadline_s = deadline_s

    async def judge(self, draft: Draft) -> Judgement:
        """See the port."""
        content = Entry.FromString(draft.content).content
        answer = await self._call(_question(draft, content))
        if answer.verdict == PolicyVerdict.POLICY_VERDICT_ALLOW:
            return Judgement(draft)
        if answer.verdict == PolicyVerdict.POLICY_VERDICT_REFUSE:
            return Judgement(draft, refused=True, reason=answer.reason)
        return Judgement(_replaced(draft, content, answer.text))

    async def _call(self, question: JudgeRequest) -> JudgeResponse:
        try:
            answer: JudgeResponse = await self._stub.Judge(question, timeout=self._deadline_s, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise Away(error.code().name) from None
        _check(answer)
        return answer


def _question(draft: Draft, content: Content) -> JudgeRequest:
    return JudgeRequest(
        conversation_id=draft.conversation_id,
        sender_id=draft.sender_id,
        device_id=draft.device_id,
        client_message_id=draft.client_message_id,
        content=content,
    )


def _replaced(draft: Draft, content: Content, text: str) -> Draft:
    """The draft with another text, and the digest of what was written in front of it."""
    body = content.post.body if content.HasField("post") else content.edit.body
    _put(body, text)
    _check(content)
    written = digest(draft.content)
    tail = Entry(written_digest=written).SerializeToString() + wire.field(
        Entry.CONTENT_FIELD_NUMBER, content.SerializeToString()
    )
    return draft._replace(content=tail, written=written)


def _put(body: Body, text: str) -> None:
    if not text.strip():
        raise Away("EMPTY_TEXT")
    kind = body.WhichOneof("kind") or ""
    if kind in CAPTIONED and getattr(body, kind).caption:
        getattr(body, kind).caption = text
    if kind == "text":
        body.text.text = text
    if kind != "text" or body.fallback_text:  # it may say the same as the text that goes
        body.fallback_text = text[:MAX_FALLBACK]


def _check(answer: JudgeResponse | Content) -> None:
    """An answer that breaks the contract is none."""
    try:
        protovalidate.validate(answer)
    except protovalidate.ValidationError:
        raise Away("INVALID_ANSWER") from None
