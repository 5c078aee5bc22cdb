"""A member's own names: the nickname that all see, and the remark that nobody else does."""

from dataclasses import replace

from svc_group.application.commit import Commit
from svc_group.application.naming import Naming
from svc_group.domain import changes, rules
from svc_group.domain.changes import Change
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.member import Member
from svc_group.domain.ports import Decision, Need, Scene


class Owning:
    """Changes the caller's own membership."""

    def __init__(self, commit: Commit, naming: Naming) -> None:
        self._commit = commit
        self._naming = naming

    async def update(
        self, actor_id: UserId, group_id: GroupId, *, nickname: str | None = None, remark: str | None = None
    ) -> Member:
        """Change the names that are given; None leaves one.

        Raises NOT_MEMBER, and for a nickname CONTENT_REFUSED and INVALID_REQUEST (it shows nothing).
        """

        def decide(scene: Scene) -> Decision[Member]:
            group = rules.in_being(scene.group, scene.places.get(actor_id))
            place = rules.member(group, scene.places.get(actor_id))
            after = _named(place, nickname, remark)
            if after == place:
                return Decision(place)
            if after.nickname != place.nickname:
                rules.open_to_all(group)
                self._naming.check(after.nickname)
            after = replace(after, version=place.version + 1)
            # The remark is nobody else's business, so it leaves no entry.
            entries = changes.updated(group, actor_id, after) if after.nickname != place.nickname else ()
            return Decision(after, Change(members=(after,), entries=entries))

        return await self._commit.change(Need(group_id, [actor_id]), decide)


def _named(place: Member, nickname: str | None, remark: str | None) -> Member:
    return replace(
        place,
        nickname=place.nickname if nickname is None else rules.shown("nickname", nickname),
        remark=place.remark if remark is None else remark.strip(),
    )
