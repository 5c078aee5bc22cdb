"""Live settings as JSON, for both stores."""

import json

from mesh.live import JudgingMode, LiveSettings, PolicyMode, SendRate
from mesh.words import Action, WordClass


def encode(settings: LiveSettings) -> str:
    """All but the version."""
    rate = settings.send_rate
    return json.dumps(
        {
            "registration_closed": settings.registration_closed,
            "send_rate": [rate.burst, rate.per_second] if rate else None,
            "word_classes": [[one.name, int(one.action), list(one.words)] for one in settings.word_classes],
            "policy_mode": int(settings.policy_mode),
            "judging_mode": int(settings.judging_mode),
        },
        ensure_ascii=False,
    )


def decode(version: int, text: str) -> LiveSettings:
    """What `encode` wrote; versions from before there were modes have none."""
    found = json.loads(text)
    rate = found["send_rate"]
    classes = tuple(WordClass(name, Action(action), tuple(words)) for name, action, words in found["word_classes"])
    return LiveSettings(
        version,
        found["registration_closed"],
        SendRate(*rate) if rate else None,
        classes,
        PolicyMode(found.get("policy_mode", 0)),
        JudgingMode(found.get("judging_mode", 0)),
    )
