"""The message nodes of a mesh that runs behind an edge, for stories that kill them: see `real`."""

from collections.abc import Mapping
from dataclasses import dataclass

from real import nodes, process
from tests.real.losing import start

NAMES = [node.name for node in nodes.ALL if node.service == "message"]


@dataclass(frozen=True, slots=True)
class MessageNodes:
    """To be killed, and started again with these settings besides. Its methods block, as those of Mesh."""

    address: str
    settings: Mapping[str, str]

    def kill(self) -> None:
        """End them as a power cut does."""
        for name in NAMES:
            process.kill(name)

    def start(self) -> None:
        """Start them, and return when they serve."""
        for name in NAMES:
            start(name, self.settings)
