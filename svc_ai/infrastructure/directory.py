"""The accounts of assistants, by the user service's UserDirectoryService."""

from parley.directory.v1 import directory_service_pb2, directory_service_pb2_grpc
from svc_ai.domain.assistant import Profile


class GrpcDirectory:
    """Calls UserDirectoryService."""

    def __init__(self, stub: directory_service_pb2_grpc.UserDirectoryServiceStub) -> None:
        self._stub = stub

    async def ensure(self, profile: Profile) -> str:
        """Make the assistant's account, or bring its profile up to date, and return its user id."""
        request = directory_service_pb2.EnsureAssistantRequest(
            username=profile.username, display_name=profile.display_name, bio=profile.description
        )
        response = await self._stub.EnsureAssistant(request)
        return response.user_id
