"""The model that judges texts, as the settings name it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from mesh.settings import Secret, SettingError
from svc_ai.application.judge import Terms
from svc_ai.domain.judging import Judge
from svc_ai.infrastructure.addresses import check_url, trusted
from svc_ai.infrastructure.openai_judge import Calls, ChatJudge, ModerationsJudge

SETTING: Final = "AI_JUDGE"

Kind = type[ModerationsJudge] | type[ChatJudge]

PROTOCOLS: Final[Mapping[str, Kind]] = {"moderations": ModerationsJudge, "chat": ChatJudge}

SPARE_CONNECTIONS: Final = 4
"""More connections than questions at a time: one whose question was given up closes a moment later."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """`url` is where the API begins, such as `https://api.openai.com/v1`; empty: no model judges. `protocol` is
    `moderations` for a model made to judge, or `chat` for any that chats. `authority` is the file of a certificate
    authority that vouches for the server; empty trusts those of the system.
    """

    url: str = ""
    model: str = "omni-moderation-latest"
    key: Secret = Secret()
    protocol: str = "moderations"
    authority: str = ""
    terms: Terms = field(default_factory=Terms)


@asynccontextmanager
async def open_judge(settings: JudgeSettings) -> AsyncIterator[Judge | None]:
    """The model, if there is one. Raises SettingError, which never quotes a value."""
    if not settings.url:
        yield None
        return
    import aiohttp  # noqa: PLC0415  a process that asks no model loads none

    kind, limit = _checked(settings), settings.terms.at_once + SPARE_CONNECTIONS
    believed = trusted(settings.authority, SETTING) if settings.url.startswith("https:") else True
    connector = aiohttp.TCPConnector(ssl=believed, limit=limit)
    cookies, patient = aiohttp.DummyCookieJar(), aiohttp.ClientTimeout(total=None)  # who asks sets the time
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=cookies, timeout=patient, trust_env=False
    ) as session:
        yield kind(Calls(session, settings.url, settings.key), settings.model)


def _checked(settings: JudgeSettings) -> Kind:
    check_url(settings.url, SETTING)
    _check_terms(settings.terms)
    if settings.protocol not in PROTOCOLS:
        raise SettingError(f"AI_JUDGE_PROTOCOL: must be one of {', '.join(PROTOCOLS)}")
    if not settings.model:
        raise SettingError("AI_JUDGE_MODEL: must name a model")
    return PROTOCOLS[settings.protocol]


def _check_terms(terms: Terms) -> None:
    if terms.seconds <= 0 or terms.at_once < 1 or terms.remembered < 0:
        raise SettingError("AI_JUDGE_TERMS: a time and a number of questions must be more than 0")
    if not 0 <= terms.strictness.review <= terms.strictness.block <= 1:
        raise SettingError("AI_JUDGE_TERMS_STRICTNESS: 0 to 1, and to review not more than to block")
