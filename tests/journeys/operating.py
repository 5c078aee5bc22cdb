"""An administrator at a terminal."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from parley_terminal.__main__ import _parser
from parley_terminal.operate.command import operate
from tests.journeys.people import PASSWORD


@dataclass(frozen=True, slots=True)
class OperatorTerminal:
    """Where words are typed, and what is shown then."""

    address: str
    username: str
    home: Path
    capsys: pytest.CaptureFixture[str]

    async def typed(self, *words: str) -> tuple[int, str, str]:
        """The exit code, what was shown, and what was said to be wrong."""
        head = ("admin", "--address", self.address, "--username", self.username, "--home", str(self.home))
        code = await operate(_parser().parse_args([*head, *words]), PASSWORD)
        shown = self.capsys.readouterr()
        return code, shown.out, shown.err

    async def shown(self, *words: str) -> str:
        """What was shown, of something that succeeds."""
        code, out, err = await self.typed(*words)
        assert code == 0, err
        return out
