"""What is looked for in texts before they are shown."""

from typing import Protocol

from mesh import errors
from mesh.errors import MeshError
from svc_message.domain.entry import Draft
from svc_message.domain.reasons import Reason


class WordList(Protocol):
    """Looks at drafts of users from memory alone: it never waits."""

    @property
    def on(self) -> bool:
        """Whether there is anything to look for."""

    def apply(self, draft: Draft) -> Draft:
        """The draft with what is not wanted hidden; or with a refusal, which is told unless it was accepted before."""


def refused() -> MeshError:
    """The error for a text that may not be shown. Which word it was is not said: it would teach how to avoid it."""
    return errors.precondition(Reason.CONTENT_REFUSED, "the text holds words that are not wanted here")
