"""`svc_message.domain.ports.Contacts`, answered by the user service."""

from parley.directory.v1 import directory_service_pb2 as directory
from parley.directory.v1.directory_service_pb2_grpc import UserDirectoryServiceStub
