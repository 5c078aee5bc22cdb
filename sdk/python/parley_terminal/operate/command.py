"""Runs one verb: logs in, does it, prints what it gives."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path
from typing import Final

from parley_sdk import Client, Code, ParleyError
from parley_terminal.operate.verbs import VERBS, Verb

PASSWORD_FILE: Final = "PARLEY_ADMIN_PASSWORD_FILE"  # noqa: S105  the name of a variable
"""The variable that names the file of the password; without it the password is asked for."""

OPTIONS: Final = {
    "by": "only what this administrator did",
    "action": "only this RPC, such as UserAdminService.SuspendUser",
    "hours": "only the last so many hours",
    "state": "all, or only open, upheld or rejected ones; else those that wait",
    "about": "only about this conversation, user or group",
}
"""What may be given besides the words of a verb."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add nouns and verbs to the parser of `admin`."""
    parser.add_argument("--address", default="127.0.0.1:7700", help="host:port of a service, inside (%(default)s)")
    parser.add_argument("--username", required=True, help="the administrator")
    home = Path.home() / ".parley"
    parser.add_argument("--home", type=Path, default=home, help="where to keep the session (%(default)s)")
    nouns = parser.add_subparsers(dest="noun", required=True)
    for noun in dict.fromkeys(verb.noun for verb in VERBS):
        names = nouns.add_parser(noun).add_subparsers(dest="verb", required=True)
        for verb in (verb for verb in VERBS if verb.noun == noun):
            _add(names.add_parser(verb.name, help=verb.summary), verb)


def _add(parser: argparse.ArgumentParser, verb: Verb) -> None:
    for word in verb.words:
        name = word.strip("[]")
        if word == name:
            parser.add_argument(name)
        else:
            parser.add_argument(name, nargs="?", default="")
    for name in verb.options:
        parser.add_argument(f"--{name}", default="", help=OPTIONS[name])
    parser.add_argument("--reason", required=verb.acts, default="", help="why, for the audit log")
    parser.add_argument("--limit", type=int, default=50, help="how many at most (%(default)s)")
    parser.set_defaults(do=verb.do, more="")


async def operate(asked: argparse.Namespace, password: str = "") -> int:
    """Do what was asked for; return the exit code. The session is kept for the next time."""
    asked.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = asked.home / f"admin-{asked.username}-{asked.address.replace(':', '-')}.db"
    async with Client(asked.address, state=state) as client:
        try:
            lines = await _done(client, asked, password)
        except (ParleyError, ValueError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    sys.stdout.writelines(f"{line}\n" for line in lines)
    if asked.more:  # beside the lines, which other programs read
        sys.stderr.write(f"{asked.more}\n")
    return 0


async def _done(client: Client, asked: argparse.Namespace, password: str) -> list[str]:
    if await client.resume():
        try:
            return await _do(client, asked)
        except ParleyError as error:
            if error.code is not Code.UNAUTHENTICATED:
                raise
    await client.log_in(asked.username, password or _password())
    return await _do(client, asked)


async def _do(client: Client, asked: argparse.Namespace) -> list[str]:
    lines: list[str] = await asked.do(client, asked)
    return lines


def _password() -> str:
    file = os.environ.get(PASSWORD_FILE, "")
    return Path(file).read_text(encoding="utf-8").strip() if file else getpass.getpass("password: ")
