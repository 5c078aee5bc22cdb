"""What went wrong at a server that speaks as OpenAI's does, in our words: nothing that it said is repeated."""

import email.utils
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from openai import APIConnectionError, APIError, APIStatusError, APITimeoutError

from mesh import errors
from mesh.errors import MeshError
from svc_ai.domain.reasons import Reason
from svc_ai.infrastructure.bounded_http import REQUEST_ERRORS, Rubbish

LONGEST_REST_S: Final = 60.0
"""A provider that wants to be left alone for longer is asked again after this."""

REFUSED_CODES: Final = frozenset({"content_filter", "content_policy_violation"})
TOO_LONG_CODES: Final = frozenset({"context_length_exceeded", "string_above_max_length"})
TOO_LONG_WORDS: Final = ("context length", "context window", "maximum context", "prompt is too long", "too many tokens")
REFUSED_STATUS: Final = frozenset({400, 413, 422})

WHY: Final[Mapping[int, str]] = {401: "key_refused", 403: "key_refused", 404: "not_found", 408: "timeout", 429: "busy"}

UNREADABLE: Final = (ValueError, TypeError, AttributeError, KeyError, IndexError, RecursionError)
"""What reading the chunks of rubbish comes to."""

FAULTS: Final = (APIError, *REQUEST_ERRORS)
"""All that a call may raise because of the server."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`why` is a word for operators; `rest` is how long the provider wants to be left alone, seconds."""

    why: str
    error: MeshError
    rest: float = 0.0


def fault_of(error: Exception) -> Fault:
    """What an error means for whoever asked, and for the operator."""
    if _refused(error):
        return Fault("refused", refusal())
    why, rest = _why(error), 0.0
    if isinstance(error, APIStatusError):
        rest = min(_retry_after(error.response.headers), LONGEST_REST_S)
    if why == "timeout":
        return Fault(why, errors.deadline(Reason.MODEL_TIMEOUT, "the model took too long"))
    message = "the model does not answer now"
    return Fault(why, errors.unavailable(Reason.MODEL_UNAVAILABLE, message, retry_after=rest or None), rest)


def refusal() -> MeshError:
    """The model, or a filter in front of it, does not work on this."""
    return errors.precondition(Reason.CONTENT_REFUSED, "the model does not work on this")


def too_long(error: APIStatusError) -> bool:
    """Whether the prompt has more tokens than the model reads; each server says it in its own way."""
    if str(error.code) in TOO_LONG_CODES:
        return True
    said = str(error.message).lower()
    return error.status_code in REFUSED_STATUS and any(words in said for words in TOO_LONG_WORDS)


def unknown_option(error: APIStatusError) -> bool:
    """Whether the server knows no `stream_options`, which older ones do not: it then tells no use."""
    return error.status_code in REFUSED_STATUS and "stream_options" in str(error.message)


def _refused(error: Exception) -> bool:
    if isinstance(error, APIError):
        return not {str(error.code), str(error.type)}.isdisjoint(REFUSED_CODES)
    return False


def _why(error: Exception) -> str:
    if isinstance(error, Rubbish) or isinstance(error.__cause__, Rubbish):
        return "rubbish"
    if isinstance(error, APIStatusError):
        if too_long(error):
            return "prompt_too_long"
        return WHY.get(error.status_code, f"http_{error.status_code}")
    if isinstance(error, APITimeoutError):
        return "timeout"
    if isinstance(error, (APIConnectionError, *REQUEST_ERRORS)):
        return "unreachable"
    return "broke_off"


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds, by either header and either form; 0 for none and for anything else."""
    for name, unit in (("retry-after-ms", 1_000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) and seconds > 0 else 0.0
    date = email.utils.parsedate_tz(headers.get("retry-after", ""))
    return max(0.0, email.utils.mktime_tz(date) - time.time()) if date else 0.0
