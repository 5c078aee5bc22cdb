"""What one uses of the assistants, and may still use."""

from __future__ import annotations

import time
from typing import Final

from parley_terminal.chat.command import Command
from parley_terminal.chat.desk import Desk


async def _usage(desk: Desk, _: list[str]) -> None:
    used = await desk.client.assistants.usage()
    tokens = used.today.input_tokens + used.today.output_tokens
    desk.screen.say(f"  answers today {_of(used.requests_today, used.daily_request_limit)}", "")
    desk.screen.say(f"  tokens today  {_of(tokens, used.daily_token_limit)}", "")
    if used.today.cost_micros or used.daily_cost_micros_limit:
        limit = used.daily_cost_micros_limit and _money(used.daily_cost_micros_limit)
        desk.screen.say(f"  cost today    {_of(_money(used.today.cost_micros), limit)}", "")
    again = time.strftime("%d.%m. %H:%M", time.localtime(used.resets_at_ms / 1_000))
    desk.screen.say(f"  counted anew  {again}", "")


def _of(used: int | str, limit: int | str) -> str:
    return f"{used} of {limit}" if limit else str(used)


def _money(micros: int) -> str:
    """Of the installation's currency."""
    return f"{micros / 1_000_000:.6f}".rstrip("0").removesuffix(".")


COMMANDS: Final = (
    Command("assistant-usage", "", "what you have used of the assistants today, and may still use", _usage),
)
