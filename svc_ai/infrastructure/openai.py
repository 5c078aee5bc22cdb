"""`svc_ai.domain.ports.Model` on any server that speaks as OpenAI's does, by OpenAI's own client.

What a server sends is trusted in nothing but its form, and its size is bounded by `bounded_http`. How long an answer
may take is the business of whoever asks (`svc_ai.application.write`): closing the generator ends the request.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from openai import APIStatusError, AsyncOpenAI, Omit, omit

from mesh import errors
from mesh.clock import Clock
from mesh.errors import MeshError
from mesh.settings import Secret
from svc_ai.domain.prompt import Prompt
from svc_ai.domain.reasons import Reason
from svc_ai.domain.reply import Usage
from svc_ai.domain.shorten import shortened
from svc_ai.domain.usage import estimated
from svc_ai.infrastructure.bounded_http import Rubbish
from svc_ai.infrastructure.openai_faults import FAULTS, UNREADABLE, Fault, fault_of, refusal, too_long, unknown_option

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncStream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

MAX_TOKENS: Final = 1_000_000_000
"""More than any model reads: a count above it is none."""

MAX_NOTHING: Final = 20_000
"""Chunks one after the other without a word, such as those in which a model thinks: more are not waited for."""

FULL, FILTERED = "length", "content_filter"

Observe = Callable[[str], None]
"""Told how each call ended: `answered`, or why there was no answer, in a word."""

# Its own headers would take these from the environment.
UNSET: Final = {"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()}
KEYLESS: Final = {**UNSET, "Authorization": Omit()}

TALKATIVE: Final = ("openai", "httpx2", "httpcore2")
"""Loggers that would write down prompts and headers at DEBUG, which `OPENAI_LOG` sets."""


class OpenAiModel:
    """One model of one server. So many calls at a time; who waits for a turn for too long has none."""

    def __init__(
        self,
        http: "httpx2.AsyncClient",
        url: str,
        name: str,
        key: Secret,
        *,
        clock: Clock,
        observe: Observe,
        at_once: int,
        wait_seconds: float,
    ) -> None:
        for logger in TALKATIVE:
            logging.getLogger(logger).setLevel(logging.WARNING)
        self.name = name
        self._completions = AsyncOpenAI(
            api_key=key.reveal(),
            base_url=url,
            http_client=http,
            max_retries=0,  # whoever asks tries again, and only before the first piece
            _enforce_credentials=False,  # a server on this machine may need no key
        ).chat.completions  # which takes a moment to be loaded: not at the first question
        self._headers = cast("Mapping[str, str]", UNSET if key else KEYLESS)
        self._clock = clock
        self._observe = observe
        self._room = asyncio.Semaphore(at_once)
        self._wait_seconds = wait_seconds
        self._rests_until = 0.0
        self._tells_use = True

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        """See the port."""
        self._check_rest()
        async with self._turn():
            try:
                async with aclosing(self._pieces(prompt)) as pieces:
                    async for piece in pieces:
                        yield piece
            except FAULTS as error:
                fault = fault_of(error)
                self._failed(fault)
                raise fault.error from None
            except MeshError:
                self._observe("refused")
                raise
            self._observe("answered")

    def _check_rest(self) -> None:
        rest = self._rests_until - self._clock.monotonic()
        if rest > 0:
            raise errors.unavailable(Reason.MODEL_UNAVAILABLE, "the model wants to be left alone", retry_after=rest)

    def _failed(self, fault: Fault) -> None:
        self._observe(fault.why)
        if fault.rest:
            self._rests_until = self._clock.monotonic() + fault.rest

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._room.acquire()
        except TimeoutError:
            self._observe("no_room")
            message = "too many ask the model at once"
            raise errors.unavailable(Reason.MODEL_UNAVAILABLE, message, retry_after=self._wait_seconds) from None
        try:
            yield
        finally:
            self._room.release()

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[str | Usage, None]:
        stream = await self._open(prompt)
        answer = _Answer()
        try:
            async for chunk in stream:
                if piece := answer.read(chunk):
                    yield piece
            yield answer.end(prompt)
        except UNREADABLE:
            raise Rubbish("no chunks of a completion") from None
        finally:
            await stream.close()

    async def _open(self, prompt: Prompt) -> "AsyncStream[ChatCompletionChunk]":
        """Ask; once more with the newer half if the model does not read so much, or without what its server ignores."""
        try:
            return await self._ask(prompt)
        except APIStatusError as error:
            if self._tells_use and unknown_option(error):
                self._tells_use = False
            elif too_long(error):
                prompt = shortened(prompt)
            else:
                raise
        return await self._ask(prompt)

    async def _ask(self, prompt: Prompt) -> "AsyncStream[ChatCompletionChunk]":
        wishes = prompt.wishes
        return await self._completions.create(
            model=wishes.model or self.name,
            messages=_messages(prompt),
            temperature=omit if wishes.temperature is None else wishes.temperature,
            max_completion_tokens=wishes.max_output_tokens or omit,
            stream=True,
            stream_options={"include_usage": True} if self._tells_use else omit,
            extra_headers=self._headers,
        )


class _Answer:
    """What comes of the chunks of one answer. Their types are what a server made of them: each is looked at."""

    def __init__(self) -> None:
        self._characters = 0
        self._usage = Usage()
        self._finish = ""
        self._silent = 0

    def read(self, chunk: Any) -> str:
        """The piece in a chunk; empty if there is none. Raises CONTENT_REFUSED, and what reading rubbish raises."""
        piece = self._piece(chunk)
        self._silent = 0 if piece else self._silent + 1
        if self._silent > MAX_NOTHING:
            raise ValueError("it says nothing")
        return piece

    def _piece(self, chunk: Any) -> str:
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish = choice.finish_reason or self._finish
        if self._finish == FILTERED or getattr(choice.delta, "refusal", None):
            raise refusal()
        return self._text(choice.delta.content)

    def _text(self, content: object) -> str:
        if content is None:
            return ""
        if not isinstance(content, str):
            raise TypeError("a piece that is no text")
        self._characters += len(content)
        return content

    def end(self, prompt: Prompt) -> Usage:
        """What was used, by the server or by the text. Raises ValueError for an answer that has no end."""
        if not self._finish:
            raise ValueError("it broke off")
        told = self._usage
        used = told if told.output_tokens else estimated(prompt, self._characters)
        return Usage(used.input_tokens, used.output_tokens, told.cached_input_tokens, cut=self._finish == FULL)


def _usage(usage: Any) -> Usage:
    cached = getattr(usage.prompt_tokens_details, "cached_tokens", 0)
    return Usage(_tokens(usage.prompt_tokens), _tokens(usage.completion_tokens), _tokens(cached))


def _tokens(value: object) -> int:
    return value if isinstance(value, int) and 0 < value < MAX_TOKENS else 0


def _messages(prompt: Prompt) -> "list[ChatCompletionMessageParam]":
    """The rules, and each turn as what it is: what people wrote is never part of the rules."""
    turns = [{"role": turn.role.value, "content": turn.content} for turn in prompt.turns]
    return cast("list[ChatCompletionMessageParam]", [{"role": "system", "content": prompt.instructions}, *turns])
