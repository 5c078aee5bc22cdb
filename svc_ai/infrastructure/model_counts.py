"""What is counted of the models that answer."""

from typing import Final

from mesh.telemetry import Telemetry

HINTS: Final = {
    "key_refused": "the server refuses the key: look at its _KEY_FILE",
    "not_found": "the server knows no such model or path: look at its _URL and _NAME",
    "http_400": "the server does not take such a request: look at its _NAME, and at its _KEY_FILE",
    "prompt_too_long": "the model reads less than half of a prompt, about 3,000 tokens: it needs more room",
    "unreachable": "nobody answers at its _URL",
    "rubbish": "what answers at its _URL is no stream of chat completions",
}
"""What an operator can do about it."""


class ModelCounts:
    """Counts how calls of one model end; tells an operator when it goes away, why, and when it is back."""

    def __init__(self, telemetry: Telemetry, setting: str) -> None:
        """`setting` is what the names of its settings begin with."""
        self._log = telemetry.log
        self._setting = setting
        self._counter = telemetry.meter.create_counter("model.calls", "{call}", "by outcome")
        self._away = ""

    def __call__(self, outcome: str) -> None:
        """A call ended."""
        self._counter.add(1, {"outcome": outcome, "model": self._setting})
        away = "" if outcome in {"answered", "refused"} else outcome
        if away == self._away:  # when it changes, and not for each call
            return
        self._away = away
        if away:
            hint = HINTS.get(away, "it may pass by itself")
            self._log.warning("model_away", outcome=away, settings=self._setting, hint=hint)
        else:
            self._log.warning("model_back", settings=self._setting)
