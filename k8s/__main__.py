"""Commands beside the manifests.

python -m k8s check                 hold the manifests to a real API server
python -m k8s credentials FOLDER    make the keys, passwords and certificates of a trial installation
python -m k8s alerts                write the alert rules as a PrometheusRule, for the operator of Prometheus
python -m k8s dashboard             make k8s/monitoring/parley.json anew
"""

import sys
from pathlib import Path

from k8s import dashboard
from k8s.alerts import prometheus_rule
from k8s.check import check
from k8s.credentials import make
from k8s.manifests import text


def main(words: list[str]) -> int:
    """Return the exit code of the command."""
    match words:
        case ["check"]:
            return check()
        case ["credentials", folder]:
            make(Path(folder))
            return 0
        case ["alerts"]:
            print(text([prometheus_rule()]), end="")
            return 0
        case ["dashboard"]:
            dashboard.FILE.write_text(dashboard.text(), encoding="utf-8")
            return 0
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
