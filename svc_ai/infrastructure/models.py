"""The models that answer, as the settings name them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mesh.breaker import Breaker
from mesh.clock import Clock
from mesh.settings import Secret, SettingError
from mesh.telemetry import Telemetry
from svc_ai.application.fallback import Fallback
from svc_ai.domain.ports import Model
from svc_ai.domain.settings import Offer
from svc_ai.infrastructure.addresses import check_url, trusted
from svc_ai.infrastructure.model_counts import ModelCounts
from svc_ai.infrastructure.scripted import ScriptedModel, ScriptedSettings

if TYPE_CHECKING:
    from svc_ai.infrastructure.openai import OpenAiModel

SCRIPTED: Final = "scripted://"
SETTING: Final = "AI_MODEL"
OFFER: Final = "AI_OFFER"

MAX_NAME: Final = 64
"""Characters of a model's name: more does not go into an answer."""

SPARE_CONNECTIONS: Final = 4
"""More connections than calls at a time: one whose answer was given up closes a moment later."""


@dataclass(frozen=True, slots=True)
class FallbackSettings:
    """A model for the time when the first is away. With `name` alone it is another one of the same server, with `url`
    it is that of another server, with a key of its own.
    """

    url: str = ""
    name: str = ""
    key: Secret = Secret()


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """`url` is `scripted://`, the model that needs no model, or where an API like OpenAI's begins, such as
    `https://api.openai.com/v1`. `authority` is the file of a certificate authority that vouches for the servers; empty
    trusts those of the system. `at_once` calls are under way at a time; more wait for `wait_seconds`.
    """

    url: str = SCRIPTED
    name: str = ""
    key: Secret = Secret()
    authority: str = ""
    at_once: int = 32
    wait_seconds: float = 5.0
    fallback: FallbackSettings = field(default_factory=FallbackSettings)


@dataclass(frozen=True, slots=True)
class OfferSettings:
    """What conversations may choose: `models` are names that the first server knows, with commas, beside its default;
    `max_output_tokens` is the longest answer, in tokens of the model.
    """

    models: str = ""
    max_output_tokens: int = 4_000


def offer_of(settings: OfferSettings, default: str) -> Offer:
    """What conversations may choose, beside the default model. Raises SettingError."""
    given = [name.strip() for name in settings.models.split(",") if name.strip()]
    if any(len(name) > MAX_NAME for name in given):
        raise SettingError(f"{OFFER}_MODELS: a name has at most {MAX_NAME} characters")
    if settings.max_output_tokens < 1:
        raise SettingError(f"{OFFER}_MAX_OUTPUT_TOKENS: must be more than 0")
    return Offer(tuple(dict.fromkeys((default, *given))), settings.max_output_tokens)


@asynccontextmanager
async def open_model(
    settings: ModelSettings,
    scripted: ScriptedSettings,
    *,
    patience_seconds: float,
    breaker_seconds: float,
    clock: Clock,
    telemetry: Telemetry,
) -> AsyncIterator[Model]:
    """The model, with the one to fall back on if there is one: the first may be silent for half of `patience_seconds`.

    Raises SettingError, which never quotes a value.
    """
    _check(settings)
    if settings.url == SCRIPTED:
        yield ScriptedModel(scripted)
        return
    async with AsyncExitStack() as stack:
        first = await _open(settings, SETTING, stack, clock, telemetry)
        other = _other(settings)
        if other is None:
            yield first
            return
        second = await _open(other, f"{SETTING}_FALLBACK", stack, clock, telemetry)
        yield Fallback(first, second, Breaker("the first model", clock, open_s=breaker_seconds), patience_seconds / 2)


async def _open(
    settings: ModelSettings, setting: str, stack: AsyncExitStack, clock: Clock, telemetry: Telemetry
) -> "OpenAiModel":
    from svc_ai.infrastructure.bounded_http import open_client  # noqa: PLC0415  loaded where a model is asked
    from svc_ai.infrastructure.openai import OpenAiModel  # noqa: PLC0415  as above

    believed = trusted(settings.authority, SETTING) if settings.url.startswith("https:") else None
    http = await stack.enter_async_context(open_client(believed, settings.at_once + SPARE_CONNECTIONS))
    return OpenAiModel(
        http,
        settings.url,
        settings.name,
        settings.key,
        clock=clock,
        observe=ModelCounts(telemetry, f"PARLEY_{setting}"),
        at_once=settings.at_once,
        wait_seconds=settings.wait_seconds,
    )


def _other(settings: ModelSettings) -> ModelSettings | None:
    """The settings of the model to fall back on. A key is shown to no server but its own."""
    other = settings.fallback
    if not other.name:
        return None
    url, key = (other.url, other.key) if other.url else (settings.url, settings.key)
    return ModelSettings(url, other.name, key, settings.authority, settings.at_once, settings.wait_seconds)


def _check(settings: ModelSettings) -> None:
    if settings.at_once < 1 or settings.wait_seconds <= 0:
        raise SettingError(f"{SETTING}_AT_ONCE: a number of calls and a time to wait must be more than 0")
    other = settings.fallback
    if settings.url == SCRIPTED:
        if settings.name or settings.key or other != FallbackSettings():
            raise SettingError(f"{SETTING}_URL: name, key and fallback are those of a server, and it names none")
        return
    check_url(settings.url, SETTING)
    _check_name(settings.name, SETTING)
    if other != FallbackSettings():
        _check_name(other.name, f"{SETTING}_FALLBACK")
        if other.url:
            check_url(other.url, f"{SETTING}_FALLBACK")
        elif other.key:
            raise SettingError(f"{SETTING}_FALLBACK_KEY: without an URL of its own it has the key of the first")


def _check_name(name: str, setting: str) -> None:
    if not name or len(name) > MAX_NAME:
        raise SettingError(f"{setting}_NAME: must name a model, in at most {MAX_NAME} characters")
