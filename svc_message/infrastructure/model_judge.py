"""`svc_message.domain.administration.judging.Critic`: svc_ai, which asks the word list and a model."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mesh.errors import MeshError
from mesh.live import JudgingMode
from mesh.settings import SettingError
from mesh.words import Action
from parley.ai.v1.moderation_service_pb2 import ModerateRequest, ModerateResponse
from parley.ai.v1.moderation_service_pb2_grpc import ModerationServiceStub
from parley.message.v1.body_pb2 import Body
from parley.message.v1.entry_pb2 import Entry
from svc_message.domain.administration.judging import Finding
from svc_message.domain.outside.program import Away
from svc_message.infrastructure.texts import texts_in

MAX_TEXT: Final = 16_000
"""Characters of one question, by the contract. A longer text is several."""

MAX_PARTS: Final = 8
"""Questions about one entry: more than a bundle of a hundred messages has."""

FOUND: Final = frozenset({int(Action.REVIEW), int(Action.BLOCK)})

MODES: Final = {
    "off": JudgingMode.OFF,
    "review": JudgingMode.REVIEW,
    "fail-open": JudgingMode.FAIL_OPEN,
    "fail-closed": JudgingMode.FAIL_CLOSED,
}


@dataclass(frozen=True, slots=True)
class JudgingSettings:
    """`mode` is `off`, `review` (asked after a text is kept), `fail-open` or `fail-closed` (before; what holds without
    an answer). svc_ai needs less than `deadline_seconds`.
    """

    mode: str = "off"
    deadline_seconds: float = 3.0

    def started(self) -> JudgingMode:
        """The mode. Raises SettingError."""
        if self.mode not in MODES:
            raise SettingError(f"MESSAGE_JUDGING_MODE: must be one of {', '.join(MODES)}")
        return MODES[self.mode]


class ModelJudge:
    """Asks about all words of a body at once."""

    def __init__(self, stub: ModerationServiceStub, deadline_s: float) -> None:
        self._stub = stub
        self._deadline_s = deadline_s

    async def judge(self, entry: bytes) -> Finding | None:
        """See the port."""
        answers = [await self._ask(text) for text in _parts(_words(Entry.FromString(entry)))]
        worst = max(answers, key=lambda answer: (answer.verdict, answer.confidence), default=None)
        if worst is None or int(worst.verdict) not in FOUND:
            return None
        named = ", ".join(worst.categories) or "no category"
        return Finding(Action(worst.verdict), f"judged: {named} ({worst.confidence:.2f})")

    async def _ask(self, text: str) -> ModerateResponse:
        try:
            answer = await self._stub.Moderate(ModerateRequest(text=text), timeout=self._deadline_s)
        except MeshError as error:
            raise Away(error.code.name) from None
        if answer.degraded:
            raise Away("DEGRADED")
        return answer


def _words(entry: Entry) -> str:
    content = entry.content
    body = content.post.body if content.HasField("post") else content.edit.body if content.HasField("edit") else Body()
    return "\n".join(text for _, _, text in texts_in(body))


def _parts(text: str) -> Iterator[str]:
    if text.strip():
        yield from (
            text[start : start + MAX_TEXT] for start in range(0, min(len(text), MAX_TEXT * MAX_PARTS), MAX_TEXT)
        )
