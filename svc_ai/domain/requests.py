"""Requests that a client may repeat, and what they were answered."""

from dataclasses import dataclass
from typing import Final, Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_ai.domain.reasons import Reason

KEPT_MS: Final = 24 * 3_600 * 1_000
"""How long an answer is kept for who asks again."""


@dataclass(frozen=True, slots=True)
class Request:
    """One act of a user. `digest` is that of all that was asked, so that another content is noticed."""

    user_id: str
    request_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """A request with its answer, as bytes that only who wrote them reads."""

    request: Request
    answer: bytes
    at_ms: int


class Requests(Protocol):
    """Answers by user and request id. All raise UNAVAILABLE when the store cannot answer."""

    async def find(self, user_id: str, request_id: str, now_ms: int) -> Answered | None:
        """The answer that was given in the last KEPT_MS."""

    async def keep(self, answered: Answered) -> Answered:
        """Keep an answer durably unless there is one, and return the one that stands. Those that are too old go."""


def same(request: Request, found: Answered) -> bytes:
    """The answer for who repeats a request. Raises REQUEST_ID_REUSED when it was another one."""
    if found.request.digest != request.digest:
        raise reused()
    return found.answer


def reused() -> MeshError:
    """The refusal for a request id that was used for something else."""
    return errors.already_exists(
        Reason.REQUEST_ID_REUSED, "this request_id was used for another request: give each its own"
    )
