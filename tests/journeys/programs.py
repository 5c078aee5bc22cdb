"""Where the programs of an installation are in the stories of `test_outside`, and how a mesh is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.svc_message.receiver import SECRET


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the programs are that the mesh was told of."""

    carrier: int
    policy: int
    audit: int


def settings(ports: Ports) -> Mapping[str, str]:
    """What message nodes are started with: they know all programs, and tell them soon."""
    sink = f'[audit]\nurl = "http://127.0.0.1:{ports.audit}/hook"\nsecret = "{SECRET}"\n'
    own = {
        "PUSH_URL": f"http://127.0.0.1:{ports.carrier}/hook",
        "PUSH_SECRET": SECRET,
        "PUSH_HOLD_SECONDS": "0.1",
        "POLICY_URL": f"grpc://127.0.0.1:{ports.policy}",
        "POLICY_SECRET": SECRET,
        "POLICY_DEADLINE_SECONDS": "2",
        "EVENTS_SINKS": sink,
        "EVENTS_POLL_SECONDS": "0.05",
        "EVENTS_RETRY_SECONDS": "0.05",
    }
    return {f"PARLEY_MESSAGE_{name}": value for name, value in own.items()}
