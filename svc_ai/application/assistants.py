"""Assistants: give each its account, and list them."""

from collections.abc import Sequence
from typing import Final

from mesh import page_tokens
from mesh.clock import Clock
from mesh.errors import MeshError
from svc_ai.domain.assistant import Assistant, Profile
from svc_ai.domain.ports import Directory, Journal

RETRY_SECONDS: Final = 1.0
"""Wait between attempts while the user service is away, as at the first start of all services at once."""

DEFAULT_SIZE: Final = 50
MAX_SIZE: Final = 200

LISTED: Final = "assistants"
"""The question of a page token: the list is the same for whoever asks."""


class Assistants:
    """The assistants of this installation."""

    def __init__(self, profiles: Sequence[Profile], directory: Directory, journal: Journal, clock: Clock) -> None:
        self._profiles = tuple(profiles)
        self._directory = directory
        self._journal = journal
        self._clock = clock
        self._known: list[Assistant] = []

    async def ensure(self) -> Sequence[Assistant]:
        """Return all assistants once each has its account; keeps trying until the user service answers."""
        found = [await self._ensure(profile) for profile in self._profiles]
        self._known = sorted(found, key=lambda assistant: assistant.profile.display_name)
        return found

    async def _ensure(self, profile: Profile) -> Assistant:
        while True:
            try:
                return Assistant(await self._directory.ensure(profile), profile)
            except MeshError as error:
                self._journal.failed(f"account of {profile.username}", error)
            await self._clock.sleep(RETRY_SECONDS)

    def find(self, assistant_id: str) -> Assistant | None:
        """The assistant of this account, if it is one."""
        return next((one for one in self._known if one.user_id == assistant_id), None)

    @property
    def ids(self) -> frozenset[str]:
        """Their accounts."""
        return frozenset(one.user_id for one in self._known)

    def page(self, size: int, token: str) -> tuple[list[Assistant], str]:
        """One page by name, and the token of the next; an empty token is the first page, or says it was the last.

        Raises PAGE_TOKEN_INVALID. Before the accounts are known there is nothing to list.
        """
        start = self._after(token) if token else 0
        end = start + min(size or DEFAULT_SIZE, MAX_SIZE)
        page = self._known[start:end]
        return page, page_tokens.seal(LISTED, page[-1].user_id) if end < len(self._known) else ""

    def _after(self, token: str) -> int:
        last = page_tokens.unseal(LISTED, token)
        for index, assistant in enumerate(self._known):
            if assistant.user_id == last:
                return index + 1
        raise page_tokens.invalid()
