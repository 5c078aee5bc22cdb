"""python -m parley_terminal chat | demo | admin."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from parley_terminal.chat.app import chat
from parley_terminal.demo.play import play
from parley_terminal.operate.command import add_to, operate


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 when all went well."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            return asyncio.run(play(options.address))
        if options.command == "admin":
            return asyncio.run(operate(options))
        return asyncio.run(chat(options.address, options.home))
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m parley_terminal", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    chatting = commands.add_parser("chat", help="talk to people")
    chatting.add_argument("--address", default="127.0.0.1:7700", help="host:port of the server (%(default)s)")
    chatting.add_argument(
        "--home", type=Path, default=Path.home() / ".parley", help="where to keep state (%(default)s)"
    )
    playing = commands.add_parser("demo", help="watch a conversation that plays itself")
    playing.add_argument("--address", default="", help="host:port of a running server; without it, one is started")
    add_to(commands.add_parser("admin", help="administer an installation"))
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
