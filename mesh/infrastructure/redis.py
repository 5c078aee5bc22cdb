"""The key-value on Redis, with TLS for `rediss://`.

All that is asked in one turn of the event loop, or while an earlier batch is on its way, travels as one pipeline. Each
of 128 calls at once costs 28 µs of CPU, a lone one 140 µs; by the driver alone both cost 100 µs.
Commands run in a task of the adapter, never in that of a caller: who gives up leaves a future behind, and no connection
with half an answer in it.

When Redis does not answer, every call is refused at once, and a probe finds out when it is back. What was refused may
have been carried out, or may still be: a Redis that was frozen does what it was sent as it goes on.
"""

import asyncio
import contextvars
import random
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

import redis.asyncio as driver
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from mesh import errors
from mesh.clock import Clock
from mesh.errors import Reason
from mesh.infrastructure.redis_scripts import PUT, REMOVE_IF, SWAP, TOUCH
from mesh.trouble import cause

FORM: Final = (
    "redis://[[user]:password@]host[:port][/database][?prefix=...], "
    "or rediss:// with TLS [&ssl_ca_certs=file][&ssl_certfile=file&ssl_keyfile=file]"
)
"""What a URL must be, in words that are shown when it is not."""

FILES: Final = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
"""The authorities that are trusted, and the certificate that is shown with its key; only with TLS."""

PREFIX: Final = "parley/"
"""What all keys begin with, so that a Redis may be shared; by two meshes, when they have different ones."""

CONNECT_S: Final = 1.0
ANSWER_S: Final = 1.0
"""How long connecting, and one answer, may take."""

BATCH_S: Final = 2.0
"""How long one batch may take with all its attempts."""

MAX_BATCH: Final = 1_000
"""Commands that travel together; a question of more goes alone, in one piece."""

MAX_WAITING: Final = 20_000
"""Commands that may wait; more are refused."""

PAUSE_S: Final = (0.05, 1.0)
"""First and largest pause between probes, with full jitter."""

Command = tuple[str | bytes | int, ...]


def parse(url: str) -> tuple[str, str]:
    """Return the URL for the driver, and the prefix of keys. Raises ValueError unless the URL is of the FORM."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    prefix = options.pop("prefix", PREFIX)
    database = parts.path.strip("/") or "0"
    if not parts.hostname or parts.port == 0 or parts.fragment or options.keys() - FILES:
        raise ValueError(FORM)
    if options and parts.scheme != "rediss":
        raise ValueError(FORM)
    if not (database.isascii() and database.isdigit()):
        raise ValueError(FORM)
    return parts._replace(query=urlencode(options)).geturl(), prefix


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What one caller asks, and where the answers go."""

    commands: Sequence[Command]
    answers: asyncio.Future[list[Any]]


