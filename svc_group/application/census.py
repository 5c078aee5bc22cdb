"""Find the bots among members who came before it was written down who is one, and say so in the logs of groups."""

from dataclasses import replace
from typing import Final

from mesh.clock import Clock
from mesh.errors import MeshError
from svc_group.application.commit import Commit
from svc_group.domain import changes
from svc_group.domain.changes import Change
from svc_group.domain.group import GroupId, UserId
from svc_group.domain.ports import Decision, Directory, Groups, Mark, Need, Scene

PAGE: Final = 100
"""Bots, and groups of one bot, that are read at a time."""

PAUSE_S: Final = 60.0
"""Until it is tried again when somebody does not answer."""


class Census:
    """Goes through all bots once in the life of a node. What it says again changes nothing, so several may do it."""

    def __init__(self, commit: Commit, groups: Groups, directory: Directory, clock: Clock) -> None:
        self._commit = commit
        self._groups = groups
        self._directory = directory
        self._clock = clock

    async def run(self) -> None:
        """Count until all were seen."""
        after = ""
        while True:
            try:
                bots = await self._directory.bots(after, PAGE)
                for bot_id in bots:
                    await self._count(bot_id)
            except MeshError:
                await self._clock.sleep(PAUSE_S)
                continue
            if len(bots) < PAGE:
                return
            after = bots[-1]

    async def _count(self, bot_id: UserId) -> None:
        mark = Mark()
        while True:
            changed = await self._groups.of_user(bot_id, mark, PAGE)
            for _, view in changed.views:
                if view.own is not None and view.own.present and not view.own.bot:
                    await self._say(view.group.id, bot_id)
            if len(changed.views) < PAGE:
                return
            mark = changed.views[-1][0]

    async def _say(self, group_id: GroupId, bot_id: UserId) -> None:
        """Write down that this member is a bot."""

        def decide(scene: Scene) -> Decision[None]:
            group, place = scene.group, scene.places.get(bot_id)
            if group is None or place is None or not place.present or place.bot:
                return Decision(None)
            bot = replace(place, bot=True, version=place.version + 1)
            return Decision(None, Change(members=(bot,), entries=changes.updated(group, bot_id, bot)))

        await self._commit.change(Need(group_id, [bot_id]), decide)
