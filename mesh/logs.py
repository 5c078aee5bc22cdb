"""One line per event: JSON for machines, colours for a terminal. No secret and no line break gets through."""

from __future__ import annotations

import contextlib
import logging
import re
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

import structlog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from mesh.settings import SettingError

REDACTED: Final = "[redacted]"
MAX_DEPTH: Final = 4
MAX_TEXT: Final = 2_000

_SECRET_KEYS: Final = re.compile(
    r"passw|token|authorization|secret|cookie|\bbody\b|\btext\b|private_key|dsn", re.IGNORECASE
)
_SECRET_VALUES: Final = (
    (re.compile(r"eyJ[\w-]{4,}\.[\w-]+\.[\w-]*"), REDACTED),
    (re.compile(r"\bBearer\s+\S+", re.IGNORECASE), f"Bearer {REDACTED}"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]*:[^\s/]*@", re.IGNORECASE), rf"\1{REDACTED}@"),
    (re.compile(r"(?i)([?&](?:x-amz-signature|signature|sig|token)=)[^&\s]+"), rf"\1{REDACTED}"),
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
"""What steers a terminal, breaks a line, or turns the direction of what follows."""


def logger(output: TextIO, level: str, form: str) -> FilteringBoundLogger:
    """Return a logger that writes to `output`.

    `form` is `json`, `console`, or `auto`: console on a terminal. Raises SettingError for an unknown level or form.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None or form not in {"auto", "json", "console"}:
        raise SettingError("log_level or log_format: no such level or format")
    console = form == "console" or (form == "auto" and output.isatty())
    wrapped = structlog.wrap_logger(
        structlog.PrintLogger(cast("TextIO", _Output(output))),
        processors=[*_common(), structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return cast("FilteringBoundLogger", wrapped)


def adopt(log: FilteringBoundLogger) -> None:
    """Let what `structlog.get_logger()` is told go to this logger, with its level, its form and its redaction.

    Without it structlog writes everything to standard output as it is. `structlog.reset_defaults()` undoes it.
    """
    structlog.configure(
        processors=[_hand_over],
        wrapper_class=structlog.BoundLogger,
        logger_factory=lambda *_: log,
        cache_logger_on_first_use=False,
    )


def _hand_over(_: WrappedLogger, __: str, event: EventDict) -> tuple[tuple[object], EventDict]:
    return (event.pop("event"),), event


class _Output:
    """Where lines go. On a full disk they are lost: whoever logs, the writer of a store above all, must live."""

    def __init__(self, output: TextIO) -> None:
        self._output = output

    def write(self, text: str) -> int:
        """Write, or lose it."""
        with contextlib.suppress(OSError):
            return self._output.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand it to the system; what could not be is tried again with the next line."""
        with contextlib.suppress(OSError):
            self._output.flush()


class Bridge(logging.Handler):
    """Lets what libraries say through the same processors; install it on the root logger, remove it at the end."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on one record, without the text of its exception."""
        kind = record.exc_info[0].__qualname__ if record.exc_info and record.exc_info[0] else None
        self._log.log(record.levelno, record.getMessage(), logger=record.name, exception=kind)


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace what looks like a secret, by the name of its key or by its own shape."""
    return {key: _clean(key, value, 0) for key, value in event.items()}


def _common() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]


def _clean(key: str, value: Any, depth: int) -> Any:
    if _SECRET_KEYS.search(key):
        return REDACTED
    if isinstance(value, bool | int | float | None):
        return value
    if depth >= MAX_DEPTH:
        return REDACTED
    if isinstance(value, dict):
        return _clean_mapping(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", item, depth + 1) for item in value]
    return _clean_text(str(value))


def _clean_mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    return {_clean_text(str(k)): _clean(str(k), item, depth + 1) for k, item in value.items()}


def _clean_text(text: str) -> str:
    # A line break in a value could forge the next line of the log.
    # Cut after redacting: half a secret is not recognised any more.
    text = _CONTROL.sub(" ", text[: 4 * MAX_TEXT])
    for pattern, replacement in _SECRET_VALUES:
        text = pattern.sub(replacement, text)
    return text[:MAX_TEXT]
