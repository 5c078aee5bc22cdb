"""Page tokens of the RPCs: where the next page begins, as a number, a word or a key of several parts."""

import hashlib
import json
from typing import Any

from google.protobuf.message import Message

from mesh import page_tokens
from mesh.caller import Caller


def encode(request: Message, caller: Caller, place: int | str | tuple[int | str, ...] | None) -> str:
    """The token of the page that begins at this place; empty when there is none."""
    if not place:
        return ""
    return page_tokens.seal(_question(request, caller), json.dumps(place, separators=(",", ":")))


def number(request: Message, caller: Caller) -> int:
    """The place in the request's token; 0 for the first page. PAGE_TOKEN_INVALID."""
    place = _place(request, caller, 0)
    if not isinstance(place, int) or not _fits(place, int) or place < 0:
        raise page_tokens.invalid()
    return place


def word(request: Message, caller: Caller) -> str:
    """The same where places are words."""
    place = _place(request, caller, "")
    if not isinstance(place, str) or not _fits(place, str):
        raise page_tokens.invalid()
    return place


def key(request: Message, caller: Caller, *kinds: type[int | str]) -> tuple[Any, ...] | None:
    """The same where a place has several parts, of these kinds; None for the first page."""
    place = _place(request, caller, None)
    if place is None:
        return None
    if not isinstance(place, list) or len(place) != len(kinds) or not all(map(_fits, place, kinds)):
        raise page_tokens.invalid()
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
    place = page_tokens.unseal(_question(request, caller), token)
    try:
        return json.loads(place)
    except ValueError:
        raise page_tokens.invalid() from None


def _question(request: Message, caller: Caller) -> str:
    """What is asked, the size of the page aside, and by whom."""
    asked = type(request)()
    asked.CopyFrom(request)
    asked.ClearField("page_token")
    asked.ClearField("page_size")
    said = f"{request.DESCRIPTOR.full_name} {caller.user_id} ".encode() + asked.SerializeToString(deterministic=True)
    return hashlib.sha256(said).hexdigest()
