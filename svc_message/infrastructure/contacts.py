"""`svc_message.domain.ports.Contacts`, answered by the user service."""

from collections.abc import Sequence
from typing import Final

from mesh import errors
from mesh.questions import Questions
from parley.directory.v1.directory_service_pb2 import CheckContactRequest, Contact, ContactPair, ContactVerdict
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.domain import rules
from svc_message.domain.conversation import UserId
from svc_message.domain.reasons import Reason

UNKNOWN: Final = frozenset(
    {ContactVerdict.CONTACT_VERDICT_RECEIVER_UNKNOWN, ContactVerdict.CONTACT_VERDICT_SENDER_UNAVAILABLE}
)


Pair = tuple[UserId, UserId]
"""Sender and recipient."""


class DirectoryContacts:
    """Asks UserDirectoryService, for all who wait at once."""

    def __init__(self, directory: UserDirectoryServiceStub) -> None:
        self._directory = directory
        self._contacts = Questions(self._ask)

    async def may_write(self, sender_id: UserId, recipient_id: UserId) -> bool:
        """See the port."""
        contact = await self._contacts.answer((sender_id, recipient_id))
        verdict = contact.verdict
        if verdict == ContactVerdict.CONTACT_VERDICT_ALLOWED:
            return contact.sender_is_bot
        if verdict in UNKNOWN:
            raise rules.unknown_conversation()
        if verdict == ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_SENDER:
            raise errors.precondition(Reason.CONTACT_BLOCKED_BY_YOU, "you blocked this user; unblock them first")
        raise errors.precondition(Reason.RECEIVER_UNAVAILABLE, "this user cannot be written to")

    async def _ask(self, pairs: Sequence[Pair]) -> dict[Pair, Contact]:
        asked = [ContactPair(sender_id=sender_id, receiver_id=receiver_id) for sender_id, receiver_id in pairs]
        answer = await self._directory.CheckContact(CheckContactRequest(pairs=asked))
        return dict(zip(pairs, answer.contacts, strict=True))
