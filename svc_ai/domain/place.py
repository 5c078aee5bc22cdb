"""What a user is in a conversation, and what follows from it."""

from dataclasses import dataclass
from enum import IntEnum

from mesh import errors
from mesh.errors import MeshError
from svc_ai.domain.entry import is_direct
from svc_ai.domain.reasons import Reason


class Role(IntEnum):
    """Roles in a group, by rising rights. The numbers are those of the contract."""

    MEMBER = 1
    ADMIN = 2
    OWNER = 3


@dataclass(frozen=True, slots=True)
class Place:
    """One user in one conversation: visible is what stands from `first_seq` on, up to `left_seq` if it is not 0."""

    role: Role = Role.MEMBER
    first_seq: int = 1
    left_seq: int = 0
    silenced: bool = False
    """May write nothing there at present: is no member, is muted, or the group is closed."""

    @property
    def present(self) -> bool:
        """Is a member now."""
        return not self.left_seq


def is_chat_of(conversation_id: str, *user_ids: str) -> bool:
    """Whether this is the direct chat of these users, which may not have begun yet."""
    return is_direct(conversation_id) and conversation_id == "-".join(sorted(user_ids))


def governs(conversation_id: str, place: Place) -> bool:
    """Whether whoever has this place says how an assistant behaves there: all in a direct chat, admins in a group."""
    return place.present and (is_direct(conversation_id) or place.role >= Role.ADMIN)


def unknown_conversation() -> MeshError:
    """The refusal for a conversation that is not there, and in the same words for one that is not the caller's."""
    return errors.not_found(Reason.CONVERSATION_NOT_FOUND, "no such conversation, or you are not in it")


def role_required() -> MeshError:
    """The refusal for members who are no admins."""
    needed = f"ROLE_{Role.ADMIN.name}"
    return errors.denied(Reason.ROLE_REQUIRED, "this takes an admin of the group", required_role=needed)
