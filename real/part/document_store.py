"""A document store that speaks MongoDB's protocol, since no package registry has MongoDB itself.

It holds the adapters to their contract; it is not durable and not fast. PARLEY_REAL_STORE names another one.
"""

import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

from real import fetch, folder, ports, ready, trust

LAUNCHER: Final = folder.HERE / "part/DocumentStoreServer.java"


class DocumentStore:
    """One server, its data in the memory of its process."""

    name = "store"
    port = ports.STORE
    _home = folder.PARTS / "store-1.47.0"

    def install(self) -> None:
        """See Part."""
        fetch.tool("java")
        if self._home.exists():
            return
        getting = self._home.with_suffix(".part")
        shutil.rmtree(getting, ignore_errors=True)
        artifacts = tomllib.loads((folder.HERE / "part/document_store.toml").read_text())["artifacts"]
        for artifact, sha256 in artifacts.items():
            fetch.maven(artifact, sha256, getting)
        getting.rename(self._home)

    def command(self) -> Sequence[str]:
        """See Part. With more than one thread, concurrent updates of one document returned the same value twice."""
        return (
            "java",
            "-Xmx1g",
            "-Dio.netty.eventLoopThreads=1",
            "-cp",
            f"{self._home}/*",
            str(LAUNCHER),
            str(self.port),
            *(_certificate() if trust.ON else ()),
        )

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        return {}

    def answers(self) -> bool:
        """See Part."""
        return ready.tcp(self.port)

    def url(self) -> str:
        """See Part. Without a database: `database` names one."""
        return self.database("")

    def database(self, name: str) -> str:
        """How the mesh names one of its databases."""
        other = os.environ.get("PARLEY_REAL_STORE")
        if other:
            return f"{other}/{name}"
        given = trust.query(tls="true", tlsCAFile=trust.authority().certificate) if trust.ON else ""
        return f"mongodb://127.0.0.1:{self.port}/{name}{given}"


def _certificate() -> tuple[str, str]:
    mine = trust.pair(DocumentStore.name)
    return str(mine.certificate), str(mine.key)
