"""Five services around one server: each a member of the mesh as in a process of its own."""

import fcntl
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, TextIO

import svc_ai.app
import svc_gateway.app
import svc_group.app
import svc_message.app
import svc_user.app
from mesh.backends import Backends, BackendSettings, open_backends
from mesh.clock import Clock, SystemClock
from mesh.keys import generate_keys
from mesh.link import Accept
from mesh.member import Member, authenticator
from mesh.process import Process
from mesh.revocations import KeyValueRevocations
from mesh.server import Server, ServerSettings
from mesh.settings import SettingError, load

SERVICES: Final = ("user", "group", "message", "gateway", "ai")


@dataclass(frozen=True, slots=True)
class Settings:
    """`address` is where everything listens; `data` is the folder of the SQLite files and the keys.

    Connections never age: there is no other process that they could move to.
    """

    address: str = "127.0.0.1:7700"
    data: Path = Path("var")
    server: ServerSettings = field(default_factory=partial(ServerSettings, connection_age_seconds=0))
    user: svc_user.app.Settings = field(default_factory=svc_user.app.Settings)
    group: svc_group.app.Settings = field(default_factory=svc_group.app.Settings)
    message: svc_message.app.Settings = field(default_factory=svc_message.app.Settings)
    gateway: svc_gateway.app.Settings = field(default_factory=svc_gateway.app.Settings)
    ai: svc_ai.app.Settings = field(default_factory=svc_ai.app.Settings)


async def build(process: Process) -> None:
    """Build the mesh and say how to talk to it."""
    settings = load(Settings, {k: v for k, v in os.environ.items() if k.startswith("PARLEY_")}, "PARLEY")
    clock = SystemClock()
    _prepare(settings.data)
    await process.enter(_alone(settings.data))
    backends = open_backends(BackendSettings(), clock)
    server = _server(process, settings, backends, clock)
    members = _members(process, server, settings, backends, clock)
    await _build_services(members, settings)
    address = await _serve(process, server, settings.address)
    for member in members.values():
        await member.join(address, until_closed=True)
        process.on_drain(member.leave)
    _greet(address, settings.data)


def _prepare(data: Path) -> None:
    """Make the data folder, and the keys of the mesh in it."""
    try:
        generate_keys(data / "keys")
    except OSError as error:
        raise SettingError(f"PARLEY_DATA: cannot write to {data} ({error.strerror})") from error


@asynccontextmanager
async def _alone(data: Path) -> AsyncIterator[None]:
    """Hold the data folder: two meshes on one would not tell their devices what happens in the other."""
    with _lock(data) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SettingError(f"PARLEY_DATA: another mesh runs on {data}") from error
        yield


def _lock(data: Path) -> TextIO:
    try:
        return (data / "lock").open("w")
    except OSError as error:
        raise SettingError(f"PARLEY_DATA: cannot write to {data} ({error.strerror})") from error


def _server(process: Process, settings: Settings, backends: Backends, clock: Clock) -> Server:
    revocations = KeyValueRevocations(backends.kv, clock)
    identify = authenticator(settings.data / "keys", revocations, clock)
    return Server(
        "standalone", telemetry=process.telemetry, clock=clock, authenticator=identify, settings=settings.server
    )


def _members(
    process: Process, server: Server, settings: Settings, backends: Backends, clock: Clock
) -> dict[str, Member]:
    links: dict[str, Accept] = {}
    keys = settings.data / "keys"
    return {
        service: Member(service, process, server, backends, keys, clock, links, f"{service}-1") for service in SERVICES
    }


async def _build_services(members: dict[str, Member], settings: Settings) -> None:
    """Each service keeps a file of its own in the data folder; media are in a folder beside unless a place is named."""
    data = settings.data
    await svc_user.app.build(members["user"], replace(settings.user, store_url=f"sqlite:{data}/user.db"))
    await svc_group.app.build(members["group"], replace(settings.group, store_url=f"sqlite:{data}/group.db"))
    media = settings.message.media
    if media.url == svc_message.app.MediaSettings().url:
        media = replace(media, url=f"disk:{data}/media")
    message = replace(settings.message, store_url=f"sqlite:{data}/message.db", media=media)
    await svc_message.app.build(members["message"], message)
    await svc_gateway.app.build(members["gateway"], settings.gateway)
    await svc_ai.app.build(members["ai"], replace(settings.ai, store_url=f"sqlite:{data}/ai.db"))


async def _serve(process: Process, server: Server, address: str) -> str:
    try:
        return (await process.serve(server, address))[0]
    except OSError as error:
        raise SettingError(f"PARLEY_ADDRESS: {error}") from error


def _greet(address: str, data: Path) -> None:
    sys.stdout.write(
        f"""
Parley is ready on {address}, its data in {data}/

  make chat      talk to it in a terminal; open two to talk to yourself
  README.md      twenty lines of Python that do the same
  Ctrl-C         drain and stop

"""
    )
    sys.stdout.flush()
