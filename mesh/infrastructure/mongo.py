"""MongoDB as a member of the mesh uses it: one client, one database a service, a schema with a version.

What is here is the same for all stores; each service has its own collections in `svc_x/infrastructure/mongo`.

    SCHEMA = Schema("user", (create,))                     # steps: async def create(database) -> None
    async with Database(settings.store_url, SCHEMA, password=settings.store_password) as database:
        accounts = database.collection("account")
        with database.writing():
            await accounts.insert_one({"_id": "u1"})
        with database.reading():
            await accounts.find_one({"_id": "u1"})

- **Durable.** `collection` gives handles with write concern `majority` and `j: true`, and read concern `majority` on
  the primary: what was answered is on the disks of most members, and what is read cannot be undone by an election.
  A URL cannot weaken this.
- **Errors.** `reading` and `writing` turn every error of the driver into UNAVAILABLE / STORE_UNAVAILABLE, without the
  driver's text, which may quote a document. An error that means something to an adapter (`DuplicateKeyError`,
  `BulkWriteError`) is caught inside the block, and what the adapter raises instead passes through. A bulk is right
  with `taken(error)`: it gives the place of the first taken key, and raises what is anything else.
- **Bounded.** A call ends within `CALL_S` with all its retries, and a pool has `POOL` connections. A start waits for a
  server that is not there yet for as long as it takes, and says so in the log; what no waiting mends ends it.
- **Retries.** The driver sends a write again by itself after a broken connection; a replica set tells the second one
  from the first. Where the server cannot (a single one, without sessions), the driver does not, and the end of the
  write is unknown to the caller. `update_many` and `delete_many` are never sent again: let them be repeatable.
- **No transactions.** One document changes as a whole or not at all; nothing else does. Stores are right without more.
- **Schema.** The document `schema` of the collection `meta` names the service and the version. A step is never changed
  once released, only followed by another; it may run on several nodes at once and again after a crash, so each says
  what must be there (`create_indexes` does) and not how to get there. Steps run while older nodes still work.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import structlog
from bson.errors import BSONError
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    InvalidName,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from mesh import errors
from mesh.errors import Reason
from mesh.infrastructure.mongo_pool import ClosingPool
from mesh.settings import Secret, SettingError
from mesh.trouble import cause

T = TypeVar("T")
Document = dict[str, Any]
Step = Callable[[AsyncDatabase[Document]], Awaitable[None]]

CALL_S: Final = 5.0
"""Seconds that a call may take, with all that the driver tries in it."""

SELECT_S: Final = 3.0
"""Seconds of it that may pass until a primary is found."""

RETRY_S: Final = (0.1, 1.0)
"""Seconds between tries of a start: nodes and their parts start in any order. It doubles from the first to the last."""

POOL: Final = 50
"""Connections of a process: a call has one of its own, more calls wait, within `CALL_S`."""

TAKEN: Final = 11_000
"""The code of a key that is there already."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The collections of a service: migration steps, of which the number is the version."""

    service: str
    steps: tuple[Step, ...]


def unavailable() -> errors.MeshError:
    """The error of a store that cannot answer now. The driver's text stays here: it may quote a document."""
    return errors.unavailable(Reason.STORE_UNAVAILABLE, "the store cannot answer now; try again", retry_after=1.0)


def taken(error: BulkWriteError) -> int:
    """How many operations of an ordered bulk were done before the one whose key is taken. Raises `error` for others.

    A write that is not known to be on most members raises too, whatever else was wrong.
    """
    details = error.details or {}
    failures = details.get("writeErrors", ())
    if details.get("writeConcernErrors") or not failures or any(one.get("code") != TAKEN for one in failures):
        raise error
    return int(failures[0]["index"])


def pieces(values: Collection[T], size: int) -> Iterator[list[T]]:
    """The values in lists of at most `size`: a question that grows with its asker is asked in pieces."""
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]


