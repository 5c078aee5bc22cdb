"""What a member says of a MongoDB database that it cannot use; needs none. `tests/mongo` has the rest."""

import asyncio
from typing import Final

import pytest
from pymongo.errors import BulkWriteError

from mesh.infrastructure.mongo import Database, Schema, pieces, taken
from mesh.settings import Secret, SettingError

NOTHING: Final = Schema("test", ())
CANARY: Final = "canary_8d1f"


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://",
        f"mongodb://me:{CANARY}@host",
        f"mongodb://me:{CANARY}@host:99999/database",
        f"mongodb://me:{CANARY}:{CANARY}@host/database",
        f"mongodb://me:{CANARY}@host/database?tls={CANARY}",
        f"mongodb://me:{CANARY}@host/database?{CANARY}=1",
        f"redis://me:{CANARY}@host/database",
    ],
)
async def test_a_wrong_url_is_refused_without_a_word_of_it(url: str) -> None:
    """What the driver would only warn of, such as a misspelt option, is refused too; nothing of it is quoted."""
    with pytest.raises(SettingError, match=r"^STORE_URL: ") as refused:
        Database(url, NOTHING)
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "url, user", [("mongodb://me@host/database", "me"), ("mongodb://you:old@host/database", "you")]
)
async def test_a_password_completes_a_url(url: str, user: str) -> None:
    """A URL that names a user gets the password from beside it."""
    database = Database(url, NOTHING, password=Secret(CANARY))
    credentials = database._client.options.pool_options._credentials
    assert credentials is not None
    assert (credentials.username, credentials.password) == (user, CANARY)
    assert CANARY not in repr(database._client)
    await database.close()


async def test_a_url_cannot_weaken_what_is_written() -> None:
    """Writes are on the disks of most members whatever the URL says."""
    database = Database("mongodb://host/database?w=0&journal=false&readConcernLevel=local", NOTHING)
    collection = database.collection("item")
    assert collection.write_concern.document == {"w": "majority", "j": True}
    assert collection.read_concern.document == {"level": "majority"}
    await database.close()


async def test_a_start_that_waits_can_be_ended() -> None:
    """A start waits for a server for as long as it takes, and ends at once when its process does."""
    database = Database("mongodb://127.0.0.1:1/database", NOTHING, call_s=0.2)
    opening = asyncio.create_task(database.__aenter__())
    done, _ = await asyncio.wait({opening}, timeout=1.0)
    assert not done
    opening.cancel()
    async with asyncio.timeout(30):
        with pytest.raises(asyncio.CancelledError):
            await opening


@pytest.mark.parametrize(
    "details",
    [
        {"writeErrors": [{"index": 3, "code": 8000}]},
        {"writeErrors": [{"index": 3, "code": 11000}], "writeConcernErrors": [{"code": 64}]},
        {"writeErrors": [], "writeConcernErrors": [{"code": 64}]},
        {"writeErrors": [{"index": 1, "code": 11000}, {"index": 3, "code": 8000}]},
    ],
)
def test_only_a_taken_key_is_a_taken_key(details: dict[str, object]) -> None:
    """A bulk that failed in any other way, or is not known to be on most members, is not told as a taken key."""
    with pytest.raises(BulkWriteError):
        taken(BulkWriteError(details))
    assert taken(BulkWriteError({"writeErrors": [{"index": 3, "code": 11000}], "writeConcernErrors": []})) == 3


def test_pieces() -> None:
    """All values in their order, none of the lists longer than it may be."""
    assert list(pieces(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(pieces([], 2)) == []
