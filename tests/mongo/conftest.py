"""What is here needs a MongoDB server: without the name of one in PARLEY_TEST_MONGO there is nothing to collect."""

from tests.mongo.server import SERVER

collect_ignore_glob = [] if SERVER else ["test_*.py"]
