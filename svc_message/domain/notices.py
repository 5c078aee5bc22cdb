"""Entries that the message service writes by itself."""

from typing import Protocol

from mesh.errors import MeshError
from svc_message.domain.own import Own
from svc_message.domain.timing.schedule import Scheduled


class Notices(Protocol):
    """How their contents are written down: each encoded as the tail of an entry."""

    def own(self, own: Own, *, archived: bool) -> bytes:
        """What a user has of a conversation."""

    def quiet(self) -> bytes:
        """The quiet hours changed."""

    def retention(self, days: int) -> bytes:
        """Entries are kept for so many days from now on."""

    def expired(self, target_seq: int) -> bytes:
        """A post has destroyed itself."""

    def refused(self, one: Scheduled, error: MeshError) -> bytes:
        """A scheduled message was refused."""
