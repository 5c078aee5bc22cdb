"""Make a prompt shorter for a model that does not read so much."""

from dataclasses import replace
from typing import Final

from svc_ai.domain.prompt import Prompt

CUT: Final = "[…] "


def shortened(prompt: Prompt) -> Prompt:
    """About half of it: the newest turns with half of the characters; of one that is alone the end."""
    room = sum(len(turn.text) for turn in prompt.turns) // 2
    turns = list(prompt.turns[-1:])
    left = room - len(turns[0].text)
    for turn in reversed(prompt.turns[:-1]):
        left -= len(turn.text)
        if left < 0:
            break
        turns.insert(0, turn)
    newest = turns[-1]
    if len(newest.text) > room:  # what is asked stands at the end more often than not
        turns[-1] = replace(newest, text=CUT + newest.text[-max(room, 1) :])
    return replace(prompt, turns=tuple(turns))
