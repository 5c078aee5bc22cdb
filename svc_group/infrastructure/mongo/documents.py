"""Documents of the store <-> values of the domain."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from mesh.infrastructure.mongo import Document
from mesh.infrastructure.mongo_roots import Put
from svc_group.domain.changes import Remembered
from svc_group.domain.group import Announcement, Group, GroupLimits, GroupState, Role
from svc_group.domain.member import Ending, JoinRequest, JoinRequestState, Link, Member
from svc_group.infrastructure.settings import settings_of

OURS: Final = frozenset({"_id", "rev", "change", "rank", "folded", "key"})
"""Fields of documents that are for the store alone."""


def team(group: Group) -> dict[str, Any]:
    """The part of a root that is the group."""
    return {**_plain(asdict(group)), "settings": _plain(asdict(group.settings))}


def group(root: Document) -> Group | None:
    """The group of a root, if it has become one."""
    found = root.get("group")
    if found is None:
        return None
    announcement = Announcement(**found["announcement"]) if found["announcement"] else None
    changed = {
        "settings": settings_of(found["settings"]),
        "state": GroupState(found["state"]),
        "announcement": announcement,
        "limits": GroupLimits(**found.get("limits", {})),  # groups from before there were some have none
    }
    return Group(**{**found, **changed})


def member_put(member: Member, change: int) -> Put:
    """The document of a member, with the folded names that a search looks at."""
    fields = {
        **_plain(asdict(member)),
        "ended": int(member.ended or 0),
        "rank": Role.OWNER - member.role,
        "folded": f"{member.nickname}\n{member.display_name}".casefold(),
        "change": change,
    }
    return Put("member", f"{member.group_id}/{member.user_id}", fields)


def member(found: Document) -> Member:
    """A member from its document."""
    values = _values(found)
    ended = Ending(values["ended"]) if values["ended"] else None
    return Member(**{**values, "role": Role(values["role"]), "ended": ended})


def join_request_put(request: JoinRequest) -> Put:
    """The document of a join request; `key` tells those apart that were made together."""
    fields = {**_plain(asdict(request)), "key": request.group_id + request.user_id}
    return Put("join_request", f"{request.group_id}/{request.user_id}", fields)


def join_request(found: Document) -> JoinRequest:
    """A join request from its document."""
    values = _values(found)
    return JoinRequest(**{**values, "state": JoinRequestState(values["state"])})


def link_put(link: Link) -> Put:
    """The document of a link."""
    fields = asdict(link)
    return Put("link", fields.pop("id"), fields)


def link(found: Document) -> Link:
    """A link from its document."""
    return Link(id=found["_id"], **_values(found))


def request_key(user_id: str, request_id: str) -> str:
    """One text for both: ids of users have no slash."""
    return f"{user_id}/{request_id}"


def remembered_put(remembered: Remembered) -> Put:
    """The document of an answer."""
    return Put("remembered", request_key(remembered.user_id, remembered.request_id), asdict(remembered))


def remembered(found: Document) -> Remembered:
    """An answer from its document."""
    return Remembered(**_values(found))


def _values(found: Document) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in OURS}


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers instead of the domain's names for them."""
    return {
        name: int(value) if isinstance(value, int) and type(value) is not bool else value
        for name, value in fields.items()
    }