class Database:
    """The database of one service, `mongodb://<hosts>/<database>?<options>`.

    `password` completes a URL that names a user, so that the URL itself is no secret.
    """

    def __init__(
        self,
        url: str,
        schema: Schema,
        *,
        password: Secret | None = None,
        call_s: float = CALL_S,
    ) -> None:
        self._client = _client(url, password or Secret(), call_s)
        self._database = _durable(self._client)
        self._schema = schema
        self._failing = ""
        self.reads = 0
        """Times that something was read, since the start."""

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Bring the database to the newest schema; one that is not there is made. Waits for a server that is away.

        Raises SettingError when the server refuses, when the database belongs to another service, and when its schema
        is newer than this program.
        """
        pause, longest = RETRY_S
        cancelled = _times_cancelled()
        while not await self._is_open():
            _be_cancelled_since(cancelled)
            await asyncio.sleep(pause)  # an answer in no time, such as a refused connection, is asked for again
            pause = min(2 * pause, longest)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    @property
    def away(self) -> bool:
        """Whether the last call failed because of the store."""
        return bool(self._failing)

    @property
    def unmoved(self) -> bool:
        """Never known here: its log is the server's own."""
        return False

    def free(self) -> None:
        """Not known here: its disk is the server's own."""

    def collection(self, name: str) -> AsyncCollection[Document]:
        """A handle of a collection; see above for what it promises."""
        return self._database[name]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what the driver raises inside into UNAVAILABLE."""
        cancelled = _times_cancelled()
        try:
            yield
        except (PyMongoError, BSONError, OverflowError) as error:
            self._heed(error)
            _be_cancelled_since(cancelled)
            raise unavailable() from error
        self._heed(None)
        _be_cancelled_since(cancelled)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The same, and count it as a read."""
        self.reads += 1
        with self.writing():
            yield

    async def _is_open(self) -> bool:
        """Try once; false when the server is away, also when it went in the middle of it."""
        try:
            await self._client.admin.command("ping")
            await self._migrate()
        except PyMongoError as error:
            if not (isinstance(error, ConnectionFailure) or error.timeout):
                raise SettingError(f"STORE_URL: cannot use the database: {type(error).__name__}") from error
            self._heed(error)
            return False
        self._heed(None)
        return True

    async def _migrate(self) -> None:
        meta, steps = self._database["meta"], self._schema.steps
        version = await self._claim(meta)
        if version > len(steps):
            raise SettingError(
                f"STORE_URL: the database has schema {version}, this program knows {len(steps)}: start a newer one"
            )
        for step in steps[version:]:
            await step(self._database)
        await meta.update_one({"_id": "schema"}, {"$max": {"version": len(steps)}})

    async def _claim(self, meta: AsyncCollection[Document]) -> int:
        """The version of the schema; a new database is ours from here on."""
        ours: Document = {"_id": "schema", "service": self._schema.service, "version": 0}
        try:
            await meta.insert_one(dict(ours))
        except DuplicateKeyError:
            ours = await meta.find_one({"_id": "schema"}) or ours
        if ours["service"] != self._schema.service:
            raise SettingError("STORE_URL: the database belongs to another service")
        return int(ours["version"])

    def _heed(self, failure: Exception | None) -> None:
        """Tell an operator when the store begins to fail and when it works again, and not for each call between."""
        name = type(failure).__name__ if failure else ""
        if name != self._failing:
            log = structlog.get_logger()
            if failure:
                why = {"why": found} if (found := cause(failure)) else {}
                log.error("store_failing", store=self._schema.service, exception=name, **why)
            else:
                log.warning("store_works_again", store=self._schema.service)
            self._failing = name


def _times_cancelled() -> int:
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _be_cancelled_since(before: int) -> None:
    """Raise CancelledError when somebody cancelled us meanwhile and the driver kept it to itself.

    It waits with `asyncio.wait_for`, which up to Python 3.11 drops a cancellation that comes together with the answer:
    a task that was told to end would go on for ever.
    """
    if _times_cancelled() > before:
        raise asyncio.CancelledError


def _client(url: str, password: Secret, call_s: float) -> AsyncMongoClient[Document]:
    """Raises SettingError without a word of the URL: it may hold a password.

    The driver only warns of an option that it does not understand, and goes on without: of `tls`, for example.
    """
    secret: dict[str, Any] = {"password": password.reveal()} if password else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return AsyncMongoClient(
                url,
                appname="parley",
                timeoutMS=int(call_s * 1_000),
                serverSelectionTimeoutMS=int(min(SELECT_S, call_s) * 1_000),
                connectTimeoutMS=int(min(SELECT_S, call_s) * 1_000),
                maxPoolSize=POOL,
                _pool_class=ClosingPool,
                **secret,
            )
    except (PyMongoError, ValueError, UserWarning) as error:
        raise SettingError(f"STORE_URL: not a URL of MongoDB: {type(error).__name__}") from None


def _durable(client: AsyncMongoClient[Document]) -> AsyncDatabase[Document]:
    try:
        return client.get_default_database(
            write_concern=WriteConcern("majority", j=True),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
    except (PyMongoError, InvalidName):
        raise SettingError("STORE_URL: must name a database: mongodb://<hosts>/<database>") from None
