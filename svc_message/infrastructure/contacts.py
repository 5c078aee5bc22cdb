"""`svc_message.domain.ports.Contacts`, answered by the user service."""

from typing import Final

from mesh import errors
from parley.directory.v1.directory_service_pb2 import CheckContactRequest, ContactPair, ContactVerdict
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from svc_message.domain import rules
from svc_message.domain.conversation import UserId
from svc_message.domain.reasons import Reason

UNKNOWN: Final = frozenset(
    {ContactVerdict.CONTACT_VERDICT_RECEIVER_UNKNOWN, ContactVerdict.CONTACT_VERDICT_SENDER_UNAVAILABLE}
)


class DirectoryContacts:
    """Asks UserDirectoryService."""

    def __init__(self, directory: UserDirectoryServiceStub) -> None:
        self._directory = directory

    async def may_write(self, sender_id: UserId, recipient_id: UserId) -> None:
        """See the port."""
        pair = ContactPair(sender_id=sender_id, receiver_id=recipient_id)
        answer = await self._directory.CheckContact(CheckContactRequest(pairs=[pair]))
        verdict = answer.contacts[0].verdict
        if verdict == ContactVerdict.CONTACT_VERDICT_ALLOWED:
            return
        if verdict in UNKNOWN:
            raise rules.unknown_conversation()
        if verdict == ContactVerdict.CONTACT_VERDICT_BLOCKED_BY_SENDER:
            raise errors.precondition(Reason.CONTACT_BLOCKED_BY_YOU, "you blocked this user; unblock them first")
        raise errors.precondition(Reason.RECEIVER_UNAVAILABLE, "this user cannot be written to")
