"""Refuse names with words that the installation does not want."""

from mesh import errors
from mesh.live import Live
from svc_group.domain.reasons import Reason


class Naming:
    """Looks at names from memory."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def check(self, name: str) -> None:
        """Raise CONTENT_REFUSED. Which word it was is not said."""
        if self._live.unwanted_name(name):
            raise errors.precondition(Reason.CONTENT_REFUSED, "this name holds words that are not wanted here")
