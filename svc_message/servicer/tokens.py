"""Page tokens: where the next page begins, and to whose question it belongs. They prove nothing and hide nothing."""

import base64
import hashlib
import json
from typing import Any

from google.protobuf.message import Message

from mesh import errors
from mesh.caller import Caller
from svc_message.domain.reasons import Reason


def encode(request: Message, caller: Caller, place: int | str | tuple[int | str, ...] | None) -> str:
    """The token of the page that begins at this place; empty when there is none."""
    return _text([_question(request, caller), place]) if place else ""


def number(request: Message, caller: Caller) -> int:
    """The place in the request's token; 0 for the first page. PAGE_TOKEN_INVALID."""
    place = _place(request, caller, 0)
    if not isinstance(place, int) or not _fits(place, int) or place < 0:
        raise _bad()
    return place


def word(request: Message, caller: Caller) -> str:
    """The same where places are words."""
    place = _place(request, caller, "")
    if not isinstance(place, str) or not _fits(place, str):
        raise _bad()
    return place


def key(request: Message, caller: Caller, *kinds: type[int | str]) -> tuple[Any, ...] | None:
    """The same where a place has several parts, of these kinds; None for the first page."""
    place = _place(request, caller, None)
    if place is None:
        return None
    if not isinstance(place, list) or len(place) != len(kinds) or not all(map(_fits, place, kinds)):
        raise _bad()
    return tuple(place)


def _fits(part: object, kind: type[int | str]) -> bool:
    """Whether it is of this kind, and such that a store may have it: numbers have bounds, and words are Unicode."""
    if isinstance(part, str):
        return kind is str and part.isprintable()
    return type(part) is kind and (not isinstance(part, int) or -(2**63) <= part < 2**63)


def _place(request: Message, caller: Caller, first: object) -> object:
    token: str = request.page_token  # type: ignore[attr-defined]  # requests of lists have one
    if not token:
        return first
    try:
        question, place = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError) as error:
        raise _bad() from error
    if question != _question(request, caller):
        raise _bad()
    return place


def _question(request: Message, caller: Caller) -> str:
    """What is asked, the size of the page aside, and by whom."""
    asked = type(request)()
    asked.CopyFrom(request)
    asked.ClearField("page_token")
    asked.ClearField("page_size")
    said = f"{request.DESCRIPTOR.full_name} {caller.user_id} ".encode() + asked.SerializeToString(deterministic=True)
    return hashlib.sha256(said).hexdigest()[:16]


def _text(values: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode()


def _bad() -> errors.MeshError:
    return errors.invalid(Reason.PAGE_TOKEN_INVALID, "use the next_page_token of the page before, unchanged")
