"""Request ids: the same id with the same content gets the same answer, with other content it is refused."""

import hashlib
import json

from mesh import errors
from svc_group.domain.changes import Remembered
from svc_group.domain.reasons import Reason


def fingerprint(*content: object) -> str:
    """What was asked for, in 64 characters."""
    return hashlib.sha256(json.dumps([repr(part) for part in content]).encode()).hexdigest()


def answer_of(remembered: Remembered | None, asked: str) -> str | None:
    """The answer to the same request before, or None when it is new. Raises REQUEST_ID_REUSED."""
    if remembered is None:
        return None
    if remembered.fingerprint != asked:
        raise errors.already_exists(Reason.REQUEST_ID_REUSED, "this request id was used for another content")
    return remembered.answer
