"""Who looks at what people write, and when: what a node was started with, unless live settings say otherwise."""

from dataclasses import dataclass

from mesh.live import JudgingMode, Live, PolicyMode


@dataclass(frozen=True, slots=True)
class Started:
    """The modes that a node was started with."""

    policy: PolicyMode = PolicyMode.OFF
    judging: JudgingMode = JudgingMode.OFF


_ASKED = {
    JudgingMode.FAIL_OPEN: PolicyMode.FAIL_OPEN,
    JudgingMode.FAIL_CLOSED: PolicyMode.FAIL_CLOSED,
}


class Modes:
    """The modes in force at this moment."""

    def __init__(self, live: Live, started: Started) -> None:
        self.live = live
        self._started = started

    def policy(self) -> PolicyMode:
        """Whether the policy of the installation is asked, and what holds without its answer."""
        return self.live.settings.policy_mode or self._started.policy

    def model(self) -> PolicyMode:
        """The same of the model that judges, before a text is kept."""
        return _ASKED.get(self._judging(), PolicyMode.OFF)

    @property
    def reviewing(self) -> bool:
        """Whether the model is asked about what is kept already."""
        return self._judging() is JudgingMode.REVIEW

    @property
    def known(self) -> bool:
        """Whether administrators ever set something, and this node knows what."""
        return self.live.settings.version > 0

    def _judging(self) -> JudgingMode:
        return self.live.settings.judging_mode or self._started.judging
