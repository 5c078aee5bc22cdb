"""The user service alone: `python -m svc_user`; its administrators: `python -m svc_user admin grant|revoke|list`."""

import argparse
import asyncio
import os
import sys

from mesh.clock import SystemClock
from mesh.errors import MeshError
from mesh.ids import Ids
from mesh.member import main
from mesh.settings import SettingError, load
from svc_user.app import Settings, build
from svc_user.application.appoint import Appointing
from svc_user.application.audit import Auditor
from svc_user.infrastructure.notices import encode
from svc_user.infrastructure.store import open_store


def administer(arguments: list[str]) -> int:
    """Give, take or list the role of administrator in the store that the environment names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m svc_user admin", description="Who administers the installation.")
    parser.add_argument("verb", choices=("grant", "revoke", "list"))
    parser.add_argument("username", nargs="?", default="")
    asked = parser.parse_args(arguments)
    if bool(asked.username) is (asked.verb == "list"):
        parser.error("grant and revoke take a username, list takes none")
    env = {name: value for name, value in os.environ.items() if name.startswith("PARLEY_USER_")}
    try:
        for line in asyncio.run(appoint(load(Settings, env, "PARLEY_USER"), asked.verb, asked.username)):
            sys.stdout.write(f"{line}\n")
    except (SettingError, MeshError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def appoint(settings: Settings, verb: str, username: str) -> list[str]:
    """Do what `administer` is asked for; return what to print. Raises SettingError, and MeshError as `Appointing`."""
    clock = SystemClock()
    async with open_store(settings.store_url, settings.store_password, clock, encode) as store:
        auditor = Auditor(store.audit, Ids(clock), clock)
        appointing = Appointing(store.accounts, store.oversight, store.sessions, auditor, clock)
        if verb == "list":
            return await appointing.administrators()
        user_id = await appointing.appoint(username, admin=verb == "grant")
        return [f"{username} ({user_id}) {'is' if verb == 'grant' else 'is not'} an administrator; log in anew"]


if __name__ == "__main__":
    sys.exit(administer(sys.argv[2:]) if sys.argv[1:2] == ["admin"] else main("user", build, Settings))
