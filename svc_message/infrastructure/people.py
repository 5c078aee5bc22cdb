"""The user service as a neighbour: who there is, and the account that the installation writes as."""

from typing import Final

from mesh import wire
from parley.directory.v1.directory_service_pb2 import EnsureAssistantRequest, ListPeopleRequest
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
from parley.message.v1.entry_pb2 import Content, Entry
from svc_message.domain.conversation import UserId

USERNAME: Final = "parley"
"""A name that no person can have."""

DISPLAY_NAME: Final = "Parley"


class DirectoryPeople:
    """`svc_message.domain.administration.broadcast.People`."""

    def __init__(self, directory: UserDirectoryServiceStub) -> None:
        self._directory = directory
        self._system = UserId("")

    async def after(self, user_id: UserId, limit: int) -> list[UserId]:
        """See the port."""
        answer = await self._directory.ListPeople(ListPeopleRequest(after_user_id=user_id, limit=limit))
        return [UserId(one) for one in answer.user_ids]

    async def system(self) -> UserId:
        """See the port."""
        if not self._system:
            request = EnsureAssistantRequest(username=USERNAME, display_name=DISPLAY_NAME)
            self._system = UserId((await self._directory.EnsureAssistant(request)).user_id)
        return self._system


def encode_text(text: str) -> bytes:
    """The content of an entry that is a post with this text, as the tail of an entry."""
    content = Content()
    content.post.body.text.text = text
    return wire.field(Entry.CONTENT_FIELD_NUMBER, content.SerializeToString())
