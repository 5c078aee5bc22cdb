"""Real parts are found by environment variables; what needs one that is not named is not collected at all."""

import os

NEEDS = {"test_pulsar.py": "PARLEY_TEST_PULSAR_HOME"}

collect_ignore = [file for file, variable in NEEDS.items() if variable not in os.environ]
