from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
import structlog

from mesh import logs
from mesh.settings import SettingError

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl"


def _logged(**values: Any) -> tuple[str, dict[str, Any]]:
    output = io.StringIO()
    logs.logger(output, "info", "json").info("event", **values)
    return output.getvalue(), json.loads(output.getvalue())


@pytest.mark.parametrize(
    "value",
    [
        f"got {JWT} from peer",
        f"authorization Bearer {JWT}",
        "Bearer opaque-canary",
        "mongodb://root:canary@db:27017/x",
        "redis://:canary@cache/0",
        "https://s3/media?X-Amz-Signature=canary&x=1",
        {"deep": {"url": "pulsar://u:canary@b"}},
        ["a", ("b", "amqp://u:canary@b")],
        {"a": {"b": {"c": {"d": {"e": "canary"}}}}},
        ValueError("postgres://u:canary@h"),
    ],
)
def test_what_looks_like_a_secret_is_redacted(value: Any) -> None:
    """Tokens, passwords in URLs and signatures are recognised wherever they stand."""
    text, _ = _logged(value=value)
    assert "canary" not in text
    assert "c2lnbmF0dXJl" not in text


@pytest.mark.parametrize("key", ["password", "access_token", "Authorization", "body", "text", "client_secret", "dsn"])
def test_what_is_called_a_secret_is_redacted(key: str) -> None:
    """The name of a field is enough, also deep inside."""
    text, line = _logged(**{key: "canary", "inner": {key: ["canary"]}})
    assert "canary" not in text
    assert line[key] == line["inner"][key] == logs.REDACTED


@pytest.mark.parametrize("breaker", ["\n", "\r\n", "\x1b[31m", "\x00", "\u2028", "\x85", "\x9b31m", "\u202e", "\u2066"])
def test_a_value_cannot_forge_a_line(breaker: str) -> None:
    """One event is one line, whatever a caller put into it."""
    text, line = _logged(name=f"a{breaker}level=error")
    assert text.count("\n") == 1
    assert breaker not in line["name"]


def test_a_harmless_event_is_as_it_was() -> None:
    """Numbers and words pass."""
    _, line = _logged(count=3, ratio=0.5, ok=True, nothing=None, name="group", at=["a:1 f"])
    assert {key: line[key] for key in ("count", "ratio", "ok", "nothing", "name", "at")} == {
        "count": 3,
        "ratio": 0.5,
        "ok": True,
        "nothing": None,
        "name": "group",
        "at": ["a:1 f"],
    }
    assert (line["event"], line["level"]) == ("event", "info")


def test_a_long_value_is_cut() -> None:
    """A caller cannot fill the disk with one line, and a secret is not halved into something unrecognisable."""
    _, line = _logged(value="x" * (logs.MAX_TEXT - 20) + "mongodb://root:" + "canary" * 10 + "@db" + "x" * 10_000)
    assert len(line["value"]) == logs.MAX_TEXT
    assert "canary" not in line["value"]


def test_a_level_below_the_set_one_is_silent() -> None:
    """What is not wanted is not written."""
    output = io.StringIO()
    logs.logger(output, "warning", "json").info("event")
    assert not output.getvalue()


@pytest.mark.parametrize("level, form", [("loud", "json"), ("info", "xml")])
def test_an_unknown_level_or_form_is_a_wrong_setting(level: str, form: str) -> None:
    """It is said at the start and not passed over."""
    with pytest.raises(SettingError):
        logs.logger(io.StringIO(), level, form)


def test_libraries_speak_through_the_same_processors() -> None:
    """What gRPC logs is one line too, without the text of an exception."""
    output = io.StringIO()
    library = logging.Logger("grpc")  # noqa: LOG001  not part of the tree of loggers
    library.addHandler(logs.Bridge(logs.logger(output, "info", "json")))
    try:
        int("canary")
    except ValueError:
        library.exception("failed for %s", "redis://:canary@cache/0")
    line = json.loads(output.getvalue())
    assert (line["logger"], line["exception"], line["level"]) == ("grpc", "ValueError", "error")
    assert "canary" not in output.getvalue()


def test_whoever_asks_for_a_logger_gets_this_one() -> None:
    """What is told to `structlog.get_logger()` has the level, the form and the redaction of the process."""
    output = io.StringIO()
    logs.adopt(logs.logger(output, "warning", "json"))
    try:
        structlog.get_logger().bind(topic="one").warning("canary_seen", password="canary", count=3)
        structlog.get_logger().info("not this one")
    finally:
        structlog.reset_defaults()
    [line] = output.getvalue().splitlines()
    said = json.loads(line)
    assert (said["event"], said["topic"], said["password"], said["count"]) == ("canary_seen", "one", "[redacted]", 3)


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    """On a full disk whoever logs goes on; what is logged when there is room again is there."""

    class Disk(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(28, "No space left on device")
            return super().write(text)

    output = Disk()
    log = logs.logger(output, "info", "json")
    log.info("lost")
    output.full = False
    log.info("there")
    assert [json.loads(line)["event"] for line in output.getvalue().splitlines() if line] == ["there"]
