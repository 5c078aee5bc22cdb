"""What operators see of the live settings, and change in them."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from pathlib import Path

from parley.admin.v1 import live_settings_pb2
from parley.ai.v1 import moderation_service_pb2
from parley_sdk import Client
from parley_terminal.operate import modes
from parley_terminal.operate.named import number_of


async def show(client: Client, _: Namespace) -> list[str]:
    """All of them, a line each."""
    found = await client.administration.settings()
    rate = f"{found.send_rate.burst} at once, {found.send_rate.per_second:g} a second"
    verdict = moderation_service_pb2.Verdict.Name
    return [
        f"version\t{found.version}",
        f"registration\t{'closed' if found.registration_closed else 'open'}",
        f"send rate\t{rate if found.HasField('send_rate') else 'as the nodes were started'}",
        *(
            f"words\t{one.name}\t{verdict(one.action).removeprefix('VERDICT_').lower()}\t{len(one.words)}"
            for one in found.word_classes
        ),
        *modes.lines(found),
    ]


async def registration(client: Client, asked: Namespace) -> list[str]:
    """Open or close it."""
    if asked.state not in {"open", "closed"}:
        raise ValueError("registration is `open` or `closed`")
    wanted = live_settings_pb2.LiveSettings(registration_closed=asked.state == "closed")
    await client.administration.change_settings(wanted, ["registration_closed"], asked.reason)
    return [f"registration is {asked.state}"]


async def rate(client: Client, asked: Namespace) -> list[str]:
    """Set how fast one user may send."""
    wanted = live_settings_pb2.LiveSettings()
    if asked.burst != "default":
        burst, per_second = number_of(asked.burst, "burst"), number_of(asked.per_second or asked.burst, "per_second")
        wanted.send_rate.CopyFrom(live_settings_pb2.SendRate(burst=int(burst), per_second=per_second))
    await client.administration.change_settings(wanted, ["send_rate"], asked.reason)
    return ["all nodes take it within 5 seconds"]


async def words(client: Client, asked: Namespace) -> list[str]:
    """Replace the word list."""
    classes = read_words(await asyncio.to_thread(Path(asked.file).read_text, encoding="utf-8"))
    wanted = live_settings_pb2.LiveSettings(word_classes=classes)
    await client.administration.change_settings(wanted, ["word_classes"], asked.reason)
    return [f"{sum(len(one.words) for one in classes)} words; all nodes take them within 5 seconds"]


def read_words(text: str) -> list[live_settings_pb2.WordClass]:
    """The classes of a word file: `[name action]` begins one, then a word a line; `#` begins a remark. ValueError."""
    classes: list[live_settings_pb2.WordClass] = []
    for number, raw in enumerate(text.splitlines(), 1):
        found = raw.strip()
        if not found or found.startswith("#"):
            continue
        if found.startswith("["):
            classes.append(_class_of(found, number))
        elif classes:
            classes[-1].words.append(found)
        else:
            raise ValueError(f"line {number}: a word before the first [name action]")
    return classes


def _class_of(header: str, number: int) -> live_settings_pb2.WordClass:
    name, _, action = header.strip("[]").partition(" ")
    try:
        verdict = moderation_service_pb2.Verdict.Value(f"VERDICT_{action.strip().upper()}")
    except ValueError:
        raise ValueError(f"line {number}: [name action], the action allow, mask, review or block") from None
    return live_settings_pb2.WordClass(name=name, action=verdict)