class RedisKeyValue:
    """`mesh.kv.KeyValue` on Redis. Opens nothing before it is used; `aclose` ends it."""

    def __init__(self, url: str, clock: Clock) -> None:
        """Raise ValueError for a URL that is not of the FORM."""
        address, self._prefix = parse(url)
        # Every command may be given twice, so one that meets a connection that had died is.
        self._redis = driver.Redis.from_url(
            address,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=ANSWER_S,
            socket_keepalive=True,
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        )
        self._clock = clock
        self._waiting: deque[_Question] = deque()
        self._count = 0
        self.away = False
        """Whether it does not answer now."""
        self._closed = False
        self._told: dict[str, str] = {}
        self._warned: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def aclose(self) -> None:
        """Refuse what waits, and close the connection."""
        self._closed = True  # the driver waits by asyncio.wait_for, which may lose a cancellation
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.away = True
        self._refuse(self._take(self._count))
        await self._redis.aclose()

    async def put(self, key: str, field: str, value: bytes, ttl_s: float) -> None:
        """See the port."""
        await self._ask([("EVAL", PUT, 1, self._prefix + key, _ms(ttl_s), field, value)])

    async def swap(self, key: str, field: str, expected: bytes | None, value: bytes, ttl_s: float) -> bool:
        """See the port."""
        held = () if expected is None else (expected,)
        [swapped] = await self._ask([("EVAL", SWAP, 1, self._prefix + key, _ms(ttl_s), field, value, *held)])
        return bool(swapped)

    async def remove(self, key: str, field: str, expected: bytes | None = None) -> None:
        """See the port."""
        name = self._prefix + key
        always: Command = ("HDEL", name, field)
        await self._ask([always if expected is None else ("EVAL", REMOVE_IF, 1, name, field, expected)])

    async def read(self, keys: Collection[str]) -> Mapping[str, Mapping[str, bytes]]:
        """See the port."""
        answers = await self._ask([("HGETALL", self._prefix + key) for key in keys])
        return {key: _fields(found) for key, found in zip(keys, answers, strict=True) if found}

    async def touch(self, keys: Collection[str], ttl_s: float) -> list[str]:
        """See the port."""
        alive = await self._ask([("EVAL", TOUCH, 1, self._prefix + key, _ms(ttl_s)) for key in keys])
        return [key for key, there in zip(keys, alive, strict=True) if not there]

    async def _ask(self, commands: Sequence[Command]) -> list[Any]:
        if not commands:
            return []
        if self.away:
            raise _unavailable()
        if self._count + len(commands) > MAX_WAITING and self._count:
            raise errors.unavailable(Reason.SERVICE_UNAVAILABLE, "too much waits for the cache", retry_after=0.5)
        question = _Question(commands, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        self._count += len(commands)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="redis", context=contextvars.Context())
        return await question.answers

    async def _run(self) -> None:
        try:
            await asyncio.sleep(0)  # all that is asked in this turn of the loop
            while self._waiting and not self._closed:
                await self._settle(self._take(MAX_BATCH))
                if self.away:
                    await self._recover()
        finally:
            self._task = None

    def _take(self, most: int) -> list[_Question]:
        """The questions that go next, at least one."""
        taken: list[_Question] = []
        count = 0
        while self._waiting and (not taken or count + len(self._waiting[0].commands) <= most):
            taken.append(self._waiting.popleft())
            count += len(taken[-1].commands)
        self._count -= count
        return taken

    async def _settle(self, questions: list[_Question]) -> None:
        """Send the batch and hand out its answers; whatever goes wrong, nobody is left waiting."""
        try:
            answers = iter(await self._send([one for question in questions for one in question.commands]))
            for question in questions:
                self._hand_out(question, [next(answers) for _ in question.commands])
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the cache is away
            self._tell_away(error)
        finally:
            self._refuse(questions)

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        """One round trip; what Redis refused is a ResponseError among the answers. Raises what the driver raises."""
        async with asyncio.timeout(BATCH_S):
            return await (self._alone(commands[0]) if len(commands) == 1 else self._together(commands))

    async def _alone(self, command: Command) -> list[Any]:
        """A pipeline of one command would cost a third more."""
        try:
            return [await self._redis.execute_command(*command)]  # type: ignore[no-untyped-call]
        except ResponseError as error:
            return [error]

    async def _together(self, commands: Sequence[Command]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute(raise_on_error=False)

    def _hand_out(self, question: _Question, answers: list[Any]) -> None:
        """A command that is refused, as in a Redis that is full or read-only, costs only the one who gave it."""
        refused = next((type(one).__qualname__ for one in answers if isinstance(one, ResponseError)), None)
        if refused is None and not question.answers.done():  # who asked may have gone
            question.answers.set_result(answers)
        elif refused is not None and refused not in self._warned:
            self._warned.add(refused)
            structlog.get_logger().warning("redis_refused", exception=refused)

    async def _recover(self) -> None:
        """Refuse everything until Redis answers again."""
        pause = PAUSE_S[0]
        while self.away and not self._closed:
            self._refuse(self._take(self._count))
            await self._clock.sleep(random.uniform(0, pause))  # noqa: S311 - jitter, not a secret
            pause = min(2 * pause, PAUSE_S[1])
            self.away = not await self._answers()
        if not self.away:
            structlog.get_logger().info("redis_back")

    async def _answers(self) -> bool:
        try:
            await self._redis.connection_pool.disconnect()
            await self._send([("PING",)])
        except Exception as error:  # noqa: BLE001 - as above
            self._tell_away(error)
            return False
        return True

    def _tell_away(self, error: Exception) -> None:
        """Log it once, and again when more is known: a server that hangs up may be heard before what it said."""
        why = _why(error)
        if not self.away or (why and why != self._told):
            structlog.get_logger().warning("redis_away", exception=type(error).__qualname__, **why)
            self._told = why
        self.away = True

    @staticmethod
    def _refuse(questions: list[_Question]) -> None:
        for question in questions:
            if not question.answers.done():
                question.answers.set_exception(_unavailable())
                question.answers.exception()  # who asked may have gone: then nobody looks at it


def _why(error: Exception) -> dict[str, str]:
    """What an operator must mend, where it is known; the driver's text may quote the user."""
    if isinstance(error, AuthenticationError):
        return {"why": "the password is refused"}
    return {"why": why} if (why := cause(error)) else {}


def _unavailable() -> errors.MeshError:
    return errors.unavailable(Reason.SERVICE_UNAVAILABLE, "the cache does not answer", retry_after=PAUSE_S[1])


def _fields(found: Mapping[bytes, bytes]) -> dict[str, bytes]:
    return {name.decode(errors="replace"): value for name, value in found.items()}


def _ms(seconds: float) -> int:
    """Whole milliseconds, at least one: Redis removes a key at once whose life is none."""
    return max(round(seconds * 1_000), 1)
