"""Documents of pairs and requests <-> values of the domain.

A pair stands once in the store and is seen from both users: `low` is the side of the lower user id and `up` the latest
request from it, `high` and `down` are those of the other.
"""

from dataclasses import asdict
from typing import Any

from mesh.infrastructure.mongo import Document
from svc_user.domain.account import UserId
from svc_user.domain.friend import FriendRequest, Pair, RequestState, Side, Standing


def pair(root: Document, me: UserId, other: UserId) -> Pair:
    """The pair as `me` sees it, without counts; empty when there is nothing between the two."""
    sent, received = (_latest(root, *users) for users in ((me, other), (other, me)))
    return Pair(side(root, me, other), side(root, other, me), sent, received, root.get("revision", 0))


def side(root: Document, owner: UserId, other: UserId) -> Side:
    """What the owner keeps about the other."""
    found = root.get("low" if owner < other else "high")
    return to_side(found) if found else Side(owner, other)


def to_side(found: Document) -> Side:
    """A side from its document."""
    values = {**found, "standing": Standing(found["standing"]), "tags": tuple(found["tags"])}
    return Side(**values)


def from_side(value: Side) -> dict[str, Any]:
    """The fields of a side."""
    return {**asdict(value), "standing": int(value.standing), "tags": list(value.tags)}


def from_request(value: FriendRequest) -> dict[str, Any]:
    """The fields of a request, without its id."""
    fields = asdict(value)
    del fields["request_id"]
    return {**fields, "state": int(value.state)}


def request(found: Document) -> FriendRequest:
    """A request from a document of its own."""
    values = {name: value for name, value in found.items() if name not in {"_id", "rev", "state"}}
    return FriendRequest(found["_id"], state=RequestState(found["state"]), **values)


def waiting(*, incoming: bool) -> Document:
    """What waits for an answer; what was refused silently still waits in the eyes of its sender."""
    if incoming:
        return {"state": int(RequestState.PENDING)}
    return {"$or": [{"state": int(RequestState.PENDING)}, {"state": int(RequestState.REFUSED), "silent": True}]}


def _latest(root: Document, sender: UserId, receiver: UserId) -> FriendRequest | None:
    found = root.get("up" if sender < receiver else "down")
    return request(found) if found else None
