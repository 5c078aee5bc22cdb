"""These tests start the real parts themselves; those whose program is not there are not collected at all."""

from typing import Final

from tests.real.program import find

NEEDED: Final = {"test_etcd.py": "etcd", "test_etcd_cluster.py": "etcd", "test_redis.py": "redis-server"}

collect_ignore = [test for test, program in NEEDED.items() if find(program) is None]
