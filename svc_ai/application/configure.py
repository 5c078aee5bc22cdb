"""Say and change how an assistant behaves in a conversation."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from mesh import errors
from mesh.errors import MeshError
from svc_ai.application.assistants import Assistants
from svc_ai.domain.place import Place, governs, is_chat_of, role_required, unknown_conversation
from svc_ai.domain.reading import Histories
from svc_ai.domain.reasons import Reason
from svc_ai.domain.settings import AssistantSettings, Offer, SettingsStore, changed

ATTEMPTS: Final = 5
"""Tries of a change that does not name a version: of those who change at once, each wins once."""


class Configuring:
    """In a direct chat with an assistant its user says how it behaves, and need not have begun it for that; in a group
    the admins do.
    """

    def __init__(self, assistants: Assistants, histories: Histories, store: SettingsStore, offer: Offer) -> None:
        self._assistants = assistants
        self._histories = histories
        self._store = store
        self._offer = offer

    async def get(self, user_id: str, assistant_id: str, conversation_id: str) -> AssistantSettings:
        """The settings in force; the instructions only for who may change them.

        Raises CONVERSATION_NOT_FOUND and ASSISTANT_NOT_FOUND.
        """
        place = await self._place(user_id, assistant_id, conversation_id)
        settings = await self._store.load(assistant_id, conversation_id)
        return settings if governs(conversation_id, place) else replace(settings, instructions="")

    async def change(
        self,
        user_id: str,
        assistant_id: str,
        conversation_id: str,
        wanted: AssistantSettings,
        fields: Collection[str],
        expected_version: int,
    ) -> AssistantSettings:
        """The settings after these fields were changed; `expected_version` 0: whatever they were before.

        Raises CONVERSATION_NOT_FOUND, ASSISTANT_NOT_FOUND, ROLE_REQUIRED, MODEL_NOT_ALLOWED, TOOL_NOT_ALLOWED and
        VERSION_CONFLICT.
        """
        place = await self._place(user_id, assistant_id, conversation_id)
        if not governs(conversation_id, place):
            raise role_required()
        picked = self._offer.checked(AssistantSettings(**{field: getattr(wanted, field) for field in fields}))
        for _ in range(ATTEMPTS):
            before = await self._store.load(assistant_id, conversation_id)
            if expected_version and expected_version != before.version:
                raise _conflict()
            after = changed(before, picked, fields)
            if after == before or await self._store.save(assistant_id, conversation_id, after):
                return after
        raise _conflict()

    async def _place(self, user_id: str, assistant_id: str, conversation_id: str) -> Place:
        """What the user is in a conversation that the assistant is in."""
        begun = is_chat_of(conversation_id, user_id, assistant_id) and self._assistants.find(assistant_id)
        place = Place() if begun else await self._histories.place(user_id, conversation_id)
        if not place.present:
            raise unknown_conversation()
        if not begun and not await self._is_there(assistant_id, conversation_id):
            raise errors.not_found(Reason.ASSISTANT_NOT_FOUND, "there is no such assistant in this conversation")
        return place

    async def _is_there(self, assistant_id: str, conversation_id: str) -> bool:
        if self._assistants.find(assistant_id) is None:
            return False
        try:
            return (await self._histories.place(assistant_id, conversation_id)).present
        except MeshError as error:
            if error.reason != Reason.CONVERSATION_NOT_FOUND:
                raise
            return False


def _conflict() -> MeshError:
    return errors.aborted(Reason.VERSION_CONFLICT, "the settings changed meanwhile: read them again and repeat")
