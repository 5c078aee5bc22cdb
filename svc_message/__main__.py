"""python -m svc_message: a node. python -m svc_message letters …: the dead letters of its store."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

from mesh.errors import MeshError
from mesh.member import main
from mesh.settings import SettingError, load
from svc_message.app import Settings, build
from svc_message.domain.outside.sink import Letter, Letters
from svc_message.infrastructure.store import open_store

USAGE: Final = """usage: python -m svc_message letters list [sink]
       python -m svc_message letters again|drop <id>...|<sink>/all"""

PAGE: Final = 500


async def letters(arguments: Sequence[str]) -> int:
    """List dead letters, have some sent again by the nodes that run, or drop some; return the exit code."""
    prefix = "PARLEY_MESSAGE"
    env = {name: value for name, value in os.environ.items() if name.startswith(f"{prefix}_")}
    settings = load(Settings, env, prefix)
    async with open_store(settings.store_url, settings.store_password) as store:
        kept = store.outside.letters
        match arguments:
            case ["list"] | ["list", _]:
                for letter in await every(kept, "".join(arguments[1:])):
                    print(shown(letter))
            case ["again", *ids] if ids:
                print(await kept.wish(await named(kept, ids)), "to be sent again")
            case ["drop", *ids] if ids:
                print(await kept.drop(await named(kept, ids)), "dropped")
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    return 0


async def every(kept: Letters, sink: str) -> list[Letter]:
    """All letters of a sink, or of all."""
    found: list[Letter] = []
    while page := await kept.listed(sink, PAGE, after=found[-1].id if found else ""):
        found += page
    return found


async def named(kept: Letters, ids: Sequence[str]) -> list[str]:
    """The ids, with `<sink>/all` for all of a sink."""
    found: list[str] = []
    for id_ in ids:
        sink, _, rest = id_.partition("/")
        found += [letter.id for letter in await every(kept, sink)] if rest == "all" else [id_]
    return found


def shown(letter: Letter) -> str:
    """A letter in one line."""
    return f"{letter.id}  {letter.why}  tries={letter.tries}  at_ms={letter.at_ms}"


def run(arguments: Sequence[str]) -> int:
    """Run a node, or the command that is asked for."""
    if not arguments:
        return main("message", build, Settings)
    if arguments[0] != "letters":
        print(USAGE, file=sys.stderr)
        return 2
    try:
        return asyncio.run(letters(arguments[1:]))
    except (SettingError, MeshError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
