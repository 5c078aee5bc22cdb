"""Which port is whose: a block of 70 on the loopback address. PARLEY_REAL_PORTS moves it, for a second mesh beside."""

import os
from collections.abc import Mapping
from typing import Final

BASE: Final = int(os.environ.get("PARLEY_REAL_PORTS", "7800"))

EDGE: Final = BASE
EDGE_ADMIN: Final = BASE + 1
OPERATORS: Final = BASE + 2
PROGRAMS: Final = BASE + 3, BASE + 4, BASE + 5
"""Of the tests: who carries notifications, who judges, who is told."""

ETCD: Final = BASE + 10
ETCD_PEER: Final = BASE + 11
REDIS: Final = BASE + 12
PULSAR: Final = BASE + 13
PULSAR_ADMIN: Final = BASE + 14
STORE: Final = BASE + 15
MEDIA: Final = BASE + 16
ETCD_METRICS: Final = BASE + 17
PULSAR_ADMIN_TLS: Final = BASE + 18
MODEL: Final = BASE + 19

NODES: Final[Mapping[str, int]] = {
    "user": BASE + 20,
    "group": BASE + 30,
    "message": BASE + 40,
    "gateway": BASE + 50,
    "ai": BASE + 60,
}
"""Node n of a service listens on this port plus n."""
