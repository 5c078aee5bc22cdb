"""Edit what all members see of a group: settings and announcement; and confirm having read the latter."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace

from mesh import errors
from mesh.clock import Clock
from svc_group.application import repeat
from svc_group.application.commit import Commit
from svc_group.application.naming import Naming
from svc_group.domain import changes, rules
from svc_group.domain.avatar import Avatars
from svc_group.domain.changes import Change, Remembered
from svc_group.domain.group import Announcement, Group, GroupId, Role, Settings, UserId
from svc_group.domain.member import GroupView
from svc_group.domain.ports import Decision, Need, Scene
from svc_group.domain.reasons import Reason


class Editing:
    """Changes groups."""

    def __init__(self, commit: Commit, avatars: Avatars, clock: Clock, naming: Naming) -> None:
        self._commit = commit
        self._avatars = avatars
        self._naming = naming
        self._clock = clock

    async def update(
        self,
        actor_id: UserId,
        group_id: GroupId,
        edit: Callable[[Settings], Settings],
        expected_version: int,
        avatar_media_id: str,
    ) -> GroupView:
        """Change settings; `avatar_media_id`: the picture, where `edit` sets one. Doing it again changes nothing more.

        Raises ROLE_REQUIRED, VERSION_CONFLICT, INVALID_REQUEST (a name that shows nothing, a slow mode outside of the
        group's bounds), CONTENT_REFUSED, and for a new picture what `Avatars.check` does.
        """
        if avatar_media_id:
            await self._check_avatar(actor_id, group_id, avatar_media_id)

        def decide(scene: Scene) -> Decision[None]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)
            settings = rules.slow_enough(group, rules.named(edit(group.settings)))
            if settings == group.settings:
                return Decision(None)
            rules.unchanged_since(expected_version, group.version)
            if settings.name != group.settings.name:
                self._naming.check(settings.name)
            after = replace(group, settings=settings, version=group.version + 1)
            return Decision(None, Change(after, entries=changes.edited(after, actor_id, group.settings)))

        await self._commit.change(Need(group_id, [actor_id]), decide)
        return await self._commit.view(group_id, actor_id)

    async def _check_avatar(self, actor_id: UserId, group_id: GroupId, avatar_media_id: str) -> None:
        """Who may not change the group learns nothing of media; what the group shows already needs no owner."""

        def new(scene: Scene) -> bool:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)
            return avatar_media_id != group.settings.avatar_media_id

        if await self._commit.look(Need(group_id, [actor_id]), new):
            await self._avatars.check(actor_id, avatar_media_id)

    async def announce(
        self, actor_id: UserId, group_id: GroupId, request_id: str, text: str, *, required_reading: bool
    ) -> Announcement | None:
        """Replace the announcement; an empty text takes it away.

        Raises ROLE_REQUIRED, REQUEST_ID_REUSED, INVALID_REQUEST (a text that shows nothing).
        """
        asked = repeat.fingerprint("announce", group_id, text, required_reading)
        now = self._clock.now_ms()

        def decide(scene: Scene) -> Decision[str]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            rules.ranked(group, scene.places.get(actor_id), Role.ADMIN)
            before = repeat.answer_of(scene.remembered, asked)
            if before is not None:
                return Decision(before)
            shown = rules.shown("text", text)
            after = _announced(group, actor_id, shown, now, required_reading=required_reading)
            answer = json.dumps(asdict(after.announcement) if after.announcement else None)
            remembered = Remembered(actor_id, request_id, asked, answer, now)
            return Decision(answer, Change(after, remembered=remembered, entries=changes.announced(after, actor_id)))

        answer = await self._commit.change(Need(group_id, [actor_id], request=(actor_id, request_id)), decide)
        stored = json.loads(answer)
        return Announcement(**stored) if stored else None

    async def acknowledge(self, actor_id: UserId, group_id: GroupId, number: int) -> None:
        """Confirm having read an announcement; again, or an older one, changes nothing.

        Raises NOT_MEMBER, ANNOUNCEMENT_NOT_FOUND.
        """

        def decide(scene: Scene) -> Decision[None]:
            group = rules.in_use(scene.group, scene.places.get(actor_id))
            place = rules.member(group, scene.places.get(actor_id))
            if number > group.announcement_count:
                raise errors.not_found(Reason.ANNOUNCEMENT_NOT_FOUND, "the group has no such announcement")
            if number <= place.acknowledged:
                return Decision(None)
            after = replace(place, acknowledged=number, version=place.version + 1)
            return Decision(None, Change(members=(after,)))

        await self._commit.change(Need(group_id, [actor_id]), decide)


def _announced(group: Group, actor_id: UserId, text: str, now: int, *, required_reading: bool) -> Group:
    if not text:
        return replace(group, announcement=None, version=group.version + 1)
    number = group.announcement_count + 1
    announcement = Announcement(number, text, required_reading, actor_id, now)
    return replace(group, announcement=announcement, announcement_count=number, version=group.version + 1)
