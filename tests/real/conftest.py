"""Real parts are named by the environment or start here; a test whose part is not there is not collected at all."""

import os
from typing import Final

from tests.real.program import find

PROGRAMS: Final = {
    "test_etcd.py": "etcd",
    "test_etcd_cluster.py": "etcd",
    "test_h2spec.py": "h2spec",
    "test_redis.py": "redis-server",
}
VARIABLES: Final = {
    "test_edge.py": "PARLEY_TEST_EDGE",
    "test_edge_headers.py": "PARLEY_TEST_ENVOY",
    "test_media_addresses.py": "PARLEY_TEST_S3",
    "test_nodes_lost.py": "PARLEY_TEST_EDGE",
    "test_parts_away.py": "PARLEY_TEST_EDGE",
    "test_pulsar.py": "PARLEY_TEST_PULSAR_HOME",
}

encrypted = os.environ.get("PARLEY_TEST_ETCD", "").startswith("etcds:")

collect_ignore = [
    *([] if encrypted else ["test_tls.py"]),
    *(test for test, program in PROGRAMS.items() if find(program) is None),
    *(test for test, variable in VARIABLES.items() if variable not in os.environ),
]
