"""Where the live settings of the installation are kept."""

from typing import Final, Protocol

from mesh import errors
from mesh.errors import MeshError
from mesh.live import LiveSettings
from svc_user.domain.account import invalid_field
from svc_user.domain.reasons import Reason

MAX_WORDS: Final = 20_000
MAX_BYTES: Final = 512 * 1024
"""All words in UTF-8: half of what a message of the mesh may hold."""


class LiveSettingsStore(Protocol):
    """The settings, with their version. UNAVAILABLE when the store cannot answer."""

    async def latest(self) -> LiveSettings:
        """The settings in force; the defaults with version 0 when they were never changed."""

    async def version(self) -> int:
        """The version of the settings in force; cheap, since every node asks every other second."""

    async def keep(self, settings: LiveSettings) -> None:
        """Keep the next version. Raises Stale when there is one with this number already."""


def check(settings: LiveSettings) -> None:
    """Raise INVALID_REQUEST for more words than a node takes, or two classes of one name."""
    names = [one.name for one in settings.word_classes]
    if len(set(names)) < len(names):
        raise invalid_field("settings.word_classes", "each class has a name of its own")
    words = [word for one in settings.word_classes for word in one.words]
    if len(words) > MAX_WORDS or sum(len(word.encode()) for word in words) > MAX_BYTES:
        raise invalid_field("settings.word_classes", f"at most {MAX_WORDS} words and {MAX_BYTES} bytes in all")


def refused_name() -> MeshError:
    """The error for a name with a word that the installation does not want. Which one is not said."""
    return errors.precondition(Reason.CONTENT_REFUSED, "this name holds words that are not wanted here")
