from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mesh.settings import Secret, SettingError, load


@dataclass(frozen=True, slots=True)
class Pool:
    size: int = field(default=4, metadata={"least": 1})
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    url: str
    folder: Path = Path("var")
    ratio: float = field(default=0.5, metadata={"most": 1})
    key: Secret = field(default_factory=Secret)
    pool: Pool = field(default_factory=lambda: Pool(size=9))


def test_every_type_is_read_from_its_variable() -> None:
    """Names are the prefix, the field and the field inside; types are those of the dataclass."""
    env = {
        "APP_URL": "memory://",
        "APP_FOLDER": "/data",
        "APP_RATIO": "0.25",
        "APP_KEY": "hush",
        "APP_POOL_LAZY": "true",
    }
    settings = load(Settings, env, "APP")
    assert (settings.url, settings.folder, settings.ratio) == ("memory://", Path("/data"), 0.25)
    assert settings.key.reveal() == "hush"
    assert settings.pool == Pool(size=9, lazy=True)


def test_what_is_not_set_has_its_default() -> None:
    """Only what has no default must be given, also in a group inside."""
    assert load(Settings, {"URL": "x", "HOME": "/root"}) == Settings("x")


@pytest.mark.parametrize(
    "env, line",
    [
        ({}, "APP_URL: required (str)"),
        ({"APP_URL": "x", "APP_RATIO": "much"}, "APP_RATIO: not a valid float"),
        ({"APP_URL": "x", "APP_POOL_SIZE": "4.5"}, "APP_POOL_SIZE: not a valid int"),
        ({"APP_URL": "x", "APP_POOL_LAZY": "maybe"}, "APP_POOL_LAZY: not a valid bool"),
        ({"APP_URL": "x", "APP_RATIO": "nan"}, "APP_RATIO: must be a finite number"),
        ({"APP_URL": "x", "APP_RATIO": "inf"}, "APP_RATIO: must be a finite number"),
        ({"APP_URL": "x", "APP_RATIO": "-0.1"}, "APP_RATIO: must be at least 0"),
        ({"APP_URL": "x", "APP_RATIO": "1.1"}, "APP_RATIO: must be at most 1"),
        ({"APP_URL": "x", "APP_POOL_SIZE": "0"}, "APP_POOL_SIZE: must be at least 1"),
        ({"APP_URL": "x", "APP_URI": "y"}, "APP_URI: no such setting"),
        ({"APP_URL": "x", "APP_KEY_FILE": "/nowhere"}, "APP_KEY_FILE: cannot be read"),
        ({"APP_URL": "x", "APP_KEY": "a", "APP_KEY_FILE": "b"}, "APP_KEY: set both here and in APP_KEY_FILE"),
    ],
)
def test_what_is_wrong_is_one_line_without_the_value(env: dict[str, str], line: str) -> None:
    """An operator reads which variable is wrong and why, and no secret."""
    with pytest.raises(SettingError) as raised:
        load(Settings, env, "APP")
    assert str(raised.value) == line


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    """A mounted secret needs no place in the environment."""
    path = tmp_path / "key"
    path.write_text("hush\n", encoding="utf-8")
    assert load(Settings, {"URL": "x", "KEY_FILE": str(path)}).key.reveal() == "hush"


def test_a_secret_does_not_show_itself() -> None:
    """Printing settings prints no secret."""
    settings = load(Settings, {"URL": "x", "KEY": "hush"})
    assert "hush" not in f"{settings} {settings!r} {settings.key!s}"
