"""What an entry says, as far as rules and lists need to know: read from its bytes by an adapter."""

from typing import Final, NamedTuple, Protocol

from svc_message.domain.conversation import Seq

LINK: Final = "link"
"""Among the traits of a post: its text holds a link."""


class Said(NamedTuple):
    """What an entry says. Fields that its kind does not have are empty."""

    target: Seq = Seq(0)
    """The post that it is about."""
    name: str = ""
    """Of a reaction."""
    removed: bool = False
    """A reaction or pin is taken away."""
    text: str = ""
    """All that a person can read in a post or edit: text, captions, titles, names of files."""
    traits: frozenset[str] = frozenset()
    """Of a post: the kind of its body as the contract names it, and LINK."""


class Reading(Protocol):
    """How entries are read, without the domain knowing the format."""

    def said(self, entry: bytes) -> Said:
        """What an encoded entry says. Also takes the encoded content of a draft."""
